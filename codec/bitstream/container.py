"""The `.tril` file: three length-prefixed layers between a 3-byte header and a CRC.

Bytes, lengths and checksums only: what a layer or a chunk means is not known here. The
format is written down in FORMAT.md; names here are the names there.
"""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass, field
from typing import Final

from codec.errors import Corrupt, LimitExceeded, NotTrilayer, Truncated, UnsupportedVersion
from codec.limits import MAX_FILE_BYTES, MAX_SIDE

MAGIC: Final = b"\xb3L"  # "³L" in Latin-1; not valid UTF-8, so that no tool takes a file for text
VERSION: Final = 2  # of the format
LAYERS: Final = ("semantic", "structure", "texture")
SIZES: Final = ((512, 512), (768, 512), (512, 768), (768, 768), (1024, 1024))  # codes 1..5
_CRC: Final = 2  # bytes of checksum

SKIPPABLE: Final = 0x80  # chunk type bit: a reader that does not know it can still decode
KEEPABLE: Final = 0x40  # chunk type bit: still true after a layer was edited
_SHORT: Final = 0x20  # chunk type bit, in files only: a payload of one byte follows, without its length

Chunk = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Container:
    """What a file holds: size in pixels, three payloads (empty: absent), chunks by rising type.

    A chunk's type is a byte without bit 5, which the file keeps to itself.
    """

    width: int
    height: int
    layers: tuple[bytes, bytes, bytes]
    chunks: tuple[Chunk, ...] = field(default=())


def pack(file: Container) -> bytes:
    """The file of this content: the same content always gives the same bytes.

    Raises `LimitExceeded` for a side outside 1..4096 or a file over 65,536 bytes, and
    `Corrupt` for chunks whose types do not rise or have bit 5.
    """
    size = (file.width, file.height)
    if not all(1 <= side <= MAX_SIDE for side in size):
        raise LimitExceeded(f"the picture is {size[0]}x{size[1]}; a side has 1 to {MAX_SIDE} pixels")
    code = SIZES.index(size) + 1 if size in SIZES else 0
    out = bytearray(MAGIC)
    out.append(VERSION << 5 | bool(file.chunks) << 4 | code)
    if not code:
        out += ((size[0] - 1) << 12 | (size[1] - 1)).to_bytes(3, "big")
    for index, payload in enumerate(file.layers):
        out += _varint(len(payload))
        if payload:
            out.append(_check(index, payload))
            out += payload
    if file.chunks:
        _demand_order(file.chunks)
        for kind, data in file.chunks:
            out += bytes([kind | _SHORT]) + data if len(data) == 1 else bytes([kind]) + _varint(len(data)) + data
    out += binascii.crc_hqx(out, 0).to_bytes(2, "big")
    if len(out) > MAX_FILE_BYTES:
        raise LimitExceeded(f"the file would have {len(out)} bytes; the format ends at {MAX_FILE_BYTES}")
    return bytes(out)


def unpack(data: bytes, *, known: frozenset[int] = frozenset()) -> Container:
    """Parse and verify: accepts exactly the bytes that `pack` writes.

    `known` holds the chunk types that the caller understands. Raises `LimitExceeded` for more
    than 65,536 bytes before it reads any, and a `FormatError` for everything else.
    """
    content, damaged, intact = _parse(data)
    if damaged or not intact:
        raise Corrupt(f"the file is damaged ({', '.join(damaged) or 'checksum'})", damaged)
    for kind, _ in content.chunks:
        if kind not in known and not kind & SKIPPABLE:
            raise UnsupportedVersion(f"the file needs extension {kind:#04x}, unknown to this reader")
    return content


