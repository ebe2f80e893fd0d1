"""Record the README's demo of the page: `python -m tests.demo [OUT.gif]`.

Starts the page on a free port, uploads a photo, erases an object, changes the mood of the colors and decodes. Waiting
times are not recorded, so the demo has the same length on every machine.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, ViewportSize

from tests.load.server import start_server
from tests.screenshot import ROOT, WAIT, open_page

PHOTO: Final = ROOT / "assets" / "examples" / "coffee.jpg"
VIEW: Final[ViewportSize] = {"width": 1400, "height": 800}
GIF_WIDTH: Final = 900  # px
COLORS: Final = 128
SPOON: Final = (
    (0.63, 0.4),
    (0.64, 0.52),
    (0.58, 0.66),
    (0.62, 0.76),
    (0.68, 0.62),
)  # in fractions of the canvas's sides
_CURSOR: Final = """() => {
  const cursor = document.createElement('div');
  Object.assign(cursor.style, {
    position: 'fixed', zIndex: 9999, width: '22px', height: '22px', margin: '-11px', borderRadius: '50%',
    background: 'rgb(15 118 110 / 45%)', border: '2px solid #fff', boxShadow: '0 0 3px #000', pointerEvents: 'none',
  });
  document.body.append(cursor);
  document.addEventListener('pointermove', (e) => {
    Object.assign(cursor.style, { left: `${e.clientX}px`, top: `${e.clientY}px` });
  }, true);
}"""


class Recorder:
    """Frames of a page, each with the time for which it is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []  # ms

    def shoot(self, duration: int) -> None:
        """Record the page as it is now."""
        frame = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        height = round(frame.height * GIF_WIDTH / frame.width)
        self.frames.append(frame.resize((GIF_WIDTH, height), Image.Resampling.LANCZOS))
        self.durations.append(duration)

    def click(self, selector: str, duration: int = 500) -> None:
        """Move to an element, and click it."""
        target = self.page.locator(selector).first
        target.hover()
        self.shoot(duration)
        target.click()

    def drag(self, *points: tuple[float, float]) -> None:
        """Drag over the canvas."""
        box = self.page.locator(".lc-stage").bounding_box()
        assert box is not None
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.shoot(300)
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=3)
            self.shoot(150)
        self.page.mouse.up()

    def wait_for(self, text: str, duration: int) -> None:
        """Wait until the page shows a text, a regular expression, and record that."""
        self.page.get_by_text(re.compile(text)).first.wait_for(timeout=WAIT)
        self.page.wait_for_timeout(300)
        self.shoot(duration)

    def gif(self) -> bytes:
        """Return the frames as a GIF with one palette."""
        palette = self._palette()
        frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames]
        out = io.BytesIO()
        frames[0].save(
            out, "GIF", save_all=True, append_images=frames[1:], duration=self.durations, loop=0, optimize=False
        )
        return out.getvalue()

    def _palette(self) -> Image.Image:
        """Return a palette for all frames."""
        samples = self.frames[:: max(1, len(self.frames) // 6)]
        width, height = samples[0].size
        sheet = Image.new("RGB", (width, height * len(samples)))
        for row, frame in enumerate(samples):
            sheet.paste(frame, (0, row * height))
        return sheet.quantize(COLORS, Image.Quantize.MEDIANCUT)


def record(address: str) -> Recorder:
    """Return the recorded demo."""
    with open_page(address, VIEW) as page:
        page.get_by_text("| preview").wait_for()
        page.evaluate(_CURSOR)
        recorder = Recorder(page)
        page.locator("#open").hover()
        recorder.shoot(1200)
        page.locator("#top-buttons input[type=file]").set_input_files(PHOTO)
        recorder.wait_for("Opened coffee", 1500)
        page.locator("#prompt textarea").fill("a cup of coffee on a wooden table")
        recorder.wait_for("Prompt written by you", 900)

        recorder.click("[data-tool=mask]")
        recorder.drag(*SPOON)
        recorder.click("[data-do=erase]")
        recorder.wait_for("^Erased", 1500)
        recorder.click("[data-tool=cell]")
        page.locator(".lc-mood").hover()
        recorder.shoot(500)
        page.locator(".lc-mood").select_option("cool")
        recorder.wait_for("Preview of your edit", 1500)
        recorder.click("#decode")
        recorder.wait_for("^Decoded", 1500)
        _reveal(recorder)
    return recorder


def _reveal(recorder: Recorder) -> None:
    """Drag the compare slider to the left, so that the whole decode is seen."""
    page = recorder.page
    box = page.locator("#compare").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for share in (0.4, 0.3, 0.2, 0.1, 0.02):
        page.mouse.move(box["x"] + share * box["width"], y)
        recorder.shoot(120)
    page.mouse.up()
    recorder.shoot(2500)


def main() -> None:
    """Start the page and record it."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description="Record the demo of the page.")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "assets" / "demo.gif")
    out = parser.parse_args().out
    with start_server() as server:
        recorder = record(server.address)
    out.write_bytes(recorder.gif())
    print(f"{out}: {out.stat().st_size:,} bytes, {sum(recorder.durations) / 1000:.1f} s")


if __name__ == "__main__":
    main()
