"""An integer range coder: the same bytes on every machine.

Range coding (Martin 1979) with 32-bit integers and carry propagation as in LZMA. The code is the
shortest byte string that, followed by zeros without end, falls inside the last interval; zeros at
its end are not written. A reader past the end therefore reads zeros, and zeros always select the
lowest interval: that of a 1 for a bit. Syntaxes that use 1 for "stop here" end soon on any bytes.

`Encoder` and `Decoder` are two halves of one `Coder`: each method takes the value to code and
returns the value that was coded, which a decoder reads instead. A layer so writes its syntax once,
as one function that runs either way, and cannot decode anything but what it encodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from codec.errors import Corrupt

TOTAL: Final = 1 << 16  # of every probability; the range never falls under 2^24
_BOTTOM: Final = 1 << 24
_MASK: Final = (1 << 32) - 1


class Bit:
    """An adaptive bit: `p` of 65,536 is the probability of a 1.

    The n-th bit moves `p` by 1/(n + 1.5) of the way, so that it learns fast and then settles;
    `confidence` says how many bits the first `p` is worth, `limit` where n stays.
    """

    __slots__ = ("p", "n", "limit")

    def __init__(self, p: int = TOTAL // 2, confidence: int = 0, limit: int = 60) -> None:
        self.p = p
        self.n = confidence
        self.limit = limit

    def update(self, bit: int) -> None:
        """Learn that `bit` came. `//` rounds down for both signs, alike on every machine."""
        p = self.p + 2 * ((TOTAL if bit else 0) - self.p) // (2 * self.n + 3)
        self.p = min(max(p, 64), TOTAL - 64)
        if self.n < self.limit:
            self.n += 1


class Number:
    """Adaptive models of a whole number, Exp-Golomb coded: its length in bits, then its bits."""

    __slots__ = ("stop", "top")

    def __init__(self, bits: int = 16) -> None:
        self.stop = [Bit() for _ in range(bits)]
        self.top = [Bit() for _ in range(bits + 1)]


class Coder(Protocol):
    """What a layer's syntax sees of an encoder or a decoder."""

    def uniform(self, total: int, value: int = 0) -> int:
        """One of 0..total-1, all as likely; 1 <= total <= 65,536."""

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        """An index into `weights`, as likely as its weight (>= 0); their sum is at most 65,536."""

    def symbol(self, below: Callable[[int], int], size: int, value: int = 0) -> int:
        """One of 0..size-1, where `below(v)` sums the weights (>= 1) under v; `below(size)` <= 2^22."""

    def bernoulli(self, p: int, value: int = 0) -> int:
        """A bit; `p` of 65,536 is the probability of a 1."""

    def bit(self, model: Bit, value: int = 0) -> int:
        """A bit; the model learns from it."""

    def number(self, model: Number, value: int = 0) -> int:
        """A whole number in 0..2^bits - 1, where `bits` is the model's."""


class _Syntax:
    """The compound symbols, made of the four simple ones."""

    def bit(self: Coder, model: Bit, value: int = 0) -> int:
        coded = self.bernoulli(model.p, value)
        model.update(coded)
        return coded

    def number(self: Coder, model: Number, value: int = 0) -> int:
        wanted = (value + 1).bit_length() - 1
        length = 0
        while length < len(model.stop) and not self.bit(model.stop[length], int(length == wanted)):
            length += 1
        coded = 1
        for shift in range(length - 1, -1, -1):
            bit = (value + 1) >> shift & 1
            # only the bit below the leading one has a shape worth learning
            bit = self.bit(model.top[length], bit) if coded == 1 else self.uniform(2, bit)
            coded = coded << 1 | bit
        return coded - 1


