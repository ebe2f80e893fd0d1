"""Fit the detail of the texture layer to a picture within a byte budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from codec.texture.colormap import Colormap
from codec.texture.detail import Detail
from codec.texture.detail_grid import detail_shape

# (maximum bytes of the texture layer, cells on the longer side of the detail's grid)
CELLS_BY_BYTES: Final = ((350, 14), (900, 16), (1300, 20))
MAX_CELLS: Final = 24  # for more bytes
_OVERSHOOT: Final = 1.12  # before the search, rounded latents may take this multiple of the available bits
_OVERHEAD_BITS: Final = 14  # for the header and the termination of the payload
_REFITS: Final = 3  # repeated searches, each with fewer bits, if the payload is too large


def fit_detail(pixels: np.ndarray, base: Colormap, max_bytes: int) -> Colormap:
    """Return the base colors with the best detail, in a payload of at most `max_bytes`.

    `pixels`: (H, W, 3) uint8 sRGB. The base is returned unchanged if no detail fits or the picture has none. Raises
    `ModelMissing` if the weights of the encoder are absent or damaged.
    """
    bare = replace(base, detail=None)
    available = max_bytes - len(bare.to_bytes())
    max_bits = 8 * available - _OVERHEAD_BITS
    if max_bits <= 0:
        return base
    from codec.encoder.colormap.detail_search import LevelSearch

    height, width = pixels.shape[:2]
    rows, cols = detail_shape(width, height, longer_cells(max_bytes, max(width, height)))
    search = LevelSearch(pixels, bare.cells, rows, cols)
    quality = search.best_quality(_OVERSHOOT * max_bits)
    levels = search.descend(quality, max_bits)
    if not levels.any():
        return base
    detail = Detail(quality, levels)
    texture = replace(bare, detail=detail.cut(available))
    while texture.detail is not None and (excess := len(texture.to_bytes()) - max_bytes) > 0:
        texture = replace(bare, detail=detail.cut(len(texture.detail.to_bytes()) - excess))
    return base if texture.detail is None else texture


def refit_detail(picture: np.ndarray, texture: Colormap, changed: np.ndarray, max_bytes: int) -> Colormap:
    """Return the texture with new detail in some cells, in at most `max_bytes`, or more if the base alone needs more.

    `picture`: the small picture to show, (8 rows, 8 cols, 3) uint8 sRGB. `changed`: (rows, cols) bool, the cells of
    the detail to fit again; the others keep their levels. Raises `ModelMissing` as `fit_detail` does.
    """
    old = texture.detail
    if old is None or not changed.any():
        return texture
    from codec.encoder.colormap.detail_search import LevelSearch

    bare = replace(texture, detail=None)
    available = max_bytes - len(bare.to_bytes())
    search = LevelSearch(np.kron(picture, np.ones((2, 2, 1), np.uint8)), texture.cells, old.rows, old.cols)
    max_bits, fitted = 8.0 * max(available, 1), None
    for _ in range(_REFITS):
        levels = np.where(changed, search.descend(old.quality, max_bits), old.levels)
        fitted = Detail(old.quality, levels) if levels.any() else None
        size = len(replace(bare, detail=fitted).to_bytes()) - len(bare.to_bytes())
        if size <= available:
            break
        max_bits *= 0.95 * max(available, 1) / size
    shorter = replace(bare, detail=fitted)
    return shorter.cut(max_bytes) if len(bare.to_bytes()) < max_bytes else bare


def longer_cells(max_bytes: int, longer_side: int) -> int:
    """Return the number of cells on the longer side of the detail's grid, each of at least 8 pixels."""
    cells = next((cells for limit, cells in CELLS_BY_BYTES if max_bytes <= limit), MAX_CELLS)
    return min(cells, max(2, -(-longer_side // 8)))
