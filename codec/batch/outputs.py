"""Name and write output files without ever replacing a file that this program did not write.

Names in one folder are compared ignoring case and Unicode normalization, as on some file systems.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from codec.atomic_write import write_file, write_new_file


def digest(data: bytes) -> str:
    """Return the first 16 hex digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def digest_file(path: Path) -> str:
    """Return the `digest` of a file's content. Raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


class OutputNames(NamedTuple):
    """The name of a file's output, and a second name to use if another program's file has the first one."""

    first: str
    second: str


def assign_names(names: Iterable[str], suffix: str, written: Mapping[str, str]) -> dict[str, OutputNames]:
    """Return a unique output name for each file of a folder: its stem and `suffix` if that is unambiguous.

    written: the output names of an earlier run by file name; they are kept.
    """
    names = list(names)
    stems = Counter(_key(Path(name).stem) for name in names)
    first = {name: written[name] for name in names if name in written}
    taken = {_key(output) for output in first.values()}
    for name in names:
        if name not in first:
            candidates = _candidates(name, suffix)
            if stems[_key(Path(name).stem)] > 1:
                next(candidates)
            first[name] = _take(candidates, taken)
    return {name: OutputNames(first[name], _take(_candidates(name, suffix), taken)) for name in names}


def write_output(target: Path, second_name: str, data: bytes, own_digest: str) -> Path:
    """Write an output file and return its path: `target`, or another name in its folder if that is not ours to replace.

    second_name: the first alternative; further ones are derived from it. own_digest: digest of the content that an
    earlier run wrote to `target`, which may be replaced. Raises `OSError`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    second = Path(second_name)
    more = (f"{second.stem}.{digest(f'{number} {second_name}'.encode())[:6]}{second.suffix}" for number in count())
    for name in chain((target.name, second_name), more):
        path = target.with_name(name)
        try:
            write_new_file(path, data)
        except FileExistsError:
            present = digest_file(path) if path.is_file() and not path.is_symlink() else None
            if present == digest(data):  # written by a run that was interrupted before it updated the manifest
                return path
            if path == target and present is not None and present == own_digest:
                write_file(path, data)
                return path
        else:
            return path
    raise AssertionError("unreachable: names do not end")


def _take(candidates: Iterator[str], taken: set[str]) -> str:
    name = next(name for name in candidates if _key(name) not in taken)
    taken.add(_key(name))
    return name


def _candidates(name: str, suffix: str) -> Iterator[str]:
    """Yield a.tril, a.png.tril, a.png.2.tril, a.png.3.tril, ... for a.png."""
    yield f"{Path(name).stem}{suffix}"
    yield f"{name}{suffix}"
    for number in count(2):
        yield f"{name}.{number}{suffix}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
