"""Text hidden in the lowest bits of a picture's pixels, as NovelAI and "stealth pnginfo" write it.

Down the columns, one bit of alpha a pixel or three of red, green and blue: a signature of 15 letters,
how many bits follow (32 bits, high first), then UTF-8, packed by gzip or not.
"""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np

from codec.images.exif import MAX_TEXT

KEY: Final = "stealth"  # what such a text is called among a picture's texts
_SIGNATURES: Final = {b"stealth_pnginfo": False, b"stealth_pngcomp": True}  # packed?
_RGB: Final = {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True}
_HEAD = 15 + 4  # bytes


def text(rgb: np.ndarray, alpha: np.ndarray | None) -> str:
    """What (H, W, 3) and (H, W) uint8 samples hide, at most 1 MiB; "" if nothing."""
    if alpha is not None and (found := _read(alpha[..., None], _SIGNATURES)):
        return found
    return _read(rgb, _RGB)


def _read(samples: np.ndarray, signatures: dict[bytes, bool]) -> str:
    head = _bytes(samples, 0, _HEAD)
    packed = signatures.get(head[:15])
    if packed is None:
        return ""
    size = int.from_bytes(head[15:], "big") // 8
    if not 0 < size <= min(MAX_TEXT, samples.size // 8 - _HEAD):
        return ""
    data = _bytes(samples, _HEAD, size)
    if packed:
        unpacker = zlib.decompressobj(31)  # gzip
        try:
            data = unpacker.decompress(data, MAX_TEXT + 1)
        except zlib.error:
            return ""
        if not unpacker.eof or len(data) > MAX_TEXT:
            return ""
    return data.decode("utf-8", "replace")


def _bytes(samples: np.ndarray, start: int, size: int) -> bytes:
    """That many bytes from the lowest bits of (H, W, C) samples, read down the columns."""
    height, _, channels = samples.shape
    first, last = 8 * start, 8 * (start + size)
    columns = -(-last // (height * channels))
    bits = samples[:, :columns].transpose(1, 0, 2).ravel()[first:last] & 1
    return np.packbits(bits).tobytes()
