"""Rank strokes by importance: cover the edge map greedily by the gain in covered edge pixels per bit."""

from __future__ import annotations

import heapq
from math import inf
from typing import Final, NamedTuple

import numpy as np

from codec.encoder.sketch.bit_cost import OVERHEAD_BITS, link_bits
from codec.encoder.sketch.chain_fitting import Lattice

_STRAY_COST: Final = 0.6  # of a pixel of a chain with no edge near it
_MIN_GAIN: Final = 3.0  # of a stroke
_MIN_REMAINDER_GAIN: Final = 12.0  # of a stroke from the remainder of a chain that another part was taken from
_DISC: Final = [(dx, dy) for dy in range(-2, 3) for dx in range(-2, 3) if dx * dx + dy * dy <= 4]
# Minimum gain per bit of the ends of a part, relative to that of the whole part: the default, and the upper limit.
_END_SHARE: Final = 0.4
_MAX_END_SHARE: Final = 0.9
_RANKED_RATIO: Final = 1.5  # strokes are ranked until their estimated bits are this many times the budget


class Coverage(NamedTuple):
    """The pixels that a chain of L links covers, and its cost.

    Each covered pixel is assigned to the first link that covers it.
    """

    pixels: np.ndarray  # (P,) flat indices of covered pixels
    links: np.ndarray  # (P,) link of each covered pixel, 0..L - 1
    stray_cost: np.ndarray  # (L,) cost of each link's pixels that cover nothing
    bits: np.ndarray  # (L,) of each link


def rank_chains(
    chains: list[np.ndarray], lattice: Lattice, weights: np.ndarray, budget_bits: float = 0.0
) -> list[np.ndarray]:
    """Return the useful parts of the chains, most important first.

    A chain covers the edge pixels within 2 px of it. Its own pixels with no edge pixel within 2 px have a cost. Of each
    chain, the part with the largest new gain per bit is taken; the remainders on either side may be taken later.
    chains: (M, 2) int arrays of (x, y) cells; if several follow the same curve, the best one is taken.
    weights: (h, w) float32, the gain of covering each pixel, 0 off the thin edge map.
    budget_bits: number of bits that will be kept. If it is given, the chains are ranked twice: in the second ranking,
    the ends of a part need the gain per bit of the last stroke that fitted in the first. 0: the ends need a fixed share
    of the part's gain per bit.
    """
    if not chains:
        return []
    coverages = list(zip(chains, cover_chains(chains, lattice, weights), strict=True))
    end_gain_per_bit = 0.0
    if budget_bits:
        parts = [_Part(*coverage, _MIN_GAIN, 0.0) for coverage in coverages]
        end_gain_per_bit = _greedy_cover(parts, weights, budget_bits).last_gain_per_bit
    parts = [_Part(*coverage, _MIN_GAIN, end_gain_per_bit) for coverage in coverages]
    return _greedy_cover(parts, weights, _RANKED_RATIO * budget_bits or inf).chains


class _Ranking(NamedTuple):
    chains: list[np.ndarray]  # most important first
    last_gain_per_bit: float  # of the last chain; 0 if they do not use up the budget


def _greedy_cover(parts: list[_Part], weights: np.ndarray, budget_bits: float) -> _Ranking:
    """Take the part with the largest gain per bit, until the parts take `budget_bits` or no part has enough gain.

    This is the lazy greedy algorithm: gains can only shrink, so an updated gain that is still the largest is the
    maximum.
    """
    remaining = weights.ravel().copy()
    heap = [(-part.best_gain_per_bit(remaining), i) for i, part in enumerate(parts)]
    heapq.heapify(heap)
    chains: list[np.ndarray] = []
    bits, last_gain_per_bit = 0.0, 0.0
    while heap and bits < budget_bits:
        _, i = heapq.heappop(heap)
        gain_per_bit = parts[i].best_gain_per_bit(remaining)
        if gain_per_bit <= 0:
            continue
        if heap and gain_per_bit < -heap[0][0] - 1e-9:
            heapq.heappush(heap, (-gain_per_bit, i))
            continue
        best, *remainders = parts[i].split()
        chains.append(best.chain)
        last_gain_per_bit = gain_per_bit
        bits += best.cumulative_bits[-1] + OVERHEAD_BITS
        remaining[best.coverage.pixels] = 0
        for part in remainders:
            parts.append(part)
            heapq.heappush(heap, (-part.best_gain_per_bit(remaining), len(parts) - 1))
    return _Ranking(chains, last_gain_per_bit if bits >= budget_bits else 0.0)


