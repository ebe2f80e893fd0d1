"""Edits of an object, the part of a picture under a mask: move, copy or bend it with its lines and colors.

A `Placement` says where an object goes. Lines move exactly. Colors move in the small picture (base colors plus
detail): the base cells under the object get the means of its colors, and the encoder codes the detail of all changed
cells again. If the encoder cannot run (`can_refit`), these cells lose their detail, with a warning.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from codec.editing import edits
from codec.editing.cells import coverage, inpaint_cells, resample_cells
from codec.editing.edits import erase_strokes, resketch
from codec.editing.join import join_gaps
from codec.errors import InvalidLayer, ModelMissing
from codec.grid_shape import grid_shape
from codec.layers import Layers
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap
from codec.texture.detail_grid import MAX_DETAIL_CELLS, MIN_DETAIL_CELLS, PIXELS_PER_CELL
from codec.texture.repaint import smallest_repaint
from codec.texture.small_picture import enlarge, to_ycbcr

MAX_FACTOR: Final = 50.0  # largest factor by which a placement may enlarge or shrink an object
_PLAIN_CELLS: Final = 16  # 8-pixel cells on the longer side of the small picture, for colors without detail
_MIN_ALPHA: Final = 0.05  # opacity from which a pixel belongs to an object
_HOLE_ALPHA: Final = 0.2  # opacity of the removed object from which a pixel is filled
_VISIBLE: Final = 3 << 6  # difference of a pixel from which its cell's detail is coded again, 1.0 == 2^14
_BEND_STEPS: Final = 12
_WALL_THICKNESS: Final = 1.2  # pixels of the small picture: lines that filled colors do not cross
_WALL_COVERAGE: Final = 100  # of 255
_ERASED_SHARE: Final = 0.97  # maximum size after erasing, relative to the size before
_REACH: Final = 4  # 8-pixel cells; the detail may change up to this distance from an object
_MIN_BASE_COVERAGE: Final = 0.25  # share of a base cell from which it takes the picture's mean


@dataclass(frozen=True, eq=False)
class Placement:
    """The new place of an object, as a map of its points in pixels: first a bend, then an affine transform.

    `matrix`: (2, 3) float64, (x, y) -> matrix @ (x, y, 1). `center`, `shift`, `radius`: the bend moves points by up to
    `shift`: most at `center`, less farther away, not at all beyond `radius`; radius 0 means no bend. Raises
    `InvalidLayer` for values that are not finite, and for a matrix that shrinks, enlarges or flattens by more than
    `MAX_FACTOR`.
    """

    matrix: np.ndarray
    center: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)
    radius: float = 0.0

    def __post_init__(self) -> None:
        numbers = [*np.asarray(self.matrix, np.float64).reshape(-1).tolist(), *self.center, *self.shift, self.radius]
        if np.shape(self.matrix) != (2, 3) or not all(math.isfinite(v) and abs(v) <= 1e6 for v in numbers):
            raise InvalidLayer("an object's place must be a matrix of 2 x 3 finite numbers")
        scales = np.linalg.svd(np.asarray(self.matrix, np.float64)[:, :2], compute_uv=False)
        if scales[1] < 1 / MAX_FACTOR or scales[0] > MAX_FACTOR:
            raise InvalidLayer(f"an object can be scaled by 1/{MAX_FACTOR:.0f} to {MAX_FACTOR:.0f}")
        if self.radius < 0 or math.hypot(*self.shift) > max(self.radius, 0):
            raise InvalidLayer("an object can be bent by at most its radius")

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Map points of the object to their new place: (N, 2) of x, y in pixels, both."""
        matrix = np.asarray(self.matrix, np.float64)
        bent = points + self._weights(points) * np.array(self.shift)
        return np.asarray(bent @ matrix[:, :2].T + matrix[:, 2])

    def backward(self, points: np.ndarray) -> np.ndarray:
        """Map points of the new place back to the object: (N, 2) of x, y in pixels, both."""
        matrix = np.asarray(self.matrix, np.float64)
        bent = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
        if not self.radius:
            return np.asarray(bent)
        unbent = bent
        for _ in range(_BEND_STEPS):  # fixed-point iteration
            unbent = (unbent + bent - self._weights(unbent) * np.array(self.shift)) / 2
        return np.asarray(unbent)

    def _weights(self, points: np.ndarray) -> np.ndarray:
        """Return the fraction of `shift` by which the bend moves each point: (N, 1) in 0..1."""
        if not self.radius:
            return np.zeros((len(points), 1))
        squared = ((points - np.array(self.center)) ** 2).sum(1, keepdims=True) / self.radius**2
        return np.asarray(np.maximum(1 - squared, 0) ** 2)


