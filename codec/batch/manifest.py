"""The manifest of a folder of results: a CSV file with a row for each processed file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TextIO

from codec.atomic_write import write_file
from codec.errors import CodecError

MANIFEST: Final = "manifest.csv"
COLUMNS: Final = (
    "folder", "file", "sha256", "options", "output", "output_sha256", "width", "height", "bytes", "semantic",
    "structure", "texture", "extensions", "overhead", "seconds", "error",
)  # fmt: skip
Row = dict[str, Any]  # by column


def read_manifest(manifest: Path) -> list[dict[str, str]]:
    """Return the complete rows of a manifest, without a truncated last one; none if there is no file.

    Raises `CodecError` for a file with other columns, so that it is not overwritten.
    """
    if not manifest.exists():
        return []
    text = manifest.read_bytes().rpartition(b"\n")[0].decode("utf-8", "replace")
    lines = csv.DictReader(io.StringIO(text, newline=""))  # file names may contain line breaks
    try:
        rows = [row for row in lines if None not in row and None not in row.values()]
    except csv.Error:
        rows = []
    if text.strip() and tuple(lines.fieldnames or ()) != COLUMNS:
        raise CodecError(f"{manifest.name} there is not a manifest of this program: remove it or use another folder")
    return rows


def write_manifest(manifest: Path, rows: Iterable[Row]) -> None:
    """Replace the manifest. Raises `OSError`."""
    lines = io.StringIO(newline="")
    csv.DictWriter(lines, COLUMNS).writeheader()
    _write_rows(lines, rows)
    write_file(manifest, lines.getvalue().encode())


def append_row(manifest: Path, row: Row) -> None:
    """Add a row; of several for one file the last one counts. Raises `OSError`."""
    with manifest.open("a", newline="", encoding="utf-8") as lines:
        _write_rows(lines, [row])


def _write_rows(lines: TextIO, rows: Iterable[Row]) -> None:
    escaped = ({column: escape_surrogates(str(row.get(column, ""))) for column in COLUMNS} for row in rows)
    csv.DictWriter(lines, COLUMNS).writerows(escaped)


def escape_surrogates(text: str) -> str:
    """Return the text with escapes for lone surrogates, which stand for bytes of a file name that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def unescape_surrogates(text: str) -> str:
    """Return the text that `escape_surrogates` was given."""
    return re.sub(r"\\u(dc[89a-f][0-9a-f])", lambda match: chr(int(match[1], 16)), text)
