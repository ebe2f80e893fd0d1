"""Change some cells of a colormap without changing the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from codec.color import ciede2000, oklab
from codec.texture.colormap import Colormap, spot_to_srgb
from codec.texture.colormap_payload import MAX_SPOT_VALUE
from codec.texture.rdoq import quantize

_MAX_SPOT_SHARE = 1 / 4  # of the cells; if more change, the whole map is quantized again


def repaint(colormap: Colormap, cells: np.ndarray) -> Colormap:
    """Return the colormap with these cells, (rows, cols, 3) uint8 sRGB; changed cells become spots.

    If more than a quarter of the cells change, or the grid has another size, the whole map is quantized again at the
    same step. A detail is kept and added to the new colors. Raises the errors of `rdoq.quantize`.
    """
    cells = np.asarray(cells)
    old = colormap.cells
    if cells.shape != old.shape or cells.dtype != old.dtype:
        return _quantize_again(colormap, cells)
    changed = np.flatnonzero((cells != old).any(2))
    if not len(changed):
        return colormap
    if len(changed) > int(_MAX_SPOT_SHARE * colormap.rows * colormap.cols):
        return _quantize_again(colormap, cells)
    spots = dict(colormap.spots)
    for cell in changed.tolist():
        spots[cell] = _nearest_spot_color(cells.reshape(-1, 3)[cell])
    return replace(colormap, spots=tuple(sorted(spots.items())))


def requantize(colormap: Colormap, cells: np.ndarray) -> Colormap:
    """Return the colormap with these cells, all quantized again at the same step: for smooth changes of many cells.

    A detail is kept.
    """
    return colormap if np.array_equal(cells, colormap.cells) else _quantize_again(colormap, cells)


def smallest_repaint(colormap: Colormap, cells: np.ndarray) -> Colormap:
    """Return the colormap with these cells, by `repaint` or `requantize`, whichever takes fewer bytes."""
    candidates = (requantize(colormap, cells), repaint(colormap, cells))
    return min(candidates, key=lambda candidate: len(replace(candidate, detail=None).to_bytes()))


def _quantize_again(colormap: Colormap, cells: np.ndarray) -> Colormap:
    return replace(quantize(cells, colormap.step, colormap.ratio), detail=colormap.detail)


def _nearest_spot_color(color: np.ndarray) -> tuple[int, int, int]:
    """Return the spot color with the smallest CIEDE2000 difference from an sRGB color, (3,) uint8."""
    rounded = (color.astype(int) * MAX_SPOT_VALUE + 127) // 255
    offsets = np.moveaxis(np.mgrid[-1:2, -1:2, -1:2], 0, -1).reshape(-1, 3)
    candidates = np.clip(rounded + offsets, 0, MAX_SPOT_VALUE)
    decoded = np.array([spot_to_srgb((r, g, b)) for r, g, b in candidates.tolist()], np.uint8)
    lab, target = (ciede2000.cielab(oklab.from_srgb(colors)) for colors in (decoded, color))
    nearest = int(ciede2000.difference(lab, np.broadcast_to(target, lab.shape)).argmin())
    r, g, b = candidates[nearest].tolist()
    return r, g, b
