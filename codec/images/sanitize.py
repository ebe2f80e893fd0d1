"""Picture files cut down to the parts that a decoder needs, before any pixel is decoded.

PNG and JPEG files are rebuilt from those parts, so text bombs, endless junk between markers
and broken metadata never reach the decoder; sizes are checked on the headers.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from codec.errors import ImageError
from codec.images import avif
from codec.images.exif import MAX_TEXT, XMP
from codec.limits import MAX_SIDE

MAX_TEXTS = 64  # of a file; all together have at most MAX_TEXT bytes, too
MAX_PROFILE = 2 << 20  # bytes of an ICC profile; a CMYK press profile has about 0.6 MB
MAX_UNPACKED = 3 << 20  # bytes that a file's packed texts and profile are unpacked to, all together
MAX_CHUNKS = 1 << 14  # of a PNG or a JPEG: pixels of 64 MiB in parts of 4 KiB
MAX_CODED = 3 * MAX_SIDE * MAX_SIDE  # pixels of all parts of an AVIF: colors, alpha, a thumbnail
MAX_SCANS = 64  # of a progressive JPEG: each costs a pass over the whole picture


@dataclass
class Parts:
    """A picture file cut down to what its decoder needs, and what was taken out of it."""

    kind: str
    data: bytes
    text: dict[str, str] = field(default_factory=dict)
    exif: bytes = b""
    profile: bytes = b""
    key: tuple[int, ...] | None = None  # the one transparent color of a PNG without a palette
    depth: int = 8  # bits per sample


def parse(data: bytes) -> Parts:
    """The bytes of a PNG, JPEG, WebP or AVIF file -> its parts.

    Raises ImageError, worded to follow the file's name: another format, a side outside 1..4096,
    a file without a header. Damage may also come out as struct.error or IndexError.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp" and (b"avif" in data[8:64] or b"avis" in data[8:64]):
        return _avif(data)
    if not data:
        raise ImageError("is empty")
    raise ImageError("is not a PNG, JPEG, WebP or AVIF picture; save it as one of these")


