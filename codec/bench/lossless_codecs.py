"""What general compressors and picture formats make of the same text, bitmap or cells.

All of them lossless, at their best settings. Their packages are optional and imported when first
used; a rival without its package counts nothing, and `missing` says what to install.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

_SMALL: Final = 4096  # pixels up to which the slowest search of AVIF takes no time
_BOX: Final = 8  # bytes before what a box of AVIF holds: its length and its type


@dataclass(frozen=True, slots=True)
class Rival:
    """A way to write a `str`, or pixels, (h, w) bool or (h, w, 3) uint8, and the package it takes."""

    name: str
    package: str
    module: str
    write: Callable[[Any], bytes]

    def pack(self, value: str | np.ndarray) -> bytes | None:
        """The compressed bytes, or None without the package."""
        return self.write(value) if _installed(self.module) else None

    def size(self, value: str | np.ndarray) -> int | None:
        """Bytes without what any file of the format has around its data (`data_bytes`), or None."""
        packed = self.pack(value)
        return None if packed is None else data_bytes(packed)


def data_bytes(file: bytes) -> int:
    """The bytes of a PNG, WebP or AVIF that hold colors and pixels: no signature, no header, no list of boxes.

    Anything else is its own data: JPEG XL comes as a bare codestream, brotli and zstd have almost
    nothing around theirs.
    """
    if file.startswith(b"\x89PNG"):
        return sum(length for kind, length in _parts(file, 8, "big") if kind in (b"PLTE", b"IDAT"))
    if file[:4] == b"RIFF":
        return sum(length for kind, length in _parts(file, 12, "little") if kind in (b"VP8 ", b"VP8L"))
    if file[4:12] == b"ftypavif":
        return sum(length for kind, length in _boxes(file) if kind == b"mdat")
    return len(file)


def missing(rivals: tuple[Rival, ...]) -> dict[str, str]:
    """What to do about each rival whose package is not installed, by name."""
    return {rival.name: f"pip install {rival.package}" for rival in rivals if not _installed(rival.module)}


def _installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _parts(file: bytes, at: int, order: Any) -> list[tuple[bytes, int]]:
    """(type, length) of the chunks of a PNG (big: length, type, CRC) or WebP (little: type, length, even)."""
    found = []
    while at + 8 <= len(file):
        words = file[at : at + 4], file[at + 4 : at + 8]
        length, kind = words if order == "big" else words[::-1]
        size = int.from_bytes(length, order)
        found.append((kind, size))
        at += size + (12 if order == "big" else 8 + size % 2)
    return found


def _boxes(file: bytes) -> list[tuple[bytes, int]]:
    found, at = [], 0
    while at + _BOX <= len(file):
        size = max(int.from_bytes(file[at : at + 4], "big"), _BOX)
        found.append((file[at + 4 : at + 8], size - _BOX))
        at += size
    return found


# the compressors


def _brotli(text: str) -> bytes:
    import brotli

    packed: bytes = brotli.compress(text.encode(), quality=11)
    return packed


def _zstd(text: str) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=22, write_checksum=False, write_content_size=False).compress(text.encode())


def _png(pixels: np.ndarray) -> bytes:
    return _pillow(pixels, "PNG", optimize=True)


def _webp(pixels: np.ndarray) -> bytes:
    return _pillow(pixels, "WEBP", lossless=True, quality=100, method=6)


def _avif(pixels: np.ndarray) -> bytes:
    import imagecodecs

    gray = pixels.ndim == 2
    speed = 0 if pixels.shape[0] * pixels.shape[1] <= _SMALL else 4
    samples = pixels.astype(np.uint8) * 255 if gray else pixels
    form = "400" if gray else "444"
    return bytes(imagecodecs.avif_encode(samples, level=100, speed=speed, pixelformat=form, numthreads=1))


def _jxl(pixels: np.ndarray) -> bytes:
    import imagecodecs

    depth = 1 if pixels.ndim == 2 else None
    tried = (
        imagecodecs.jpegxl_encode(pixels.astype(np.uint8), lossless=True, effort=effort, bitspersample=depth)
        for effort in (7, 9)
    )
    return bytes(min(tried, key=len))


def _pillow(pixels: np.ndarray, form: str, **options: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


TEXTS: Final = (
    Rival("zstd-22", "zstandard", "zstandard", _zstd),
    Rival("brotli-11", "brotli", "brotli", _brotli),
)
PNG: Final = Rival("PNG", "pillow", "PIL.Image", _png)
WEBP: Final = Rival("WebP", "pillow", "PIL.Image", _webp)
AVIF: Final = Rival("AVIF", "imagecodecs", "imagecodecs", _avif)
JXL: Final = Rival("JPEG XL", "imagecodecs", "imagecodecs", _jxl)
PICTURES: Final = (PNG, WEBP, AVIF, JXL)
