"""An n-gram model of symbols with absolute discounting, in integer arithmetic, from counts of a training text.

Interpolated Kneser-Ney smoothing (Kneser, Ney 1995; Chen, Goodman 1999) with a discount of 3/4: the longest known
context distributes its probability mass over the successors seen in training and passes the rest to the next
shorter context. Below all contexts are the unigrams. Every symbol has a frequency of at least 1.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

END: Final = 0  # the end of a text
UNKNOWN: Final = 1  # a symbol that the table does not contain
START: Final = 2  # the start of a text; occurs in contexts only

_MAX_BACKOFF_BYTE: Final = 127


class LevelArrays(NamedTuple):
    """The stored form of all contexts of one length.

    The entries of a level are contexts. On the first level, these are the symbols; on each further level, they are the
    successors of the previous level, so a context of two symbols is a symbol and one of its successors.
    """

    successor_counts: np.ndarray  # (entries,) number of successors of each entry
    gaps: np.ndarray  # (successors,) symbol minus that of the previous successor of the same entry, minus 1
    counts: np.ndarray  # (successors,) 1..255
    backoffs: np.ndarray  # (entries with successors,) mass of the shorter context: see `encode_backoff`


class _Level(NamedTuple):
    """The contexts of one length in the form that lookups need."""

    starts: Sequence[int]  # (entries + 1,) index of the first successor of each entry
    symbols: Sequence[int]  # (successors,) in ascending order within an entry
    weights: Sequence[int]  # (successors + 1,) running sums of the discounted counts, 4 * count - 3
    backoffs: Sequence[int]  # (entries,) mass of the shorter context, in the unit of the weights


class _Share(NamedTuple):
    """The part of the total frequency that one context distributes over its successors."""

    level: _Level
    first: int  # index of the first successor
    last: int  # index after the last successor
    weight: int  # sum of the successors' weights
    mass: int  # sum of their frequencies


class NGramModel:
    """A trie of n-grams of the symbols 0..size-1.

    `unigrams`: (size,) weight of each symbol. `levels`: the contexts of 1, 2, ... symbols. `total`: the sum of the
    frequencies that `cumulative` gives to all symbols.
    """

    def __init__(self, unigrams: np.ndarray, levels: Sequence[LevelArrays], total: int) -> None:
        self.size = len(unigrams)
        self._total = total
        self._unigrams = _to_array(np.concatenate([[0], np.cumsum(unigrams.astype(np.int64))]))
        self._levels = [_unpack_level(level) for level in levels]

    def cumulative(self, context: Sequence[int]) -> Callable[[int], int]:
        """Return the function that `Coder.symbol` needs: the total frequency of all symbols below a given one."""
        mass = self._total - self.size
        shares = []
        for length in range(min(len(self._levels), len(context)), 0, -1):
            entry = self._find(context[len(context) - length :])
            if entry is None:
                continue
            level = self._levels[length - 1]
            first, last = level.starts[entry], level.starts[entry + 1]
            weight = level.weights[last] - level.weights[first]
            share = mass * weight // (weight + level.backoffs[entry])
            shares.append(_Share(level, first, last, weight, share))
            mass -= share
        unigrams = self._unigrams
        unigram_total = unigrams[-1]

        def below(symbol: int) -> int:
            frequency = symbol + mass * unigrams[symbol] // unigram_total
            for level, first, last, weight, share in shares:
                successor = bisect_left(level.symbols, symbol, first, last)
                frequency += share * (level.weights[successor] - level.weights[first]) // weight
            return frequency

        return below

    def _find(self, context: Sequence[int]) -> int | None:
        """Return the entry of a context, or None if it has no successors."""
        entry = context[0]
        for level, symbol in zip(self._levels, context[1:], strict=False):
            last = level.starts[entry + 1]
            entry = bisect_left(level.symbols, symbol, level.starts[entry], last)
            if entry == last or level.symbols[entry] != symbol:
                return None
        starts = self._levels[len(context) - 1].starts
        return entry if starts[entry + 1] > starts[entry] else None


def _unpack_level(stored: LevelArrays) -> _Level:
    """Return a level in the form that lookups need."""
    starts = np.concatenate([[0], np.cumsum(stored.successor_counts.astype(np.int64))])
    steps = np.cumsum(stored.gaps.astype(np.int64) + 1)
    offsets = np.concatenate([[0], steps])[starts[:-1]]  # running sums restart at each entry
    symbols = steps - np.repeat(offsets, stored.successor_counts) - 1
    weights = np.concatenate([[0], np.cumsum(4 * stored.counts.astype(np.int64) - 3)])
    backoffs = np.zeros(len(stored.successor_counts), np.int64)
    backoffs[stored.successor_counts > 0] = _decode_backoffs(stored.backoffs)
    return _Level(_to_array(starts), _to_array(symbols), _to_array(weights), _to_array(backoffs))


def _to_array(values: np.ndarray) -> Sequence[int]:
    """Return the values as an `array`, which is faster to create than a list and faster to index than numpy."""
    return array("q", values.astype(np.int64).tobytes())


def encode_backoff(mass: int) -> int:
    """Return the byte that stores a mass, rounded down to three significant bits and clipped to what a byte can hold.

    The smallest mass that can be stored is 4.
    """
    mass = max(mass, 4)
    shift = mass.bit_length() - 3
    return min(4 * shift + (mass >> shift) - 4, _MAX_BACKOFF_BYTE)


def _decode_backoffs(stored: np.ndarray) -> np.ndarray:
    """Return the masses, int64, of bytes that `encode_backoff` returned."""
    return np.asarray((4 + stored.astype(np.int64) % 4) << stored // 4)


def unpack_arrays(data: bytes) -> Iterator[np.ndarray]:
    """Yield the arrays of a table.

    Each has a byte for its item size (1 or 2), its length (4 bytes, big-endian), all low bytes, and all high bytes.
    """
    at = 0
    while at < len(data):
        item_size, length = data[at], int.from_bytes(data[at + 1 : at + 5], "big")
        planes = np.frombuffer(data, np.uint8, item_size * length, at + 5).reshape(item_size, length)
        yield planes[0] if item_size == 1 else planes[0] + (planes[1].astype(np.uint16) << 8)
        at += 5 + item_size * length


def pack_arrays(arrays: Sequence[np.ndarray]) -> bytes:
    """Return the bytes that `unpack_arrays` reads, for arrays of integers in 0..65535."""
    out = bytearray()
    for values in arrays:
        item_size = 1 if values.max(initial=0) < 256 else 2
        out += bytes([item_size]) + len(values).to_bytes(4, "big")
        for plane in range(item_size):
            out += (values.astype(np.int64) >> 8 * plane & 255).astype(np.uint8).tobytes()
    return bytes(out)
