"""The manifest of a folder of results: a CSV file with a row for each processed file."""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from codec.atomic_write import replacement
from codec.errors import CodecError

MANIFEST: Final = "manifest.csv"
COLUMNS: Final = (
    "folder", "file", "sha256", "options", "output", "output_sha256", "width", "height", "bytes", "semantic",
    "structure", "texture", "extensions", "overhead", "seconds", "error",
)  # fmt: skip
Row = dict[str, Any]  # by column


def read_manifest(manifest: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a manifest, except a truncated last row; nothing if the file does not exist.

    Raises `CodecError` for a file with other columns, so that it is not overwritten.
    """
    if not manifest.exists():
        return
    with manifest.open(encoding="utf-8", errors="replace", newline="") as file:  # file names may contain line breaks
        lines = csv.DictReader(line for line in file if line.endswith(("\n", "\r")))
        try:
            names = tuple(lines.fieldnames or ())
        except csv.Error:
            names = ("unreadable",)
        if names != COLUMNS and (names or manifest.read_bytes().strip()):
            raise CodecError(
                f"{manifest.name} there is not a manifest of this program: remove it or use another folder"
            )
        with suppress(csv.Error):
            yield from (row for row in lines if None not in row and None not in row.values())


class ManifestTable:
    """The last row of each file in a manifest, in a temporary database."""

    def __init__(self, manifest: Path) -> None:
        """Read a manifest. Raises the errors of `read_manifest`."""
        self._table = sqlite3.connect("", check_same_thread=False)
        self._table.execute("CREATE TABLE rows (folder TEXT, file TEXT, row TEXT, UNIQUE (folder, file))")
        self._table.execute("CREATE INDEX by_file ON rows (file)")
        for row in read_manifest(manifest):
            self.put(row)

    def put(self, row: Row) -> None:
        """Add a row, or replace the row of the same file."""
        values = {column: escape_surrogates(str(row.get(column, ""))) for column in COLUMNS}
        self._table.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (folder, file) DO UPDATE SET row = excluded.row",
            (values["folder"], values["file"], json.dumps(list(values.values()))),
        )

    def find(self, folder: str, file: str) -> dict[str, str] | None:
        """Return the row of a file, or else the last row of a file of that name in another folder."""
        found = self._table.execute("SELECT row FROM rows WHERE folder = ? AND file = ?", (folder, file)).fetchone()
        found = (
            found or self._table.execute("SELECT row FROM rows WHERE file = ? ORDER BY rowid DESC", (file,)).fetchone()
        )
        return _to_row(found[0]) if found else None

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield all rows in the order in which their files were first added."""
        return (_to_row(found[0]) for found in self._table.execute("SELECT row FROM rows ORDER BY rowid"))


def _to_row(text: str) -> dict[str, str]:
    return dict(zip(COLUMNS, json.loads(text), strict=True))


def write_manifest(manifest: Path, rows: Iterable[Row]) -> None:
    """Replace the manifest. Raises `OSError`."""
    with replacement(manifest) as temporary, temporary.open("w", newline="", encoding="utf-8") as lines:
        csv.DictWriter(lines, COLUMNS).writeheader()
        _write_rows(lines, rows)
        lines.flush()
        os.fsync(lines.fileno())


def append_row(manifest: Path, row: Row) -> None:
    """Append a row; the last row of a file is the valid one. Raises `OSError`."""
    with manifest.open("a", newline="", encoding="utf-8") as lines:
        _write_rows(lines, [row])


def _write_rows(lines: TextIO, rows: Iterable[Row]) -> None:
    escaped = ({column: escape_surrogates(str(row.get(column, ""))) for column in COLUMNS} for row in rows)
    csv.DictWriter(lines, COLUMNS).writerows(escaped)


def escape_surrogates(text: str) -> str:
    """Escape lone surrogates, which represent bytes of a file name that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def unescape_surrogates(text: str) -> str:
    """Reverse `escape_surrogates`."""
    return re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda match: chr(int(match[1], 16)), text)
