"""Trace curves in a thin edge map: through junctions, joined over small gaps, and smoothed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

# The eight directions counterclockwise from east, as (dy, dx). Odd directions are diagonal.
_STEPS: Final = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
# The angle between two directions, 0..4 eighths of a turn.
_ANGLE: Final = tuple(tuple(abs((a - b + 12) % 8 - 4) for b in range(8)) for a in range(8))
_TANGENT_POINTS: Final = 8  # distance, in points, over which the tangent at an end of a piece is measured
MAX_CURVES: Final = 1500  # the longest curves are kept; bounds the time for noisy pictures


class Joining(NamedTuple):
    """Limits for joining ends of pieces, in pixels.

    gap: maximum distance of ends that continue each other. corner: maximum distance of ends that turn a corner, <= gap.
    """

    gap: float
    corner: float


_NO_POINTS: Final = np.zeros((0, 2), np.float32)

DEFAULT_JOINING: Final = Joining(14.0, 0.0)
# The encoder chooses between these joinings for each curve, since the best one depends on the other strokes.
JOININGS: Final = (DEFAULT_JOINING, Joining(24.0, 0.0), Joining(14.0, 6.0), Joining(14.0, 12.0))


Path = tuple[int, ...]
"""A curve of joined pieces: the number of the end at which each piece is entered (see `_match_ends`)."""


class Piece(NamedTuple):
    """A traced curve, (N, 2) float64 of (x, y), and for each end whether it touches another curve."""

    points: np.ndarray
    touches: tuple[bool, bool]


def trace_curves(
    edges: np.ndarray, joining: Joining = DEFAULT_JOINING, min_points: int = 8, sigma: float = 1.0
) -> list[np.ndarray]:
    """Return the curves of a thin edge map.

    edges: (h, w) bool, one pixel wide. Curves run straight on through junctions; ends are joined as far as `joining`
    allows; curves of fewer than `min_points` points are dropped; points are smoothed with a Gaussian of `sigma` points,
    with fixed ends.
    Returns a list of (N, 2) float32 arrays of (x, y) pixel indices, about a pixel apart.
    """
    return _joined_curves(_longest_pieces(edges), joining, min_points, sigma, {})


def trace_curve_sets(edges: np.ndarray, min_points: int = 8, sigma: float = 1.0) -> list[list[np.ndarray]]:
    """Return the curves of a thin edge map for each of `JOININGS`; see `trace_curves`."""
    pieces = _longest_pieces(edges)
    smoothed: dict[Path, np.ndarray] = {}
    return [_joined_curves(pieces, joining, min_points, sigma, smoothed) for joining in JOININGS]


def _longest_pieces(edges: np.ndarray) -> list[Piece]:
    return sorted(trace(edges), key=lambda piece: -len(piece.points))[:MAX_CURVES]


def _joined_curves(
    pieces: list[Piece], joining: Joining, min_points: int, sigma: float, smoothed: dict[Path, np.ndarray]
) -> list[np.ndarray]:
    """Return the smoothed curves of at least `min_points` points. `smoothed`: those of earlier calls, by their path."""
    for path in (paths := _join_paths(pieces, joining)):
        if path not in smoothed:
            curve = _path_points(pieces, path)
            smoothed[path] = smooth(curve, sigma) if len(curve) >= min_points else _NO_POINTS
    return [smoothed[path] for path in paths if len(smoothed[path])]


# --- tracing -------------------------------------------------------------------------------------


def trace(edges: np.ndarray) -> list[Piece]:
    """Return the pieces of a thin edge map, (h, w) bool; every pixel is used once.

    Pieces are traced first from free ends, then from ends that remain at junctions, then around closed loops. At a
    junction, a piece continues in the straightest direction.
    """
    tracer = _Tracer(edges)
    return [
        *tracer.trace_from(tracer.is_free_end, may_start_at_junction=False),
        *tracer.trace_from(tracer.is_unused_end, may_start_at_junction=True),
        *tracer.trace_from(lambda pixel: True, may_start_at_junction=True),
    ]


class _Tracer:
    """Traces an edge map with a border of one pixel; pixels and offsets are flat, row-major indices into it."""

    def __init__(self, edges: np.ndarray) -> None:
        height, width = edges.shape
        self.stride: int = width + 2
        padded = np.zeros((height + 2, self.stride), np.uint8)
        padded[1:-1, 1:-1] = edges
        self.is_edge: bytes = padded.tobytes()
        self.is_unused = bytearray(self.is_edge)
        self.offsets: list[int] = [dy * self.stride + dx for dy, dx in _STEPS]
        self.pixels: list[int] = np.flatnonzero(padded).tolist()

    def is_free_end(self, pixel: int) -> bool:
        """Return whether the pixel has exactly one neighbor."""
        return sum(self.is_edge[pixel + offset] for offset in self.offsets) == 1

    def is_unused_end(self, pixel: int) -> bool:
        """Return whether the pixel has at most one unused neighbor."""
        return sum(self.is_unused[pixel + offset] for offset in self.offsets) <= 1

    def trace_from(self, is_start: Callable[[int], bool], *, may_start_at_junction: bool) -> Iterator[Piece]:
        """Trace a piece from every unused pixel that is a start; pieces of up to three pixels are dropped."""
        for start in self.pixels:
            if not self.is_unused[start] or not is_start(start):
                continue
            path, direction = self._walk(start)
            touched_start = self._touched_before(path) if may_start_at_junction else None
            if touched_start is not None:
                path.insert(0, touched_start)
            touched_end = self._touched_after(path, direction)
            if touched_end is not None:
                path.append(touched_end)
            if len(path) > 3:
                y, x = np.divmod(np.array(path), self.stride)
                yield Piece(np.stack([x - 1.0, y - 1.0], 1), (touched_start is not None, touched_end is not None))

    def _walk(self, pixel: int) -> tuple[list[int], int]:
        """Follow unused pixels, straightest first, and mark them as used: (path, last direction or -1)."""
        is_unused, offsets = self.is_unused, self.offsets
        path, last, previous = [pixel], -1, -1
        is_unused[pixel] = 0
        while True:
            best, min_cost = -1, 99
            for direction in range(8):
                if is_unused[pixel + offsets[direction]]:
                    cost = direction & 1
                    if last >= 0:
                        cost += 4 * _ANGLE[direction][last] + (_ANGLE[direction][previous] if previous >= 0 else 0)
                    if cost < min_cost:
                        best, min_cost = direction, cost
            if best < 0:
                return path, last
            pixel += offsets[best]
            is_unused[pixel] = 0
            path.append(pixel)
            previous, last = last, best

    def _touched_before(self, path: list[int]) -> int | None:
        """Return the pixel of another piece that the start of the path touches, if any."""
        neighbors = [path[0] + offset for offset in self.offsets]
        touched = [n for n in neighbors if self.is_edge[n] and not self.is_unused[n] and n not in path[:3]]
        return min(touched, key=lambda pixel: abs(pixel - path[0]), default=None)

    def _touched_after(self, path: list[int], last: int) -> int | None:
        """Return the pixel of another piece that lies ahead of the path's end, if any."""
        if last < 0:
            return None
        end = path[-1]
        ahead = [d for d in range(8) if _ANGLE[d][last] <= 2 and self.is_edge[end + self.offsets[d]]]
        ahead = [d for d in ahead if end + self.offsets[d] not in path[-3:]]
        if not ahead:
            return None
        return end + self.offsets[min(ahead, key=lambda d: 2 * _ANGLE[d][last] + (d & 1))]


