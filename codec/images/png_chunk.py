"""A `.tril` file inside a PNG: the picture to look at, and the layers that it came from.

The chunk `trIL` (ISO/IEC 15948, section 5.4: ancillary, private, not safe to copy) holds the file as it is,
so a program that changes the picture drops it, and what is left is just a picture.
"""

from __future__ import annotations

import binascii
import struct
from typing import Final

from codec.errors import ImageError
from codec.images.sanitize import png_chunks
from codec.limits import MAX_FILE_BYTES

KIND: Final = b"trIL"
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = 8 + 25  # bytes of the signature and of IHDR


def put(png: bytes, tril: bytes) -> bytes:
    """The PNG with the file inside, right after its header; in place of one that is there.

    Raises `ImageError` for what is no PNG, or a file over 65,536 bytes.
    """
    if not png.startswith(_SIGNATURE) or png[12:16] != b"IHDR":
        raise ImageError("layers are put into PNG files only")
    if len(tril) > MAX_FILE_BYTES:
        raise ImageError(f"the layers have {len(tril)} bytes; a picture carries {MAX_FILE_BYTES} at most")
    body = KIND + tril
    chunk = struct.pack(">I", len(tril)) + body + struct.pack(">I", binascii.crc32(body))
    rest = b"".join(whole for kind, _, whole in png_chunks(png) if kind not in (b"IHDR", KIND))
    return png[:_HEADER] + chunk + rest


def take(data: bytes) -> bytes | None:
    """The .tril file inside the bytes of a PNG, before its picture; None where there is none, or no PNG.

    The first bytes of a PNG are enough. Raises `ImageError` for a chunk that is damaged, too large, or there twice.
    """
    if not data.startswith(_SIGNATURE):
        return None
    found = None
    for kind, body, whole in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind != KIND:
            continue
        if found is not None or len(body) > MAX_FILE_BYTES or whole[-4:] != struct.pack(">I", binascii.crc32(KIND + body)):
            raise ImageError("the layers inside the picture are damaged; open it as a picture")
        found = body
    return found


def tril_of(data: bytes) -> bytes:
    """The .tril file that the bytes of a .tril file, or of a PNG with one inside, hold.

    Anything else comes back as it is, for `Layers.from_bytes` to refuse. Raises as `take`.
    """
    return take(data) or data
