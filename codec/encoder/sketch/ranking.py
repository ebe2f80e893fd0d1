"""Which strokes matter most: greedy cover of the edge map, by newly covered edge for each bit."""

from __future__ import annotations

import heapq
from math import inf

import numpy as np

from codec.encoder.sketch.bit_cost import OVERHEAD_BITS, link_bits
from codec.encoder.sketch.chain_fitting import Lattice

_DISC = [(dx, dy) for dy in range(-2, 3) for dx in range(-2, 3) if dx * dx + dy * dy <= 4]
_SPARE = 0.4  # of the whole chain's gain a bit, what a link must gain to be kept where no price is known
_SURE = 1.5  # times the budget: what strokes may cost by estimate until there are enough
_DEAREST = 0.9  # and the most of it that a price can ask
_REST = 4.0  # times as much must be left of a chain to make a stroke of its own


def order(
    chains: list[np.ndarray],
    lattice: Lattice,
    weights: np.ndarray,
    budget: float = 0.0,
    stray: float = 0.6,
    least: float = 3.0,
) -> list[np.ndarray]:
    """The chains' worthwhile parts, most important first.

    chains: (M, 2) int arrays of (x, y) cells; several may follow the same curve, then the best is taken.
    weights: (h, w) float32, what covering each pixel is worth: 0 off the thin edge map. A chain covers
    what lies within 2 px of it; every pixel of its length with nothing to cover within 2 px costs
    `stray`. Of each chain the part is taken that newly covers most for its bits; what it leaves on either
    side may be taken later. A part must newly cover `least` in all. `budget`: bits that will be
    kept; the ends of a part must gain as much a bit as the last stroke that fits, so the strokes are
    ordered twice. 0: as much as a share of what the part gains.
    """
    if not chains:
        return []
    covers = list(zip(chains, *_cover(chains, lattice, weights, stray), strict=True))
    _, price = _greedy([_Part(*cover) for cover in covers], weights, least, 0.0, budget) if budget else ([], 0.0)
    return _greedy([_Part(*cover) for cover in covers], weights, least, price, _SURE * budget or inf)[0]


def _greedy(
    parts: list[_Part], weights: np.ndarray, least: float, price: float, budget: float
) -> tuple[list[np.ndarray], float]:
    """The best parts in turn until they take `budget` bits, and what the last one newly covers for a
    bit; 0 if there are not so many."""
    for part in parts:
        part.least, part.price = least, price
    worth = weights.ravel().copy()
    heap = [(-part.best(worth), i) for i, part in enumerate(parts)]
    heapq.heapify(heap)
    out, spent, least_paid = [], 0.0, 0.0
    while heap and spent < budget:  # lazy greedy: a gain can only shrink, so a fresh one that still leads is the best
        _, i = heapq.heappop(heap)
        now = parts[i].best(worth)
        if now <= 0:
            continue
        if heap and now < -heap[0][0] - 1e-9:
            heapq.heappush(heap, (-now, i))
            continue
        taken, *left = parts[i].split()
        out.append(taken.chain)
        least_paid = now
        spent += taken.costs[-1] + OVERHEAD_BITS
        worth[taken.pixels] = 0
        for part in left:
            part.least, part.price = _REST * least, price
            parts.append(part)
            heapq.heappush(heap, (-part.best(worth), len(parts) - 1))
    return out, least_paid if spent >= budget else 0.0


