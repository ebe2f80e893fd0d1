"""Decode text files written by other programs: any byte-order mark, and the line ends of any system."""

from __future__ import annotations

import codecs
from typing import Final

from codec.errors import FormatError

# Longest first: the mark of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode_text(data: bytes, name: str) -> str:
    """Decode a text file by its byte-order mark, which is removed, or else as UTF-8.

    name: of the file, for the message. Raises `FormatError` for any other encoding.
    """
    mark, encoding = next((pair for pair in _MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(mark) + error.start) + 1
        raise FormatError(f"{name} is not {encoding.upper()} text (line {line}): save it as UTF-8") from None
    if "\0" in text:  # UTF-16 without a mark, or not text at all
        raise FormatError(f"{name} has null characters: save it as UTF-8")
    return text
