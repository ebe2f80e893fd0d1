"""The frame of a `.tril` file: three length-prefixed layers between a 3-byte header and a checksum.

This module handles only bytes, lengths and checksums, not the meaning of layers and chunks. FORMAT.md specifies the
format and uses the same names.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from codec.errors import Corrupt, LimitExceeded, NotTrilayer, Truncated, UnsupportedVersion
from codec.limits import MAX_FILE_BYTES, MAX_SIDE

MAGIC: Final = b"\xb3L"  # "³L" in Latin-1; invalid UTF-8, so that no tool mistakes the file for text
VERSION: Final = 1  # of the format
LAYERS: Final = ("semantic", "structure", "texture")
SIZES: Final = ((512, 512), (768, 512), (512, 768), (768, 768), (1024, 1024))  # size codes 1..5

SKIPPABLE: Final = 0x80  # chunk type bit: a reader that does not know the type may skip the chunk
KEEPABLE: Final = 0x40  # chunk type bit: the chunk stays valid when a layer is edited
SHORT_FORM: Final = 0x20  # chunk type bit, in files only: the payload is one byte and has no length

_EXTENDED: Final = 0x10  # header bit: chunks follow the layers
_CRC_BYTES: Final = 2

Chunk = tuple[int, bytes]  # type and payload
Payloads = tuple[bytes, bytes, bytes]  # of the layers in `LAYERS`; empty: the layer is absent


@dataclass(frozen=True, slots=True)
class Container:
    """The content of a file: the picture's size in pixels, the layers' payloads, and chunks by ascending type.

    A chunk's type is a byte whose bit 5 is 0; files use that bit to mark payloads of one byte.
    """

    width: int
    height: int
    payloads: Payloads
    chunks: tuple[Chunk, ...] = ()


def pack(content: Container) -> bytes:
    """Return the file with this content. The same content always gives the same bytes.

    Raises `LimitExceeded` for a side outside 1..4096 or a file over 65,536 bytes, and `Corrupt` for chunk types
    that do not ascend or have bit 5 set.
    """
    size = (content.width, content.height)
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise LimitExceeded(f"the picture is {size[0]} x {size[1]}; a side must be 1 to {MAX_SIDE} pixels")
    size_code = SIZES.index(size) + 1 if size in SIZES else 0
    out = bytearray(MAGIC)
    out.append(VERSION << 5 | (_EXTENDED if content.chunks else 0) | size_code)
    if not size_code:
        out += ((size[0] - 1) << 12 | (size[1] - 1)).to_bytes(3, "big")
    for index, payload in enumerate(content.payloads):
        out += _varint(len(payload))
        if payload:
            out.append(_check_byte(index, payload))
            out += payload
    _require_ascending(content.chunks)
    for kind, data in content.chunks:
        out += bytes([kind | SHORT_FORM]) + data if len(data) == 1 else bytes([kind]) + _varint(len(data)) + data
    out += binascii.crc_hqx(out, 0).to_bytes(_CRC_BYTES, "big")
    if len(out) > MAX_FILE_BYTES:
        raise LimitExceeded(f"the file would have {len(out)} bytes; the limit is {MAX_FILE_BYTES}")
    return bytes(out)


def unpack(data: bytes, *, known_chunks: frozenset[int] = frozenset()) -> Container:
    """Return the content of a file. Accepts exactly the bytes that `pack` writes.

    `known_chunks`: the chunk types that the caller understands. Raises `LimitExceeded` for more than 65,536
    bytes, before any is read, and a `FormatError` for everything else that `pack` would not write.
    """
    content, damaged, intact = _parse(data)
    if damaged or not intact:
        raise Corrupt(f"the file is damaged ({', '.join(damaged) or 'checksum'})", damaged)
    for kind, _ in content.chunks:
        if kind not in known_chunks and not kind & SKIPPABLE:
            raise UnsupportedVersion(f"the file needs extension {kind:#04x}, which this reader does not know")
    return content


def salvage(data: bytes) -> tuple[Container, tuple[str, ...]]:
    """Return the intact parts of a damaged file, and the names of the damaged layers.

    A layer is damaged if its check byte does not match or the file ends before the layer does; its payload is then
    empty. A check byte has 8 bits, so it misses 1 in 256 damaged layers. Chunks are returned only if the checksum of
    the whole file matches. Raises the errors of `unpack` if the header cannot be read.
    """
    content, damaged, intact = _parse(data, lenient=True)
    payloads = keep_layers(content.payloads, set(LAYERS) - set(damaged))
    return replace(content, payloads=payloads, chunks=content.chunks if intact else ()), damaged


def keep_layers(payloads: Payloads, names: Collection[str]) -> Payloads:
    """Return the payloads of the named layers; the others are empty."""
    semantic, structure, texture = (
        payload if name in names else b"" for name, payload in zip(LAYERS, payloads, strict=True)
    )
    return semantic, structure, texture


class _Parsed(NamedTuple):
    content: Container
    damaged: tuple[str, ...]  # names of the layers that fail their check or are cut off
    intact: bool  # the checksum of the whole file matches


def _parse(data: bytes, lenient: bool = False) -> _Parsed:
    """Parse a file. `lenient`: after the header, stop at the first syntax error instead of raising it."""
    if len(data) > MAX_FILE_BYTES:
        raise LimitExceeded(f"the file has {len(data)} bytes; the limit is {MAX_FILE_BYTES}")
    reader = _Reader(data)
    width, height, extended = _read_header(reader)
    payloads = [b"", b"", b""]
    chunks: tuple[Chunk, ...] = ()
    damaged = []
    intact = False
    index = 0  # of the layer that is being read
    try:
        for index, name in enumerate(LAYERS):
            length = reader.varint()
            check_byte = reader.take(1)[0] if length else 0
            payloads[index] = reader.take(length)
            if length and check_byte != _check_byte(index, payloads[index]):
                damaged.append(name)
        index = len(LAYERS)
        chunks = _read_chunks(reader) if extended else ()
        crc = int.from_bytes(reader.take(_CRC_BYTES), "big")
        if reader.remaining:
            raise Corrupt(f"{reader.remaining} bytes follow the end of the file")
        intact = crc == binascii.crc_hqx(data[:-_CRC_BYTES], 0)
    except (Truncated, Corrupt):
        if not lenient:
            raise
        damaged += LAYERS[index:]
    content = Container(width, height, (payloads[0], payloads[1], payloads[2]), chunks)
    return _Parsed(content, tuple(damaged), intact)


def _read_header(reader: _Reader) -> tuple[int, int, bool]:
    """Return width, height, and whether chunks follow the layers."""
    if reader.take(min(len(MAGIC), reader.remaining)) != MAGIC:
        raise NotTrilayer("this is not a Trilayer file")
    flags = reader.take(1)[0]
    version = flags >> 5
    if version != VERSION:
        raise UnsupportedVersion(f"the file has format version {version}; this reader knows version {VERSION}")
    size_code = flags & 0x0F
    if size_code > len(SIZES):
        raise Corrupt(f"size code {size_code} is reserved")
    if size_code:
        width, height = SIZES[size_code - 1]
    else:
        packed = int.from_bytes(reader.take(3), "big")
        width, height = (packed >> 12) + 1, (packed & 0xFFF) + 1
        if (width, height) in SIZES:
            raise Corrupt(f"non-canonical size: {width} x {height} has a size code")
    return width, height, bool(flags & _EXTENDED)


def _read_chunks(reader: _Reader) -> tuple[Chunk, ...]:
    """Read at least one chunk, up to the checksum."""
    chunks: list[Chunk] = []
    while reader.remaining > _CRC_BYTES or not chunks:
        kind = reader.take(1)[0]
        length = 1 if kind & SHORT_FORM else reader.varint()
        if length == 1 and not kind & SHORT_FORM:
            raise Corrupt("non-canonical extension: a payload of one byte must use the short form")
        chunks.append((kind & ~SHORT_FORM, reader.take(length)))
    _require_ascending(chunks)
    return tuple(chunks)


def _require_ascending(chunks: Sequence[Chunk]) -> None:
    """Raise `Corrupt` unless the types of the chunks ascend and have bit 5 clear."""
    kinds = [kind for kind, _ in chunks]
    if any(a >= b for a, b in zip(kinds, kinds[1:], strict=False)) or any(kind & SHORT_FORM for kind in kinds):
        raise Corrupt("the types of extensions must ascend")


class _Reader:
    """A cursor over bytes that raises `Truncated` instead of reading past the end."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def remaining(self) -> int:
        return len(self._data) - self._position

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if count > self.remaining:
            raise Truncated(
                f"the file is truncated: {count} bytes expected at offset {self._position}, {self.remaining} found"
            )
        self._position += count
        return self._data[self._position - count : self._position]

    def varint(self) -> int:
        """Return the next length, 1 to 3 bytes."""
        value = 0
        for shift in (0, 7, 14):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    raise Corrupt("non-canonical length: it must be as short as possible")
                return value
        raise Corrupt("a length has more than 3 bytes")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _check_byte(index: int, payload: bytes) -> int:
    """Return the check byte of a layer; it depends on the layer's index, so swapped layers fail."""
    return zlib.crc32(payload, index) & 0xFF
