"""Sources of pictures or `.tril` files: folders, patterns, lists, tars and Parquet files, local or remote.

Sources are listed lazily: work begins before the listing is complete. Each process lists its source again.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from glob import iglob
from pathlib import Path, PurePosixPath
from typing import Final

from codec.batch import storage
from codec.batch.captions import CAPTIONS, Captions, read_captions
from codec.batch.entries import Entry
from codec.batch.find_files import find_files
from codec.batch.parquet_rows import PICTURE_COLUMNS, TRIL_COLUMNS, find_column, list_rows, open_parquet
from codec.batch.storage import Place, Remote
from codec.batch.tar_members import list_members
from codec.batch.unique_names import UniqueNames
from codec.errors import CodecError, FormatError
from codec.text_file import decode_text

LIST_SUFFIXES: Final = (".txt", ".lst", ".list")
TABLE: Final = ".parquet"
TAR: Final = ".tar"
_MAX_LINE_BYTES: Final = 1 << 16
_WILDCARD = re.compile(r"[*?\[]")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MAX_RANGE: Final = 1_000_000


@dataclass(frozen=True)
class Source:
    """An address and the extensions of the files to take from it."""

    address: str
    suffixes: tuple[str, ...]

    @property
    def where(self) -> Place:
        """The place of the address, which may be a pattern."""
        return storage.place(self.address)

    @property
    def name(self) -> str:
        """The last part of the address, for messages."""
        return self.where.name or storage.without_login(self.address)

    @property
    def key(self) -> str:
        """The identifier of the source in a manifest."""
        where = self.where
        return str(where.resolve()) if isinstance(where, Path) else str(where)

    @property
    def is_remote(self) -> bool:
        """Whether listing it needs a network."""
        return isinstance(self.where, Remote)

    @property
    def is_plain_folder(self) -> bool:
        """Whether it is a local folder of single files."""
        return isinstance(self.where, Path) and self.where.is_dir() and self.where.suffix.lower() != TABLE

    def read_captions(self) -> Captions:
        """Return the captions of a folder. Empty for other sources, whose entries hold their own captions."""
        if _is_pattern(self.address) or self.where.suffix.lower() in (TABLE, TAR, *LIST_SUFFIXES):
            return Captions()
        return read_captions(self.where)

    def entries(self, captions: Captions | None = None, unknown: Counter[str] | None = None) -> Iterator[Entry]:
        """Yield every entry, in the same order each time.

        unknown: receives the counts of the skipped files of a local folder by extension. Raises `CodecError` if nothing
        is at the address, and the errors of `storage`, `list_members` and `parquet_rows`.
        """
        captions = self.read_captions() if captions is None else captions
        where, suffix = self.where, self.where.suffix.lower()
        if _is_pattern(self.address):
            for file in _match(self.address):
                yield from self._expand(file, _relative(file, _fixed_part(self.address)), is_one=False)
        elif suffix == TABLE and storage.is_folder(where):
            for name, is_dir in storage.list_folder(where):
                if not is_dir and not name.startswith(".") and name.endswith(TABLE):
                    yield from self._expand(where / name, name, is_one=False)
        elif isinstance(where, Path) and where.is_dir():
            for path in find_files(where, self.suffixes, unknown):
                name = path.relative_to(where).as_posix()
                yield Entry(name, path, captions.get(name))
        elif suffix in (TABLE, TAR):
            yield from self._expand(where, where.name, is_one=True)
        elif suffix in LIST_SUFFIXES:
            yield from self._read_list(where)
        elif isinstance(where, Remote):
            for name in _walk(where, self.suffixes):
                yield Entry(name, where / name, captions.get(name))
        else:
            raise CodecError(f"there is no folder, list, tar or Parquet file {self.name}")

    def _expand(self, file: Place, name: str, *, is_one: bool) -> Iterator[Entry]:
        """Yield a file, or the entries in it. is_one: the source is this file, so its entries' names get no prefix."""
        suffix = file.suffix.lower()
        prefix = "" if is_one else f"{name[: -len(suffix)] if suffix else name}/"
        if suffix == TAR:
            with storage.open_file(file) as opened:
                for member in list_members(opened, self.suffixes, file.name):
                    yield Entry(prefix + member.name, file, member.caption, member.start, member.size)
        elif suffix == TABLE:
            yield from self._expand_table(file, prefix)
        elif suffix in self.suffixes:
            yield Entry(name, file)

    def _expand_table(self, file: Place, prefix: str) -> Iterator[Entry]:
        is_archive = ".tril" in self.suffixes
        names = TRIL_COLUMNS if is_archive else PICTURE_COLUMNS
        seen = UniqueNames()
        stem = PurePosixPath(file.name).stem
        with open_parquet(file) as table:
            column = find_column(table, names, file.name)
            for row in list_rows(table, column):
                name = row.name or f"{stem}-{row.number:08d}"
                if not seen.add(name):
                    name = f"{name}~{row.number}"
                    seen.add(name)
                yield Entry(name if is_archive else prefix + name, file, row.caption, row.number, column=column)

    def _read_list(self, file: Place) -> Iterator[Entry]:
        """Yield the files named in a list: one path per line, relative to the list, and after a tab their caption."""
        base = file.parent if isinstance(file, Path) else Remote(file.address.rpartition("/")[0])
        seen = UniqueNames()
        with storage.open_file(file) as lines:
            while line := lines.readline(_MAX_LINE_BYTES):
                if len(line) == _MAX_LINE_BYTES:
                    raise FormatError(f"{file.name} is not a list of files: a line has over {_MAX_LINE_BYTES} bytes")
                given, _, caption = decode_text(line, file.name).strip("\r\n").partition("\t")
                given = given.strip()
                if not given or given.startswith("#") or not seen.add(given):
                    continue
                where = storage.place(given)
                target = where if isinstance(where, Remote) or where.is_absolute() else base / given
                shown = storage.without_login(given)
                name = re.sub(r"^[a-z0-9+.-]+://", "", shown, flags=re.IGNORECASE).replace("\\", "/").lstrip("/")
                if target.suffix.lower() in (TAR, TABLE):
                    yield from self._expand(target, name, is_one=False)
                else:
                    yield Entry(name.removeprefix("./"), target, caption or None)


