"""Which strokes matter most: greedy cover of the edge map, by newly covered edge for each bit."""
from __future__ import annotations

import heapq

import numpy as np

from codec.extract.fit import Lattice
from codec.extract.rates import stroke_bits

_DISC = [(dx, dy) for dy in range(-2, 3) for dx in range(-2, 3) if dx * dx + dy * dy <= 4]


def order(
    chains: list[np.ndarray], lattice: Lattice, weights: np.ndarray, stray: float = 0.3, least: float = 3.0
) -> list[int]:
    """Indices of `chains`, most important first; chains that add next to nothing are left out.

    chains: (M, 2) int arrays of (x, y) cells. weights: (h, w) float32, what covering each pixel is
    worth: 0 off the thin edge map. A chain covers what lies within 2 px of it; every pixel of its
    length with nothing to cover within 2 px costs `stray`. A chain must newly cover `least` in all.
    """
    if not chains:
        return []
    owner, pixel, off = _cover(chains, lattice, weights)
    starts = np.searchsorted(owner, np.arange(len(chains) + 1))
    bits = stroke_bits(np.array([len(chain) for chain in chains])).tolist()
    worth = weights.ravel().copy()

    def gain(i: int) -> float:
        covered = float(worth[pixel[starts[i] : starts[i + 1]]].sum())
        return (covered - stray * off[i]) / bits[i] if covered >= least else 0.0

    heap = [(-gain(i), i) for i in range(len(chains))]
    heapq.heapify(heap)
    out = []
    while heap:  # lazy greedy: a gain can only shrink, so a fresh one that still leads is the best
        _, i = heapq.heappop(heap)
        now = gain(i)
        if now <= 0:
            continue
        if heap and now < -heap[0][0] - 1e-9:
            heapq.heappush(heap, (-now, i))
            continue
        out.append(i)
        worth[pixel[starts[i] : starts[i + 1]]] = 0
    return out


def _cover(
    chains: list[np.ndarray], lattice: Lattice, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each chain covers as sorted pairs (chain, flat pixel), and its stray pixels: (P,), (P,), (chains,)."""
    points, owner = samples(chains, lattice)
    height, width = weights.shape
    x = np.clip(np.round(points[:, 0]).astype(np.int64), 0, width - 1)
    y = np.clip(np.round(points[:, 1]).astype(np.int64), 0, height - 1)
    # One entry for each chain and pixel of its line, then the line's surroundings.
    line = np.unique(owner * (height * width) + y * width + x)
    owner, at = np.divmod(line, height * width)
    y, x = np.divmod(at, width)
    pairs, near = [], np.zeros(len(line), bool)
    for dx, dy in _DISC:
        px, py = x + dx, y + dy
        hit = (px >= 0) & (py >= 0) & (px < width) & (py < height)
        flat = np.where(hit, py * width + px, 0)
        hit &= weights.ravel()[flat] > 0
        near |= hit
        pairs.append(owner[hit] * (height * width) + flat[hit])
    covered = np.unique(np.concatenate(pairs))
    off = np.bincount(owner[~near], minlength=len(chains))
    owner, pixel = np.divmod(covered, height * width)
    return owner, pixel, off


def samples(chains: list[np.ndarray], lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Points along each chain as it will be drawn (smoothed once by [1 2 1] / 4, ends fixed), closer
    than a pixel: (P, 2) float pixel indices and (P,) int, the chain of each."""
    sizes = np.array([len(c) for c in chains])
    raw = lattice.centres(np.concatenate(chains)).astype(np.float64)
    last = np.cumsum(sizes) - 1
    inner = np.ones(len(raw), bool)
    inner[last] = inner[last - sizes + 1] = False
    drawn = raw.copy()
    inside = np.flatnonzero(inner)
    drawn[inside] = (raw[inside - 1] + 2 * raw[inside] + raw[inside + 1]) / 4
    begin = np.delete(np.arange(len(raw)), last)
    owner = np.repeat(np.arange(len(chains)), sizes - 1)
    count = int(np.ceil(1.5 * max(lattice.pitch))) + 1
    share = np.arange(count + 1)[:, None, None] / count
    points = drawn[begin] + share * (drawn[begin + 1] - drawn[begin])
    return points.reshape(-1, 2), np.tile(owner, count + 1)