def move(layers: Layers, mask: np.ndarray, placement: Placement, *, keep: bool = False) -> Layers:
    """Move the object under a mask: its lines, colors and detail; what was behind it is filled.

    `mask`: (height, width) bool. `keep`: copy the object instead of moving it. Strokes that leave the mask are cut at
    its border. Raises `InvalidLayer` for a mask of another size or type.
    """
    check_mask(layers, mask)
    outside = layers.structure
    if isinstance(outside, Sketch) and not keep:
        outside = join_behind(erase_strokes(outside, mask), layers, mask, placement)
    cleared = replace(layers, structure=outside)
    moved = place_colors(cleared, layers, mask, placement, keep=keep)
    if not isinstance(layers.structure, Sketch) or not isinstance(outside, Sketch):
        return with_layers(layers, layers.structure, moved)
    width, height = layers.width, layers.height
    inside = erase_strokes(layers.structure, ~mask).points(width, height)
    placed = [placement.forward(points) for points in inside]
    structure = resketch(cleared, [*placed, *outside.points(width, height)]).structure
    return with_layers(layers, structure, moved)


def erase(layers: Layers, mask: np.ndarray) -> Layers:
    """Erase the object under a mask like `edits.erase`; surrounding colors and detail continue into it, up to lines.

    The file becomes smaller. If the mask cuts lines into many pieces, it may become larger by a few bytes.
    """
    erased = edits.erase(layers, mask)
    texture = layers.texture
    if texture is None or texture.detail is None or mask.all() or not mask.any():
        return erased
    available = layers.sizes().total - replace(erased, texture=None).sizes().total
    max_bytes = int(_ERASED_SHARE * min(len(texture.to_bytes()), max(available, 0)))
    filled = replace_pixels(layers, *_filled(erased, layers, mask), max_bytes)
    return with_layers(layers, erased.structure, filled)


def place_colors(
    layers: Layers, source: Layers, mask: np.ndarray, placement: Placement, *, keep: bool
) -> Colormap | None:
    """Return the texture of `layers` with the colors of an object of `source` placed over it.

    `mask`: (height, width) bool over the source. `placement`: from the source's pixels to those of `layers`. `keep`: if
    False, the old place of the object is filled, up to the lines of `layers`; the source must then have the same size.
    Returns None if there are no colors.
    """
    check_mask(source, mask)
    if layers.texture is None or source.texture is None:
        return layers.texture
    old = small_picture(layers)
    picture, touched = (old, np.zeros(old.shape[:2], bool)) if keep else _filled(layers, layers, mask)
    color, alpha = _placed(layers, source, mask, placement, *old.shape[:2])
    mixed = picture * (1 - alpha[..., None]) + color * alpha[..., None]
    touched = touched | (alpha > _MIN_ALPHA)
    return replace_pixels(layers, np.rint(mixed).astype(np.uint8), touched, len(layers.texture.to_bytes()))


def join_behind(sketch: Sketch, layers: Layers, mask: np.ndarray, placement: Placement) -> Sketch:
    """Return the sketch with its lines joined (`join_gaps`) where the object was and no longer is.

    `sketch`: the lines without the object. `mask`: (height, width) bool, where the object was.
    """
    check_mask(layers, mask)
    size = np.array([layers.width, layers.height])
    x, y = np.meshgrid((np.arange(sketch.cols) + 0.5) / sketch.cols, (np.arange(sketch.rows) + 0.5) / sketch.rows)
    places = np.stack([x.ravel(), y.ravel()], 1) * size

    def is_under(points: np.ndarray) -> np.ndarray:
        inside = ((points >= 0) & (points < size)).all(1)
        col, row = np.clip(points, 0, size - 1).astype(int).T
        return np.asarray((mask[row, col] & inside).reshape(sketch.rows, sketch.cols))

    return join_gaps(sketch, is_under(places) & ~is_under(placement.backward(places)))


def with_layers(layers: Layers, structure: Sketch | Pose | None, texture: Colormap | None) -> Layers:
    """Return the layers with these structure and texture layers; extensions are kept or dropped as by `edits`."""
    return edits.swap_texture(
        edits.swap_structure(layers, replace(layers, structure=structure)), replace(layers, texture=texture)
    )


