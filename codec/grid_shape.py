"""The shape of a grid of roughly square cells over a picture."""

from __future__ import annotations


def grid_shape(width: int, height: int, cells: int, min_side: int = 4, max_side: int = 32) -> tuple[int, int]:
    """Return (rows, columns) of a grid of roughly square cells, with `cells` on the picture's longer side.

    Both are limited to `min_side`..`max_side`.
    """
    longer = max(width, height)
    rows, cols = (min(max(round(cells * side / longer), min_side), max_side) for side in (height, width))
    return rows, cols
