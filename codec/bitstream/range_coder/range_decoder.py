"""The range decoders: one for whole messages, one for prefixes of a message."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from codec.bitstream.range_coder.coder import MAX_RANGE, MIN_RANGE, TOTAL, Coder
from codec.errors import Corrupt


class Decoder(Coder):
    """Decodes what an `Encoder` wrote. Almost any bytes decode to some values, which the caller must validate.

    Where the range is not a multiple of the total, a gap remains above the last interval. No encoder
    produces a code there, so such a code raises `Corrupt` for `layer`.
    """

    def __init__(self, data: bytes, layer: str = "") -> None:
        self._data = data
        self._layer = layer
        self._position = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = MAX_RANGE

    def uniform(self, total: int, value: int = 0) -> int:
        decoded = min(self._code // (self._range // total), total - 1)
        self._consume(decoded, 1, total)
        return decoded

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        total = sum(weights)
        decoded, start = _find_index(weights, min(self._code // (self._range // total), total - 1))
        self._consume(start, weights[decoded], total)
        return decoded

    def symbol(self, cumulative: Callable[[int], int], size: int, value: int = 0) -> int:
        total = cumulative(size)
        decoded = _find_symbol(cumulative, size, min(self._code // (self._range // total), total - 1))
        start = cumulative(decoded)
        self._consume(start, cumulative(decoded + 1) - start, total)
        return decoded

    def cumulative_symbol(self, cumulative: Sequence[int], value: int = 0) -> int:
        total = cumulative[-1]
        decoded = bisect_right(cumulative, min(self._code // (self._range // total), total - 1)) - 1
        self._consume(cumulative[decoded], cumulative[decoded + 1] - cumulative[decoded], total)
        return decoded

    def bernoulli(self, p: int, value: int = 0) -> int:
        decoded = int(self._code < self._range // TOTAL * p)
        if decoded:
            self._consume(0, p, TOTAL)
        else:
            self._consume(p, TOTAL - p, TOTAL)
        return decoded

    def _consume(self, start: int, size: int, total: int) -> None:
        """Narrow the interval to [start, start + size) of `total` and read further bytes."""
        unit = self._range // total
        self._code -= start * unit
        self._range = size * unit
        if self._code >= self._range:
            raise Corrupt(f"non-canonical encoding of the {self._layer} layer", (self._layer,))
        while self._range < MIN_RANGE:
            byte = self._data[self._position] if self._position < len(self._data) else 0
            self._code = (self._code << 8 | byte) & MAX_RANGE
            self._range <<= 8
            self._position += 1


class PrefixEnd(Exception):
    """The next value depends on missing bytes. The layers' decoders catch this; their callers never see it."""


class PrefixDecoder(Coder):
    """Decodes a prefix of a message: only those values that do not depend on the bytes that follow it.

    It tracks two codes, one with all missing bytes 0 and one with all of them 255. A value is certain
    if both codes select it. Otherwise the prefix has ended, and `PrefixEnd` is raised.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 4
        self._low = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._high = int.from_bytes(data[:4].ljust(4, b"\xff"), "big")
        self._range = MAX_RANGE

    @classmethod
    def within(cls, range_: int, low: int, high: int) -> PrefixDecoder:
        """Return a decoder of the codes `low`..`high` within a range, with no further bytes."""
        decoder = cls(b"")
        decoder._range, decoder._low, decoder._high = range_, low, high
        return decoder

    def uniform(self, total: int, value: int = 0) -> int:
        unit = self._range // total
        decoded = min(self._low // unit, total - 1)
        if decoded != min(self._high // unit, total - 1):
            raise PrefixEnd
        self._consume(decoded * unit, unit)
        return decoded

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        total = sum(weights)
        unit = self._range // total
        decoded, start = _find_index(weights, min(self._low // unit, total - 1))
        if min(self._high // unit, total - 1) >= start + weights[decoded]:
            raise PrefixEnd
        self._consume(start * unit, weights[decoded] * unit)
        return decoded

    def symbol(self, cumulative: Callable[[int], int], size: int, value: int = 0) -> int:
        total = cumulative(size)
        unit = self._range // total
        decoded = _find_symbol(cumulative, size, min(self._low // unit, total - 1))
        start, end = cumulative(decoded), cumulative(decoded + 1)
        if min(self._high // unit, total - 1) >= end:
            raise PrefixEnd
        self._consume(start * unit, (end - start) * unit)
        return decoded

    def cumulative_symbol(self, cumulative: Sequence[int], value: int = 0) -> int:
        total = cumulative[-1]
        unit = self._range // total
        low = self._low // unit  # a conditional is faster than `min`
        decoded = bisect_right(cumulative, low if low < total else total - 1) - 1
        start, end = cumulative[decoded], cumulative[decoded + 1]
        if end < total and self._high // unit >= end:
            raise PrefixEnd
        self._consume(start * unit, (end - start) * unit)
        return decoded

    def bernoulli(self, p: int, value: int = 0) -> int:
        unit = self._range // TOTAL
        split = unit * p
        decoded = int(self._low < split)
        if decoded != int(self._high < split):
            raise PrefixEnd
        if decoded:
            self._consume(0, split)
        else:
            self._consume(split, unit * (TOTAL - p))
        return decoded

    def leading_ones(self, probabilities: Sequence[int]) -> int:
        """Decode bits while they are certain to be 1, and return how many there were.

        `probabilities`: of a 1, of 65,536, for each bit in turn. The first bit that is not certain to be a 1
        is not consumed. Equivalent to `bernoulli` in a loop, but faster.
        """
        for count, p in enumerate(probabilities):
            split = self._range // TOTAL * p
            if self._high >= split:  # otherwise both codes are below `split`, since `_low` <= `_high`
                return count
            self._range = split
            while self._range < MIN_RANGE:
                self._read_byte()
        return len(probabilities)

    def _consume(self, start: int, size: int) -> None:
        """Narrow the interval to the codes start..start + size - 1 and read further bytes."""
        # codes above the last interval, which no encoder writes, must not exceed the range
        low, high, last = self._low - start, self._high - start, size - 1
        self._low = low if low < last else last
        self._high = high if high < last else last
        self._range = size
        while self._range < MIN_RANGE:
            self._read_byte()

    def _read_byte(self) -> None:
        present = self._position < len(self._data)
        self._low = (self._low << 8 | (self._data[self._position] if present else 0)) & MAX_RANGE
        self._high = (self._high << 8 | (self._data[self._position] if present else 255)) & MAX_RANGE
        self._range <<= 8
        self._position += 1


def _find_index(weights: Sequence[int], target: int) -> tuple[int, int]:
    """Return the index whose interval holds the cumulative weight `target`, and where the interval starts."""
    index = start = 0
    while target >= start + weights[index]:
        start += weights[index]
        index += 1
    return index, start


def _find_symbol(cumulative: Callable[[int], int], size: int, target: int) -> int:
    """Return the symbol whose interval holds the cumulative frequency `target`, by bisection."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if cumulative(middle) <= target:
            low = middle
        else:
            high = middle
    return low
