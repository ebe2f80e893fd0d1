"""Remove too large metadata from a WebP file (RFC 9649), and extract the rest."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from codec.errors import ImageError
from codec.images.exif import MAX_TEXT_BYTES, XMP_KEY
from codec.images.sanitized_file import MAX_CHUNKS, MAX_PROFILE_BYTES, SanitizedFile, check_size


def sanitize_webp(data: bytes) -> SanitizedFile:
    """Return the file without texts and too large profiles; extract the texts and profiles that are small enough.

    Metadata are read here because decoders look for them only if a VP8X chunk announces them, which some programs omit.
    """
    check_size(*_webp_size(data))
    limits = {b"ICCP": MAX_PROFILE_BYTES, b"EXIF": MAX_PROFILE_BYTES, b"XMP ": MAX_TEXT_BYTES}
    chunks = list(_riff_chunks(data))
    kept = [(kind, size, chunk) for kind, size, chunk in chunks if size <= limits.get(kind, len(data))]
    parts = SanitizedFile("WebP", data)
    if len(kept) < len(chunks):
        body = b"WEBP" + b"".join(chunk for _, _, chunk in kept)
        parts.data = b"RIFF" + struct.pack("<I", len(body)) + body
    for kind, size, chunk in kept:
        body = chunk[8 : 8 + size]
        if kind == b"EXIF" and not parts.exif:
            parts.exif = body
        elif kind == b"ICCP" and not parts.icc_profile:
            parts.icc_profile = body
        elif kind == b"XMP ":
            parts.texts.setdefault(XMP_KEY, body.decode("utf-8", "replace"))
    return parts


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield type, declared size of the body and all bytes of each chunk of a WebP file."""
    offset = 12
    for _ in range(MAX_CHUNKS):
        if offset + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, offset)
        end = offset + 8 + size + size % 2
        yield kind, size, data[offset:end]
        offset = end
    raise ImageError(f"has more than {MAX_CHUNKS} WebP chunks; save it again")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a WebP canvas from the first chunk's header."""
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
