"""Join lines that end at an erased object across the gap that it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from codec.structure.chain_code import Stroke, snap
from codec.structure.sketch import Sketch

_TANGENT: Final = 7  # points over which the direction of a stroke's end is measured
_REACH: Final = 3.0  # lattice cells from the mask within which an end counts as cut off by the object
_MAX_ANGLE: Final = 40.0  # degrees by which a joined line may turn at each end of the gap
_MIN_INSIDE: Final = 0.6  # share of a joining curve that must lie under the mask
_MAX_GAP: Final = 2.0  # distance of two strokes, as a multiple of the sum of their lengths
_CURVE_POINTS: Final = 24
_MAX_ENDS: Final = 400  # maximum number of loose ends to compare


@dataclass(frozen=True, eq=False)
class _End:
    """An end of a stroke that points at the object: its position and outward direction, in lattice units."""

    stroke: int
    length: int  # of the stroke, in points
    is_last: bool
    place: np.ndarray
    direction: np.ndarray


def join_gaps(sketch: Sketch, mask: np.ndarray) -> Sketch:
    """Return the sketch with the lines that end at the mask joined in pairs where one continues the other.

    `mask`: (height, width) bool over the picture. A joined line is one stroke, which ranks like its more important
    half. Strokes that are not joined stay unchanged.
    """
    near = _lattice_mask(mask, sketch.cols, sketch.rows)
    if not near.any():
        return sketch
    ends = _loose_ends(sketch, near)
    chains: dict[int, list[np.ndarray]] = {}  # the stroke's pieces in order, by the number of its first half
    owner = list(range(len(sketch.strokes)))
    for a, b in _pairs(ends, near):
        if owner[a.stroke] == owner[b.stroke]:  # the stroke would be closed
            continue
        _merge(sketch, chains, owner, a, b)
    if not chains:
        return sketch
    strokes: list[Stroke] = []
    for number, stroke in enumerate(sketch.strokes):
        if number in chains:
            strokes += snap(np.clip(np.concatenate(chains[number]), 0, [sketch.cols - 0.001, sketch.rows - 0.001]))
        elif owner[number] == number:
            strokes.append(stroke)
    return Sketch(sketch.cols, sketch.rows, tuple(strokes))


def _merge(sketch: Sketch, chains: dict[int, list[np.ndarray]], owner: list[int], a: _End, b: _End) -> None:
    """Join the strokes of two ends; either may already be joined at its other end."""
    first, second = owner[a.stroke], owner[b.stroke]
    head, tail = (chains.pop(n) if n in chains else [np.array(sketch.strokes[n]) + 0.5] for n in (first, second))
    if not np.array_equal(head[-1][-1], a.place):
        head = _reversed(head)
    if not np.array_equal(tail[0][0], b.place):
        tail = _reversed(tail)
    kept = min(first, second)
    chains[kept] = [*head, _curve(a, b), *tail]
    owner[:] = [kept if number in (first, second) else number for number in owner]


def _reversed(pieces: list[np.ndarray]) -> list[np.ndarray]:
    return [piece[::-1] for piece in reversed(pieces)]


def _lattice_mask(mask: np.ndarray, cols: int, rows: int) -> np.ndarray:
    """Return the mask on the lattice, (rows, cols) bool."""
    y = (np.arange(rows) + 0.5) * mask.shape[0] / rows
    x = (np.arange(cols) + 0.5) * mask.shape[1] / cols
    return np.asarray(mask[y.astype(int)[:, None], x.astype(int)[None, :]])


def _is_under(mask: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return which points, (N, 2) of x, y in lattice units, lie under the mask: (N,) bool."""
    x, y = np.floor(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    return np.asarray(inside & mask[np.clip(y, 0, mask.shape[0] - 1), np.clip(x, 0, mask.shape[1] - 1)])


def _loose_ends(sketch: Sketch, near: np.ndarray) -> list[_End]:
    """Return the ends outside the mask that lead into it within `_REACH`."""
    ends: list[_End] = []
    for number, stroke in enumerate(sketch.strokes):
        if len(stroke) < _TANGENT:
            continue
        points = np.array(stroke) + 0.5
        for is_last in (False, True):
            outward = points[-_TANGENT:] if is_last else points[:_TANGENT][::-1]
            direction = outward[-1] - outward[0]
            length = math.hypot(*direction)
            if not length:
                continue
            direction = direction / length
            ahead = outward[-1] + np.arange(1, math.ceil(_REACH) + 1)[:, None] * direction
            if not _is_under(near, outward[-1:])[0] and _is_under(near, ahead).any():
                ends.append(_End(number, len(stroke), is_last, outward[-1], direction))
    return ends[:_MAX_ENDS]


def _pairs(ends: list[_End], near: np.ndarray) -> list[tuple[_End, _End]]:
    """Return pairs of ends to join, the best first; each end is in one pair."""
    candidates: list[tuple[float, int, int]] = []
    for i, a in enumerate(ends):
        for j, b in enumerate(ends[:i]):
            cost = _cost(a, b, near) if a.stroke != b.stroke else math.inf
            if cost < math.inf:
                candidates.append((cost, i, j))
    used: set[int] = set()
    pairs = []
    for _, i, j in sorted(candidates):
        if not used & {i, j}:
            used |= {i, j}
            pairs.append((ends[j], ends[i]))
    return pairs


def _cost(a: _End, b: _End, near: np.ndarray) -> float:
    """Return the cost of joining two ends: lower if one continues the other better, infinite if it does not at all."""
    gap = b.place - a.place
    distance = math.hypot(*gap)
    if not 0 < distance <= _MAX_GAP * (a.length + b.length):
        return math.inf
    cosines = float(a.direction @ gap) / distance, float(-b.direction @ gap) / distance
    if min(cosines) < math.cos(math.radians(_MAX_ANGLE)):
        return math.inf
    if _is_under(near, _curve(a, b)).mean() < _MIN_INSIDE:
        return math.inf
    return distance * (1 + 3 * (2 - sum(cosines)))


def _curve(a: _End, b: _End) -> np.ndarray:
    """Return a cubic Hermite curve across the gap, without its ends: (N, 2) of x, y in lattice units."""
    t = np.linspace(0, 1, _CURVE_POINTS + 2)[1:-1, None]
    distance = math.hypot(*(b.place - a.place))
    start, end = distance * a.direction, -distance * b.direction
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * a.place
        + (t**3 - 2 * t**2 + t) * start
        + (3 * t**2 - 2 * t**3) * b.place
        + (t**3 - t**2) * end
    )
