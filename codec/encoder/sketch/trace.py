"""Thin edge map -> curves: through junctions, over small gaps, smoothed."""

from __future__ import annotations

import numpy as np

# The eight steps counter-clockwise from east, as (dy, dx): direction numbers of the whole module.
_STEPS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))
# How far apart two directions are, 0..4 eighths of a turn.
_APART = tuple(tuple(abs((a - b + 12) % 8 - 4) for b in range(8)) for a in range(8))
WAYS = (14.0, 0.0), (24.0, 0.0), (14.0, 6.0), (14.0, 12.0)  # gap and corner, see `join`
MOST_CURVES = 1500  # the longest stay; bounds the work on noise


def curves(edges: np.ndarray, gap: float = 14.0, shortest: int = 8, sigma: float = 1.0) -> list[np.ndarray]:
    """The curves of a thin map.

    edges: (h, w) bool, one pixel wide. Curves run straight on through junctions; ends at most `gap`
    pixels apart that point at each other are joined; curves of fewer than `shortest` points are
    dropped; points are smoothed with a Gaussian of `sigma` points, ends fixed.
    Returns a list of (N, 2) float32 arrays of (x, y) in pixel indices, about a pixel apart.
    """
    return _joined(_longest(edges), gap, 0.0, shortest, sigma)


def ways(edges: np.ndarray, shortest: int = 8, sigma: float = 1.0) -> list[list[np.ndarray]]:
    """The curves of a thin map in several ways: as `curves` gives them, then joined less or more.

    Which pays depends on what else is drawn, so a choice among them is left to who knows that.
    """
    found = _longest(edges)
    return [_joined(found, gap, corner, shortest, sigma) for gap, corner in WAYS]


def _longest(edges: np.ndarray) -> list[Piece]:
    return sorted(trace(edges), key=lambda piece: -len(piece.points))[:MOST_CURVES]


def _joined(found: list[Piece], gap: float, corner: float, shortest: int, sigma: float) -> list[np.ndarray]:
    return [smooth(curve, sigma) for curve in join(found, gap, corner) if len(curve) >= shortest]


class Piece:
    """A traced curve. points: (N, 2) float of (x, y); held: whether each end lies on another curve."""

    def __init__(self, points: np.ndarray, held: tuple[bool, bool]) -> None:
        self.points = points
        self.held = held


def trace(edges: np.ndarray) -> list[Piece]:
    """Walk the map so that every pixel is used once: from free ends first, then what junctions left,
    then closed loops. At a junction the walk takes the straightest way."""
    height, width = edges.shape
    stride = width + 2
    padded = np.zeros((height + 2, stride), np.uint8)
    padded[1:-1, 1:-1] = edges
    full = padded.tobytes()
    left = bytearray(full)
    offsets = [dy * stride + dx for dy, dx in _STEPS]
    pixels = np.flatnonzero(padded).tolist()
    pieces = []
    for phase in range(3):
        for start in pixels:
            if not left[start]:
                continue
            if phase == 0 and sum(full[start + o] for o in offsets) != 1:
                continue
            if phase == 1 and sum(left[start + o] for o in offsets) > 1:
                continue
            path, last = _walk(left, offsets, start)
            held_a = held_b = False
            if phase > 0:
                before = [o for o in offsets if full[start + o] and not left[start + o] and start + o not in path[:3]]
                if before:
                    held_a = True
                    path.insert(0, start + min(before, key=abs))
            if last >= 0:
                after = [k for k in range(8) if _APART[k][last] <= 2 and full[path[-1] + offsets[k]]]
                after = [k for k in after if path[-1] + offsets[k] not in path[-3:]]
                if after:
                    held_b = True
                    path.append(path[-1] + offsets[min(after, key=lambda k: 2 * _APART[k][last] + (k & 1))])
            if len(path) > 3:
                y, x = np.divmod(np.array(path), stride)
                pieces.append(Piece(np.stack([x - 1.0, y - 1.0], 1), (held_a, held_b)))
    return pieces


def _walk(left: bytearray, offsets: list[int], at: int) -> tuple[list[int], int]:
    """Follow unused pixels from `at`, straightest first, using them up: (path, last direction or -1)."""
    path, last, before = [at], -1, -1
    left[at] = 0
    while True:
        best, best_score = -1, 99
        for k in range(8):
            if left[at + offsets[k]]:
                score = k & 1
                if last >= 0:
                    score += 4 * _APART[k][last] + (_APART[k][before] if before >= 0 else 0)
                if score < best_score:
                    best, best_score = k, score
        if best < 0:
            return path, last
        at += offsets[best]
        left[at] = 0
        path.append(at)
        before, last = last, best


