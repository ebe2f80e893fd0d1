"""Reduce picture files to the parts that a decoder needs, before any pixel is decoded.

PNG and JPEG files are rebuilt from these parts, so that decompression bombs in texts, junk between markers and broken
metadata never reach the decoder. Picture sizes are checked in the headers.
"""

from __future__ import annotations

from typing import Final

from codec.errors import ImageError
from codec.images import avif
from codec.images.sanitize_jpeg import sanitize_jpeg
from codec.images.sanitize_png import PNG_SIGNATURE, sanitize_png
from codec.images.sanitize_webp import sanitize_webp
from codec.images.sanitized_file import SanitizedFile, UnknownFormat, check_size
from codec.limits import MAX_SIDE

MAX_AVIF_PIXELS: Final = 3 * MAX_SIDE * MAX_SIDE  # total of an AVIF's coded images: colors, alpha, a thumbnail


def sanitize(data: bytes) -> SanitizedFile:
    """Return the parts of a PNG, JPEG, WebP or AVIF file.

    Raises `ImageError` with a message that continues the file's name, for another format (`UnknownFormat`), a side
    outside 1..4096 pixels or a missing header. Damage may also raise `struct.error` or `IndexError`.
    """
    if data.startswith(PNG_SIGNATURE):
        return sanitize_png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return sanitize_jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return sanitize_webp(data)
    if data[4:8] == b"ftyp" and (b"avif" in data[8:64] or b"avis" in data[8:64]):
        return _sanitize_avif(data)
    if not data:
        raise ImageError("is empty")
    raise UnknownFormat("is not a PNG, JPEG, WebP or AVIF picture; save it as one of these")


def _sanitize_avif(data: bytes) -> SanitizedFile:
    """Return the file unchanged if all coded images have allowed sizes, regardless of the sizes in the boxes."""
    sizes = avif.coded_sizes(data)
    for width, height in sizes:
        check_size(width, height)
    if sum(width * height for width, height in sizes) > MAX_AVIF_PIXELS:
        raise ImageError("is an AVIF file with more images than a picture needs; save it again")
    return SanitizedFile("AVIF", data, color_encoding=avif.read_color_encoding(data))
