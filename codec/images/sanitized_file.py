"""The result of sanitizing a picture file, and limits that all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from codec.errors import ImageError
from codec.images.color_encoding import ColorEncoding
from codec.limits import MAX_SIDE

MAX_TEXTS: Final = 64  # per file, of MAX_TEXT_BYTES in all
MAX_PROFILE_BYTES: Final = 2 << 20  # of an ICC profile; a CMYK press profile has about 0.6 MB
XMP_HEADER: Final = b"http://ns.adobe.com/xap/1.0/\0"  # precedes XMP in a JPEG segment
MAX_CHUNKS: Final = 1 << 14  # of a PNG, JPEG or WebP; enough for 64 MiB in chunks of 4 KiB


class UnknownFormat(ImageError):
    """A file is of no format that pictures are read from."""


@dataclass
class SanitizedFile:
    """A picture file reduced to what its decoder needs, and the metadata that were removed from it."""

    format: str  # "PNG", "JPEG", "WebP" or "AVIF"; for masks, also "GIF", "BMP", "TIFF" or "PNM"
    data: bytes
    texts: dict[str, str] = field(default_factory=dict)
    exif: bytes = b""
    icc_profile: bytes = b""
    color_encoding: ColorEncoding = field(default_factory=ColorEncoding)  # unless there is a usable ICC profile
    ignore_profile: bool = False  # `color_encoding` comes from cICP, which takes precedence over the profile
    is_unterminated: bool = False  # a JPEG without its end marker, whose scans may be cut off
    transparent_color: tuple[int, ...] | None = None  # samples of tRNS in a PNG without a palette
    bit_depth: int = 8  # per sample


def check_size(width: int, height: int) -> None:
    """Raise `ImageError` unless both sides are 1..4096 pixels."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageError(f"is {width} x {height} pixels; a side must be 1 to {MAX_SIDE}")