def is_source(address: str) -> bool:
    """Return whether an address is a source of many files rather than a single file."""
    if os.path.isdir(address):
        return True
    where = storage.place(address)
    if _is_pattern(address) or where.suffix.lower() in (TAR, TABLE):
        return isinstance(where, Remote) or where.exists() or _is_pattern(address)
    if where.suffix.lower() in LIST_SUFFIXES:
        return isinstance(where, Remote) or where.is_file()
    return isinstance(where, Remote) and not where.suffix


def _is_pattern(address: str) -> bool:
    is_web = address.lower().startswith(("http://", "https://"))  # here ? begins a query
    if (is_web or not _WILDCARD.search(address)) and not _RANGE.search(address):
        return False
    return isinstance(storage.place(address), Remote) or not os.path.lexists(address)


def _match(pattern: str) -> Iterator[Place]:
    """Yield the files that match; {000..123} matches each of these numbers."""
    for one in _expand_range(pattern):
        where = storage.place(one)
        if isinstance(where, Path):
            if not _WILDCARD.search(one):
                yield where
                continue
            yield from (path for path in map(Path, sorted(iglob(str(where), recursive=True))) if path.is_file())
        else:
            yield from storage.glob(where) if _WILDCARD.search(one) else (where,)


def _expand_range(pattern: str) -> Iterator[str]:
    match = _RANGE.search(pattern)
    if match is None:
        yield pattern
        return
    first, last = int(match[1]), int(match[2])
    if last - first >= _MAX_RANGE:
        raise CodecError(f"{match[0]} stands for more than {_MAX_RANGE} files")
    for number in range(first, last + 1):
        yield from _expand_range(f"{pattern[: match.start()]}{number:0{len(match[1])}d}{pattern[match.end() :]}")


def _fixed_part(pattern: str) -> str:
    """Return the folders of a pattern before its first wildcard."""
    first = min(match.start() for match in (_WILDCARD.search(pattern), _RANGE.search(pattern)) if match)
    return pattern[:first].rpartition("/")[0]


def _relative(file: Place, folder: str) -> str:
    base = storage.place(folder)
    text, start = (where.as_posix() if isinstance(where, Path) else where.address for where in (file, base))
    return text.removeprefix(start if folder else "").lstrip("/")


def _walk(folder: Remote, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths of the files below a remote folder, folder by folder, without hidden files."""
    folders = [""]
    is_empty = True
    while folders:
        current = folders.pop()
        inner = []
        for name, is_dir in storage.list_folder(folder / current if current else folder):
            is_empty = False
            if name.startswith(".") or name == CAPTIONS:
                continue
            if is_dir:
                inner.append(f"{current}{name}/")
            elif PurePosixPath(name).suffix.lower() in suffixes:
                yield current + name
        folders += reversed(inner)
    if is_empty:
        raise CodecError(f"there is nothing at {folder}")
