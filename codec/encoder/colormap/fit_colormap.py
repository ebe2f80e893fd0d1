"""Fit a colormap to a picture within a byte budget: choose its grid, then its levels.

For the same number of bytes, a finer grid needs a coarser quantizer step. The encoder codes a few grids to about the
same size, interpolates their cells, and chooses the grid with the smallest mean CIEDE2000 difference from the picture.
They are compared at 64 cells on the longer side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from codec.color import ciede2000, oklab
from codec.errors import BudgetTooSmall
from codec.grid_shape import grid_shape
from codec.images.io import resize_area
from codec.texture import rate_control, rdoq
from codec.texture.colormap import Colormap

CELL_COUNTS: Final = (6, 8, 10, 12, 14, 16, 20, 24, 28, 32)  # candidates for the number of cells on the longer side
_REFERENCE_CELLS: Final = 64  # on the longer side of the averaged picture that candidates are compared with
# The typical number of cells on the longer side, divided by the square root of the bytes. Finer grids at coarser steps
# have a smaller difference after interpolation, but make the decoded picture blotchy.
_CELLS_PER_ROOT_BYTE: Final = 1.1
_TRIED_NEIGHBORS: Final = 1  # number of candidates tried on either side of the typical number of cells


def fit_best_grid(pixels: np.ndarray, target_bytes: int, max_bytes: int) -> Colormap:
    """Return the colormap of about `target_bytes` on the grid that approximates the picture best.

    `pixels`: (H, W, 3) uint8 sRGB. If a single color needs more than `target_bytes`, it may take up to `max_bytes`.
    Raises `BudgetTooSmall` if it needs more than that.
    """
    height, width = pixels.shape[:2]
    rows, cols = grid_shape(width, height, _REFERENCE_CELLS, 1, _REFERENCE_CELLS)
    reference = resize_area(pixels, min(cols, width), min(rows, height))
    reference_lab = ciede2000.cielab(oklab.from_srgb(reference))

    def difference(grid: tuple[int, int]) -> float:
        quantizer = rdoq.RDOQuantizer(resize_area(pixels, grid[1], grid[0]))
        step = quantizer.estimate_step(8 * target_bytes)
        colormap = quantizer.quantize(step, rounds=rdoq.PREVIEW_ROUNDS).colormap
        interpolated = _interpolate(oklab.from_srgb(colormap.cells), *reference_lab.shape[:2])
        return float(ciede2000.difference(reference_lab, ciede2000.cielab(interpolated)).mean())

    best = min(_candidate_grids(width, height, target_bytes), key=difference)
    return fit_grid(pixels, best, target_bytes, max_bytes)


def fit_grid(
    pixels: np.ndarray, grid: tuple[int, int], target_bytes: int, max_bytes: int, *, quick: bool = False
) -> Colormap:
    """Return the colormap of about `target_bytes` on a grid of (rows, columns); see `fit_best_grid`.

    `quick`: for colors that detail refines; see `rate_control.fit`.
    """
    rows, cols = grid
    cells = resize_area(pixels, cols, rows)
    try:
        return rate_control.fit(cells, target_bytes, quick=quick)
    except BudgetTooSmall:
        return rate_control.fit(cells, max_bytes, quick=quick)


def _candidate_grids(width: int, height: int, target_bytes: int) -> list[tuple[int, int]]:
    """Return the grids to try for this number of bytes, in ascending order."""
    typical = _CELLS_PER_ROOT_BYTE * max(target_bytes, 1) ** 0.5
    nearest = min(range(len(CELL_COUNTS)), key=lambda index: abs(CELL_COUNTS[index] - typical))
    candidates = CELL_COUNTS[max(nearest - _TRIED_NEIGHBORS, 0) : nearest + _TRIED_NEIGHBORS + 1]
    return sorted({grid_shape(width, height, cells) for cells in candidates})


def _interpolate(cells: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Return (r, c, 3) cells, linearly interpolated to (rows, cols, 3)."""
    vertical, horizontal = _interpolation_matrix(len(cells), rows), _interpolation_matrix(cells.shape[1], cols)
    return np.asarray(np.einsum("yr,rcx,zc->yzx", vertical, cells, horizontal, optimize=True))


@lru_cache(maxsize=64)
def _interpolation_matrix(count: int, target: int) -> np.ndarray:
    """Return the weights of linear interpolation between cell centers, (target, count)."""
    position = np.clip((np.arange(target) + 0.5) * count / target - 0.5, 0, count - 1)
    return np.asarray(np.maximum(1 - np.abs(position[:, None] - np.arange(count)), 0))
