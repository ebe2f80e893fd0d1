"""Measure the time from an edit to its new picture on the screen, in a real browser.

    python3 -m tests.preview_bench [--times 10] [--picture FILE.tril]

Starts the page in a separate process, opens it in Chromium and makes each kind of edit several times. The time is
measured in the browser, from the end of the gesture (pointer up, key down, slider moved) until the new picture is
decoded and painted. Editing the prompt changes no picture: there it ends when the new file size is shown.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.load.server import start_server
from tests.ui.conftest import CHROMIUM, FLAGS
from tests.ui.visit import WAIT, Visit

PAUSE = 500  # ms between two edits
# Sets window.began at the next event of a kind, and window.ended two frames after the picture or file size has changed.
WATCH = """([kind, picture]) => {
  const image = () => [...document.querySelectorAll('#compare img')].pop();
  const bytes = () => document.querySelector('.tl-total strong').textContent;
  const what = () => (picture ? image()?.src : bytes()), before = what();
  window.began = window.ended = null;
  document.addEventListener(kind, () => { window.began = performance.now(); }, { capture: true, once: true });
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => { window.ended = performance.now(); }));
  const watch = new MutationObserver(() => {
    if (window.began === null || what() === before) return;
    watch.disconnect();
    if (picture) image().decode().then(painted); else painted();
  });
  watch.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


class Bench:
    """Times edits on an open page."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.count = 0
        self.ends = ("Home", "End")

    def timed(self, edit: Callable[[], None], kind: str = "pointerup", picture: bool = True) -> float:
        """Return the milliseconds from an event to the new picture, or else to the new file size."""
        page = self.visit.page
        page.evaluate(WATCH, [kind, picture])
        edit()
        page.wait_for_function("window.ended !== null")
        taken = float(page.evaluate("window.ended - window.began"))
        page.wait_for_timeout(PAUSE)
        return taken

    def stroke(self) -> float:
        """Draw a line."""
        self.visit.tool("pen")
        self.count += 1
        y = 0.05 + 0.9 * (self.count * 0.618 % 1)
        return self.timed(lambda: self.visit.drag((0.1, y), (0.35, y + 0.03), (0.6, y)))

    def cell(self) -> float:
        """Paint a color cell."""
        self.count += 1
        self.visit.page.locator(".lc-color").fill(f"#{self.count * 7919 % 0xFFFFFF:06x}")
        self.visit.tool("cell")
        x = 0.03 + 0.9 * (self.count * 0.618 % 1)
        return self.timed(lambda: self.visit.drag((x, 0.1), (x, 0.1)))

    def eraser(self) -> float:
        """Erase across strokes, after drawing one to be erased."""
        self.stroke()
        y = 0.05 + 0.9 * (self.count * 0.618 % 1)
        self.visit.tool("eraser")
        return self.timed(lambda: self.visit.drag((0.2, y - 0.05), (0.2, y + 0.08)))

    def masked(self) -> float:
        """Erase a masked object, timed from the click on the button."""
        self.stroke()
        y = 0.05 + 0.9 * (self.count * 0.618 % 1)
        self.visit.tool("mask")
        self.visit.drag((0.3, y - 0.02), (0.4, y + 0.02))
        button = self.visit.page.get_by_role("button", name="Erase object")
        return self.timed(lambda: button.click(), "click")

    def word(self) -> float:
        """Add a word to the prompt."""
        self.visit.page.locator("#prompt textarea").focus()
        self.count += 1
        return self.timed(lambda: self.visit.page.keyboard.insert_text(f" w{self.count}"), "input", picture=False)

    def budget(self) -> float:
        """Move the budget slider from one end to the other."""
        slider = self.visit.page.locator("#budget input[type=range]")
        slider.focus()
        key, self.ends = self.ends[0], self.ends[::-1]
        return self.timed(lambda: slider.press(key), "input")


def table(times: dict[str, list[float]]) -> str:
    """Return a Markdown table of median, 90th percentile and maximum."""
    rows = ["| edit, ms to its picture | median | p90 | max |", "|---|---|---|---|"]
    for name, taken in times.items():
        p90 = sorted(taken)[max(0, -(-len(taken) * 9 // 10) - 1)]
        rows.append(f"| {name} | {statistics.median(taken):.0f} | {p90:.0f} | {max(taken):.0f} |")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=10, help="how often each kind of edit is made (default: 10)")
    parser.add_argument("--picture", type=Path, help="a .tril file to edit instead of the example")
    args = parser.parse_args(arguments)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT)
    times: dict[str, list[float]] = {}
    with start_server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        visit = Visit(browser.new_page(viewport={"width": 1400, "height": 900}), server.address).open()
        if args.picture:
            visit.put("open", args.picture)
            visit.says("Opened")
        bench = Bench(visit)
        bench.stroke()  # load what is loaded on first use
        kinds: dict[str, Any] = {
            "stroke": bench.stroke, "cell paint": bench.cell, "eraser": bench.eraser, "object erased": bench.masked,
            "budget slider": bench.budget, "prompt, to its bytes": bench.word,
        }  # fmt: skip
        for name, edit in kinds.items():
            times[name] = [edit() for _ in range(args.times)]
        browser.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {args.times} times each\n\n{table(times)}")


if __name__ == "__main__":
    main()
