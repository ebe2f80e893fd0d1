"""Reduce a PNG (ISO/IEC 15948) to the chunks that a decoder needs, and extract its metadata."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from codec.errors import ImageError
from codec.images import color_encoding
from codec.images.color_encoding import ColorEncoding
from codec.images.exif import MAX_TEXT_BYTES, XMP_KEY
from codec.images.sanitized_file import MAX_CHUNKS, MAX_PROFILE_BYTES, MAX_TEXTS, XMP_HEADER, SanitizedFile, check_size

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_INFLATED_BYTES: Final = 3 << 20  # of all compressed texts and profiles of a file together
_RAW_PROFILE: Final = "Raw profile type "
_COLOR_CHUNKS: Final = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}  # size by type
_MAX_ZLIB_RATIO = 1032  # maximum compression ratio of DEFLATE


def sanitize_png(data: bytes) -> SanitizedFile:
    """Keep IHDR, PLTE, tRNS, IDAT and IEND; extract texts, EXIF, the ICC profile and the color encoding."""
    parts = SanitizedFile("PNG", b"")
    kept = [data[:8]]
    colors: dict[bytes, bytes] = {}
    color_type = 0
    inflate, text_budget = _Inflater(), MAX_TEXT_BYTES
    for kind, body, chunk in png_chunks(data):
        if kind == b"IHDR" and len(kept) == 1:
            width, height, parts.bit_depth, color_type = struct.unpack_from(">IIBB", body)
            check_size(width, height)
        if kind == b"tRNS" and color_type in (0, 2):
            # withheld from Pillow, which would compare it with pixels before they are scaled to 8 bits: see io._alpha
            parts.transparent_color = struct.unpack_from(">H" if color_type == 0 else ">HHH", body)
        elif kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(chunk)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, text, size = _png_text(kind, body, inflate, text_budget)
            if keyword.startswith(_RAW_PROFILE) and _take_raw_profile(parts, text):
                text_budget -= size
            elif keyword and keyword not in parts.texts and len(parts.texts) < MAX_TEXTS:
                parts.texts[keyword] = text
                text_budget -= size
        elif kind == b"eXIf":
            parts.exif = body
        elif kind == b"iCCP":
            if kind not in colors:
                parts.icc_profile = inflate(body.partition(b"\0")[2][1:], MAX_PROFILE_BYTES) or parts.icc_profile
            colors[kind] = b""
        elif kind in _COLOR_CHUNKS and len(body) == _COLOR_CHUNKS[kind]:
            colors.setdefault(kind, body)
    if len(kept) < 2:
        raise ImageError("is a PNG without a header; it is damaged")
    parts.data = b"".join(kept)
    parts.color_encoding = _png_color_encoding(colors)
    parts.ignore_profile = b"cICP" in colors
    return parts


def _png_color_encoding(colors: dict[bytes, bytes]) -> ColorEncoding:
    """Return the color encoding that a PNG's chunks give: cICP precedes sRGB, which precedes gAMA and cHRM."""
    if b"cICP" in colors:
        primaries, transfer, _, full_range = colors[b"cICP"]
        return color_encoding.from_cicp(primaries, transfer, full_range=full_range != 0)
    if b"sRGB" in colors:
        return ColorEncoding()
    gamma = struct.unpack(">I", colors[b"gAMA"])[0] if b"gAMA" in colors else None
    chromaticities = struct.unpack(">8I", colors[b"cHRM"]) if b"cHRM" in colors else None
    return color_encoding.from_png(gamma, chromaticities)


def _take_raw_profile(parts: SanitizedFile, text: str) -> bool:
    """Store a profile that ImageMagick wrote as the text "Raw profile type": name, size in bytes, hexadecimal digits.

    Its content shows whether the profile is EXIF, XMP or ICC. A chunk of the standard type takes precedence. Returns
    False for any other text.
    """
    head = text.split(maxsplit=2)
    if len(head) < 3 or not head[1].isdecimal():
        return False
    try:
        body = bytes.fromhex(head[2])
    except ValueError:
        return False
    if body.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
        parts.exif = parts.exif or body
    elif body.startswith(XMP_HEADER) or head[0] == "xmp":
        parts.texts.setdefault(XMP_KEY, body.removeprefix(XMP_HEADER).decode("utf-8", "replace"))
    elif body[36:40] == b"acsp":
        parts.icc_profile = parts.icc_profile or body
    else:
        return False
    return True


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield type, body and all bytes of each chunk, up to IEND or the end of a truncated file."""
    offset = len(PNG_SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if offset + 12 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, offset)
        size = min(size, len(data) - offset - 12)  # the decoder gets a truncated IDAT and reports it
        end = offset + 12 + size
        yield kind, data[offset + 8 : end - 4], data[offset:end]
        if kind == b"IEND":
            return
        offset = end
    raise ImageError(f"has more than {MAX_CHUNKS} PNG chunks; save it again")


def _png_text(kind: bytes, body: bytes, inflate: _Inflater, max_bytes: int) -> tuple[str, str, int]:
    """Return keyword, text and size in bytes of a tEXt, zTXt or iTXt chunk; ("", "", 0) if damaged or too large."""
    keyword, _, value = body.partition(b"\0")
    if not 1 <= len(keyword) <= 79 or len(value) > max_bytes:
        return "", "", 0
    compressed = kind == b"zTXt"
    if kind == b"zTXt":
        value = value[1:]
    if kind == b"iTXt":
        compressed = value[:1] == b"\1"
        value = value[2:].partition(b"\0")[2].partition(b"\0")[2]  # skip language and translated keyword
    if compressed:
        value = inflate(value, max_bytes)
    if not value:
        return "", "", 0
    try:  # tEXt and zTXt are Latin-1 by the standard, but many programs write UTF-8
        return keyword.decode("latin-1"), value.decode("utf-8"), len(value)
    except UnicodeDecodeError:
        return keyword.decode("latin-1"), value.decode("latin-1"), len(value)


class _Inflater:
    """Decompress zlib data within a limit for one value and a budget for the whole file.

    A decompression bomb costs time even if its output is discarded, and a file may hold thousands of them.
    """

    def __init__(self) -> None:
        self._budget = MAX_INFLATED_BYTES

    def __call__(self, compressed: bytes, max_bytes: int) -> bytes:
        """Return the data, or b"" if it is damaged, truncated, or larger than `max_bytes` or the remaining budget."""
        max_bytes = min(max_bytes, self._budget)
        if not max_bytes:
            return b""
        stream = zlib.decompressobj()
        try:
            data = stream.decompress(compressed, max_bytes + 1)
        except zlib.error:
            self._budget -= min(max_bytes, _MAX_ZLIB_RATIO * len(compressed))
            return b""
        self._budget -= min(max_bytes, len(data))
        return data if stream.eof and len(data) <= max_bytes else b""