def salvage(data: bytes) -> tuple[Container, tuple[str, ...]]:
    """What is left of a damaged file: the layers whose own check holds, and the lost ones' names.

    Works as long as the header and the lengths can be followed; a layer that fails its check, or
    lies past the end of a cut file, comes back empty. Extensions come back only if the
    checksum over the whole file holds. A check has 8 bits: 1 damaged layer in 256 passes.
    Raises as `unpack` where the header itself cannot be read.
    """
    content, damaged, intact = _parse(data, lenient=True)
    kept = tuple(b"" if name in damaged else payload for name, payload in zip(LAYERS, content.layers, strict=True))
    chunks = content.chunks if intact else ()
    return Container(content.width, content.height, kept, chunks), damaged  # type: ignore[arg-type]


def _parse(data: bytes, lenient: bool = False) -> tuple[Container, tuple[str, ...], bool]:
    if len(data) > MAX_FILE_BYTES:
        raise LimitExceeded(f"the file has {len(data)} bytes; the format ends at {MAX_FILE_BYTES}")
    reader = _Reader(data)
    width, height, extended = _header(reader)
    layers = [b"", b"", b""]
    chunks: tuple[Chunk, ...] = ()
    damaged = []
    intact = False
    index = 0
    try:
        for index, name in enumerate(LAYERS):
            length = reader.varint()
            check = reader.take(1)[0] if length else 0
            layers[index] = reader.take(length)
            if length and check != _check(index, layers[index]):
                damaged.append(name)
        index = len(LAYERS)
        chunks = _chunks(reader) if extended else ()
        crc = int.from_bytes(reader.take(_CRC), "big")
        if reader.left:
            raise Corrupt(f"{reader.left} bytes follow the end of the file")
        intact = crc == binascii.crc_hqx(data[:-_CRC], 0)
    except (Truncated, Corrupt):
        if not lenient:
            raise
        damaged += LAYERS[index:]
    content = Container(width, height, (layers[0], layers[1], layers[2]), chunks)
    return content, tuple(damaged), intact


def _header(reader: _Reader) -> tuple[int, int, bool]:
    if reader.take(min(2, reader.left)) != MAGIC:
        raise NotTrilayer("this is not a Trilayer file")
    flags = reader.take(1)[0]
    version = flags >> 5
    if version != VERSION:
        raise UnsupportedVersion(f"the file has version {version}; this reader knows version {VERSION}")
    code = flags & 15
    if code > len(SIZES):
        raise Corrupt(f"size code {code} is reserved")
    if code:
        width, height = SIZES[code - 1]
    else:
        packed = int.from_bytes(reader.take(3), "big")
        width, height = (packed >> 12) + 1, (packed & 0xFFF) + 1
        if (width, height) in SIZES:
            raise Corrupt("a size that has a code must use it")
    return width, height, bool(flags & 16)


def _chunks(reader: _Reader) -> tuple[Chunk, ...]:
    chunks: list[Chunk] = []
    while reader.left > _CRC or not chunks:
        kind = reader.take(1)[0]
        length = 1 if kind & _SHORT else reader.varint()
        if length == 1 and not kind & _SHORT:
            raise Corrupt("an extension of one byte must use the short form")
        chunks.append((kind & ~_SHORT, reader.take(length)))
    _demand_order(chunks)
    return tuple(chunks)


def _demand_order(chunks: tuple[Chunk, ...] | list[Chunk]) -> None:
    kinds = [kind for kind, _ in chunks]
    if any(a >= b for a, b in zip(kinds, kinds[1:], strict=False)) or any(kind & _SHORT for kind in kinds):
        raise Corrupt("the types of extensions must rise")


class _Reader:
    """A cursor that never reads past the end."""

    __slots__ = ("data", "at")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Truncated(f"the file is cut off: {count} bytes wanted at {self.at}, {self.left} left")
        self.at += count
        return self.data[self.at - count : self.at]

    def varint(self) -> int:
        value = 0
        for shift in (0, 7, 14):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    raise Corrupt("a length is not in its shortest form")
                return value
        raise Corrupt("a length has more than 3 bytes")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _check(index: int, payload: bytes) -> int:
    return zlib.crc32(payload, index) & 0xFF