def check_size(width: int, height: int) -> None:
    """Raises ImageError unless both sides are 1..4096 pixels."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageError(f"is {width} x {height} pixels; a side must be 1 to {MAX_SIDE}")


def _avif(data: bytes) -> Parts:
    """What is coded must be of the sizes that open, whatever the boxes around it tell."""
    coded = avif.sizes(data)
    for width, height in coded:
        check_size(width, height)
    if sum(width * height for width, height in coded) > MAX_CODED:
        raise ImageError("is an AVIF file of more parts than a picture has; save it anew")
    return Parts("AVIF", data)


def _png(data: bytes) -> Parts:
    """ISO/IEC 15948 (PNG): keeps IHDR, PLTE, tRNS, IDAT and IEND, reads the text chunks."""
    parts = Parts("PNG", b"")
    kept = [data[:8]]
    color = 0
    unpack, room = _Unpacker(), MAX_TEXT
    for kind, body, chunk in png_chunks(data):
        if kind == b"IHDR" and len(kept) == 1:
            width, height, parts.depth, color = struct.unpack_from(">IIBB", body)
            check_size(width, height)
        if kind == b"tRNS" and color in (0, 2):
            # Pillow compares these before scaling the samples, we after: see _alpha
            parts.key = struct.unpack_from(">H" if color == 0 else ">HHH", body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(chunk)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            key, value, size = _png_text(kind, body, unpack, room)
            if key and key not in parts.text and len(parts.text) < MAX_TEXTS:
                parts.text[key] = value
                room -= size
        elif kind == b"eXIf":
            parts.exif = body
        elif kind == b"iCCP" and not parts.profile:
            parts.profile = unpack(body.partition(b"\0")[2][1:], MAX_PROFILE)
    if len(kept) < 2:
        raise ImageError("is a PNG without a header; it is damaged")
    parts.data = b"".join(kept)
    return parts


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """-> kind, body and whole chunk, one after the other, up to IEND or where the file is cut."""
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            # a cut IDAT goes on to the decoder, which says what is missing
            size = len(data) - at - 12
        end = at + 12 + size
        yield kind, data[at + 8 : end - 4], data[at:end]
        if kind == b"IEND":
            return
        at = end
    raise ImageError(f"has more than {MAX_CHUNKS} PNG chunks; save it anew")


def _png_text(kind: bytes, body: bytes, unpack: _Unpacker, room: int) -> tuple[str, str, int]:
    """A tEXt, zTXt or iTXt chunk -> keyword, text, its bytes; ("", "", 0) when it is damaged or over `room` bytes."""
    key, _, rest = body.partition(b"\0")
    if not 1 <= len(key) <= 79 or len(rest) > room:
        return "", "", 0
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        rest = rest[1:]
    if kind == b"iTXt":
        packed = rest[:1] == b"\1"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]  # language, translated keyword
    if packed:
        rest = unpack(rest, room)
    if not rest:
        return "", "", 0
    try:  # the standard says Latin-1 for tEXt and zTXt; many writers put UTF-8 there
        return key.decode("latin-1"), rest.decode("utf-8"), len(rest)
    except UnicodeDecodeError:
        return key.decode("latin-1"), rest.decode("latin-1"), len(rest)


class _Unpacker:
    """zlib data -> at most `limit` bytes; b"" when it is damaged, cut off or larger, or the file had too much of it.

    A bomb costs as much as it is unpacked, refused or not, and a file may hold thousands.
    """

    def __init__(self) -> None:
        self._left = MAX_UNPACKED

    def __call__(self, packed: bytes, limit: int) -> bytes:
        limit = min(limit, self._left)
        if not limit:
            return b""
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(packed, limit + 1)
        except zlib.error:
            self._left -= min(limit, 1032 * len(packed))  # how much zlib packs into a byte, at most
            return b""
        self._left -= min(limit, len(data))
        return data if unpacker.eof and len(data) <= limit else b""


# no repeat in these: a run of FF bytes must not be looked at twice
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_AFTER_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")  # restarts belong to the scan
_XMP = b"http://ns.adobe.com/xap/1.0/\0"  # how the segment of XMP begins
_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the start-of-frame markers


def _jpeg(data: bytes) -> Parts:
    """ITU-T T.81 (JPEG): keeps all segments that a decoder reads, takes EXIF out."""
    parts = Parts("JPEG", b"")
    kept = [data[:2]]
    sized = False
    at, profile = 2, 0
    for _ in range(MAX_CHUNKS):
        found = _MARKER.search(data, at)
        if found is None or found.end() + 2 > len(data):
            raise ImageError("is a JPEG without a picture in it; it is damaged or cut off")
        marker, start = found[1][0], found.end()
        if marker == 0xDA:  # start of scan: from here on libjpeg reads
            if not sized:
                raise ImageError("is a JPEG without a frame header; it is damaged")
            if profile > MAX_PROFILE:
                kept = [part for part in kept if part[1] != 0xE2]
            parts.data = b"".join(kept) + b"\xff" + data[start - 1 : _scans_end(data, start)]
            return parts
        at = start
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:  # these have no body
            continue
        at += struct.unpack_from(">H", data, start)[0]
        body = data[start + 2 : at]
        if marker in _FRAME:
            height, width = struct.unpack_from(">HH", body, 1)
            check_size(width, height)
            sized = True
        if marker == 0xE1 and body.startswith(b"Exif\0\0") and not parts.exif:
            parts.exif = body
        if marker == 0xE1 and body.startswith(_XMP):
            parts.text.setdefault(XMP, body.removeprefix(_XMP).decode("utf-8", "replace"))
        if marker == 0xE2:
            profile += len(body)
            if profile > MAX_PROFILE:
                continue
        # of the application's segments: APP0 (JFIF), APP2 (ICC profile), APP14 (Adobe's colors)
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or marker in (0xE0, 0xE2, 0xEE):
            kept.append(b"\xff" + data[start - 1 : at])
    raise ImageError(f"has more than {MAX_CHUNKS} JPEG segments; save it anew")


def _scans_end(data: bytes, at: int) -> int:
    """Where the picture ends whose first scan's header is at `at`; phones append films after that."""
    scans = 1
    for _ in range(MAX_CHUNKS):
        found = _AFTER_SCAN.search(data, at)
        if found is None or found.end() + 2 > len(data):
            return len(data) if found is None or found[1][0] != 0xD9 else found.end()
        if found[1][0] == 0xD9:  # end of image
            return found.end()
        scans += found[1][0] == 0xDA
        if scans > MAX_SCANS:
            break
        at = found.end() + struct.unpack_from(">H", data, found.end())[0]
    raise ImageError(f"is a JPEG with more than {MAX_SCANS} scans; save it anew")


def _webp(data: bytes) -> Parts:
    """RFC 9649 (WebP): the file without texts and profiles that are too large."""
    check_size(*_webp_size(data))
    chunks: list[tuple[bytes, int, int]] = []
    at = 12
    while at + 8 <= len(data):
        if len(chunks) == MAX_CHUNKS:
            raise ImageError(f"has more than {MAX_CHUNKS} WebP chunks; save it anew")
        kind, size = struct.unpack_from("<4sI", data, at)
        chunks.append((kind, at, at + 8 + size + size % 2))
        at = chunks[-1][2]
    most = {b"ICCP": MAX_PROFILE, b"EXIF": MAX_PROFILE, b"XMP ": MAX_TEXT}
    kept = [data[start:end] for kind, start, end in chunks if end - start <= most.get(kind, len(data)) + 9]
    if len(kept) == len(chunks):
        return Parts("WebP", data)
    body = b"WEBP" + b"".join(kept)
    return Parts("WebP", b"RIFF" + struct.pack("<I", len(body)) + body)


def _webp_size(data: bytes) -> tuple[int, int]:
    """RFC 9649 (WebP) -> width, height of the canvas, from the first chunk's header."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ImageError("is a WebP file cut off in its header")
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF
