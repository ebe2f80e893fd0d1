"""The range encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from codec.bitstream.range_coder.coder import MAX_RANGE, MIN_RANGE, TOTAL, Coder
from codec.bitstream.range_coder.range_decoder import PrefixDecoder


class Encoder(Coder):
    """Encodes values. `finish` or `terminations` return the bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._range = MAX_RANGE
        self._out = bytearray()

    def uniform(self, total: int, value: int = 0) -> int:
        self._encode(value, 1, total)
        return value

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        self._encode(sum(weights[:index]), weights[index], sum(weights))
        return index

    def symbol(self, cumulative: Callable[[int], int], size: int, value: int = 0) -> int:
        start = cumulative(value)
        self._encode(start, cumulative(value + 1) - start, cumulative(size))
        return value

    def cumulative_symbol(self, cumulative: Sequence[int], value: int = 0) -> int:
        self._encode(cumulative[value], cumulative[value + 1] - cumulative[value], cumulative[-1])
        return value

    def bernoulli(self, p: int, value: int = 0) -> int:
        if value:
            self._encode(0, p, TOTAL)
        else:
            self._encode(p, TOTAL - p, TOTAL)
        return value

    def finish(self) -> bytes:
        """Return the shortest code for a `Decoder`, which reads zeros past the end; possibly empty."""
        for count in range(5):
            tail = MAX_RANGE >> 8 * count
            value = (self._low + tail) & ~tail
            if value < self._low + self._range:
                break
        self._low = value
        self._propagate_carry()
        self._out += self._low.to_bytes(4, "big")[:count]
        return bytes(self._out).rstrip(b"\0")

    def terminations(self) -> Iterator[tuple[bytes, PrefixDecoder]]:
        """Yield the codes from which a `PrefixDecoder` decodes at least this message, for any bytes that follow.

        Shorter codes come first, and smaller ones among codes of equal length. Each comes with a decoder that continues
        after the message: the rest of the code's last bytes may decode to further values.
        """
        for count in range(5):  # the range exceeds 2^24, so there is a code at count = 2 at the latest
            unit = 1 << 32 - 8 * count
            start = (self._low + unit - 1) // unit * unit
            for value in range(start, self._low + self._range - unit + 1, unit):
                out = bytearray(self._out)
                _add_carry(out, value >> 32)
                out += (value & MAX_RANGE).to_bytes(4, "big")[:count]
                offset = value - self._low
                yield bytes(out), PrefixDecoder.within(self._range, offset, offset + unit - 1)

    def _encode(self, start: int, size: int, total: int) -> None:
        """Narrow the interval to [start, start + size) of `total`, and output the bytes that no longer change."""
        unit = self._range // total
        self._low += start * unit
        self._range = size * unit
        self._propagate_carry()
        while self._range < MIN_RANGE:
            self._out.append(self._low >> 24)
            self._low = self._low << 8 & MAX_RANGE
            self._range <<= 8

    def _propagate_carry(self) -> None:
        _add_carry(self._out, self._low >> 32)
        self._low &= MAX_RANGE


def _add_carry(out: bytearray, carry: int) -> None:
    """Add 0 or 1 to the big-endian number in `out`, in place."""
    if not carry:
        return
    index = len(out) - 1
    while out[index] == 255:
        out[index] = 0
        index -= 1
    out[index] += 1
