"""How large what an AVIF file holds is, read before it is decoded.

The size that a file tells in its boxes and the size that its AV1 data is coded in may differ: a decoder makes all
pixels of the latter and scales them then. So the headers of the AV1 data are read here, of every coded item and of
the first sample of every track. ISO/IEC 14496-12 (boxes, items), AV1's specification 5.3 to 5.5 and 5.9.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from codec.errors import ImageError

MAX_FRAMES: Final = 16  # coded ones behind one that is shown
_MAX_PARTS: Final = 1 << 12  # of one box or item
_SEQUENCE, _FRAMES = 1, (3, 6)  # kinds of OBU
_MOVIE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")

Box = tuple[bytes, memoryview]


def sizes(data: bytes) -> list[tuple[int, int]]:
    """(width, height) in pixels of all that is coded in an AVIF file: colors, alpha, tiles, thumbnails.

    Raises `ImageError`, worded to follow the file's name, where nothing is coded, where frames may be larger than
    their header says, and for too many parts. Damage may also come out as struct.error or IndexError.
    """
    found: list[tuple[int, int]] = []
    whole = memoryview(data)
    for kind, body in _boxes(whole):
        coded: Iterator[memoryview] = iter(())
        if kind == b"meta":
            coded = _items(whole, body[4:])
        elif kind == b"moov":
            coded = _samples(whole, body, 1)
        for stream in coded:
            found += _coded(stream)
    if not found:
        raise ImageError("is an AVIF file without a picture in it; it is damaged")
    return found


def _boxes(data: memoryview) -> Iterator[Box]:
    """-> type and body of each box."""
    at = 0
    for _ in range(_MAX_PARTS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], at + 16
        end = at + size if size else len(data)
        if end < start:
            raise ImageError("is an AVIF file with a box of no size; it is damaged")
        yield kind, data[start:end]
        at = end
    raise _too_many()


def _items(data: memoryview, meta: memoryview) -> Iterator[memoryview]:
    """The AV1 data of each coded item of a `meta` box."""
    boxes = dict(_boxes(meta))
    coded = set()
    listed = boxes.get(b"iinf", memoryview(b"\0"))
    for kind, body in _boxes(listed[8 if listed[0] else 6 :]):
        end = 8 if body[0] > 2 else 6  # of the item's number, which two bytes follow
        if kind == b"infe" and bytes(body[end + 2 : end + 6]) == b"av01":
            coded.add(int.from_bytes(body[4:end], "big"))
    room = len(data)
    for number, inside, extents in _places(_Cursor(boxes.get(b"iloc", memoryview(bytes(8))))):
        if number not in coded:
            continue
        if inside > 1:
            raise ImageError("is an AVIF file made of parts of parts; save it anew")
        source = boxes.get(b"idat", memoryview(b"")) if inside else data
        parts = [source[at : at + size] for at, size in extents]
        room -= sum(map(len, parts))
        if room < 0:  # the same bytes again and again
            raise _too_many()
        yield parts[0] if len(parts) == 1 else memoryview(b"".join(parts))


def _places(box: _Cursor) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """An `iloc` box -> number, construction method, and (offset, size) of each part of each item."""
    version = box.take(4) >> 24
    widths = box.take(2)
    offset, length, base, index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    left = _MAX_PARTS
    for _ in range(box.take(4 if version == 2 else 2)):
        number = box.take(4 if version == 2 else 2)
        method = box.take(2) & 15 if version else 0
        box.take(2)
        start, extents = box.take(base), []
        count = box.take(2)
        left -= count + 1
        if left < 0:
            raise _too_many()
        for _ in range(count):
            box.take(index if version else 0)
            extents.append((start + box.take(offset), box.take(length)))
        yield number, method, extents


def _samples(data: memoryview, box: memoryview, depth: int) -> Iterator[memoryview]:
    """The AV1 data of the first sample of each track under a `moov` box."""
    if depth < len(_MOVIE):
        for kind, body in _boxes(box):
            if kind == _MOVIE[depth]:
                yield from _samples(data, body, depth + 1)
        return
    table = dict(_boxes(box))
    if b"stsz" not in table:
        return
    same, count = struct.unpack_from(">II", table[b"stsz"], 4)
    size = same or (struct.unpack_from(">I", table[b"stsz"], 12)[0] if count else 0)
    if b"co64" in table:
        at = struct.unpack_from(">Q", table[b"co64"], 8)[0]
    else:
        at = struct.unpack_from(">I", table[b"stco"], 8)[0]
    yield data[at : at + size]


def _coded(stream: memoryview) -> Iterator[tuple[int, int]]:
    """The size of each sequence header in AV1 data (5.3, 5.5.1)."""
    box = _Cursor(stream)
    frames = 0
    for _ in range(_MAX_PARTS):
        if not box.left:
            return
        head = box.take(1)
        box.take(1 if head & 4 else 0)
        size = box.leb128() if head & 2 else box.left
        kind = head >> 3 & 15
        frames += kind in _FRAMES
        if frames > MAX_FRAMES:
            raise _too_many()
        body = box.part(size)
        if kind == _SEQUENCE:
            yield _sequence(_Bits(bytes(body[:512])))
    raise _too_many()


def _sequence(bits: _Bits) -> tuple[int, int]:
    """A sequence header -> the largest width and height of its frames (5.5.1)."""
    bits.take(4)  # profile, still picture
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _operating_points(bits)
    widths = bits.take(4) + 1, bits.take(4) + 1
    if not reduced and max(widths) > 12:  # a frame may tell a size of its own, in so many bits
        raise ImageError("is an AVIF file whose frames may be larger than 4096; save it anew")
    return bits.take(widths[0]) + 1, bits.take(widths[1]) + 1


def _operating_points(bits: _Bits) -> None:
    """Reads past what stands between the first bits and the size."""
    model = delay = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.uvlc()
        model = bits.take(1)
        if model:
            delay = bits.take(5) + 1
            bits.take(42)
    initial = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if model and bits.take(1):
            bits.take(2 * delay + 1)
        if initial and bits.take(1):
            bits.take(4)


def _too_many() -> ImageError:
    return ImageError("is an AVIF file of too many parts; save it anew")


class _Cursor:
    """Big-endian numbers, one after the other. Raises `ImageError` past the end."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> int:
        return int.from_bytes(self.part(size), "big")

    def part(self, size: int) -> memoryview:
        if size > self.left:
            raise ImageError("is an AVIF file cut off or damaged")
        self._at += size
        return self._data[self._at - size : self._at]

    def leb128(self) -> int:
        value = 0
        for shift in range(0, 56, 7):
            byte = self.take(1)
            value |= (byte & 127) << shift
            if byte < 128:
                break
        return value


class _Bits:
    """Numbers of any count of bits, high bits first; zeros past the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & (1 << count) - 1

    def uvlc(self) -> int:
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        return self.take(zeros) + (1 << zeros) - 1
