"""Reduce masks in formats that are read for masks only (GIF, BMP, TIFF, PNM) to the parts that a decoder needs.

As in `codec.images.sanitize`, sizes are checked in the headers, and what could cost unbounded time or memory is dropped
or refused before Pillow sees the file.
"""

from __future__ import annotations

import re
import struct
from typing import Final

import numpy as np

from codec.errors import ImageError
from codec.images.sanitize import sanitize
from codec.images.sanitize_jpeg import MAX_SCANS, START_OF_SCAN
from codec.images.sanitized_file import MAX_CHUNKS, MAX_PROFILE_BYTES, SanitizedFile, UnknownFormat, check_size

MAX_RLE_BYTES: Final = 1 << 20  # of a compressed BMP, which Pillow decodes in Python
MAX_TEXT_SAMPLE_BYTES: Final = 8 << 20  # of a PNM whose samples are text
_MAX_GIF_BLOCKS: Final = 1 << 19  # enough for 64 MiB in full blocks


def sanitize_mask(data: bytes) -> SanitizedFile:
    """Return the parts of a GIF, BMP, TIFF or PNM file, or of a file that `sanitize` reads.

    Raises `ImageError` as `sanitize` does. Damage may also raise `struct.error` or `IndexError`.
    """
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _sanitize_gif(data)
    if data.startswith(b"BM"):
        return _sanitize_bmp(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0")):
        return _sanitize_tiff(data)
    if re.match(rb"P[1-6][\s#]", data):
        return _sanitize_pnm(data)
    try:
        return sanitize(data)
    except UnknownFormat:
        raise ImageError("is not a PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF or PNM picture; save it as a PNG") from None


# GIF89a


def _sanitize_gif(data: bytes) -> SanitizedFile:
    """Keep the header, the palettes, the transparent color and the first frame."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    offset = 13 + _palette_bytes(flags)
    header, graphic_control = data[:offset], b""
    blocks = _MAX_GIF_BLOCKS
    for _ in range(MAX_CHUNKS):
        start = offset
        if data[start] == 0x2C:  # image descriptor
            left, top, columns, rows, flags = struct.unpack_from("<4HB", data, start + 1)
            check_size(max(width, left + columns), max(height, top + rows))
            end, _ = _end_of_blocks(data, start + 10 + _palette_bytes(flags) + 1, blocks)
            return SanitizedFile("GIF", header + graphic_control + data[start:end] + b"\0;")
        if data[start] != 0x21:  # extension
            break
        offset, blocks = _end_of_blocks(data, start + 2, blocks)
        if data[start + 1] == 0xF9:
            graphic_control = data[start:offset]
    raise ImageError("is a GIF without a picture in it; it is damaged")


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _end_of_blocks(data: bytes, offset: int, max_blocks: int) -> tuple[int, int]:
    """Return the offset after a chain of GIF sub-blocks, at most the file's end, and how many more are allowed."""
    for count in range(max_blocks):
        if offset >= len(data) or not data[offset]:
            return min(offset + 1, len(data)), max_blocks - count
        offset += 1 + data[offset]
    raise ImageError("is a GIF in too many blocks; save it again")


# BMP (Windows GDI: BITMAPINFOHEADER and relatives)

_BMP_RLE: Final = (1, 2)
_BMP_BITFIELDS: Final = 3
_BGRA_MASKS: Final = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def _sanitize_bmp(data: bytes) -> SanitizedFile:
    """Return the file. The fourth byte of a pixel becomes its opacity, as most programs mean it if they write it."""
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2
        check_size(*struct.unpack_from("<HH", data, 18))
        return SanitizedFile("BMP", data)
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    check_size(width, abs(height))
    if compression in _BMP_RLE and len(data) > MAX_RLE_BYTES:
        raise ImageError(f"is a compressed BMP of more than {MAX_RLE_BYTES >> 20} MiB; save it as a PNG")
    if (bits, compression) == (32, 0):
        (offset,) = struct.unpack_from("<I", data, 10)
        pixels = data[offset : offset + 4 * width * abs(height)]
        if pixels[3::4].strip(b"\0"):
            header = struct.pack("<IiiHHI5I", 56, width, height, 1, 32, _BMP_BITFIELDS, len(pixels), 0, 0, 0, 0)
            header += struct.pack("<4I", *_BGRA_MASKS)
            data = b"BM" + struct.pack("<IHHI", 14 + 56 + len(pixels), 0, 0, 14 + 56) + header + pixels
    return SanitizedFile("BMP", data)


# TIFF 6.0 and BigTIFF

_WIDTH, _LENGTH, _COMPRESSION, _ROWS_PER_STRIP, _STRIP_BYTES = 256, 257, 259, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILE_BYTES = 322, 323, 325
_TIFF_TAGS: Final = frozenset((
    _WIDTH, _LENGTH, 258, _COMPRESSION, 262, 266, 273, 274, 277, _ROWS_PER_STRIP, _STRIP_BYTES, 284, 292, 293, 317, 320,
    _TILE_WIDTH, _TILE_LENGTH, 324, _TILE_BYTES, 332, 338, 339, 347, 529, 530, 531, 532, 34675,
))  # fmt: skip
_TIFF_COMPRESSIONS: Final = frozenset((1, 2, 3, 4, 5, 7, 8, 32773, 32946))  # none, CCITT, LZW, JPEG, deflate, PackBits
_TIFF_JPEG: Final = 7
_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8}
_MAX_STRIPS: Final = 1 << 16


