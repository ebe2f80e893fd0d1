"""The shape of the grid of a picture's detail."""

from __future__ import annotations

from typing import Final

MIN_DETAIL_CELLS, MAX_DETAIL_CELLS = 2, 24  # cells a side
PIXELS_PER_CELL: Final = 8  # pixels of the small picture that a cell covers, each way
DEFAULT_CELLS: Final = 16  # on the longer side: a small picture of 128 pixels


def detail_shape(width: int, height: int, longer_cells: int = DEFAULT_CELLS) -> tuple[int, int]:
    """Return (rows, columns) of the detail of a picture, with `longer_cells` on its longer side.

    Both are limited to 2..24.
    """
    longer = min(max(longer_cells, MIN_DETAIL_CELLS), MAX_DETAIL_CELLS)
    shorter = max(MIN_DETAIL_CELLS, round(longer * min(width, height) / max(width, height)))
    return (shorter, longer) if width >= height else (longer, shorter)
