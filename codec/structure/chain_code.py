"""Strokes as chains of 8-connected cells of a lattice (Freeman 1974), and their geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

Point = tuple[int, int]  # x, y of a cell
Stroke = tuple[Point, ...]

# the directions 0..7, counter-clockwise from east; y points down
STEPS: Final[tuple[Point, ...]] = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
DIRECTION: Final = {step: index for index, step in enumerate(STEPS)}

_CENTER_TOLERANCE: Final = 0.01  # cells
_CORNER: Final = 0.4  # cells; points farther from the center are near a corner, where the curve may only graze the cell


def is_chain(stroke: Sequence[Point]) -> bool:
    """Return whether consecutive points are neighbors and no step reverses the one before."""
    headings = [DIRECTION.get((b[0] - a[0], b[1] - a[1]), -1) for a, b in zip(stroke, stroke[1:], strict=False)]
    turns = zip(headings, headings[1:], strict=False)
    return -1 not in headings and all((b - a) % 8 != 4 for a, b in turns)


def smooth(points: np.ndarray) -> np.ndarray:
    """Return (N, 2) points smoothed along the chain by [1 2 1] / 4; the ends stay."""
    if len(points) < 3:
        return points
    inner = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    return np.concatenate([points[:1], inner, points[-1:]])


def snap(positions: np.ndarray) -> list[Stroke]:
    """Return the strokes along a curve.

    `positions`: (N, 2) of x, y in lattice units, where cell i spans i..i + 1. A curve that turns back on itself becomes
    several strokes; a curve within a single cell becomes none. The cell centers of a stroke give the same stroke again.
    """
    cells = [(int(x), int(y)) for x, y in positions]
    centered = bool((np.abs(positions - np.floor(positions) - 0.5) < _CENTER_TOLERANCE).all())
    if not (centered and len(cells) >= 2 and is_chain(cells)):
        cells = _cells_along(_densify(positions))
    strokes: list[list[Point]] = [cells[:1]]
    for cell in cells[1:]:
        stroke = strokes[-1]
        if len(stroke) >= 2 and cell == stroke[-2]:  # the curve turns back
            strokes.append([stroke[-1]])
        strokes[-1].append(cell)
    return [tuple(stroke) for stroke in strokes if len(stroke) >= 2]


def _densify(positions: np.ndarray) -> np.ndarray:
    """Return points of the same polyline that are at most a quarter of a cell apart."""
    out = [positions[:1]]
    for a, b in zip(positions, positions[1:], strict=False):
        count = int(np.ceil(np.abs(b - a).max() * 4))
        if count:
            out.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(out)


def _cells_along(positions: np.ndarray) -> list[Point]:
    """Return the cells along a dense curve as a chain, with diagonal steps instead of corners."""
    out: list[Point] = []
    for x, y in positions:
        cell = (int(x), int(y))
        off_center = max(abs(x - cell[0] - 0.5), abs(y - cell[1] - 0.5))
        if out and cell == out[-1]:
            continue
        neighbor = bool(out) and _distance(cell, out[-1]) == 1
        if neighbor and off_center > _CORNER:
            continue
        while len(out) >= 2 and _distance(cell, out[-2]) == 1:  # the cell between them is a corner
            out.pop()
        if out and not neighbor:
            out += _line(out[-1], cell)
        elif not out or cell != out[-1]:
            out.append(cell)
    return out


def _distance(a: Point, b: Point) -> int:
    """Return the number of steps between two cells."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def _line(a: Point, b: Point) -> list[Point]:
    """Return the cells on a straight line from `a`, exclusive, to `b`."""
    steps = _distance(a, b)
    return [
        (a[0] + round((b[0] - a[0]) * i / steps), a[1] + round((b[1] - a[1]) * i / steps)) for i in range(1, steps + 1)
    ]
