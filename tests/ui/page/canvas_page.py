"""The canvas of the page with real mouse and keyboard, and the example that is open on it."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import expect

from codec import Layers, Prompt, Sketch
from codec.texture import rdoq
from tests.ui.visit import Visit
from ui.services import canvas_state
from ui.services.examples import START_FILE

FILE = Layers.from_bytes(START_FILE.read_bytes())
STROKES = FILE.structure.strokes
ROWS, COLS = FILE.texture.rows, FILE.texture.cols
OTHER = Layers(
    320, 240, Prompt("another"), Sketch(64, 48, (((3, 3), (4, 4), (5, 5)), ((30, 30), (31, 30), (32, 31)))),
    rdoq.quantize(np.full((6, 8, 3), (20, 90, 200), np.uint8)),
)  # fmt: skip
SVG = b"<svg viewBox='0 0 100 100'><path d='M10 10 L90 10 90 90'/></svg>"


class Canvas(Visit):
    """A page whose canvas is read in the browser, without the server."""

    def value(self) -> dict:
        """Return the canvas's value."""
        return self.page.evaluate("document.querySelector('.lc').canvas.snapshot().doc")

    def mask(self) -> np.ndarray:
        """Return the mask, (height, width) bool."""
        text, width = self.page.evaluate(
            """() => [document.querySelector('.lc').canvas.snapshot().mask.join(''),
                      document.querySelector('canvas.lc-mask').width]"""
        )
        return (np.frombuffer(text.encode(), np.uint8) == ord("1")).reshape(-1, width)

    def layers(self) -> Layers:
        """Return the layers that the server would read from the canvas's value."""
        return canvas_state.read(self.value()).layers_as_opened()

    def strokes(self) -> tuple:
        """Return the strokes of the sketch."""
        return self.layers().structure.strokes

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Return the place on the screen of a point in 0..1 of the canvas's sides."""
        box = self.page.locator(".lc-stage").bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def click(self, x: float, y: float, **options) -> None:
        """Click on a point of the canvas."""
        self.page.mouse.click(*self.spot(x, y), **options)

    def slide(self, where: str, value: int) -> None:
        """Set a slider."""
        self.page.locator(where).evaluate(
            """(e, v) => {
                 e.value = v;
                 for (const t of ['input', 'change']) e.dispatchEvent(new Event(t, { bubbles: true }));
               }""",
            value,
        )

    def unfold(self, where: str) -> None:
        """Open the fold that holds a control, if it is closed."""
        fold = self.page.locator(f".lc details:not([open]):has({where}) summary")
        if fold.count():
            fold.click()

    def choose(self, name: str, file: str, data: bytes) -> None:
        """Press a button that asks for a file, and choose one."""
        self.unfold(f"[data-do={name}]")
        with self.page.expect_file_chooser() as chooser:
            self.do(name)
        chooser.value.set_files({"name": file, "mimeType": "application/octet-stream", "buffer": data})

    def keys(self, *names: str) -> None:
        """Press keys one after the other."""
        for name in names:
            self.page.keyboard.press(name)

    def announces(self, text: str | re.Pattern[str]) -> None:
        """Wait until the canvas's own message is this."""
        expect(self.page.locator(".lc-message")).to_contain_text(text)