class _TiffDirectory:
    """The first directory of a TIFF file: type, count and value or offset of each tag that describes pixels."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.is_big = data[2:4] in (b"+\0", b"\0+")
        word, at = ("Q", 8) if self.is_big else ("I", 4)
        self._count, self._entry = self.order + ("Q" if self.is_big else "H"), f"{self.order}HH{word}"
        self._word = self.order + word
        self._inline = struct.calcsize(self._word)
        (start,) = struct.unpack_from(self._word, data, at)
        (count,) = struct.unpack_from(self._count, data, start)
        start += struct.calcsize(self._count)
        size = struct.calcsize(self._entry) + self._inline
        self.entries: dict[int, tuple[int, int, bytes]] = {}
        for offset in range(start, start + size * min(count, MAX_CHUNKS), size):
            tag, kind, items = struct.unpack_from(self._entry, data, offset)
            if tag in _TIFF_TAGS and kind in _TYPE_BYTES and items * _TYPE_BYTES[kind] <= MAX_PROFILE_BYTES:
                self.entries.setdefault(tag, (kind, items, data[offset + size - self._inline : offset + size]))

    def integers(self, tag: int, default: int) -> tuple[int, ...]:
        """Return the unsigned values of a tag, or one default value."""
        kind, items, value = self.entries.get(tag, (0, 0, b""))
        letter = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
        if letter is None or not items:
            return (default,)
        layout = f"{self.order}{items}{letter}"
        if struct.calcsize(layout) <= self._inline:
            return struct.unpack_from(layout, value)
        return struct.unpack_from(layout, self.data, struct.unpack(self._word, value)[0])

    def set_integer(self, tag: int, number: int) -> None:
        self.entries[tag] = (4, 1, struct.pack(self.order + "I", number).ljust(self._inline, b"\0"))

    def to_file(self) -> bytes:
        """Return the file with this directory, moved to its end, as the only one."""
        start = len(self.data) + len(self.data) % 2
        header = self.data[: 8 if self.is_big else 4] + struct.pack(self._word, start)
        body = header + self.data[len(header) :].ljust(start - len(header), b"\0")
        body += struct.pack(self._count, len(self.entries))
        for tag, (kind, items, value) in sorted(self.entries.items()):
            body += struct.pack(self._entry, tag, kind, items) + value
        return body + bytes(self._inline)


def _sanitize_tiff(data: bytes) -> SanitizedFile:
    """Keep the first picture and the tags that describe its pixels."""
    directory = _TiffDirectory(data)
    (width, *_), (height, *_) = directory.integers(_WIDTH, 0), directory.integers(_LENGTH, 0)
    check_size(width, height)
    if _TILE_WIDTH in directory.entries:
        check_size(directory.integers(_TILE_WIDTH, 0)[0], directory.integers(_TILE_LENGTH, 0)[0])
    if directory.integers(_ROWS_PER_STRIP, 0)[0] > height:
        directory.set_integer(_ROWS_PER_STRIP, height)
    compression = directory.integers(_COMPRESSION, 1)[0]
    if compression not in _TIFF_COMPRESSIONS:
        raise ImageError("is a TIFF in a rare compression; save it with LZW, or as a PNG")
    sizes = [*directory.integers(_STRIP_BYTES, 0), *directory.integers(_TILE_BYTES, 0)]
    if len(sizes) > _MAX_STRIPS or sum(sizes) > len(data):
        raise ImageError("is a TIFF whose strips overlap or are too many; save it again")
    if compression == _TIFF_JPEG and data.count(START_OF_SCAN) > len(sizes) + MAX_SCANS:
        raise ImageError(f"is a TIFF with more than {MAX_SCANS} JPEG scans; save it again")
    return SanitizedFile("TIFF", directory.to_file())


# PNM (Netpbm)

_PNM_GAP: Final = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM_HEADER: Final = re.compile(rb"P(?:[14]%b(\d+)%b(\d+)|[2356]%b(\d+)%b(\d+)%b(\d+))\s" % ((_PNM_GAP,) * 5))
_PNM_HEADER_BYTES: Final = 4096
_PNM_COMMENT: Final = re.compile(rb"#[^\r\n]*")
_WHITESPACE: Final = b" \t\n\v\f\r"


def _sanitize_pnm(data: bytes) -> SanitizedFile:
    """Return a bitmap (P4) unchanged, and the other kinds as P5 or P6 with 8 bits a sample.

    Pillow decodes text, and samples of fewer or more bits, in Python.
    """
    match = _PNM_HEADER.match(data[:_PNM_HEADER_BYTES])
    if match is None:
        raise ImageError("is a PNM file without a header; it is damaged")
    kind = data[:2]
    width, height, max_value = (int(number[:9]) for number in [*filter(None, match.groups()), b"1"][:3])
    check_size(width, height)
    if kind == b"P4":
        return SanitizedFile("PNM", data)
    if not 1 <= max_value <= 65535:
        raise ImageError("is a PNM file with an impossible maximum; it is damaged")
    count = width * height * (3 if kind in (b"P3", b"P6") else 1)
    if kind in (b"P5", b"P6"):
        samples = np.frombuffer(data, np.uint8 if max_value < 256 else ">u2", count, match.end()).astype(np.float32)
    else:
        samples = _text_samples(kind, data[match.end() :], count)
    if kind == b"P1":
        samples = 1 - samples  # 1 is black
    levels = np.rint(np.clip(samples / max_value, 0, 1) * 255).astype(np.uint8)
    header = b"%b %d %d 255\n" % (b"P6" if kind in (b"P3", b"P6") else b"P5", width, height)
    return SanitizedFile("PNM", header + levels.tobytes())


def _text_samples(kind: bytes, text: bytes, count: int) -> np.ndarray:
    """Return (count,) float32 samples of a P1, P2 or P3. Raises `ImageError` if some are missing."""
    if len(text) > MAX_TEXT_SAMPLE_BYTES:
        raise ImageError(f"is a text PNM of more than {MAX_TEXT_SAMPLE_BYTES >> 20} MiB; save it as a PNG")
    text = _PNM_COMMENT.sub(b"", text)
    if kind == b"P1":  # digits need no space between them
        samples = np.frombuffer(text.translate(None, _WHITESPACE), np.uint8).astype(np.float32)[:count] - ord("0")
    else:
        samples = np.array(text.split(maxsplit=count)[:count], np.float32)
    if len(samples) < count:
        raise ImageError("is a PNM that is cut off; save it again")
    return samples
