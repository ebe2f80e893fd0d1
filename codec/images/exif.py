"""Read texts and orientation from EXIF (CIPA DC-008, based on TIFF 6.0).

Any bytes are accepted: offsets out of range are skipped, and at most two directories are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_TEXT_BYTES: Final = 1 << 20  # of all texts of a block
XMP_KEY: Final = "XML:com.adobe.xmp"  # PNG's keyword for XMP, used for XMP of all formats
_MAX_ENTRIES = 200  # per directory
_EXIF_IFD = 0x8769
_ORIENTATION = 0x0112
_USER_COMMENT = 0x9286
_TEXT_TAGS: Final = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", _USER_COMMENT: "UserComment",
}  # fmt: skip
_BYTE_TYPES = (1, 2, 7)  # BYTE, ASCII, UNDEFINED
_SHORT = 3


class _Entry(NamedTuple):
    """One entry of an image file directory."""

    tag: int
    type: int
    value_count: int
    value: bytes  # 4 bytes: the value itself, or its offset


class _Tiff(NamedTuple):
    """An EXIF block without its prefix, and its byte order as `struct` writes it."""

    data: bytes
    order: str

    def entries(self, offset: int) -> Iterator[_Entry]:
        """Yield the entries of the directory at an offset; none if that is out of range."""
        if offset + 2 > len(self.data):
            return
        count = min(struct.unpack_from(self.order + "H", self.data, offset)[0], _MAX_ENTRIES)
        for at in range(offset + 2, min(offset + 2 + 12 * count, len(self.data) - 11), 12):
            yield _Entry(*struct.unpack_from(self.order + "HHI4s", self.data, at))

    def integer(self, raw: bytes) -> int:
        """Return an unsigned integer in the block's byte order."""
        return int.from_bytes(raw, "little" if self.order == "<" else "big")

    def first_directory(self) -> int:
        """Return the offset of the first directory."""
        return self.integer(self.data[4:8])


def _parse_header(block: bytes) -> _Tiff | None:
    data = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    return None if order is None or len(data) < 8 else _Tiff(data, order)


def read_orientation(block: bytes) -> int:
    """Return the orientation of an EXIF block, 1..8; 1 (upright) if it is absent or damaged."""
    tiff = _parse_header(block)
    if tiff is None:
        return 1
    for entry in tiff.entries(tiff.first_directory()):
        if entry.tag == _ORIENTATION and entry.type == _SHORT:
            value = tiff.integer(entry.value[:2])
            return value if 1 <= value <= 8 else 1
    return 1


def read_texts(block: bytes) -> dict[str, str]:
    """Return the texts of an EXIF block by tag name, without empty ones and without what exceeds 1 MiB in all."""
    tiff = _parse_header(block)
    if tiff is None:
        return {}
    texts: dict[str, str] = {}
    budget = MAX_TEXT_BYTES
    directories = [tiff.first_directory()]
    for offset in directories:
        for entry in tiff.entries(offset):
            tag, count = entry.tag, entry.value_count
            if tag == _EXIF_IFD and len(directories) == 1:
                directories.append(tiff.integer(entry.value))
            if tag not in _TEXT_TAGS or entry.type not in _BYTE_TYPES or count > budget:
                continue
            budget -= count  # also of duplicates: a tag may be repeated hundreds of times
            start = tiff.integer(entry.value)
            raw = entry.value[:count] if count <= 4 else tiff.data[start : start + count]
            text = _decode_user_comment(raw) if tag == _USER_COMMENT else decode_text(raw)
            if text:
                texts.setdefault(_TEXT_TAGS[tag], text)
    return texts


def _decode_user_comment(raw: bytes) -> str:
    """Decode a UserComment: eight bytes that name the character code, which writers often get wrong, then text."""
    code, body = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        return decode_utf16(body)
    if code in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)):
        return decode_text(body)
    return decode_text(raw)


def decode_text(raw: bytes) -> str:
    """Decode text of unknown encoding: UTF-16 if it has a BOM or many zeros, else UTF-8, else Latin-1."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(raw) > 7 and raw.count(0, 0, 4096) * 3 > len(raw[:4096])):
        return decode_utf16(raw)
    raw = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def decode_utf16(raw: bytes) -> str:
    """Decode UTF-16 by its BOM, else in the byte order that yields more Latin letters; pure ASCII stays ASCII."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").rstrip("\0")
    zeros_at_even, zeros_at_odd = raw[0:4096:2].count(0), raw[1:4096:2].count(0)
    if raw and not zeros_at_even and not zeros_at_odd and raw.isascii():
        return raw.decode()
    return raw.decode("utf-16-le" if zeros_at_odd > zeros_at_even else "utf-16-be", "replace").rstrip("\0")
