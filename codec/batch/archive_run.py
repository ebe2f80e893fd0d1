"""Encode the pictures of a folder into a Parquet archive. Workers read, hash, encode and write; the driver counts."""

from __future__ import annotations

import hashlib
import json
import time
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.batch import archive
from codec.batch.captions import Captions, read_captions
from codec.batch.find_files import find_files
from codec.batch.folders import OnNotice, OnProgress, count_files
from codec.batch.manifest import escape_surrogates
from codec.batch.outputs import digest
from codec.batch.tasks import EncodeTask, describe_error
from codec.batch.workers import run_tasks
from codec.errors import CodecError

_BLOCK: Final = 64  # pictures of a part
_STATES = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ArchiveItem:
    """One picture. state: of its row in the archive; 0 for a row with an error, None without a row."""

    source: Path
    name: str
    caption: str | None
    state: int | None


@dataclass(frozen=True)
class ArchiveTask:
    """Encode a block of pictures and write those that are new or changed as one part."""

    task: EncodeTask
    folder: Path  # the archive

    def __call__(self, block: tuple[ArchiveItem, ...]) -> dict[str, Any]:
        """Return the number of failed pictures, whether rows were replaced, and the reason if nothing was written."""
        rows = [row for row in map(self._encode, block) if row is not None]
        try:
            if rows:
                archive.write_part(self.folder, rows)
        except OSError as error:
            return {"fatal": error.strerror or str(error)}
        written = {row["path"] for row in rows}
        replaced = [item.name for item in block if item.state is not None and item.name in written]
        return {"failed": sum(bool(row["error"]) for row in rows), "written": len(rows), "replaced": replaced}

    def _encode(self, item: ArchiveItem) -> archive.Row | None:
        options = self.task.options_for(item.caption)
        options_digest = digest(json.dumps(asdict(options), default=str).encode())[:12]
        row: archive.Row = {"path": item.name, "options": options_digest, "error": ""}
        start = time.perf_counter()
        try:
            with item.source.open("rb") as file:
                row["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
            if item.state == _state(row):
                return None
            row |= archive.describe(self.task.encode(item.source, options))
        except (CodecError, MemoryError, OSError) as error:
            row["error"] = describe_error(error)
        row["seconds"] = time.perf_counter() - start
        return row


def encode_to_archive(
    task: EncodeTask, folder: Path, target: Path, jobs: int = 1, ray: str | None = None,
    on_progress: OnProgress | None = None, on_notice: OnNotice | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Encode every picture below `folder` into the archive `target` and return the numbers of good and failed ones.

    The archive is a folder of Parquet files, one for each block of up to 64 pictures, written by the processes. A
    picture that cannot be read is a row with its error. A later run keeps finished rows and replaces those whose
    content, caption or options changed, and failed ones. Other parameters: as of `process_folder`.

    Raises `CodecError` if there is nothing to do or the archive cannot be written, `FormatError` if it is not one of
    this program, `ModelMissing` without pyarrow, and what `read_captions` and `run_tasks` raise.
    """
    archive.check_target(target)
    captions = read_captions(folder)
    total = count_files(task, folder, captions, on_notice or (lambda line: None))
    target.mkdir(parents=True, exist_ok=True)
    _remove_doubles(target)
    blocks = _make_blocks(_make_items(task, folder, captions, _read_states(target)))
    replaced: list[str] = []
    done = failed = 0
    for block, result in run_tasks(ArchiveTask(task, target), blocks, jobs, ray):
        if "fatal" in result:
            raise CodecError(f"{target.name} cannot be written: {result['fatal']}; run again to go on")
        done += len(block)
        failed += result["failed"]
        replaced += result["replaced"]
        if on_progress and result["written"]:
            on_progress(done, total, block[-1].name)
    if replaced:
        _remove_doubles(target)
    return total - failed, failed


def _make_items(task: EncodeTask, folder: Path, captions: Captions, states: _STATES) -> Iterator[ArchiveItem]:
    keys, values = states
    for path in find_files(folder, task.input_suffixes):
        file = path.relative_to(folder).as_posix()
        name = escape_surrogates(file)
        key = np.uint64(_hash(name))
        index = int(np.searchsorted(keys, key))
        state = int(values[index]) if index < len(keys) and keys[index] == key else None
        yield ArchiveItem(path, name, captions.get(file), state)


def _make_blocks(items: Iterable[ArchiveItem]) -> Iterator[tuple[ArchiveItem, ...]]:
    """Yield blocks of items: small ones first, so that the first result comes soon."""
    iterator = iter(items)
    size = 1
    while block := tuple(islice(iterator, size)):
        yield block
        size = min(size + 1, _BLOCK)


# what the archive holds


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _state(row: archive.Row) -> int:
    """Return a hash of what makes a row current: the picture's content and the options; 0 for an error."""
    return 0 if row["error"] else _hash(f"{row['sha256']} {row['options']}") or 1


def _read_states(target: Path) -> _STATES:
    """Return hashes of all paths, sorted, and the state of each: two (N,) uint64 arrays, 16 bytes a picture."""
    keys, values = array("Q"), array("Q")
    for row in archive.scan(target, ["path", "sha256", "options", "error"]):
        keys.append(_hash(row["path"]))
        values.append(_state(row))
    order = np.argsort(np.frombuffer(keys, np.uint64), kind="stable") if keys else np.zeros(0, int)
    return (
        np.frombuffer(keys, np.uint64)[order] if keys else np.zeros(0, np.uint64),
        np.frombuffer(values, np.uint64)[order] if keys else np.zeros(0, np.uint64),
    )


def _remove_doubles(target: Path) -> None:
    """Remove rows that a later part replaces, of this run or of one that was stopped before it could."""
    hashes = array("Q")
    for row in archive.scan(target, ["path"]):
        hashes.append(_hash(row["path"]))
    if not hashes:
        return
    keys, counts = np.unique(np.frombuffer(hashes, np.uint64), return_counts=True)
    doubled = set(keys[counts > 1].tolist())
    latest: dict[str, Path] = {}  # the part of the last row of each path
    stale: dict[Path, list[str]] = {}
    for part in archive.part_files(target) if doubled else []:
        for row in archive.scan_part(part, ["path"]):
            if _hash(row["path"]) in doubled:
                if row["path"] in latest:
                    stale.setdefault(latest[row["path"]], []).append(row["path"])
                latest[row["path"]] = part
    for part, paths in stale.items():
        archive.remove_rows(part, paths)
