"""The embedded decoder: paints a clean digital painting from a sketch and a colormap.

    colormap --+
               +-> diffuse -> crispen -> ink -> brush -> shrink x1/4 -> Real-ESRGAN x4 -> picture
    sketch ----+

Nothing is trained on the layers and nothing is downloaded. The prompt is not used, except that
where there is neither sketch nor colormap a card shows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from codec.decode import diffuse, strokes
from codec.decode.base import OnStep, Progress
from codec.decode.upscaler import SCALE, Upscaler
from codec.errors import InvalidLayer

if TYPE_CHECKING:
    from codec.layers import Layers

LONGEST = 1024  # pixels of the longer side while painting, however large the picture is
SHORTEST = 256  # and however small
MIDDLE = 2  # painting is done at so many times the size that the network is given


class Painter:
    """A Decoder. `final` looks best, `preview` is fast enough to run at every edit."""

    def __init__(self, name: str, upscaler: Upscaler, area: int) -> None:
        """Paint with `upscaler` at no more than `area` pixels; larger pictures are enlarged."""
        self.name = name
        self.upscaler = upscaler
        self.area = area

    @classmethod
    def final(cls) -> Painter:
        """The decoder "painter". Raises ModelMissing."""
        return cls("painter", Upscaler.rrdb(), 768 * 768)

    @classmethod
    def preview(cls) -> Painter:
        """The decoder "painter-preview". Raises ModelMissing."""
        return cls("painter-preview", Upscaler.srvgg(), 448 * 448)

    def decode(
        self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None
    ) -> np.ndarray:
        """Paint the layers: (height, width, 3) uint8 sRGB; see Decoder.decode."""
        if layers.semantic is None and layers.structure is None and layers.texture is None:
            raise InvalidLayer("there is nothing to decode: give a prompt, a sketch or colours")
        if seed is None:
            seed = layers.seed or 0
        random = np.random.Generator(np.random.Philox(abs(seed)))
        lines = _lines(layers)
        if layers.texture is not None:
            cells = layers.texture.cells.astype(np.float32) / 255
            picture = self._paint(layers, cells, lines, random, on_step)
        elif lines:
            picture = self._draw(layers, lines, random, on_step)
        else:
            progress = Progress(1, on_step)
            picture = _card(layers)
            progress.step("card", picture)
        return _fit(picture, layers.height, layers.width)

    def _paint(
        self,
        layers: Layers,
        cells: np.ndarray,
        lines: Sequence[np.ndarray],
        random: np.random.Generator,
        on_step: OnStep | None,
    ) -> np.ndarray:
        rows, columns = self._network_size(layers)
        progress = Progress(4 + self.upscaler.steps(rows), on_step)
        height, width = rows * MIDDLE, columns * MIDDLE

        flat = diffuse.diffuse(cells, lines, height, width)
        flat = cv2.resize(flat, (width, height), interpolation=cv2.INTER_LINEAR)
        progress.step("colours", _to_uint8(flat))

        pen = strokes.ink(lines, height, width)
        painting = _line_work(_crispen(flat), pen)
        progress.step("lines", _to_uint8(painting))

        painting = _brush_work(painting, pen, random)
        progress.step("brush", _to_uint8(painting))

        small = cv2.resize(painting, (columns, rows), interpolation=cv2.INTER_AREA)
        picture = small
        for result in self.upscaler.run(small):
            if result is None:
                progress.step("refining")
            else:
                picture = _to_uint8(result)
        progress.step("done", picture)
        return picture

    def _draw(
        self,
        layers: Layers,
        lines: Sequence[np.ndarray],
        random: np.random.Generator,
        on_step: OnStep | None,
    ) -> np.ndarray:
        progress = Progress(1, on_step)
        rows, columns = self._network_size(layers)
        height, width = rows * SCALE, columns * SCALE
        sheet = strokes.paper(height, width, random)
        pencil = np.array([0.17, 0.16, 0.18], np.float32)
        amount = 0.9 * strokes.ink(lines, height, width)[..., None]
        picture = _to_uint8(sheet + (pencil - sheet) * amount)
        progress.step("lines", picture)
        return picture

    def _network_size(self, layers: Layers) -> tuple[int, int]:
        """Rows and columns of the small picture that the network enlarges."""
        height, width = layers.height, layers.width
        longer = max(height, width)
        scale = min(1.0, LONGEST / longer, math.sqrt(self.area / (height * width)))
        scale = max(scale, SHORTEST / longer)
        return tuple(max(1, round(side * scale / SCALE)) for side in (height, width))


def _lines(layers: Layers) -> list[np.ndarray]:
    """The sketch's lines in units of the whole picture; a pose has none."""
    if not hasattr(layers.structure, "polylines"):
        return []
    size = np.array([layers.width, layers.height], np.float64)
    return [line / size for line in layers.structure.polylines(layers.width, layers.height)]


def _crispen(flat: np.ndarray) -> np.ndarray:
    """Lift local contrast and saturation: means over large areas have taken both away."""
    sigma = max(0.5, 0.008 * float(np.hypot(*flat.shape[:2])))
    sharp = flat + 1.0 * (flat - cv2.GaussianBlur(flat, (0, 0), sigma))
    grey = sharp.mean(2, keepdims=True)
    return np.clip(grey + 1.12 * (sharp - grey), 0.0, 1.0)


def _line_work(painting: np.ndarray, pen: np.ndarray) -> np.ndarray:
    """Draw the lines in a deeper tone of the colour beneath, faintly where colours part anyway."""
    around = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(painting, around), cv2.dilate(painting, around)
    contrast = (high - low).max(2, keepdims=True)
    strength = np.clip(0.75 - 0.8 * contrast, 0.35, 0.75) * pen[..., None]
    return painting + (0.35 * low - painting) * strength


def _brush_work(
    painting: np.ndarray, pen: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Vary the lightness with the grain of a brush, more where there are many lines."""
    sigma = 0.03 * float(np.hypot(*pen.shape))
    busy = np.clip(8 * cv2.GaussianBlur(pen, (0, 0), sigma), 0.2, 1.0)
    grain = strokes.brush(strokes.direction(painting, pen), random)
    return np.clip(painting * (1 + 0.08 * busy * grain)[..., None], 0.0, 1.0)


def _card(layers: Layers) -> np.ndarray:
    """The prompt as text, (h, w, 3) uint8."""
    rows, columns = min(layers.height, LONGEST), min(layers.width, LONGEST)
    return layers.semantic.render(columns, rows)


def _to_uint8(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (h, w, 3) uint8 to height x width: area average down, Lanczos up."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return cv2.resize(picture, (width, height), interpolation=how)