class _Part:
    """A chain of L links with its coverage, and the range of links that is currently its best part."""

    def __init__(self, chain: np.ndarray, coverage: Coverage, min_gain: float, end_gain_per_bit: float) -> None:
        self.chain, self.coverage = chain, coverage
        self.min_gain = min_gain  # of the best part
        self.end_gain_per_bit = end_gain_per_bit  # minimum at the ends of the best part; 0 if unknown
        self.cumulative_bits = np.zeros(len(coverage.bits) + 1)
        coverage.bits.cumsum(out=self.cumulative_bits[1:])
        self.first, self.last = 0, len(coverage.bits)  # links of the best part

    def best_gain_per_bit(self, remaining: np.ndarray) -> float:
        """Find the best part, without ends of little gain, and return its gain per bit; 0 if its gain is too small.

        remaining: (pixels,) float32, the gain of covering each pixel that no stroke covers yet.
        """
        count, bits = len(self.coverage.bits), self.cumulative_bits
        covered = np.bincount(self.coverage.links, remaining[self.coverage.pixels], count)
        if covered.sum() < self.min_gain:
            return 0.0
        gain = np.zeros(count + 1)  # cumulative
        (covered - self.coverage.stray_cost).cumsum(out=gain[1:])
        self.first, self.last = 0, count
        gain_per_bit = max(gain[-1] / (bits[-1] + OVERHEAD_BITS), 0.0)
        if self.end_gain_per_bit:
            threshold = min(self.end_gain_per_bit, _MAX_END_SHARE * gain_per_bit)
        else:
            threshold = _END_SHARE * gain_per_bit
        surplus = gain - threshold * bits
        lowest = np.minimum.accumulate(surplus)
        last = int((surplus[1:] - lowest[:-1]).argmax()) + 1
        first = int(surplus[:last].argmin())
        trimmed = (gain[last] - gain[first]) / (bits[last] - bits[first] + OVERHEAD_BITS)
        if trimmed > gain_per_bit:
            self.first, self.last, gain_per_bit = first, last, trimmed
        return float(gain_per_bit) if gain[self.last] - gain[self.first] >= self.min_gain else 0.0

    def split(self) -> list[_Part]:
        """Return the best part, and the remainders before and after it."""
        remainders = ((0, self.first), (self.last, len(self.coverage.bits)))
        return [
            self._cut(self.first, self.last, self.min_gain),
            *(self._cut(first, last, _MIN_REMAINDER_GAIN) for first, last in remainders if first < last),
        ]

    def _cut(self, first: int, last: int, min_gain: float) -> _Part:
        """Return the links first..last - 1 as a part."""
        pixels, links, stray_cost, bits = self.coverage
        is_inside = (links >= first) & (links < last)
        coverage = Coverage(pixels[is_inside], links[is_inside] - first, stray_cost[first:last], bits[first:last])
        return _Part(self.chain[first : last + 1], coverage, min_gain, self.end_gain_per_bit)


def cover_chains(chains: list[np.ndarray], lattice: Lattice, weights: np.ndarray) -> list[Coverage]:
    """Return the coverage of each chain; see `rank_chains` for the arguments."""
    points, link_of_point = sample_links(chains, lattice)
    height, width = weights.shape
    x = np.clip(np.round(points[:, 0]).astype(np.int64), 0, width - 1)
    y = np.clip(np.round(points[:, 1]).astype(np.int64), 0, height - 1)
    link_counts = np.array([len(chain) - 1 for chain in chains])
    chain_of_link = np.repeat(np.arange(len(chains)), link_counts)
    # A key is a pixel of a chain: chain * frame_size + flat pixel index.
    frame_size = height * width
    line, line_link = _first_links(chain_of_link[link_of_point] * frame_size + y * width + x, link_of_point)
    covered, covered_link, is_stray = _dilate(line, line_link, weights)
    stray_cost = _STRAY_COST * np.bincount(line_link[is_stray], minlength=len(chain_of_link))
    chain_of_pixel, pixel = np.divmod(covered, frame_size)
    link_ends = np.cumsum(link_counts)
    covered_link -= (link_ends - link_counts)[chain_of_pixel]
    pixel_bounds = np.searchsorted(chain_of_pixel, np.arange(1, len(chains)))
    return [
        Coverage(*parts)
        for parts in zip(
            np.split(pixel, pixel_bounds),
            np.split(covered_link, pixel_bounds),
            np.split(stray_cost, link_ends[:-1]),
            np.split(link_bits(chains), link_ends[:-1]),
            strict=True,
        )
    ]


def _dilate(line: np.ndarray, line_link: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the keys of the weighted pixels within 2 px of the lines, their first links, and which keys of the lines
    have no such pixel."""
    height, width = weights.shape
    chain, pixel = np.divmod(line, height * width)
    y, x = np.divmod(pixel, width)
    keys, links, is_stray = [], [], np.ones(len(line), bool)
    has_weight = weights.ravel() > 0
    for dx, dy in _DISC:
        px, py = x + dx, y + dy
        is_hit = (px >= 0) & (py >= 0) & (px < width) & (py < height)
        flat = np.where(is_hit, py * width + px, 0)
        is_hit &= has_weight[flat]
        is_stray &= ~is_hit
        keys.append(chain[is_hit] * height * width + flat[is_hit])
        links.append(line_link[is_hit])
    return *_first_links(np.concatenate(keys), np.concatenate(links)), is_stray


def _first_links(keys: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct keys in ascending order, and the lowest link of each."""
    order = np.lexsort((links, keys))
    keys, links = keys[order], links[order]
    is_first = np.append(True, keys[1:] != keys[:-1])
    return keys[is_first], links[is_first]


def sample_links(chains: list[np.ndarray], lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Return points less than a pixel apart along the drawn chains, which are smoothed by [1 2 1] / 4 with fixed ends.

    Returns (P, 2) float64 pixel indices, and (P,) int, the link of each point, numbered through all chains.
    """
    lengths = np.array([len(chain) for chain in chains])
    centers = lattice.centers(np.concatenate(chains)).astype(np.float64)
    last = np.cumsum(lengths) - 1
    is_inner = np.ones(len(centers), bool)
    is_inner[last] = is_inner[last - lengths + 1] = False
    drawn = centers.copy()
    inner = np.flatnonzero(is_inner)
    drawn[inner] = (centers[inner - 1] + 2 * centers[inner] + centers[inner + 1]) / 4
    begin = np.delete(np.arange(len(centers)), last)
    count = int(np.ceil(1.5 * max(lattice.pitch))) + 1
    share = np.arange(count + 1)[:, None, None] / count
    points = drawn[begin] + share * (drawn[begin + 1] - drawn[begin])
    return points.reshape(-1, 2), np.tile(np.arange(len(begin)), count + 1)