def join(pieces: list[Piece], gap: float, corner: float = 0.0) -> list[np.ndarray]:
    """Join ends that are at most `gap` pixels apart and continue each other, or at most `corner` (<= gap)
    apart if the turn is not too sharp: nearest and best-aligned pairs first. Returns (N, 2) float arrays;
    a gap is filled by a straight run."""
    if not pieces:
        return []
    mates = _mates(pieces, gap, corner)
    used = [False] * len(pieces)
    out = []
    for closed in (False, True):  # open chains from one of their free ends, then rings
        for first in range(len(pieces)):
            end = next((e for e in (0, 1) if closed or 2 * first + e not in mates), None)
            if used[first] or end is None:
                continue
            run: list[np.ndarray] = []
            piece = first
            while not used[piece]:
                used[piece] = True
                points = pieces[piece].points[:: -1 if end else 1]
                if run:
                    points = _bridge(run[-1][-1], points)
                run.append(points)
                mate = mates.get(2 * piece + 1 - end)
                if mate is None:
                    break
                piece, end = divmod(mate, 2)
            out.append(np.concatenate(run))
    return out


def _bridge(last: np.ndarray, points: np.ndarray) -> np.ndarray:
    """`points` with a straight run from `last` (not included) in front of it."""
    distance = float(np.hypot(*(points[0] - last)))
    if distance < 0.5:
        return points[1:]
    share = np.arange(1, int(distance))[:, None] / int(distance) if distance >= 2 else np.zeros((0, 1))
    return np.concatenate([last + share * (points[0] - last), points])


def _mates(pieces: list[Piece], gap: float, corner: float) -> dict[int, int]:
    """Which end continues in which: end e (0 first, 1 last) of piece i is number 2 i + e."""
    tips, inner = [], []
    for piece in pieces:
        p, reach = piece.points, min(8, len(piece.points) - 1)
        tips += [p[0], p[-1]]
        inner += [p[reach], p[-1 - reach]]
    tip = np.array(tips)
    out = tip - np.array(inner)
    out /= np.hypot(out[:, 0], out[:, 1])[:, None] + 1e-9
    held = np.array([h for piece in pieces for h in piece.held], float)

    # Every pair whose x differ by `gap` at most, from the ends sorted by x.
    by_x = np.argsort(tip[:, 0], kind="stable")
    x = tip[by_x, 0]
    following = np.searchsorted(x, x + gap, "right") - np.arange(len(x)) - 1
    left = np.repeat(np.arange(len(x)), following)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(following) - following, following)
    a, b = by_x[left], by_x[right]
    way = tip[b] - tip[a]
    distance = np.hypot(way[:, 0], way[:, 1])
    straight = -(out[a] * out[b]).sum(1)  # 1: the second end goes on in the first one's direction
    unit = way / np.maximum(distance, 1e-9)[:, None]
    aimed = np.where(distance > 2.9, np.minimum((out[a] * unit).sum(1), -(out[b] * unit).sum(1)), 1.0)
    good = (distance <= gap) & (straight >= 0.5) & (aimed >= 0.6)
    good |= (distance <= corner) & (straight > -0.8) & (aimed > -0.5)
    good &= a // 2 != b // 2
    score = distance + 6 * (1 - straight) + 6 * (1 - aimed) + 2 * (held[a] + held[b])
    mates: dict[int, int] = {}
    for i in np.flatnonzero(good)[np.argsort(score[good], kind="stable")].tolist():
        if int(a[i]) not in mates and int(b[i]) not in mates:
            mates[int(a[i])], mates[int(b[i])] = int(b[i]), int(a[i])
    return mates


def smooth(points: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing along the curve, (N, 2) -> (N, 2) float32; odd reflection keeps the ends."""
    reach = min(int(4 * sigma) + 1, len(points) - 1)
    if reach < 1 or sigma <= 0:
        return points.astype(np.float32)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    front = 2 * points[0] - points[reach:0:-1]
    back = 2 * points[-1] - points[-2 : -reach - 2 : -1]
    extended = np.concatenate([front, points, back])
    return np.stack([np.convolve(extended[:, i], kernel, "valid") for i in (0, 1)], 1).astype(np.float32)
