"""Captions of a folder's pictures, from captions.tsv as written by text editors and spreadsheets."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from codec.batch import storage
from codec.batch.manifest import escape_surrogates
from codec.batch.storage import Place
from codec.errors import FormatError, LimitExceeded
from codec.text_file import decode_text

CAPTIONS: Final = "captions.tsv"
MAX_BYTES: Final = 1 << 26
_QUOTED = re.compile(r'"((?:[^"]|"")*)"(?=[\t\r\n]|\Z)')  # a quoted field, as in spreadsheets
_PLAIN = re.compile(r"[^\t\r\n]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADERS: Final = {"file", "filename", "file_name", "file name", "image", "name", "path", "picture"}


class Captions(Mapping[str, str]):
    """Captions by file name: the path relative to the folder, with either slash and in any Unicode normalization.

    An exact match is preferred to a match after normalization. The captions are in a temporary database, which moves to
    the disk if it is large. Raises `FormatError` for lines without a tab and for a name with
    two different captions.
    """

    def __init__(self, text: str = "") -> None:
        self._table: sqlite3.Connection | None = None
        self._bare: dict[str, int] = {}  # number of each line that has only a name, by name
        if text:
            self._table = sqlite3.connect("", check_same_thread=False)
            self._table.execute(
                "CREATE TABLE captions (name TEXT PRIMARY KEY, normalized TEXT, text TEXT, line INTEGER, used INTEGER)"
            )
            for line, fields in _parse_rows(text):
                self._add(self._table, line, fields)
            self._table.execute("CREATE INDEX by_normalized ON captions (normalized)")

    def _add(self, table: sqlite3.Connection, line: int, fields: list[str]) -> None:
        name = fields[0].strip().replace("\\", "/").removeprefix("./")
        text = "\t".join(fields[1:]).rstrip("\t")
        if not any(fields) or (line == 1 and name.casefold() in _HEADERS):
            return
        if len(fields) == 1:
            self._bare.setdefault(name, line)
        elif text:
            row = (name, _normalize(name), text, line)
            if not table.execute("INSERT OR IGNORE INTO captions VALUES (?, ?, ?, ?, 0)", row).rowcount:
                other = table.execute("SELECT text, line FROM captions WHERE name = ?", (name,)).fetchone()
                if other[0] != text:
                    raise FormatError(f"{CAPTIONS} has two captions for {name}, in lines {other[1]} and {line}")

    def __getitem__(self, name: str) -> str:
        self._bare.pop(name, None)
        found = self._find(name)
        if self._table is None or found is None:
            raise KeyError(name)
        self._table.execute("UPDATE captions SET used = 1 WHERE rowid = ?", (found[0],))
        return str(found[1])

    def _find(self, name: str) -> tuple[int, str] | None:
        """Return row number and caption of a file, or None; names with bytes that are not UTF-8 have no caption."""
        if self._table is None or escape_surrogates(name) != name:
            return None
        for column, value in (("name", name), ("name", name.replace("\\", "/")), ("normalized", _normalize(name))):
            query = f"SELECT rowid, text FROM captions WHERE {column} = ? ORDER BY line"  # noqa: S608 (a fixed column)
            if found := self._table.execute(query, (value,)).fetchone():
                return int(found[0]), str(found[1])
        return None

    def __iter__(self) -> Iterator[str]:
        return (row[0] for row in self._select("SELECT name FROM captions ORDER BY line"))

    def __len__(self) -> int:
        return int(next(iter(self._select("SELECT count(*) FROM captions")), (0,))[0])

    def _select(self, query: str) -> Iterator[tuple[Any, ...]]:
        yield from self._table.execute(query) if self._table else ()

    def check_bare_names(self) -> None:
        """Raise `FormatError` for a line without a tab, unless it is the name of a file in the folder."""
        for line in sorted(self._bare.values())[:1]:
            raise FormatError(f"{CAPTIONS} has no tab in line {line}: write file name, tab, caption")

    def unused_names(self, limit: int) -> tuple[int, list[str]]:
        """Return the number of captions that were never looked up, and the first of their names."""
        count = int(next(iter(self._select("SELECT count(*) FROM captions WHERE used = 0")), (0,))[0])
        names = self._select("SELECT name FROM captions WHERE used = 0 ORDER BY line")
        return count, [row[0] for row in islice(names, limit)]


def read_captions(folder: Place) -> Captions:
    """Return the captions in folder/captions.tsv: file name, tab, text; none if there is no such file.

    The encoding follows the byte-order mark, or else is UTF-8. Raises `FormatError` for other encodings, the errors of
    `Captions`, and `LimitExceeded` for more than 64 MiB.
    """
    file = folder / CAPTIONS
    if isinstance(file, Path) and not file.is_file():
        return Captions()
    try:
        data = storage.read(file, 0, MAX_BYTES + 1)
    except FileNotFoundError:
        return Captions()
    if len(data) > MAX_BYTES:
        remedy = "use a list of files with captions, or Parquet"
        raise LimitExceeded(f"{CAPTIONS} has more than {MAX_BYTES >> 20} MiB: {remedy}")
    return Captions(decode_text(data, CAPTIONS))


def _normalize(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _parse_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line. A line ends at CR, LF or CRLF outside of quotes."""
    line, position = 1, 0
    while position < len(text):
        start, fields = position, []
        while True:
            quoted = _QUOTED.match(text, position)
            if quoted and not (
                "\t" in quoted[1] and _LINE_END.search(quoted[1])
            ):  # otherwise the quotes span several lines
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