class _Part:
    """A chain, and for each of its L links: what it costs and misses, and which pixels it covers first."""

    def __init__(
        self, chain: np.ndarray, pixels: np.ndarray, links: np.ndarray, missed: np.ndarray, bits: np.ndarray
    ) -> None:
        self.chain, self.pixels, self.links = chain, pixels, links
        self.missed, self.bits = missed, bits
        self.costs = np.zeros(len(bits) + 1)
        bits.cumsum(out=self.costs[1:])
        self.first, self.last = 0, len(bits)  # the links of the best part
        self.least = self.price = 0.0  # what it must newly cover, in all and for a bit at its ends

    def best(self, worth: np.ndarray) -> float:
        """Find the part without ends that gain little, and return its gain for each bit; 0 if there is none."""
        count, costs = len(self.bits), self.costs
        covered = np.bincount(self.links, worth[self.pixels], count)
        if covered.sum() < self.least:
            return 0.0
        gain = covered - self.missed
        sums = np.zeros(count + 1)
        gain.cumsum(out=sums[1:])
        self.first, self.last = 0, count
        price = max(sums[-1] / (costs[-1] + OVERHEAD_BITS), 0.0)
        asked = min(self.price, _DEAREST * price) if self.price else _SPARE * price
        over = sums - asked * costs
        lows = np.minimum.accumulate(over)
        last = int((over[1:] - lows[:-1]).argmax()) + 1
        first = int(over[:last].argmin())
        better = (sums[last] - sums[first]) / (costs[last] - costs[first] + OVERHEAD_BITS)
        if better > price:
            self.first, self.last, price = first, last, better
        return price if sums[self.last] - sums[self.first] >= self.least else 0.0

    def split(self) -> list[_Part]:
        """The best part, and what is left before and after it."""
        sides = ((self.first, self.last), (0, self.first), (self.last, len(self.bits)))
        return [self._links(first, last) for first, last in sides if first < last]

    def _links(self, first: int, last: int) -> _Part:
        kept = (self.links >= first) & (self.links < last)
        links = self.links[kept] - first
        return _Part(
            self.chain[first : last + 1], self.pixels[kept], links, self.missed[first:last], self.bits[first:last]
        )


def _cover(
    chains: list[np.ndarray], lattice: Lattice, weights: np.ndarray, stray: float
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """For each chain: the flat pixels it covers, the link that covers each first, and for each link the
    cost of its stray pixels and its bits."""
    points, links = samples(chains, lattice)
    height, width = weights.shape
    x = np.clip(np.round(points[:, 0]).astype(np.int64), 0, width - 1)
    y = np.clip(np.round(points[:, 1]).astype(np.int64), 0, height - 1)
    sizes = np.array([len(chain) - 1 for chain in chains])
    chain_of = np.repeat(np.arange(len(chains)), sizes)
    # One entry for each chain and pixel of its line, with the first link there; then the surroundings.
    frame = height * width
    line, link = _firsts(chain_of[links] * frame + y * width + x, links)
    owner, at = np.divmod(line, frame)
    y, x = np.divmod(at, width)
    keys, whose, near = [], [], np.zeros(len(line), bool)
    flat_weights = weights.ravel()
    for dx, dy in _DISC:
        px, py = x + dx, y + dy
        hit = (px >= 0) & (py >= 0) & (px < width) & (py < height)
        flat = np.where(hit, py * width + px, 0)
        hit &= flat_weights[flat] > 0
        near |= hit
        keys.append(owner[hit] * frame + flat[hit])
        whose.append(link[hit])
    covered, link_of = _firsts(np.concatenate(keys), np.concatenate(whose))
    missed = stray * np.bincount(link[~near], minlength=len(chain_of))
    owner, pixel = np.divmod(covered, frame)
    ends = np.cumsum(sizes)
    link_of -= (ends - sizes)[owner]
    bounds = np.searchsorted(owner, np.arange(1, len(chains)))
    return (
        np.split(pixel, bounds),
        np.split(link_of, bounds),
        np.split(missed, ends[:-1]),
        np.split(link_bits(chains), ends[:-1]),
    )


def _firsts(keys: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different keys, rising, and the lowest link of each."""
    ranking = np.lexsort((links, keys))
    keys, links = keys[ranking], links[ranking]
    first = np.append(True, keys[1:] != keys[:-1])
    return keys[first], links[first]


def samples(chains: list[np.ndarray], lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Points along each chain as it will be drawn (smoothed once by [1 2 1] / 4, ends fixed), closer
    than a pixel: (P, 2) float pixel indices and (P,) int, the link of each, counted through all chains."""
    sizes = np.array([len(c) for c in chains])
    raw = lattice.centers(np.concatenate(chains)).astype(np.float64)
    last = np.cumsum(sizes) - 1
    inner = np.ones(len(raw), bool)
    inner[last] = inner[last - sizes + 1] = False
    drawn = raw.copy()
    inside = np.flatnonzero(inner)
    drawn[inside] = (raw[inside - 1] + 2 * raw[inside] + raw[inside + 1]) / 4
    begin = np.delete(np.arange(len(raw)), last)
    count = int(np.ceil(1.5 * max(lattice.pitch))) + 1
    share = np.arange(count + 1)[:, None, None] / count
    points = drawn[begin] + share * (drawn[begin + 1] - drawn[begin])
    return points.reshape(-1, 2), np.tile(np.arange(len(begin)), count + 1)
