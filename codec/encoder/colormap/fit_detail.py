"""The detail of a picture within a byte budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from codec.texture.colormap import Colormap
from codec.texture.detail import Detail
from codec.texture.detail_grid import detail_shape

LONGER_CELLS: Final = ((350, 14), (900, 16), (1300, 20))  # (bytes of the texture, cells) up to so many bytes
MAX_CELLS: Final = 24  # beyond
_OVERSHOOT: Final = 1.12  # rounded latents may take this multiple of the bits, before the search
_END_BITS: Final = 14  # of the header and the end of the payload


def fit_detail(pixels: np.ndarray, base: Colormap, max_bytes: int) -> Colormap:
    """Return the base colors with the best detail whose payload has at most `max_bytes`.

    `pixels`: (H, W, 3) uint8 sRGB. The base is returned unchanged if no detail fits or the picture has
    none. Raises `ModelMissing` if the
    weights of the encoder are absent or damaged.
    """
    bare = replace(base, detail=None)
    available = max_bytes - len(bare.to_bytes())
    max_bits = 8 * available - _END_BITS
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


def longer_cells(max_bytes: int, longer_side: int) -> int:
    """Return the cells of the detail's grid on the longer side: more for more bytes, but 8 pixels or more each."""
    cells = next((cells for limit, cells in LONGER_CELLS if max_bytes <= limit), MAX_CELLS)
    return min(cells, max(2, -(-longer_side // 8)))
