"""What symbol comes next, from counts of a training text: n-grams with absolute discounting.

Kneser, Ney 1995, interpolated as in Chen, Goodman 1999: a context gives its known successors what
they counted less 3/4, and the rest to the next shorter context; below all lie the single symbols,
and every symbol has at least one part of the total. All whole numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

START: Final = 2  # the symbol before a text; never coded


class NGramModel:
    """A trie of n-grams. `unigrams`: a weight for each symbol. `levels`: arrays, shortest context first.

    A level has four arrays: how many successors each entry of the level before has (the first: each
    symbol), then for all of them in order the gap to the successor before, less 1, the count 1..255,
    and for each entry that has successors the rest (`rest_of`).
    """

    def __init__(self, unigrams: np.ndarray, levels: Sequence[Sequence[np.ndarray]], total: int) -> None:
        self.size = len(unigrams)
        self._total = total
        self._singles = _ints(np.concatenate([[0], np.cumsum(unigrams.astype(np.int64))]))
        self._levels = [_level(*level) for level in levels]

    def cumulative(self, history: Sequence[int]) -> Callable[[int], int]:
        """The parts of the total that symbols below a given one have, after this history."""
        mass = self._total - self.size
        parts = []
        for depth in range(min(len(self._levels), len(history)), 0, -1):
            found = self._find(history[len(history) - depth :])
            if found is None:
                continue
            begins, symbols, sums, rests = self._levels[depth - 1]
            low, high = begins[found], begins[found + 1]
            known = sums[high] - sums[low]
            share = mass * known // (known + rests[found])
            parts.append((symbols, sums, low, high, share, known))
            mass -= share
        unigrams = self._singles
        all_singles = unigrams[-1]

        def below(symbol: int) -> int:
            start = symbol + mass * unigrams[symbol] // all_singles
            for symbols, sums, low, high, share, known in parts:
                start += share * (sums[bisect_left(symbols, symbol, low, high)] - sums[low]) // known
            return start

        return below

    def _find(self, context: Sequence[int]) -> int | None:
        """The entry of a context; nothing if it has no successors."""
        entry = context[0]
        for (begins, symbols, _, _), symbol in zip(self._levels, context[1:], strict=False):
            high = begins[entry + 1]
            entry = bisect_left(symbols, symbol, begins[entry], high)
            if entry == high or symbols[entry] != symbol:
                return None
        begins = self._levels[len(context) - 1][0]
        return entry if begins[entry + 1] > begins[entry] else None


_Level = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]


def _level(fans: np.ndarray, gaps: np.ndarray, counts: np.ndarray, rests: np.ndarray) -> _Level:
    begins = np.concatenate([[0], np.cumsum(fans.astype(np.int64))])
    steps = np.cumsum(gaps.astype(np.int64) + 1)
    before = np.concatenate([[0], steps])[begins[:-1]]
    symbols = steps - np.repeat(before, fans) - 1
    sums = np.concatenate([[0], np.cumsum(4 * counts.astype(np.int64) - 3)])
    rest = np.zeros(len(fans), np.int64)
    rest[fans > 0] = (4 + rests.astype(np.int64) % 4) << rests // 4
    return _ints(begins), _ints(symbols), _ints(sums), _ints(rest)


def _ints(values: np.ndarray) -> Sequence[int]:
    """Python's numbers, made when they are looked at: a list of all would take most of the time to load."""
    return array("q", values.astype(np.int64).tobytes())


def rest_of(value: int) -> int:
    """The byte nearest under a rest: two bits after the leading one; (4 + byte % 4) << byte // 4."""
    shift = max(max(value, 4).bit_length() - 3, 0)
    return min(4 * shift + (max(value, 4) >> shift) - 4, 127)


def unpack(data: bytes) -> Iterator[np.ndarray]:
    """The arrays of a table: for each a byte (1 or 2 bytes a number), the count (4 bytes, high
    first), then all low bytes and all high bytes."""
    at = 0
    while at < len(data):
        width, count = data[at], int.from_bytes(data[at + 1 : at + 5], "big")
        planes = np.frombuffer(data, np.uint8, width * count, at + 5).reshape(width, count)
        yield planes[0] if width == 1 else planes[0] + (planes[1].astype(np.uint16) << 8)
        at += 5 + width * count


def pack(arrays: Sequence[np.ndarray]) -> bytes:
    """What `unpack` reads."""
    out = bytearray()
    for values in arrays:
        width = 1 if values.max(initial=0) < 256 else 2
        out += bytes([width]) + len(values).to_bytes(4, "big")
        for plane in range(width):
            out += (values.astype(np.int64) >> 8 * plane & 255).astype(np.uint8).tobytes()
    return bytes(out)
