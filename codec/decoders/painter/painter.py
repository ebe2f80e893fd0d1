"""The painter: a decoder that paints a picture from a sketch and a colormap.

    base colors + detail --> small picture, with the sketch's lines --> network trained on such pairs --+
                                                                                                       +--> picture
    base colors alone --> color diffusion between the lines --> brushwork --> ink --> Real-ESRGAN x4 --+

Larger pictures are enlarged further by a faster Real-ESRGAN, band by band.

Only words for style and material in the prompt have an effect (styles.py). A pose is painted as plain figures
(figure.py). Without structure and colormap, the picture is a card with the prompt's text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from codec.color import oklab
from codec.decoders.base import OnStep, StepReporter, Strengths, require_layers
from codec.decoders.painter import brush, color_diffusion, figure, ink, materials, styles, uncolored
from codec.decoders.painter.real_esrgan import SCALE, Upscaler
from codec.limits import MAX_SIDE
from codec.models import oom
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.detail_grid import PIXELS_PER_CELL, detail_shape
from codec.texture.quantizer import STEPS

if TYPE_CHECKING:
    from codec.layers import Layers
    from codec.texture.colormap import Colormap
    from codec.texture.detail import Detail

# sides and areas in pixels
MAX_WORK_SIDE: Final = 1024  # of a painting; larger pictures are enlarged from it
MIN_WORK_SIDE: Final = 256  # of a painting's longer side; smaller pictures are shrunk from it
MAX_AREA: Final = 1024 * 1024  # of a painting by "painter"
MAX_PREVIEW_AREA: Final = 336 * 336  # of a painting by "painter-preview"
MIN_DETAIL_AREA: Final = 512 * 512  # limit with detail: its network is fast, and was trained at this size
MAX_ENLARGED_AREA: Final = 2048 * 2048  # output of the enlarging network; larger pictures are interpolated from it
MIN_ENLARGEMENT: Final = 1.6  # factor of the sides above which that network is sharper than interpolation
BAND_ROWS: Final = 64  # rows that the enlarging network processes at a time
OVERSAMPLING: Final = 1.25  # size of the refined painting relative to the picture, if that is small: keeps lines sharp
CANVAS_DIVISOR: Final = 2  # the canvas has half the size of the painting, which is enough for the refining network

COLOR_CELLS: Final = 16  # on the longer side; the refining network must not change the mean colors of these cells
MAX_HALO: Final = 0.08  # how far sharpening may exceed the range of nearby colors
QUANTIZATION_ERROR: Final = 1.4  # standard deviation of a cell's sRGB values, per step of Oklab (measured)


class Painter:
    """A Decoder. `full_quality` looks best; `preview` is fast enough to run after every edit."""

    def __init__(
        self,
        name: str,
        upscaler: Upscaler,
        layered: Upscaler,
        max_area: int,
        enlarger: Upscaler | None = None,
        strengths: Strengths | None = None,
    ) -> None:
        """Create a painter.

        upscaler: refines the painting of base colors alone to a picture of at most `max_area` pixels
        layered: makes a picture of that size from a small picture and lines
        enlarger: makes larger pictures from that; None: they are interpolated
        """
        self.name = name
        self.upscaler = upscaler
        self.layered = layered
        self.max_area = max_area
        self.enlarger = enlarger
        self.strengths = strengths or Strengths()

    @classmethod
    def full_quality(cls) -> Painter:
        """Return the decoder "painter". Raises ModelMissing."""
        return cls("painter", Upscaler.rrdb(), Upscaler.layered(), MAX_AREA, Upscaler.srvgg())

    @classmethod
    def preview(cls) -> Painter:
        """Return the decoder "painter-preview": the same painting, less refined. Raises ModelMissing."""
        return cls("painter-preview", Upscaler.srvgg(), Upscaler.layered(), MAX_PREVIEW_AREA)

    def with_options(self, options: Strengths) -> Painter:
        """Return this painter with other strengths of the layers."""
        return Painter(self.name, self.upscaler, self.layered, self.max_area, self.enlarger, options)

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """Return the (height, width, 3) uint8 sRGB picture; see Decoder.decode."""
        require_layers(layers)
        seed = (layers.seed or 0) if seed is None else seed
        random = np.random.Generator(np.random.Philox(seed % 2**128))
        message = (
            f"there is not enough memory to paint {layers.width} x {layers.height} pixels: close what else uses it, "
            "or make the picture smaller"
        )
        with oom.raise_out_of_memory(message):
            if layers.texture is None:
                picture = self._draw(layers, random, on_step)
            else:
                picture = self._paint(layers, layers.texture.cells, random, on_step)
            return _resize(picture, layers.height, layers.width)

    def _draw(self, layers: Layers, random: np.random.Generator, on_step: OnStep | None) -> np.ndarray:
        """Return a picture of layers without colors: a drawing of the sketch or pose, or a card with the prompt."""
        reporter = StepReporter(1, on_step)
        if self.enlarger:
            size = _work_size(layers, MAX_ENLARGED_AREA, max_side=MAX_SIDE)
        else:
            size = _work_size(layers, MAX_AREA)
        lines = smooth_polylines(layers)
        if lines or isinstance(layers.structure, Pose) or layers.semantic is None:
            picture = uncolored.pencil_drawing(layers, lines, random, self.strengths.structure, size)
        else:
            picture = uncolored.prompt_card(layers.semantic.text, size)
        reporter.step("drawing", picture)
        return picture

    def _paint(
        self, layers: Layers, cells: np.ndarray, random: np.random.Generator, on_step: OnStep | None
    ) -> np.ndarray:
        """Return a painting of a colormap's cells, (rows, cols, 3) uint8, and of the sketch, if any."""
        style = styles.parse_style(layers.semantic.text if layers.semantic else "")
        detail = layers.texture.detail if layers.texture else None
        oversampling = _detail_oversampling(layers, detail) if detail else OVERSAMPLING
        upscaler = self.layered if detail else self.upscaler
        max_area = max(self.max_area, MIN_DETAIL_AREA) if detail else self.max_area
        small_height, small_width = _work_size(layers, max_area, SCALE, oversampling)
        enlarged_size = self._enlarger_input_size(layers, small_height * SCALE, small_width * SCALE)
        bands = -(-enlarged_size[0] // BAND_ROWS) if enlarged_size else 0
        steps = 2 if detail else 4
        reporter = StepReporter(steps + upscaler.step_count(small_height) + bands, on_step)

        if layers.texture is not None and detail:
            size = small_height, small_width
            small, lines = self._paint_detail(layers, layers.texture, size, style, random, reporter)
            picture = _restore_colors(_refine(upscaler, small, lines, reporter), small)
        else:
            painting = self._paint_canvas(layers, cells, style, random, reporter)
            small = cv2.resize(painting, (small_width, small_height), interpolation=cv2.INTER_AREA)
            picture = _refine(upscaler, small, None, reporter)
        if enlarged_size and self.enlarger:
            picture = _enlarge(self.enlarger, picture, *enlarged_size, reporter)
        picture = materials.pixelate(picture, style.blocks)
        reporter.step("done", picture)
        return picture

    def _paint_canvas(
        self,
        layers: Layers,
        cells: np.ndarray,
        style: styles.Style,
        random: np.random.Generator,
        reporter: StepReporter,
    ) -> np.ndarray:
        """Return the painting before refinement: (height, width, 3) float32 in 0..1, of the canvas's size."""
        height, width = _work_size(layers, self.max_area, CANVAS_DIVISOR)
        colors = _scale_from_mean(cells.astype(np.float32) / 255, self.strengths.colors)
        cell = math.sqrt(height * width / (cells.shape[0] * cells.shape[1]))
        lines = smooth_polylines(layers)
        error = _quantization_error(layers)

        flat = color_diffusion.diffuse(colors, lines, height, width, error)
        flat = cv2.resize(flat, (width, height), interpolation=cv2.INTER_LINEAR)
        reporter.step("colors", _to_uint8(flat))

        pen = ink.render_ink(lines, height, width)
        line_distance = cv2.distanceTransform((pen < 0.15).astype(np.uint8), cv2.DIST_L2, 3)
        flat = brush.sharpen_transitions(flat, line_distance, cell)
        direction = brush.stroke_direction(flat, pen)
        dabs, grain = brush.stroke_noise(direction, random)
        line_density = _line_density(pen)
        confidence = color_diffusion.cell_confidence(colors, error)
        confidence = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        painting = brush.apply_dabs(flat, dabs * confidence, line_distance, cell, line_density, style.brush)
        reporter.step("brush", _to_uint8(painting))

        painting = _draw_lines(_sharpen(painting, confidence), pen, self.strengths.structure * style.lines)
        painting = np.clip(painting * (1 + 0.05 * line_density * grain)[..., None], 0.0, 1.0)
        painting = materials.apply_materials(painting, style.materials, direction, pen, line_density, random)
        painting = figure.paint_figures(painting, layers.structure)
        reporter.step("lines", _to_uint8(painting))
        return painting

    def _paint_detail(
        self,
        layers: Layers,
        texture: Colormap,
        size: tuple[int, int],
        style: styles.Style,
        random: np.random.Generator,
        reporter: StepReporter,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the small picture, (h, w, 3) float32 in 0..1 with (h, w) = `size`, and the lines, (4h, 4w) float32.

        Brushwork and ink are added only if words of the prompt ask for them.
        """
        height, width = size
        small = texture.small_picture(*detail_shape(layers.width, layers.height)).astype(np.float32) / 255
        small = _scale_from_mean(small, self.strengths.colors)
        if small.shape[:2] != size:
            small = np.clip(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
        lines = np.zeros((height * SCALE, width * SCALE), np.float32)
        if isinstance(layers.structure, Sketch):
            lines = ink.render_sketch(layers.structure, layers.width, layers.height, *lines.shape)
            lines = np.minimum(lines * np.float32(self.strengths.structure), 1.0)
        if style.brushes_detail or style.inks_detail:
            cell = math.sqrt(height * width / (texture.rows * texture.cols))
            small = self._stylize(small, smooth_polylines(layers), cell, style, random)
        small = figure.paint_figures(small, layers.structure)
        reporter.step("colors", _to_uint8(small))
        return small, lines

    def _stylize(
        self,
        small: np.ndarray,
        polylines: Sequence[np.ndarray],
        cell: float,
        style: styles.Style,
        random: np.random.Generator,
    ) -> np.ndarray:
        """Return the small picture with the brushwork and ink that the prompt's words ask for.

        `cell`: side of a cell of the base colors in pixels of the small picture.
        """
        height, width = small.shape[:2]
        size = width * CANVAS_DIVISOR, height * CANVAS_DIVISOR
        painting = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
        pen = ink.render_ink(polylines, *painting.shape[:2])
        if style.brushes_detail:
            line_distance = cv2.distanceTransform((pen < 0.15).astype(np.uint8), cv2.DIST_L2, 3)
            dabs, _ = brush.stroke_noise(brush.stroke_direction(painting, pen), random)
            dab_cell = cell * CANVAS_DIVISOR
            painting = brush.apply_dabs(painting, dabs, line_distance, dab_cell, _line_density(pen), style.brush - 1)
        if style.inks_detail:
            painting = _draw_lines(painting, pen, self.strengths.structure * style.lines)
        small = cv2.resize(painting, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(np.clip(small, 0.0, 1.0))

    def _enlarger_input_size(self, layers: Layers, height: int, width: int) -> tuple[int, int] | None:
        """Return height and width of the enlarger's input; None if the picture is hardly larger than the painting."""
        rows, columns = _work_size(layers, MAX_ENLARGED_AREA, SCALE, max_side=MAX_SIDE)
        is_larger = max(rows * SCALE / height, columns * SCALE / width) > MIN_ENLARGEMENT
        return (rows, columns) if self.enlarger is not None and is_larger else None


def depends_on_seed(layers: Layers) -> bool:
    """Return whether the painting depends on the seed. With detail, only added brushwork is random."""
    if layers.texture is None:
        return layers.structure is not None or layers.semantic is None
    return (
        layers.texture.detail is None or styles.parse_style(layers.semantic.text if layers.semantic else "").brush > 1
    )


# --- sizes and layers -------------------------------------------------------------------------------


def _work_size(
    layers: Layers, max_area: int, divisor: int = 1, oversampling: float = 1.0, max_side: int = MAX_WORK_SIDE
) -> tuple[int, int]:
    """Return a height and width of the picture's aspect ratio.

    They are `oversampling` times the picture's, within the limits, then divided by `divisor`.
    """
    height, width = layers.height, layers.width
    longer = max(height, width)
    scale = min(oversampling, max_side / longer, math.sqrt(max_area / (height * width)))
    scale = max(scale, MIN_WORK_SIDE / longer)
    work_height, work_width = (max(1, round(side * scale / divisor)) for side in (height, width))
    return work_height, work_width


def _detail_oversampling(layers: Layers, detail: Detail) -> float:
    """Return the oversampling at which the network's input is at least as large as the small picture."""
    return max(1.0, SCALE * PIXELS_PER_CELL * max(detail.rows, detail.cols) / max(layers.height, layers.width))


def _quantization_error(layers: Layers) -> float:
    """Return the approximate standard deviation of the cells' colors from the original, in units of 0..1."""
    return QUANTIZATION_ERROR * STEPS[layers.texture.step] / oklab.ONE if layers.texture else 0.0


def smooth_polylines(layers: Layers) -> list[np.ndarray]:
    """Return the sketch's lines, smoothed, in units of the whole picture (0..1); none of a pose."""
    if not isinstance(layers.structure, Sketch):
        return []
    return ink.smooth_strokes(layers.structure, layers.width, layers.height)


# --- painting ---------------------------------------------------------------------------------------


def _refine(upscaler: Upscaler, small: np.ndarray, lines: np.ndarray | None, reporter: StepReporter) -> np.ndarray:
    """Enlarge a (h, w, 3) float32 painting in 0..1 by SCALE with a network; return uint8."""
    for result in upscaler.run(small, lines):
        if result is not None:
            return _to_uint8(result)
        reporter.step("refining")
    raise AssertionError("the last value of Upscaler.run is the picture")


def _restore_colors(picture: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Give areas of an (h, w, 3) uint8 picture the mean colors of the small picture, float32 in 0..1, that it shows."""
    scale = COLOR_CELLS / max(small.shape[:2])
    cells = max(1, round(small.shape[1] * scale)), max(1, round(small.shape[0] * scale))
    values = picture.astype(np.float32) / 255
    means = [cv2.resize(image, cells, interpolation=cv2.INTER_AREA) for image in (small, values)]
    return _to_uint8(values + cv2.resize(means[0] - means[1], picture.shape[1::-1], interpolation=cv2.INTER_CUBIC))


def _scale_from_mean(colors: np.ndarray, factor: float) -> np.ndarray:
    """Scale the distance of colors, (rows, cols, 3) float32 in 0..1, from their mean."""
    if factor == 1:
        return colors
    mean = colors.mean((0, 1))
    return np.asarray(np.clip(mean + np.float32(factor) * (colors - mean), 0.0, 1.0))


def _line_density(pen: np.ndarray) -> np.ndarray:
    """Return the density of lines nearby, as in materials.py: (height, width) float32; 1 if there are no lines."""
    if not pen.any():
        return np.ones_like(pen)
    density = cv2.GaussianBlur(pen, (0, 0), max(0.5, 0.03 * brush.diagonal(pen)))
    return np.asarray(np.clip(8 * density, materials.MIN_LINE_DENSITY, 1.0))


def _sharpen(painting: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Increase local contrast, fine and coarse, and saturation, which averaging in the colormap reduced.

    confidence: (height, width, 1) float32 in 0..1, low where contrast may be a quantization error.
    """
    diagonal = brush.diagonal(painting)
    fine, coarse = (cv2.GaussianBlur(painting, (0, 0), max(0.5, sigma * diagonal)) for sigma in (0.008, 0.03))
    sharp = painting + confidence * (1.2 * (painting - fine) + 0.35 * (painting - coarse))
    window = np.ones((2 * round(0.03 * diagonal) + 1,) * 2, np.uint8)
    sharp = np.clip(sharp, cv2.erode(painting, window) - MAX_HALO, cv2.dilate(painting, window) + MAX_HALO)
    gray = sharp.mean(2, keepdims=True)
    return np.asarray(np.clip(gray + 1.06 * (sharp - gray), 0.0, 1.0))


def _draw_lines(painting: np.ndarray, pen: np.ndarray, strength: float) -> np.ndarray:
    """Draw lines in a darker tone of the color beneath, or a lighter one where that is dark.

    They are fainter where the colors on both sides differ.
    """
    window = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(painting, window), cv2.dilate(painting, window)
    contrast = (high - low).max(2, keepdims=True)
    opacity = np.clip(0.85 - 0.8 * contrast, 0.38, 0.85) * np.float32(strength)
    opacity = np.minimum(opacity, 1.0) * pen[..., None]
    is_light = np.clip(20 * high.mean(2, keepdims=True) - 3.6, 0.0, 1.0)  # 0 for tones under 0.18, 1 over 0.23
    line_color = 0.28 * low * is_light + (high + 0.16) * (1 - is_light)
    return np.asarray(painting + (line_color - painting) * opacity)


def _enlarge(upscaler: Upscaler, picture: np.ndarray, height: int, width: int, reporter: StepReporter) -> np.ndarray:
    """Shrink an (h, w, 3) uint8 picture to height x width, then enlarge it by SCALE, which sharpens its lines.

    Each band includes the rows beyond its border that the network reaches, so there are no seams.
    """
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    large = np.empty((height * SCALE, width * SCALE, 3), np.uint8)
    for top in range(0, height, BAND_ROWS):
        start = max(top - upscaler.receptive_radius, 0)
        end = min(top + BAND_ROWS + upscaler.receptive_radius, height)
        *_, band = upscaler.run(small[start:end])
        assert band is not None
        inner = band[(top - start) * SCALE :][: min(BAND_ROWS, height - top) * SCALE]
        large[top * SCALE : top * SCALE + len(inner)] = _to_uint8(inner)
        reporter.step("enlarging")
    return large


# --- pixels -----------------------------------------------------------------------------------------


def _to_uint8(picture: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.clip(picture, 0.0, 1.0) * 255), np.uint8)


def _resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (h, w, 3) uint8 to height x width: by area averages to shrink, by Lanczos resampling to enlarge."""
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation))
