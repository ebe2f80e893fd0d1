"""The embedded decoder: paints a clean digital painting from a sketch and a colormap.

    colormap --+
               +-> diffuse -> brushwork -> ink -> grain -> shrink -> Real-ESRGAN x4 -> picture
    sketch ----+

What is larger than that picture is enlarged by another Real-ESRGAN, band by band.

Nothing is trained on the layers and nothing is downloaded. Of the prompt only words of style and of
material count (styles.py); where there is neither sketch nor colormap a card shows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from codec.color import oklab
from codec.decoders.base import OnStep, Progress, Strengths
from codec.decoders.painter import brush, color_diffusion, ink, materials, styles
from codec.decoders.painter.real_esrgan import SCALE, Upscaler
from codec.errors import InvalidLayer
from codec.images.text_card import text_card
from codec.limits import MAX_SIDE
from codec.models import oom
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.quantizer import STEPS

if TYPE_CHECKING:
    from codec.layers import Layers

LONGEST = 1024  # pixels of the longer side at most, before a large picture is enlarged
SHORTEST = 256  # and at least, before a small one is shrunk
AREA = 1024 * 1024  # pixels in all at most
LARGE = 2048 * 2048  # pixels at most that the fast network makes of that; more are interpolated
ENLARGE = 1.6  # times the sides from which its picture is sharper
BAND = 64  # rows of the small picture that it enlarges at a time
PENCIL = np.array([0.17, 0.16, 0.18], np.float32)
HALO = 0.08  # how far sharpening may leave the tones around
AS_THEY_ARE = Strengths()
QUANTIZER = 1.4  # standard deviation of an sRGB value of a cell, for Oklab's step (measured)
FINE = 1.25  # times the picture's size is what the network makes, where that is small: lines stay sharp
CANVAS = 2  # painting is done at 1 / CANVAS of that, enough for what the network is given


class Painter:
    """A Decoder. `final` looks best, `preview` is fast enough to run at every edit."""

    def __init__(
        self,
        name: str,
        upscaler: Upscaler,
        area: int,
        enlarger: Upscaler | None = None,
        strengths: Strengths = AS_THEY_ARE,
    ) -> None:
        """Paint, then use `upscaler` for a picture of no more than `area` pixels, and `enlarger` for larger ones."""
        self.name = name
        self.upscaler = upscaler
        self.area = area
        self.enlarger = enlarger
        self.strengths = strengths

    @classmethod
    def final(cls) -> Painter:
        """The decoder "painter". Raises ModelMissing."""
        return cls("painter", Upscaler.rrdb(), AREA, Upscaler.srvgg())

    @classmethod
    def preview(cls) -> Painter:
        """The decoder "painter-preview": the same painting, refined less. Raises ModelMissing."""
        return cls("painter-preview", Upscaler.srvgg(), 336 * 336)

    def weighted(self, strengths: Strengths) -> Painter:
        """The same, to whom the layers weigh so much."""
        return Painter(self.name, self.upscaler, self.area, self.enlarger, strengths)

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """Paint the layers: (height, width, 3) uint8 sRGB; see Decoder.decode."""
        if layers.is_empty:
            raise InvalidLayer("there is nothing to decode: give a prompt, a sketch or colors")
        with oom.guarded(
            f"there is not enough memory to paint {layers.width} x {layers.height} pixels: close what else uses it, "
            "or make the picture smaller"
        ):
            return self._decode(layers, layers.seed or 0 if seed is None else seed, on_step)

    def _decode(self, layers: Layers, seed: int, on_step: OnStep | None) -> np.ndarray:
        random = np.random.Generator(np.random.Philox(seed % 2**128))
        lines = _lines(layers)
        if layers.texture is not None:
            cells = layers.texture.cells.astype(np.float32) / 255
            if self.strengths.colors != 1:
                mean = cells.mean((0, 1))
                cells = np.clip(mean + np.float32(self.strengths.colors) * (cells - mean), 0.0, 1.0)
            picture = self._paint(layers, cells, lines, random, on_step)
        else:
            progress = Progress(1, on_step)
            drawn = bool(lines) or isinstance(layers.structure, Pose) or layers.semantic is None
            size = _canvas(layers, LARGE if self.enlarger else AREA, 1, longest=MAX_SIDE if self.enlarger else LONGEST)
            picture = _drawing(layers, lines, random, self.strengths.structure, size) if drawn else _card(layers, size)
            progress.step("drawing", picture)
        return _fit(picture, layers.height, layers.width)

    def _paint(
        self,
        layers: Layers,
        cells: np.ndarray,
        lines: Sequence[np.ndarray],
        random: np.random.Generator,
        on_step: OnStep | None,
    ) -> np.ndarray:
        height, width = _canvas(layers, self.area, CANVAS)
        rows, columns = _canvas(layers, self.area, SCALE, FINE)
        style = styles.read(layers.semantic.text if layers.semantic else "")
        larger = self._larger(layers, rows * SCALE, columns * SCALE)
        bands = -(-larger[0] // BAND) if larger else 0
        progress = Progress(4 + self.upscaler.steps(rows) + bands, on_step)
        cell = math.sqrt(height * width / (cells.shape[0] * cells.shape[1]))

        flat = color_diffusion.diffuse(cells, lines, height, width, _error(layers))
        flat = cv2.resize(flat, (width, height), interpolation=cv2.INTER_LINEAR)
        progress.step("colors", _to_uint8(flat))

        pen = ink.ink(lines, height, width)
        room = cv2.distanceTransform((pen < 0.15).astype(np.uint8), cv2.DIST_L2, 3)
        flat = brush.tighten(flat, room, cell)
        along = brush.direction(flat, pen)
        dabs, grain = brush.bristles(along, random)
        busy = _busy(pen)
        sure = cv2.resize(
            color_diffusion.firmness(cells, _error(layers)), (width, height), interpolation=cv2.INTER_LINEAR
        )
        painting = brush.dab(flat, dabs * sure[..., None], room, cell, busy, style.brush)
        progress.step("brush", _to_uint8(painting))

        painting = _line_work(_crispen(painting, sure[..., None]), pen, self.strengths.structure * style.lines)
        painting = np.clip(painting * (1 + 0.05 * busy * grain)[..., None], 0.0, 1.0)
        painting = materials.lay(painting, style.materials, along, pen, busy, random)
        painting = styles.grade(painting, style)
        progress.step("lines", _to_uint8(painting))

        small = cv2.resize(painting, (columns, rows), interpolation=cv2.INTER_AREA)
        picture = small
        for result in self.upscaler.run(small):
            if result is None:
                progress.step("refining")
            else:
                picture = _to_uint8(result)
        if larger and self.enlarger:
            picture = _enlarged(self.enlarger, picture, *larger, progress)
        picture = _blocks(picture, style.blocks)
        progress.step("done", picture)
        return picture

    def _larger(self, layers: Layers, height: int, width: int) -> tuple[int, int] | None:
        """Rows and columns to give the enlarger, for a picture that is worth it."""
        rows, columns = _canvas(layers, LARGE, SCALE, longest=MAX_SIDE)
        worth = self.enlarger is not None and max(rows * SCALE / height, columns * SCALE / width) > ENLARGE
        return (rows, columns) if worth else None


def _canvas(layers: Layers, area: int, shrink: int, fine: float = 1.0, longest: int = LONGEST) -> tuple[int, int]:
    """Height and width to work at: the picture's aspect, `fine` times as large, bounded, then divided by `shrink`."""
    height, width = layers.height, layers.width
    longer = max(height, width)
    scale = min(fine, longest / longer, math.sqrt(area / (height * width)))
    scale = max(scale, SHORTEST / longer)
    high, wide = (max(1, round(side * scale / shrink)) for side in (height, width))
    return high, wide


