"""Which grid and step a picture's colors get for their bytes: those that, drawn smoothly, are nearest to the picture.

More cells in coarser steps or fewer in finer ones take as many bytes. Of a few grids, each coded to the same
size, the one is taken whose cells, interpolated, differ least (CIEDE2000) from the picture, blurred to 64 cells.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from codec.color import ciede2000, oklab
from codec.editing.edits import grid
from codec.errors import BudgetTooSmall
from codec.images.io import resize_area
from codec.texture import rdoq
from codec.texture.colormap import Colormap

CELLS: Final = (6, 8, 10, 12, 14, 16, 20, 24, 28, 32)  # on the longer side
_SEEN: Final = 64  # cells on the longer side of what the picture is seen as
# Usual cells on the longer side, for the root of the bytes. Finer ones, coarsely coded, are nearer to the
# picture when they are blurred, but look blotched when they are painted.
_DENSITY: Final = 1.1
_TRIED: Final = 1  # grids to both sides of the usual one


def best(pixels: np.ndarray, share: int, most: int) -> Colormap:
    """The colormap of about `share` bytes whose grid gives the best picture; up to `most` bytes if it must.

    `pixels`: (H, W, 3) uint8 sRGB. Raises `BudgetTooSmall` where `most` bytes hold no colors.
    """
    height, width = pixels.shape[:2]
    usual = min(range(len(CELLS)), key=lambda index: abs(CELLS[index] - _DENSITY * max(share, 1) ** 0.5))
    tried = {grid(width, height, cells) for cells in CELLS[max(usual - _TRIED, 0) : usual + _TRIED + 1]}
    rows, cols = grid(width, height, _SEEN, 1, _SEEN)
    seen = ciede2000.cielab(oklab.from_srgb(resize_area(pixels, min(cols, width), min(rows, height))))

    def distance(shape: tuple[int, int]) -> float:
        search = rdoq.RDOQuantizer(resize_area(pixels, shape[1], shape[0]))
        step = search.step_for(8 * share)
        found = Colormap(*shape, step, search.levels(step, rdoq.RATIO, rdoq.ROUGH).levels, (), rdoq.RATIO)
        drawn = _smooth(oklab.from_srgb(found.cells), *seen.shape[:2])
        return float(ciede2000.difference(seen, ciede2000.cielab(drawn)).mean())

    chosen = min(sorted(tried), key=distance)
    return fitted(pixels, *chosen, share, most)


def fitted(pixels: np.ndarray, rows: int, cols: int, share: int, most: int) -> Colormap:
    """The colors of a grid in about `share` bytes, or up to `most` if it must. Raises `BudgetTooSmall`."""
    cells = resize_area(pixels, cols, rows)
    try:
        return Colormap.fit(cells, share)
    except BudgetTooSmall:
        return Colormap.fit(cells, most)


def _smooth(cells: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Cells interpolated to another grid, (rows, cols, 3)."""
    return np.einsum("yr,rcx,zc->yzx", _between(len(cells), rows), cells, _between(cells.shape[1], cols), optimize=True)


@lru_cache(maxsize=64)
def _between(count: int, wanted: int) -> np.ndarray:
    """Linear interpolation from `count` cells' centers to `wanted`: (wanted, count)."""
    at = np.clip((np.arange(wanted) + 0.5) * count / wanted - 0.5, 0, count - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(count)), 0)
