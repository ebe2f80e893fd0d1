"""Read text hidden in the lowest bits of a picture's pixels, as NovelAI and "stealth pnginfo" write it.

The bits run down the columns, one per pixel in alpha or three in red, green and blue: a signature of 15 letters, the
number of bits that follow (32 bits, big-endian), then UTF-8, plain or compressed with gzip.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from codec.images.exif import MAX_TEXT_BYTES

KEY: Final = "stealth"  # keyword of the text in `Picture.texts`
_ALPHA_SIGNATURES: Final = {b"stealth_pnginfo": False, b"stealth_pngcomp": True}  # whether the text is compressed
_RGB_SIGNATURES: Final = {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True}
_HEADER_BYTES = 15 + 4


def read_text(rgb: np.ndarray, alpha: np.ndarray | None) -> str:
    """Return the text hidden in (H, W, 3) and (H, W) uint8 samples, at most 1 MiB; "" if there is none."""
    if alpha is not None and (text := _read(alpha[..., None], _ALPHA_SIGNATURES)):
        return text
    return _read(rgb, _RGB_SIGNATURES)


def _read(samples: np.ndarray, signatures: dict[bytes, bool]) -> str:
    header = _low_bits(samples, 0, _HEADER_BYTES)
    compressed = signatures.get(header[:15])
    if compressed is None:
        return ""
    size = int.from_bytes(header[15:], "big") // 8
    if not 0 < size <= min(MAX_TEXT_BYTES, samples.size // 8 - _HEADER_BYTES):
        return ""
    data = _low_bits(samples, _HEADER_BYTES, size)
    if compressed:
        stream = zlib.decompressobj(31)  # gzip
        try:
            data = stream.decompress(data, MAX_TEXT_BYTES + 1)
        except zlib.error:
            return ""
        if not stream.eof or len(data) > MAX_TEXT_BYTES:
            return ""
    return data.decode("utf-8", "replace")


def _low_bits(samples: np.ndarray, start: int, size: int) -> bytes:
    """Return `size` bytes from offset `start` of the lowest bits of (H, W, C) samples, read down the columns."""
    height, _, channels = samples.shape
    first_bit, last_bit = 8 * start, 8 * (start + size)
    columns = -(-last_bit // (height * channels))
    bits = samples[:, :columns].transpose(1, 0, 2).ravel()[first_bit:last_bit] & 1
    return np.packbits(bits).tobytes()
