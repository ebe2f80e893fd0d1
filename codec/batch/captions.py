"""Captions of a folder's pictures: captions.tsv, as text editors and spreadsheets write it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from codec.errors import FormatError, LimitExceeded
from codec.text_file import decode_text

CAPTIONS: Final = "captions.tsv"
MAX_BYTES: Final = 1 << 28
_QUOTED = re.compile(r'"((?:[^"]|"")*)"(?=[\t\r\n]|\Z)')  # as spreadsheets write a field
_PLAIN = re.compile(r"[^\t\r\n]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADERS: Final = {"file", "filename", "file_name", "file name", "image", "name", "path", "picture"}


class _Caption(NamedTuple):
    line: int
    name: str  # as written, with forward slashes
    text: str


class Captions(Mapping[str, str]):
    """Captions by file name: the path relative to the folder, with either slash and in any Unicode normalization.

    A name that is written exactly so wins over one that is equal only after normalization. Raises `FormatError` for
    lines without a tab and for a name with two different captions.
    """

    def __init__(self, text: str = "") -> None:
        self._exact: dict[str, _Caption] = {}
        self._normalized: dict[str, _Caption] = {}
        self._used: set[int] = set()  # line numbers
        self._bare: list[tuple[int, str]] = []  # lines with a name only
        for line, fields in _parse_rows(text):
            self._add(line, fields)

    def _add(self, line: int, fields: list[str]) -> None:
        name = fields[0].strip().replace("\\", "/").removeprefix("./")
        text = "\t".join(fields[1:]).rstrip("\t")
        if not any(fields) or (line == 1 and name.casefold() in _HEADERS):
            return
        if len(fields) == 1:
            self._bare.append((line, name))
        elif text:
            caption = _Caption(line, name, text)
            other = self._exact.setdefault(name, caption)
            if other.text != text:
                raise FormatError(f"{CAPTIONS} has two captions for {name}, in lines {other.line} and {line}")
            self._normalized.setdefault(_normalize(name), caption)

    def __getitem__(self, name: str) -> str:
        caption = self._exact.get(name) or self._exact.get(name.replace("\\", "/"))
        caption = caption or self._normalized[_normalize(name)]
        self._used.add(caption.line)
        return caption.text

    def __iter__(self) -> Iterator[str]:
        return iter(self._exact)

    def __len__(self) -> int:
        return len(self._exact)

    def check_bare_names(self, names: set[str]) -> None:
        """Raise `FormatError` for a line without a tab, unless it is the name of one of the files."""
        for line, name in self._bare:
            if name not in names:
                raise FormatError(f"{CAPTIONS} has no tab in line {line}: write file name, tab, caption")

    def unused_names(self) -> list[str]:
        """Return the names, in order, whose captions were never looked up."""
        return [caption.name for caption in self._exact.values() if caption.line not in self._used]


def read_captions(folder: Path) -> Captions:
    """Return the captions in folder/captions.tsv: file name, tab, text; none if there is no such file.

    The encoding is that of the byte-order mark, or else UTF-8. Raises `FormatError` for other encodings and what
    `Captions` raises, and `LimitExceeded` for more than 256 MiB.
    """
    file = folder / CAPTIONS
    if not file.is_file():
        return Captions()
    if file.stat().st_size > MAX_BYTES:
        raise LimitExceeded(f"{CAPTIONS} has more than {MAX_BYTES >> 20} MiB")
    return Captions(decode_text(file.read_bytes(), CAPTIONS))


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _parse_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line. Only CR, LF and CRLF end a line, and not within quotes."""
    line, position = 1, 0
    while position < len(text):
        start, fields = position, []
        while True:
            quoted = _QUOTED.match(text, position)
            if quoted and not ("\t" in quoted[1] and _LINE_END.search(quoted[1])):  # else quotes of several lines
                fields.append(quoted[1].replace('""', '"'))
                position = quoted.end()
            else:
                plain = _PLAIN.match(text, position)
                fields.append(plain[0] if plain else "")
                position += len(fields[-1])
            if text[position : position + 1] != "\t":
                break
            position += 1
        yield line, fields
        if end := _LINE_END.match(text, position):
            position = end.end()
        line += len(_LINE_END.findall(text, start, position))