def _error(layers: Layers) -> float:
    """The quantizer's error in the colors of the cells, about, of 1."""
    return QUANTIZER * STEPS[layers.texture.step] / oklab.ONE if layers.texture else 0.0


def _lines(layers: Layers) -> list[np.ndarray]:
    """The sketch's lines in units of the whole picture; a pose has none."""
    if not isinstance(layers.structure, Sketch):
        return []
    size = np.array([layers.width, layers.height], np.float64)
    lines = layers.structure.polylines(layers.width, layers.height)
    return [ink.smooth(line / size) for line in lines]


def _crispen(flat: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Lift local contrast, fine and coarse, and saturation: averaging has taken them away.

    sure: (height, width, 1) float32 in 0..1, less where contrast is but the quantizer's.
    """
    fine, coarse = (cv2.GaussianBlur(flat, (0, 0), max(0.5, s * brush.diagonal(flat))) for s in (0.008, 0.03))
    sharp = flat + sure * (1.2 * (flat - fine) + 0.35 * (flat - coarse))
    around = np.ones((2 * round(0.03 * brush.diagonal(flat)) + 1,) * 2, np.uint8)
    sharp = np.clip(sharp, cv2.erode(flat, around) - HALO, cv2.dilate(flat, around) + HALO)
    gray = sharp.mean(2, keepdims=True)
    return np.clip(gray + 1.06 * (sharp - gray), 0.0, 1.0)


def _line_work(painting: np.ndarray, pen: np.ndarray, weight: float) -> np.ndarray:
    """Draw the lines in a deeper tone of the color beneath, in a lighter one where that is dark.

    They are fainter where the colors part anyway.
    """
    around = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(painting, around), cv2.dilate(painting, around)
    contrast = (high - low).max(2, keepdims=True)
    strength = np.clip(0.85 - 0.8 * contrast, 0.38, 0.85) * np.float32(weight)
    strength = np.minimum(strength, 1.0) * pen[..., None]
    light = np.clip(20 * high.mean(2, keepdims=True) - 3.6, 0.0, 1.0)  # 0 for tones under 0.18, 1 over 0.23
    tone = 0.28 * low * light + (high + 0.16) * (1 - light)
    return painting + (tone - painting) * strength


def _enlarged(upscaler: Upscaler, picture: np.ndarray, rows: int, columns: int, progress: Progress) -> np.ndarray:
    """(h, w, 3) uint8, shrunk to rows x columns, then four times that: its lines are sharp again.

    Each band sees as far over its border as the network reaches, so there are no seams.
    """
    small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    large = np.empty((rows * SCALE, columns * SCALE, 3), np.uint8)
    for top in range(0, rows, BAND):
        above, below = max(top - upscaler.reach, 0), min(top + BAND + upscaler.reach, rows)
        *_, band = upscaler.run(small[above:below])
        assert band is not None
        inner = band[(top - above) * SCALE :][: min(BAND, rows - top) * SCALE]
        large[top * SCALE : top * SCALE + len(inner)] = _to_uint8(inner)
        progress.step("enlarging")
    return large


def _blocks(picture: np.ndarray, count: float) -> np.ndarray:
    """Pixel art: (h, w, 3) uint8 in `count` square blocks along the longer side; 0 changes nothing."""
    height, width = picture.shape[:2]
    if not count or max(height, width) <= count:
        return picture
    scale = count / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)


def _busy(pen: np.ndarray) -> np.ndarray:
    """How much is going on, by the lines nearby: (height, width) float32, 0.2 to 1."""
    if not pen.any():
        return np.ones_like(pen)  # nobody drew anything, so lines tell nothing
    near = cv2.GaussianBlur(pen, (0, 0), max(0.5, 0.03 * brush.diagonal(pen)))
    return np.clip(8 * near, materials.CALM, 1.0)


def _drawing(
    layers: Layers, lines: Sequence[np.ndarray], random: np.random.Generator, weight: float, size: tuple[int, int]
) -> np.ndarray:
    """A sketch without colors: pencil on paper, (h, w, 3) uint8; of a pose a pale shadow."""
    height, width = size
    sheet = ink.paper(height, width, random)
    if isinstance(layers.structure, Pose):
        figure = layers.structure.render(width, height).max(2, keepdims=True)
        sheet = sheet * (1 - 0.12 * (figure > 0))
    amount = np.minimum(0.9 * weight * ink.ink(lines, height, width)[..., None], 1.0)
    return _to_uint8(sheet + (PENCIL - sheet) * amount)


def _card(layers: Layers, size: tuple[int, int]) -> np.ndarray:
    """The prompt as text and what is missing for more, (h, w, 3) uint8."""
    height, width = size
    text = layers.semantic.text if layers.semantic else ""
    return text_card(f"{text}\n\n(no sketch and no colors to paint from)", width, height)


def _to_uint8(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (h, w, 3) uint8 to height x width: area average down, Lanczos up."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return cv2.resize(picture, (width, height), interpolation=how)