def _filled(lines: Layers, layers: Layers, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the small picture with the area under the mask filled from around it, up to the lines of `lines`.

    Also returns the mask of the filled pixels, (rows, cols) bool.
    """
    old = small_picture(layers)
    hole = coverage(mask, *old.shape[:2]) > _HOLE_ALPHA
    walls = None
    if isinstance(lines.structure, Sketch) and lines.structure.strokes:
        walls = lines.structure.render(old.shape[1], old.shape[0], _WALL_THICKNESS)[..., 0] > _WALL_COVERAGE
    return inpaint_cells(old, hole, walls), hole


def replace_pixels(before: Layers, picture: np.ndarray, touched: np.ndarray, max_bytes: int) -> Colormap | None:
    """Return the texture of `before` with the touched pixels of its small picture replaced, in about `max_bytes`."""
    texture = before.texture
    assert texture is not None
    if not touched.any():
        return texture
    recolored = _with_base_of(texture, picture, touched)
    if texture.detail is None:
        return recolored
    if not can_refit():
        warnings.warn("detail of the changed colors was cleared: the encoder's weights are missing", stacklevel=2)
        return replace(recolored, detail=texture.detail.cleared(_any_in_cells(touched)))
    from codec.encoder.colormap.fit_detail import refit_detail

    old = texture.small_picture(texture.detail.rows, texture.detail.cols)
    changed = _changed_cells(old, picture, texture, recolored) & _near(touched)
    return refit_detail(picture, recolored, changed, max_bytes)


def can_refit() -> bool:
    """Return whether detail can be coded again: that needs PyTorch and the encoder's weights."""
    try:
        from codec.encoder.colormap.detail_model import load_codec

        load_codec()
    except (ImportError, ModelMissing):
        return False
    return True


def small_picture(layers: Layers) -> np.ndarray:
    """Return the small picture of a texture: (8 rows, 8 cols, 3) uint8 sRGB."""
    assert layers.texture is not None
    return layers.texture.small_picture(*_small_shape(layers))


def check_mask(layers: Layers, mask: np.ndarray) -> None:
    """Raise `InvalidLayer` unless the mask is (height, width) bool."""
    if mask.shape != (layers.height, layers.width) or mask.dtype != bool:
        raise InvalidLayer(f"the mask must be ({layers.height}, {layers.width}) bool")


def _small_shape(layers: Layers) -> tuple[int, int]:
    """Return the rows and columns of 8-pixel cells of the small picture."""
    texture = layers.texture
    if texture is not None and texture.detail is not None:
        return texture.detail.rows, texture.detail.cols
    return grid_shape(layers.width, layers.height, _PLAIN_CELLS, MIN_DETAIL_CELLS, MAX_DETAIL_CELLS)


def _placed(
    layers: Layers, source: Layers, mask: np.ndarray, placement: Placement, rows: int, cols: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the object's colors, (rows, cols, 3), and its opacity, (rows, cols) in 0..1, in the small picture."""
    picture = small_picture(source).astype(np.float64)
    alpha = coverage(mask, *picture.shape[:2])
    scale = np.array([layers.width / cols, layers.height / rows])
    x, y = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    places = placement.backward(np.stack([x.ravel(), y.ravel()], 1) * scale)
    places = places * [picture.shape[1] / source.width, picture.shape[0] / source.height] - 0.5
    sampled = _sample(np.concatenate([picture * alpha[..., None], alpha[..., None]], 2), places)
    opacity = sampled[:, 3]
    color = sampled[:, :3] / np.maximum(opacity, 1e-6)[:, None]
    return color.reshape(rows, cols, 3), opacity.reshape(rows, cols)


def _sample(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return (N, channels) samples by linear interpolation at (N, 2) x, y in pixels; 0 outside the picture."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    limit = np.array([values.shape[1], values.shape[0]])
    inside = np.clip(places, -1, limit) + 1
    left_top = np.minimum(np.floor(inside).astype(int), limit)
    fx, fy = (inside - left_top).T[..., None]
    x, y = left_top.T
    top = padded[y, x] * (1 - fx) + padded[y, x + 1] * fx
    bottom = padded[y + 1, x] * (1 - fx) + padded[y + 1, x + 1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy)


def _with_base_of(texture: Colormap, picture: np.ndarray, touched: np.ndarray) -> Colormap:
    """Return the texture whose base cells under the touched pixels have the means of the picture."""
    cells = texture.cells
    means = resample_cells(picture, texture.rows, texture.cols)
    share = resample_cells(np.repeat(touched[..., None], 3, 2) * np.uint8(255), texture.rows, texture.cols)[..., 0]
    mixed = np.where((share > 255 * _MIN_BASE_COVERAGE)[..., None], means, cells)
    return smallest_repaint(texture, mixed)


def _near(touched: np.ndarray) -> np.ndarray:
    """Return the cells of 8 x 8 pixels within `_REACH` cells of a touched pixel, (rows, cols) bool."""
    cells = _any_in_cells(touched)
    for axis in (0, 1):
        size = cells.shape[axis]
        padded = np.pad(cells, [(_REACH, _REACH) if a == axis else (0, 0) for a in (0, 1)])
        cells = np.logical_or.reduce([np.take(padded, range(k, k + size), axis) for k in range(2 * _REACH + 1)])
    return cells


def _any_in_cells(pixels: np.ndarray) -> np.ndarray:
    """Return which cells of 8 x 8 pixels have a set pixel, (rows, cols) bool."""
    height, width = pixels.shape
    shape = height // PIXELS_PER_CELL, PIXELS_PER_CELL, width // PIXELS_PER_CELL, PIXELS_PER_CELL
    return np.asarray(pixels.reshape(shape).any((1, 3)))


def _changed_cells(old: np.ndarray, new: np.ndarray, before: Colormap, after: Colormap) -> np.ndarray:
    """Return the cells of the detail whose residual changed, (rows, cols) bool."""
    height, width = old.shape[:2]
    residuals = [
        to_ycbcr(picture) - enlarge(texture.cells, height, width) for picture, texture in ((old, before), (new, after))
    ]
    return _any_in_cells((np.abs(residuals[1] - residuals[0]) > _VISIBLE).any(0))
