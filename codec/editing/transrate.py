"""Transrating: fitting existing layers into fewer bytes without the source picture.

Detail is truncated, base colors get a coarser quantizer step, and the sketch is truncated.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from codec.allocation import available_bytes, base_bytes, color_bytes, sketch_bytes
from codec.editing import edits
from codec.errors import BudgetTooSmall
from codec.layers import Layers
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from codec.texture.colormap import Colormap
from codec.texture.quantizer import STEPS, dc_levels

_MIN_FILL: Final = 0.9  # share of the bytes; if a step fills less, the next finer step is used, truncated
_MIN_DETAILED_BYTES: Final = 100  # a smaller colormap has no detail
_ROUNDING: Final = (
    0.33  # rounding offset of levels; less than 1/2 gives a dead zone, since small levels are rarely worth their bits
)


def transrate(
    layers: Layers, max_bytes: int, *, max_color_bytes: int | None = None, max_sketch_bytes: int | None = None
) -> Layers:
    """Return the layers in at most `max_bytes`: colors coarsened, then the sketch truncated.

    `max_color_bytes`, `max_sketch_bytes`: limit for one of these layers; the other gets the rest. Without either, the
    bytes are shared as the encoder shares them, and layers that are small enough are returned unchanged. If prompt and
    pose leave no room, the result has no strokes and the coarsest colors, and is larger than `max_bytes`.
    """
    sizes = layers.sizes()
    is_automatic = max_color_bytes is None and max_sketch_bytes is None
    if is_automatic and sizes.total <= max_bytes:
        return layers
    available = available_bytes(layers, max_bytes)
    if max_sketch_bytes is not None and isinstance(layers.structure, Sketch):
        sketch = layers.structure.cut(min(max_sketch_bytes, max(available, 0)))
        layers = edits.swap_structure(layers, replace(layers, structure=sketch))
        texture_bytes = available - len(sketch.to_bytes())
    elif max_color_bytes is not None:
        texture_bytes = min(max_color_bytes, available)
    else:
        texture_bytes = _texture_bytes(layers, available, sizes.structure)
    layers = _with_texture_bytes(layers, texture_bytes)
    if max_color_bytes is not None and layers.texture is not None and isinstance(layers.structure, Sketch):
        remaining = available - len(layers.texture.to_bytes())  # the strokes are truncated, the colors keep their size
        sketch = layers.structure.cut(max(remaining, 0))
        layers = edits.swap_structure(layers, replace(layers, structure=sketch))
    try:
        return edits.cut(layers, max_bytes)
    except BudgetTooSmall:
        return _smallest(layers)


def _texture_bytes(layers: Layers, available: int, structure_bytes: int) -> int:
    """Return the bytes for the texture layer out of the available ones; it gets more if it has detail."""
    if layers.texture is None or layers.texture.detail is None:
        return color_bytes(available, structure_bytes)
    return available - min(structure_bytes, sketch_bytes(max(available, 0)))


def shrink(colormap: Colormap, max_bytes: int) -> Colormap:
    """Return the colormap in at most `max_bytes`: detail truncated, base colors coarsened if they exceed their share.

    For few bytes, only the base colors are kept, coarsened by `coarsen`.
    """
    if len(colormap.to_bytes()) <= max_bytes:
        return colormap
    if colormap.detail is None or max_bytes < _MIN_DETAILED_BYTES:
        return coarsen(colormap, max_bytes)
    base = coarsen(colormap, base_bytes(max_bytes))
    detail = colormap.detail.cut(max_bytes - len(base.to_bytes()))
    if detail is None or not detail.levels.any():
        return coarsen(colormap, max_bytes)
    return replace(base, detail=detail)


def coarsen(colormap: Colormap, max_bytes: int) -> Colormap:
    """Return base colors in at most `max_bytes`: a coarser step, or the next finer one, truncated.

    Detail is dropped. If not even one color fits, the smallest possible colormap is returned.
    """
    if colormap.detail is not None:
        colormap = replace(colormap, detail=None)
    if len(colormap.to_bytes()) <= max_bytes:
        return colormap
    low, high = colormap.step + 1, len(STEPS) - 1  # `high` and coarser steps fit, if any step does
    while low < high:
        middle = (low + high) // 2
        if _at_step(colormap, middle)[1] <= max_bytes:
            high = middle
        else:
            low = middle + 1
    coarser, size = _at_step(colormap, min(high, len(STEPS) - 1))
    if size > _MIN_FILL * max_bytes:  # also if it is too large at every step
        return coarser if size <= max_bytes else _cut(coarser, max_bytes)
    finer = colormap if high == colormap.step + 1 else _at_step(colormap, high - 1)[0]
    return _cut(finer, max_bytes)


def _with_texture_bytes(layers: Layers, max_bytes: int) -> Layers:
    if layers.texture is None:
        return layers
    return edits.swap_texture(layers, replace(layers, texture=shrink(layers.texture, max_bytes)))


def _smallest(layers: Layers) -> Layers:
    """Return the layers without any stroke and with the smallest colormap."""
    if isinstance(layers.structure, Sketch):
        layers = edits.swap_structure(layers, replace(layers, structure=replace(layers.structure, strokes=())))
    return _with_texture_bytes(layers, 0)


def _cut(colormap: Colormap, max_bytes: int) -> Colormap:
    """Return the truncated colormap, or one of a single color if `max_bytes` do not hold that."""
    try:
        return colormap.cut(max_bytes)
    except BudgetTooSmall:
        mean = colormap.cells.mean((0, 1), keepdims=True).astype(np.uint8)
        return rdoq.quantize(mean.repeat(2, 0).repeat(2, 1))


@lru_cache(maxsize=256)
def _at_step(colormap: Colormap, step: int) -> tuple[Colormap, int]:
    """Return the colormap at another step and its size in bytes.

    The levels are rounded without a rate-distortion search, which is fast enough for a slider.
    """
    exact = np.array(colormap.levels) * (STEPS[colormap.step] / STEPS[step])
    levels = np.sign(exact) * np.floor(np.abs(exact) + _ROUNDING)
    means = slice(0, None, colormap.rows * colormap.cols)
    levels[means] = np.rint(exact[means])
    levels[0] = min(levels[0], dc_levels(colormap.rows, colormap.cols, step, colormap.ratio) - 1)
    coarser = replace(colormap, step=step, levels=tuple(int(level) for level in levels))
    return coarser, len(coarser.to_bytes())
