"""How long after an edit its new picture is on the screen, in a real browser.

    python3 -m tests.preview_bench [--times 10] [--picture FILE.tril]

Starts the page in a process of its own, opens it in Chromium and makes each kind of edit so many times. The clock runs
in the browser: from the end of the gesture (the pointer goes up, a key goes down, the slider moves) until the new
picture is decoded and painted. A word of the prompt changes no picture: there it runs until the new bytes are shown.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.ui.conftest import CHROMIUM, FLAGS, WAIT, Visit

ROOT = Path(__file__).resolve().parent.parent
PAUSE = 500  # ms of quiet between two edits
# `began`: the first event of that kind; `ended`: two frames after the picture, or the bytes, are others than they were.
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


@contextmanager
def served() -> Iterator[str]:
    """The page in a process of its own; -> its address."""
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise SystemExit("preview_bench: the page did not start")
        yield found[0]
    finally:
        process.terminate()
        process.wait()


class Bench:
    """A visit whose edits are timed."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.count = 0
        self.ends = ("Home", "End")

    def timed(self, edit: Callable[[], None], kind: str = "pointerup", picture: bool = True) -> float:
        """Milliseconds from the event of that kind to what it shows."""
        page = self.visit.page
        page.evaluate(WATCH, [kind, picture])
        edit()
        page.wait_for_function("window.ended !== null")
        taken = float(page.evaluate("window.ended - window.began"))
        page.wait_for_timeout(PAUSE)
        return taken

    def stroke(self) -> float:
        """A new line."""
        self.visit.tool("pen")
        self.count += 1
        y = 0.05 + 0.9 * (self.count * 0.618 % 1)
        return self.timed(lambda: self.visit.drag((0.1, y), (0.35, y + 0.03), (0.6, y)))

    def cell(self) -> float:
        """A color cell."""
        self.count += 1
        self.visit.page.locator(".lc-color").fill(f"#{self.count * 7919 % 0xFFFFFF:06x}")
        self.visit.tool("cell")
        x = 0.03 + 0.9 * (self.count * 0.618 % 1)
        return self.timed(lambda: self.visit.drag((x, 0.1), (x, 0.1)))

    def eraser(self) -> float:
        """A line across the strokes, after one to be sure that there is something."""
        self.stroke()
        y = 0.05 + 0.9 * (self.count * 0.618 % 1)
        self.visit.tool("eraser")
        return self.timed(lambda: self.visit.drag((0.2, y - 0.05), (0.2, y + 0.08)))

    def masked(self) -> float:
        """An object, from the click on its button."""
        self.stroke()
        y = 0.05 + 0.9 * (self.count * 0.618 % 1)
        self.visit.tool("mask")
        self.visit.drag((0.3, y - 0.02), (0.4, y + 0.02))
        button = self.visit.page.get_by_role("button", name="Erase object")
        return self.timed(lambda: button.click(), "click")

    def word(self) -> float:
        """One more in the prompt."""
        self.visit.page.locator("#prompt textarea").focus()
        self.count += 1
        return self.timed(lambda: self.visit.page.keyboard.insert_text(f" w{self.count}"), "input", picture=False)

    def budget(self) -> float:
        """The slider, from one end to the other: to the least bytes and back to the most."""
        slider = self.visit.page.locator("#budget input[type=range]")
        slider.focus()
        key, self.ends = self.ends[0], self.ends[::-1]
        return self.timed(lambda: slider.press(key), "input")


def table(times: dict[str, list[float]]) -> str:
    """Markdown: median, 90th percentile and most of each."""
    rows = ["| edit, ms to its picture | median | p90 | most |", "|---|---|---|---|"]
    for name, taken in times.items():
        p90 = sorted(taken)[max(0, -(-len(taken) * 9 // 10) - 1)]
        rows.append(f"| {name} | {statistics.median(taken):.0f} | {p90:.0f} | {max(taken):.0f} |")
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=10, help="of each kind of edit (default 10)")
    parser.add_argument("--picture", type=Path, help="a .tril file to edit in place of the example")
    given = parser.parse_args(arguments)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT)
    times: dict[str, list[float]] = {}
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        visit = Visit(browser.new_page(viewport={"width": 1400, "height": 900}), address).open()
        if given.picture:
            visit.put("open", given.picture)
            visit.says("Opened")
        bench = Bench(visit)
        bench.stroke()  # once for what is loaded on first use
        kinds: dict[str, Any] = {
            "stroke": bench.stroke, "cell paint": bench.cell, "eraser": bench.eraser, "object erased": bench.masked,
            "budget slider": bench.budget, "prompt, to its bytes": bench.word,
        }  # fmt: skip
        for name, edit in kinds.items():
            times[name] = [edit() for _ in range(given.times)]
        browser.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {given.times} times each\n\n{table(times)}")


if __name__ == "__main__":
    main()
