"""Embed a `.tril` file in a PNG: the picture together with the layers that it was decoded from.

The chunk `trIL` (ISO/IEC 15948, section 5.4: ancillary, private, not safe to copy) holds the file unchanged. A program
that edits the picture drops the chunk and leaves a plain picture.
"""

from __future__ import annotations

import binascii
import struct
from typing import Final

from codec.errors import ImageError
from codec.images.sanitize_png import PNG_SIGNATURE, png_chunks
from codec.limits import MAX_FILE_BYTES

CHUNK_TYPE: Final = b"trIL"
_HEADER_BYTES: Final = 8 + 25  # signature and IHDR


def embed(png: bytes, tril: bytes) -> bytes:
    """Return the PNG with a .tril file in a chunk after its header, replacing an existing one.

    Raises `ImageError` if `png` is not a PNG or `tril` has more than 65,536 bytes.
    """
    if not png.startswith(PNG_SIGNATURE) or png[12:16] != b"IHDR":
        raise ImageError("layers can be embedded in PNG files only")
    if len(tril) > MAX_FILE_BYTES:
        raise ImageError(f"the layers have {len(tril)} bytes; a picture carries at most {MAX_FILE_BYTES}")
    chunk = struct.pack(">I", len(tril)) + CHUNK_TYPE + tril + _crc(tril)
    rest = b"".join(whole for kind, _, whole in png_chunks(png) if kind not in (b"IHDR", CHUNK_TYPE))
    return png[:_HEADER_BYTES] + chunk + rest


def extract(data: bytes) -> bytes | None:
    """Return the .tril file embedded in a PNG before its pixels; None if there is none or `data` is not a PNG.

    The first bytes of a PNG are enough. Raises `ImageError` if the chunk is damaged, too large or repeated.
    """
    if not data.startswith(PNG_SIGNATURE):
        return None
    tril = None
    for kind, body, whole in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind != CHUNK_TYPE:
            continue
        if tril is not None or len(body) > MAX_FILE_BYTES or whole[-4:] != _crc(body):
            raise ImageError("the layers inside the picture are damaged; open it as a picture")
        tril = body
    return tril


def unwrap(data: bytes) -> bytes:
    """Return the .tril file embedded in a PNG, or else `data` itself, for `Layers.from_bytes` to check.

    Raises the errors of `extract`.
    """
    return extract(data) or data


def _crc(body: bytes) -> bytes:
    return struct.pack(">I", binascii.crc32(CHUNK_TYPE + body))