# --- joining -------------------------------------------------------------------------------------


def join(pieces: list[Piece], joining: Joining) -> list[np.ndarray]:
    """Join the ends of pieces by straight lines, and return the curves, (N, 2) float64 of (x, y).

    Ends up to `joining.gap` apart are joined if they continue each other, and ends up to `joining.corner` apart if the
    turn is not too sharp. The nearest and best aligned pairs are joined first.
    """
    return [_path_points(pieces, path) for path in _join_paths(pieces, joining)]


def _join_paths(pieces: list[Piece], joining: Joining) -> list[Path]:
    """Return the path of each curve that `join` returns."""
    if not pieces:
        return []
    mates = _match_ends(pieces, joining)
    used = [False] * len(pieces)
    paths = []
    for is_closed in (False, True):  # open curves from one of their free ends, then closed ones
        for first in range(len(pieces)):
            end = next((e for e in (0, 1) if is_closed or 2 * first + e not in mates), None)
            if not used[first] and end is not None:
                paths.append(_follow(mates, used, 2 * first + end))
    return paths


def _follow(mates: dict[int, int], used: list[bool], end: int | None) -> Path:
    """Return the path that starts at an end of a piece and follows mates; mark all its pieces as used."""
    path: list[int] = []
    while end is not None and not used[end // 2]:
        used[end // 2] = True
        path.append(end)
        end = mates.get(end ^ 1)
    return tuple(path)


def _path_points(pieces: list[Piece], path: Path) -> np.ndarray:
    """Return the points of a path, with straight lines between its pieces: (N, 2) float64."""
    runs: list[np.ndarray] = []
    for end in path:
        points = pieces[end // 2].points[:: -1 if end % 2 else 1]
        runs.append(_bridge(runs[-1][-1], points) if runs else points)
    return np.concatenate(runs)


def _bridge(last: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return `points` with a straight line from `last` (exclusive) in front of them."""
    distance = float(np.hypot(*(points[0] - last)))
    if distance < 0.5:
        return points[1:]
    share = np.arange(1, int(distance))[:, None] / int(distance) if distance >= 2 else np.zeros((0, 1))
    return np.concatenate([last + share * (points[0] - last), points])


def _match_ends(pieces: list[Piece], joining: Joining) -> dict[int, int]:
    """Return the mate of each joined end. End e (0 first, 1 last) of piece i has the number 2 i + e."""
    tip, tangent = _tips_and_tangents(pieces)
    touches = np.array([touch for piece in pieces for touch in piece.touches], float)
    a, b = _near_pairs(tip, joining.gap)
    offset = tip[b] - tip[a]
    distance = np.hypot(offset[:, 0], offset[:, 1])
    alignment = -(tangent[a] * tangent[b]).sum(1)  # 1: the second end continues in the direction of the first
    unit = offset / np.maximum(distance, 1e-9)[:, None]
    aim = np.minimum((tangent[a] * unit).sum(1), -(tangent[b] * unit).sum(1))  # 1: both ends point at each other
    aim = np.where(distance > 2.9, aim, 1.0)
    continues = (distance <= joining.gap) & (alignment >= 0.5) & (aim >= 0.6)
    turns = (distance <= joining.corner) & (alignment > -0.8) & (aim > -0.5)
    is_match = (continues | turns) & (a // 2 != b // 2)
    cost = distance + 6 * (1 - alignment) + 6 * (1 - aim) + 2 * (touches[a] + touches[b])
    mates: dict[int, int] = {}
    for i in np.flatnonzero(is_match)[np.argsort(cost[is_match], kind="stable")].tolist():
        if int(a[i]) not in mates and int(b[i]) not in mates:
            mates[int(a[i])], mates[int(b[i])] = int(b[i]), int(a[i])
    return mates


def _tips_and_tangents(pieces: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of each end and its outward unit tangent, (ends, 2) each."""
    tips, inner = [], []
    for points, _ in pieces:
        reach = min(_TANGENT_POINTS, len(points) - 1)
        tips += [points[0], points[-1]]
        inner += [points[reach], points[-1 - reach]]
    tip = np.array(tips)
    tangent = tip - np.array(inner)
    tangent /= np.hypot(tangent[:, 0], tangent[:, 1])[:, None] + 1e-9
    return tip, tangent


def _near_pairs(tip: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of all pairs of ends whose x differ by at most `gap`."""
    by_x = np.argsort(tip[:, 0], kind="stable")
    x = tip[by_x, 0]
    following = np.searchsorted(x, x + gap, "right") - np.arange(len(x)) - 1
    left = np.repeat(np.arange(len(x)), following)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(following) - following, following)
    return by_x[left], by_x[right]


def smooth(points: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth a curve with a Gaussian, (N, 2) -> (N, 2) float32; odd reflection keeps the ends in place."""
    reach = min(int(4 * sigma) + 1, len(points) - 1)
    if reach < 1 or sigma <= 0:
        return points.astype(np.float32)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    front = 2 * points[0] - points[reach:0:-1]
    back = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    extended = np.concatenate([front, points, back])
    return np.stack([np.convolve(extended[:, i], kernel, "valid") for i in (0, 1)], 1).astype(np.float32)