class Encoder(_Syntax):
    """Codes values; `finish()` gives the bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._range = _MASK
        self._out = bytearray()

    def uniform(self, total: int, value: int = 0) -> int:
        self._encode(value, 1, total)
        return value

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        self._encode(sum(weights[:index]), weights[index], sum(weights))
        return index

    def symbol(self, below: Callable[[int], int], size: int, value: int = 0) -> int:
        start = below(value)
        self._encode(start, below(value + 1) - start, below(size))
        return value

    def bernoulli(self, p: int, value: int = 0) -> int:
        if value:
            self._encode(0, p, TOTAL)
        else:
            self._encode(p, TOTAL - p, TOTAL)
        return value

    def fork(self) -> Encoder:
        """Another encoder in the same state: what has been coded so far, to be ended elsewise."""
        other = Encoder()
        other._low, other._range, other._out = self._low, self._range, bytearray(self._out)
        return other

    def finish(self) -> bytes:
        """The shortest code inside the last interval; empty if it can be."""
        for count in range(5):
            tail = _MASK >> 8 * count
            value = (self._low + tail) & ~tail
            if value < self._low + self._range:
                break
        self._low = value
        self._carry()
        self._out += self._low.to_bytes(4, "big")[:count]
        return bytes(self._out).rstrip(b"\0")

    def terminations(self) -> Iterator[tuple[bytes, PrefixDecoder]]:
        """Codes that mean this whatever bytes follow them: shortest first, the smallest number first.

        With each goes a decoder of what its last bytes hold beyond what has been coded.
        """
        for count in range(5):  # the range is over 2^24, so there is one by count 2
            unit = 1 << 32 - 8 * count
            start = (self._low + unit - 1) // unit * unit
            for value in range(start, self._low + self._range - unit + 1, unit):
                out = bytearray(self._out)
                _add(out, value >> 32)
                out += (value & _MASK).to_bytes(4, "big")[:count]
                offset = value - self._low
                yield bytes(out), PrefixDecoder.within(self._range, offset, offset + unit - 1)

    def _encode(self, start: int, size: int, total: int) -> None:
        unit = self._range // total
        self._low += start * unit
        self._range = size * unit
        self._carry()
        while self._range < _BOTTOM:
            self._out.append(self._low >> 24)
            self._low = self._low << 8 & _MASK
            self._range <<= 8

    def _carry(self) -> None:
        _add(self._out, self._low >> 32)
        self._low &= _MASK


def _last(below: Callable[[int], int], size: int, point: int) -> int:
    """The value whose interval holds the point."""
    low, high = 0, size
    while high - low > 1:
        middle = (low + high) // 2
        if below(middle) <= point:
            low = middle
        else:
            high = middle
    return low


def _add(out: bytearray, carry: int) -> None:
    """Add 0 or 1 at the end of a number of many bytes."""
    if not carry:
        return
    at = len(out) - 1
    while out[at] == 255:
        out[at] = 0
        at -= 1
    out[at] += 1


class Decoder(_Syntax):
    """Reads what an `Encoder` wrote. Nearly any bytes decode to something: the caller judges what.

    A range that is no multiple of the total leaves some over the last interval, where no encoder ever is: a code
    there raises `Corrupt`, named by `layer`. (Read as the last symbol, it would never come down again.)
    """

    def __init__(self, data: bytes, layer: str = "") -> None:
        self._data = data
        self._layer = layer
        self._at = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = _MASK

    def uniform(self, total: int, value: int = 0) -> int:
        found = min(self._code // (self._range // total), total - 1)
        self._consume(found, 1, total)
        return found

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        total = sum(weights)
        point = min(self._code // (self._range // total), total - 1)
        found = start = 0
        while point >= start + weights[found]:
            start += weights[found]
            found += 1
        self._consume(start, weights[found], total)
        return found

    def symbol(self, below: Callable[[int], int], size: int, value: int = 0) -> int:
        total = below(size)
        found = _last(below, size, min(self._code // (self._range // total), total - 1))
        start = below(found)
        self._consume(start, below(found + 1) - start, total)
        return found

    def bernoulli(self, p: int, value: int = 0) -> int:
        found = int(self._code < self._range // TOTAL * p)
        if found:
            self._consume(0, p, TOTAL)
        else:
            self._consume(p, TOTAL - p, TOTAL)
        return found

    def _consume(self, start: int, size: int, total: int) -> None:
        unit = self._range // total
        self._code -= start * unit
        self._range = size * unit
        if self._code >= self._range:
            raise Corrupt(f"the {self._layer} layer's bytes are not in their one form", (self._layer,))
        while self._range < _BOTTOM:
            byte = self._data[self._at] if self._at < len(self._data) else 0
            self._code = (self._code << 8 | byte) & _MASK
            self._range <<= 8
            self._at += 1


class PrefixEnd(Exception):
    """What comes next depends on bytes that are not there. Never leaves the package."""


class PrefixDecoder(_Syntax):
    """Reads the first bytes of a code: only what is certain whatever bytes would have followed.

    It keeps two codes, of the missing bytes as all 0 and all 255. A symbol is certain if both mean
    it; else, and for good, `PrefixEnd` is raised.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4
        self._low = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._high = int.from_bytes(data[:4].ljust(4, b"\xff"), "big")
        self._range = _MASK

    @classmethod
    def within(cls, range_: int, low: int, high: int) -> PrefixDecoder:
        """A decoder in the middle: of the codes `low` to `high` in a range, and no bytes after them."""
        decoder = cls(b"")
        decoder._range, decoder._low, decoder._high = range_, low, high
        return decoder

    def uniform(self, total: int, value: int = 0) -> int:
        unit = self._range // total
        found = min(self._low // unit, total - 1)
        if found != min(self._high // unit, total - 1):
            raise PrefixEnd
        self._consume(found * unit, unit)
        return found

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        total = sum(weights)
        unit = self._range // total
        point = min(self._low // unit, total - 1)
        found = start = 0
        while point >= start + weights[found]:
            start += weights[found]
            found += 1
        if min(self._high // unit, total - 1) >= start + weights[found]:
            raise PrefixEnd
        self._consume(start * unit, weights[found] * unit)
        return found

    def symbol(self, below: Callable[[int], int], size: int, value: int = 0) -> int:
        total = below(size)
        unit = self._range // total
        found = _last(below, size, min(self._low // unit, total - 1))
        start, end = below(found), below(found + 1)
        if min(self._high // unit, total - 1) >= end:
            raise PrefixEnd
        self._consume(start * unit, (end - start) * unit)
        return found

    def bernoulli(self, p: int, value: int = 0) -> int:
        unit = self._range // TOTAL
        split = unit * p
        found = int(self._low < split)
        if found != int(self._high < split):
            raise PrefixEnd
        if found:
            self._consume(0, split)
        else:
            self._consume(split, unit * (TOTAL - p))
        return found

    def ones(self, chances: Sequence[int]) -> int:
        """How many bits, of these chances of 65,536 to be a 1, are certain to be, up to the first that is not.

        That one is not read. As `bit` with a new model for each, faster.
        """
        for count, chance in enumerate(chances):
            split = self._range // TOTAL * chance
            if self._high >= split:  # `_low` is never above it
                return count
            self._range = split
            while self._range < _BOTTOM:
                self._refill()
        return len(chances)

    def _consume(self, start: int, size: int) -> None:
        # codes above every interval (never an encoder's) must not outgrow the range
        self._low = min(self._low - start, size - 1)
        self._high = min(self._high - start, size - 1)
        self._range = size
        while self._range < _BOTTOM:
            self._refill()

    def _refill(self) -> None:
        more = self._at < len(self._data)
        self._low = (self._low << 8 | (self._data[self._at] if more else 0)) & _MASK
        self._high = (self._high << 8 | (self._data[self._at] if more else 255)) & _MASK
        self._range <<= 8
        self._at += 1
