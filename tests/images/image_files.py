"""Small picture files, some of them PNG files made chunk by chunk."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

RED_LEFT = np.zeros((4, 6, 3), np.uint8)  # red on the left, blue below it, else gray
RED_LEFT[:, :] = 120
RED_LEFT[:2, :3] = 250, 10, 10
RED_LEFT[2:, :3] = 10, 10, 250


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, color: int, rows: bytes, *extra: bytes) -> bytes:
    """Return a PNG of raw samples, each row with filter type 0."""
    size = len(rows) // height
    lines = b"".join(b"\0" + rows[i * size : (i + 1) * size] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)
