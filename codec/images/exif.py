"""Read texts and orientation from EXIF (CIPA DC-008, based on TIFF 6.0).

Programs often declare one text encoding and use another, so the encoding is guessed from the bytes.

Any bytes are accepted: offsets out of range are skipped, and at most two directories are read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_TEXT_BYTES: Final = 1 << 20  # of all texts of a block together
XMP_KEY: Final = "XML:com.adobe.xmp"  # PNG's keyword for XMP, used for XMP of all formats
JPEG_COMMENT_KEY: Final = "JPEG comment"  # of a JPEG's COM segment
_MAX_ENTRIES = 200  # per directory
_EXIF_IFD = 0x8769
_ORIENTATION = 0x0112
_USER_COMMENT = 0x9286
_TEXT_TAGS: Final = {
    0x010E: "ImageDescription", 0x010F: "Make", 0x0110: "Model", 0x0131: "Software", _USER_COMMENT: "UserComment",
    0x9C9B: "XPTitle", 0x9C9C: "XPComment", 0x9C9E: "XPKeywords", 0x9C9F: "XPSubject",
}  # fmt: skip
_BYTE_TYPES = (1, 2, 7, 129)  # BYTE, ASCII, UNDEFINED, and UTF-8 since EXIF 3.0
_SHORT = 3
# A character code, padded with zeros or spaces to eight bytes, or as programs print it.
_CHARACTER_CODE = re.compile(
    rb"(?:(ASCII|UNICODE|JIS|UTF-?8|UTF-?16|UNDEFINED)(?=[\0 ])|(?=\0{8}))[\0 ]{0,8}", re.IGNORECASE
)
_CHARSET_PREFIX = re.compile(rb'charset="?([\w-]{1,20})"? ?', re.IGNORECASE)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SAMPLE_BYTES = 4096  # the encoding is guessed from the first bytes


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
    """Return the non-empty texts of an EXIF block by tag name, up to 1 MiB in all."""
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
            text = _decode(tag, raw)
            if text:
                texts.setdefault(_TEXT_TAGS[tag], text)
    return texts


def _decode(tag: int, raw: bytes) -> str:
    """Decode the value of a text tag."""
    if tag == _USER_COMMENT:
        return _decode_user_comment(raw)
    return decode_utf16(raw) if _TEXT_TAGS[tag].startswith("XP") else decode_text(raw)


def _decode_user_comment(raw: bytes) -> str:
    """Decode a UserComment: a character code of eight bytes, which may be wrong or missing, then text."""
    code = b""
    if match := _CHARSET_PREFIX.match(raw):
        code, raw = match[1], raw[match.end() :]
    if match := _CHARACTER_CODE.match(raw):
        code, raw = match[1] or code, raw[min(match.end(), 8) :]
    code = code.upper()
    if code in (b"UNICODE", b"UTF-16", b"UTF16"):
        return decode_utf16(raw)
    if code == b"JIS":
        return _decode_jis(raw)
    return decode_text(raw)


def _decode_jis(raw: bytes) -> str:
    """Decode Japanese text: ISO-2022-JP if it has escape sequences, else UTF-16, UTF-8, Shift JIS or EUC-JP."""
    if _is_utf16(raw):
        return decode_utf16(raw)
    raw = raw.rstrip(b"\0")
    for encoding in ("iso2022_jp_2004",) if b"\x1b" in raw else ("utf-8-sig", "shift_jis", "euc_jp"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return decode_text(raw)


def _is_utf16(raw: bytes) -> bool:
    """Return whether text has a byte-order mark of UTF-16, or zeros for the high bytes of ASCII."""
    sample = raw[:_SAMPLE_BYTES].rstrip(b"\0")
    return raw[:2] in _UTF16_MARKS or (len(sample) > 1 and sample.count(0) * 5 > len(sample))


def decode_text(raw: bytes) -> str:
    """Decode text of unknown encoding: UTF-16 if it has a BOM or many zeros, else UTF-8, else Windows-1252."""
    if _is_utf16(raw):
        return decode_utf16(raw)
    raw = raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\0")
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def decode_utf16(raw: bytes) -> str:
    """Decode UTF-16 by its BOM or else in the more likely byte order, and UTF-8 that was declared as UTF-16."""
    if raw[:2] in _UTF16_MARKS:
        return raw.decode("utf-16", "replace").rstrip("\0")
    if raw.startswith(b"\xef\xbb\xbf"):
        return decode_text(raw)
    sample = raw[:_SAMPLE_BYTES]
    zeros_at_even, zeros_at_odd = sample[0::2].count(0), sample[1::2].count(0)
    if 0 not in sample.rstrip(b"\0"):
        try:
            return raw.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            pass
    if zeros_at_even == zeros_at_odd:  # no ASCII: compare the letters of both orders
        is_little = _count_letters(sample, "utf-16-le") >= _count_letters(sample, "utf-16-be")
    else:
        is_little = zeros_at_odd > zeros_at_even
    return raw.decode("utf-16-le" if is_little else "utf-16-be", "replace").rstrip("\0")


def _count_letters(sample: bytes, encoding: str) -> int:
    """Return how many characters of UTF-16 are in the ranges of common scripts."""
    return sum(
        letter < "\u0700"
        or "\u3000" <= letter <= "\u30ff"
        or "\u4e00" <= letter <= "\u9fff"
        or "\uac00" <= letter <= "\ud7a3"
        for letter in sample.decode(encoding, "ignore")
    )
