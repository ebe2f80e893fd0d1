"""Lossless codecs to compare a layer's size with: general-purpose compressors for text, picture formats for pixels.

All run at their best settings. Their packages are optional and imported on first use. Without its package, a codec
returns None; `missing_packages` returns the commands that install the packages.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

_MAX_SLOW_AVIF_PIXELS: Final = 4096  # larger pictures are encoded with a faster search
_BOX_HEADER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class LosslessCodec:
    """A lossless codec for `str`, or for pixels: (h, w) bool or (h, w, 3) uint8."""

    name: str
    package: str
    module: str
    write: Callable[[Any], bytes]

    def compress(self, value: str | np.ndarray) -> bytes | None:
        """Return the compressed file, or None without the package."""
        return self.write(value) if is_installed(self.module) else None

    def compressed_size(self, value: str | np.ndarray) -> int | None:
        """Return the bytes of the compressed data without headers (see `payload_size`), or None."""
        file = self.compress(value)
        return None if file is None else payload_size(file)


def payload_size(file: bytes) -> int:
    """Return the bytes of palette and pixel data in a PNG, WebP or AVIF, without signature, headers and boxes.

    Other files are counted whole: a JPEG XL is a bare codestream, and brotli and zstd have almost no headers.
    """
    if file.startswith(b"\x89PNG"):
        return sum(size for kind, size in _chunks(file, 8, "big") if kind in (b"PLTE", b"IDAT"))
    if file[:4] == b"RIFF":
        return sum(size for kind, size in _chunks(file, 12, "little") if kind in (b"VP8 ", b"VP8L"))
    if file[4:12] == b"ftypavif":
        return sum(size for kind, size in _boxes(file) if kind == b"mdat")
    return len(file)


def missing_packages(codecs: Sequence[LosslessCodec]) -> dict[str, str]:
    """Return the command that installs each codec whose package is missing, by name."""
    return {codec.name: f"pip install {codec.package}" for codec in codecs if not is_installed(codec.module)}


def is_installed(module: str) -> bool:
    """Return whether a module can be imported."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _chunks(file: bytes, offset: int, order: Literal["big", "little"]) -> Iterator[tuple[bytes, int]]:
    """Yield (type, size) of the chunks of a PNG (size, type, data, CRC) or a WebP (type, size, data, padding)."""
    while offset + 8 <= len(file):
        first, second = file[offset : offset + 4], file[offset + 4 : offset + 8]
        kind, raw_size = (second, first) if order == "big" else (first, second)
        size = int.from_bytes(raw_size, order)
        yield kind, size
        offset += size + (12 if order == "big" else 8 + size % 2)


def _boxes(file: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield (type, size without header) of the top-level boxes of an AVIF."""
    offset = 0
    while offset + _BOX_HEADER_BYTES <= len(file):
        size = max(int.from_bytes(file[offset : offset + 4], "big"), _BOX_HEADER_BYTES)
        yield file[offset + 4 : offset + 8], size - _BOX_HEADER_BYTES
        offset += size


# the codecs


def _brotli(text: str) -> bytes:
    import brotli

    compressed: bytes = brotli.compress(text.encode(), quality=11)
    return compressed


def _zstd(text: str) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=22, write_checksum=False, write_content_size=False).compress(text.encode())


def _png(pixels: np.ndarray) -> bytes:
    return save_with_pillow(pixels, "PNG", optimize=True)


def _webp(pixels: np.ndarray) -> bytes:
    return save_with_pillow(pixels, "WEBP", lossless=True, quality=100, method=6)


def _avif(pixels: np.ndarray) -> bytes:
    import imagecodecs

    is_bitmap = pixels.ndim == 2
    speed = 0 if pixels.shape[0] * pixels.shape[1] <= _MAX_SLOW_AVIF_PIXELS else 4
    samples = pixels.astype(np.uint8) * 255 if is_bitmap else pixels
    chroma = "400" if is_bitmap else "444"
    return bytes(imagecodecs.avif_encode(samples, level=100, speed=speed, pixelformat=chroma, numthreads=1))


def _jxl(pixels: np.ndarray) -> bytes:
    import imagecodecs

    bit_depth = 1 if pixels.ndim == 2 else None
    files = (
        imagecodecs.jpegxl_encode(pixels.astype(np.uint8), lossless=True, effort=effort, bitspersample=bit_depth)
        for effort in (7, 9)
    )
    return bytes(min(files, key=len))


def save_with_pillow(pixels: np.ndarray, format_name: str, **options: Any) -> bytes:
    """Return pixels, (h, w) bool or uint8 or (h, w, 3) uint8, as a file in one of Pillow's formats."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_name, **options)
    return file.getvalue()


TEXT_CODECS: Final = (
    LosslessCodec("zstd-22", "zstandard", "zstandard", _zstd),
    LosslessCodec("brotli-11", "brotli", "brotli", _brotli),
)
PNG: Final = LosslessCodec("PNG", "pillow", "PIL.Image", _png)
WEBP: Final = LosslessCodec("WebP", "pillow", "PIL.Image", _webp)
AVIF: Final = LosslessCodec("AVIF", "imagecodecs", "imagecodecs", _avif)
JXL: Final = LosslessCodec("JPEG XL", "imagecodecs", "imagecodecs", _jxl)
PICTURE_CODECS: Final = (PNG, WEBP, AVIF, JXL)
