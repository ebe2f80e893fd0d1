"""Chains of 8-connected lattice cells: what strokes are, and how curves become them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

Point = tuple[int, int]
Stroke = tuple[Point, ...]

# Directions 0..7 counter-clockwise from east (Freeman 1974); y points down.
STEPS: Final[tuple[Point, ...]] = ((1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1))
DIRECTION: Final = {step: index for index, step in enumerate(STEPS)}


def is_chain(stroke: Sequence[Point]) -> bool:
    """Is each point a neighbor of the one before, and no step the reverse of its last?"""
    headings = [DIRECTION.get((b[0] - a[0], b[1] - a[1]), -1) for a, b in zip(stroke, stroke[1:], strict=False)]
    turns = zip(headings, headings[1:], strict=False)
    return -1 not in headings and all((b - a) % 8 != 4 for a, b in turns)


def smooth(points: np.ndarray) -> np.ndarray:
    """(N, 2) points averaged [1 2 1]/4 along the chain, ends kept."""
    if len(points) < 3:
        return points
    inner = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    return np.concatenate([points[:1], inner, points[-1:]])


def snap(positions: np.ndarray) -> list[Stroke]:
    """Strokes along a curve given in lattice units, where cell i spans i..i+1."""
    cells = [(int(x), int(y)) for x, y in positions]
    centerd = bool((np.abs(positions - np.floor(positions) - 0.5) < 0.01).all())
    if not (centerd and len(cells) >= 2 and is_chain(cells)):
        cells = _trace(_densify(positions))
    pieces: list[list[Point]] = [cells[:1]]
    for point in cells[1:]:
        piece = pieces[-1]
        if len(piece) >= 2 and point == piece[-2]:  # turns back
            pieces.append([piece[-1]])
        pieces[-1].append(point)
    return [tuple(piece) for piece in pieces if len(piece) >= 2]


def _densify(positions: np.ndarray) -> np.ndarray:
    """Points at most a quarter of a cell apart on the same polyline."""
    out = [positions[:1]]
    for a, b in zip(positions, positions[1:], strict=False):
        count = int(np.ceil(np.abs(b - a).max() * 4))
        if count:
            out.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(out)


def _trace(positions: np.ndarray) -> list[Point]:
    """The cells along a dense curve, as a chain without corners that a diagonal step can cut."""
    out: list[Point] = []
    for x, y in positions:
        cell = (int(x), int(y))
        off_center = max(abs(x - cell[0] - 0.5), abs(y - cell[1] - 0.5))
        if out and cell == out[-1]:
            continue
        neighbor = bool(out) and max(abs(cell[0] - out[-1][0]), abs(cell[1] - out[-1][1])) == 1
        if neighbor and off_center > 0.4:  # brushes a corner: wait for a firmer reading
            continue
        while len(out) >= 2 and max(abs(cell[0] - out[-2][0]), abs(cell[1] - out[-2][1])) == 1 and cell != out[-2]:
            out.pop()
        if out and not neighbor:
            out += _line(out[-1], cell)
        elif not out or cell != out[-1]:
            out.append(cell)
    return out


def _line(a: Point, b: Point) -> list[Point]:
    """The cells after `a` on a straight line to `b`."""
    steps = max(abs(b[0] - a[0]), abs(b[1] - a[1]))
    return [
        (a[0] + round((b[0] - a[0]) * i / steps), a[1] + round((b[1] - a[1]) * i / steps)) for i in range(1, steps + 1)
    ]
