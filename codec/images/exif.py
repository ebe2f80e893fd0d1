"""Texts in EXIF (CIPA DC-008, on TIFF 6.0): what image generators write of a picture, and where.

Any bytes go: offsets that point nowhere are passed over, and no directory is followed twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

MAX_TEXT: Final = 1 << 20  # bytes of one text
XMP: Final = "XML:com.adobe.xmp"  # the PNG keyword of XMP, which we use for that of other formats too
_MAX_ENTRIES = 200  # of a directory
_SUB_DIRECTORY = 0x8769  # the directory of EXIF's own tags
_TAGS: Final = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", 0x9286: "UserComment",
}  # fmt: skip
_BYTES = (1, 2, 7)  # types of one byte a value: BYTE, ASCII, UNDEFINED


def texts(exif: bytes) -> dict[str, str]:
    """The texts of an EXIF block, by the tags' names; empty ones and what goes beyond 1 MiB in all are left out."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return {}
    found: dict[str, str] = {}
    room = MAX_TEXT
    directories = [struct.unpack_from(order + "I", tiff, 4)[0]]
    for place in directories:
        for tag, kind, count, value in _entries(tiff, order, place):
            if tag == _SUB_DIRECTORY and len(directories) == 1:
                directories.append(value)
            if tag not in _TAGS or kind not in _BYTES or count > room:
                continue
            room -= count  # of any use or not: a tag may be there hundreds of times
            raw = struct.pack(order + "I", value)[:count] if count <= 4 else tiff[value : value + count]
            text = _comment(raw) if tag == 0x9286 else utf(raw)
            if text:
                found.setdefault(_TAGS[tag], text)
    return found


def _entries(tiff: bytes, order: str, place: int) -> Iterator[tuple[int, int, int, int]]:
    """-> tag, type, count, value or offset of each entry of the directory there."""
    if place + 2 > len(tiff):
        return
    count = min(struct.unpack_from(order + "H", tiff, place)[0], _MAX_ENTRIES)
    for at in range(place + 2, min(place + 2 + 12 * count, len(tiff) - 11), 12):
        yield struct.unpack_from(order + "HHII", tiff, at)


def _comment(raw: bytes) -> str:
    """A UserComment: eight bytes that name its character code, then text in that or in another one."""
    code, body = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        return utf16(body)
    if code in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)):
        return utf(body)
    return utf(raw)


def utf(raw: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with one or with zeros in half its bytes, else Latin-1."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(raw) > 7 and raw.count(0, 0, 4096) * 3 > len(raw[:4096])):
        return utf16(raw)
    raw = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def utf16(raw: bytes) -> str:
    """UTF-16 of either byte order: its mark's, else the one in which more of it is Latin, else UTF-8 it was."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").rstrip("\0")
    big, little = raw[0:4096:2].count(0), raw[1:4096:2].count(0)
    if raw and not big and not little and raw.isascii():
        return raw.decode()
    return raw.decode("utf-16-le" if little > big else "utf-16-be", "replace").rstrip("\0")
