"""Encode or decode a source into a Parquet archive. Workers read and write files; the driver only counts results."""

from __future__ import annotations

import hashlib
import os
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec.batch import archive, storage
from codec.batch.entries import Entry, close_files
from codec.batch.folders import OnProgress
from codec.batch.manifest import escape_surrogates
from codec.batch.parquet_rows import load_pyarrow
from codec.batch.single_file import close_parts, open_parts, parts_folder
from codec.batch.sources import Source
from codec.batch.storage import Place, StorageError
from codec.batch.survey import OnNotice, Survey
from codec.batch.tasks import DecodeTask, EncodeTask, describe_error
from codec.batch.workers import run_tasks
from codec.errors import CodecError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK: Final = 64  # pictures per part
_MERGED: Final = 256  # parts to merge into one
_MERGED_MARK: Final = "_m"  # sorts after ".", so a merged part comes after the parts it replaces
_MIN_MERGED: Final = 16


@dataclass(frozen=True)
class ArchiveItem:
    """One picture.

    state: hash of its row in the archive (see `_state`); 0 if that has an error, None if there is none.
    """

    entry: Entry
    state: int | None = None

    @property
    def name(self) -> str:
        """The path in the archive."""
        return escape_surrogates(self.entry.name)


@dataclass(frozen=True)
class ArchiveTask:
    """Encode or decode a block of entries and write the new and changed ones as one part."""

    task: EncodeTask | DecodeTask
    target: Place
    stamp: int  # of the run

    def __call__(self, block: tuple[ArchiveItem, ...]) -> dict[str, Any]:
        """Return the numbers of rows and errors and whether rows were replaced, or {"fatal": reason} if writing failed.

        An existing part is kept: a block is processed twice if a machine of the cluster is lost.
        """
        name = archive.part_name(self.stamp, _hash("\n".join(item.name for item in block)))
        try:
            if storage.exists(self.target / name):
                return _count(block, archive.read_part(self.target / name, ["path", "error"]).to_pylist())
            rows = [row for row in map(self._make_row, block) if row is not None]
            if rows:
                with suppress(FileExistsError):  # another process wrote the same block
                    archive.write_part(self.target, name, rows, self.task.columns())
        except OSError as error:
            return {"fatal": f"{self.target.name} cannot be written: {error.strerror or error}; run again to go on"}
        except (StorageError, MemoryError) as error:
            return {"fatal": str(error) or "there is not enough memory: use fewer --jobs and run again to go on"}
        return _count(block, rows)

    def _make_row(self, item: ArchiveItem) -> archive.Row | None:
        row: archive.Row = {"path": item.name, "options": self.task.digest(item.entry.caption), "error": ""}
        start = time.perf_counter()
        try:
            data = item.entry.read()
            row["sha256"] = hashlib.sha256(data).hexdigest()
            if item.state == _state(row):
                return None
            row |= self.task.describe(data, item.entry)
        except StorageError:
            raise
        except (CodecError, MemoryError, OSError) as error:
            row["error"] = describe_error(error)
        row["seconds"] = time.perf_counter() - start
        return row


def _count(block: tuple[ArchiveItem, ...], rows: list[archive.Row]) -> dict[str, Any]:
    old = {item.name for item in block if item.state is not None}
    return {
        "failed": sum(bool(row["error"]) for row in rows),
        "written": len(rows),
        "replaced": any(row["path"] in old for row in rows),
    }


def fill_archive(
    task: EncodeTask | DecodeTask, source: str | os.PathLike[str], target: str | Place, jobs: int = 1,
    ray: str | None = None, on_progress: OnProgress | None = None, on_notice: OnNotice | None = None,
    gpus: float | None = None, *, one_file: bool = False,
) -> tuple[int, int]:  # fmt: skip
    """Encode or decode every entry of a source into an archive; return the numbers of finished and failed entries.

    target: local or remote. The archive is a folder of Parquet files, one for each block of up to 64 pictures; at the
    end, small files are merged. For a picture that cannot be read, the row holds an error. A later run keeps finished
    rows; it replaces failed rows, and rows whose content, caption or options changed. one_file: write a new local
    archive as a single file; an existing single file stays one. Other parameters: see `process_folder`.

    Raises `CodecError` if there is nothing to do or the archive cannot be written, `FormatError` if it is not an
    archive of this program, `ModelMissing` without pyarrow, and the errors of `read_captions` and `run_tasks`.
    """
    close_files()
    given = storage.place(target) if isinstance(target, str) else target
    archive.check_target(given, task.columns(), one_file=one_file)
    file = given if isinstance(given, Path) and (given.is_file() or (one_file and not given.exists())) else None
    listed = Source(os.fspath(source), task.input_suffixes)
    survey = Survey(listed, on_notice or (lambda line: None))
    where = open_parts(file) if file else given
    storage.make_folder(where)
    plan = ArchivePlan(listed, *(_scan_states(where) if file else _read_states(where)))
    done = failed = 0
    has_doubles = False
    for block, result in run_tasks(ArchiveTask(task, where, time.time_ns()), plan, jobs, ray, gpus):
        if "fatal" in result:
            raise StorageError(result["fatal"])
        done += len(block)
        failed += result["failed"]
        has_doubles |= result["replaced"]
        if on_progress and result["written"]:
            on_progress(done, survey.total, block[-1].name)
    if file:
        _write_one_file(file, task.columns())
    else:
        if has_doubles:
            _remove_doubles(where)
        groups = list(_small_parts(where)) if isinstance(task, EncodeTask) else []  # pictures make large parts
        for _, error in run_tasks(MergeTask(where), groups, jobs, ray):
            if error:
                raise StorageError(error)
    close_files()
    survey.finish()
    return done - failed, failed


@dataclass(frozen=True)
class ArchivePlan:
    """Blocks of the entries of a source, small ones first, so that the first result arrives soon.

    keys, states: the result of `_read_states`. The plan can be iterated in another process.
    """

    source: Source
    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    states: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))

    def __iter__(self) -> Iterator[tuple[ArchiveItem, ...]]:
        return _make_blocks(ArchiveItem(entry, self._state_of(entry)) for entry in self.source.entries())

    def _state_of(self, entry: Entry) -> int | None:
        if not len(self.keys):
            return None
        key = np.uint64(_hash(escape_surrogates(entry.name)))
        index = int(np.searchsorted(self.keys, key, side="right")) - 1  # the last one counts
        return int(self.states[index]) if index >= 0 and self.keys[index] == key else None


def _make_blocks(items: Iterable[ArchiveItem]) -> Iterator[tuple[ArchiveItem, ...]]:
    iterator = iter(items)
    size = 1
    while block := tuple(islice(iterator, size)):
        yield block
        size = min(size + 1, _BLOCK)


# what the archive holds


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _state(row: archive.Row) -> int:
    """Return a hash of the picture's content and the options, which shows whether a row is current; 0 for an error."""
    return 0 if row["error"] else _hash(f"{row['sha256']} {row['options']}") or 1


def _read_states(target: Place) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted hashes of all paths and the state of each: two (N,) uint64 arrays, 16 bytes per picture.

    First removes rows that a later part replaces, which an interrupted run may have left.
    """
    keys, states = _scan_states(target)
    if len(keys) and (keys[1:] == keys[:-1]).any():
        _remove_doubles(target)
        keys, states = _scan_states(target)
    return keys, states


def _scan_states(target: Place) -> tuple[np.ndarray, np.ndarray]:
    keys, states = array("Q"), array("Q")
    for part in archive.part_files(target) if storage.is_folder(target) else []:
        for row in archive.iterate_part(part, ["path", "sha256", "options", "error"]):
            keys.append(_hash(row["path"]))
            states.append(_state(row))
    order = np.argsort(np.array(keys, np.uint64), kind="stable")
    return np.array(keys, np.uint64)[order], np.array(states, np.uint64)[order]


def _remove_doubles(target: Place) -> None:
    """Remove rows that are replaced by a row of a later part."""
    for part, is_stale in _stale_rows(target).items():
        archive.remove_rows(part, is_stale)


def _stale_rows(target: Place) -> dict[Place, np.ndarray]:
    """Return a mask, (N,) bool, of the replaced rows of each part that has any."""
    parts = archive.part_files(target)
    keys, ends = array("Q"), [0]
    for part in parts:
        keys.extend(_hash(row["path"]) for row in archive.iterate_part(part, ["path"]))
        ends.append(len(keys))
    order = np.argsort(np.array(keys, np.uint64), kind="stable")
    is_stale = np.zeros(len(keys), bool)
    is_stale[order[:-1]] = np.diff(np.array(keys, np.uint64)[order]) == 0
    rows = zip(parts, ends[:-1], ends[1:], strict=True)
    return {part: is_stale[start:end] for part, start, end in rows if is_stale[start:end].any()}


def _write_one_file(file: Path, columns: pa.Schema) -> None:
    """Make the archive's single file of its parts. Raises `StorageError`."""
    folder = parts_folder(file)
    try:
        close_parts(file, columns, _stale_rows(folder))
    except OSError as error:
        reason = f"{file.name} cannot be written: {error.strerror or error}"
        raise StorageError(f"{reason}; all pictures are in {folder.name}; run again to continue") from None


# merging


@dataclass(frozen=True)
class MergeTask:
    """Merge small parts into one."""

    target: Place

    def __call__(self, names: tuple[str, ...]) -> str:
        """Return an error message or "". If this is interrupted, rows exist twice until the next run."""
        pa = load_pyarrow()
        merged = names[-1].removesuffix(archive.SUFFIX) + _MERGED_MARK + archive.SUFFIX
        try:
            table = pa.concat_tables([archive.read_part(self.target / name) for name in names])
            storage.replace(self.target / merged, archive.to_bytes(table))
            for name in names:
                storage.remove(self.target / name)
        except (OSError, CodecError) as error:
            return f"{self.target.name}: parts cannot be merged: {error}; all pictures are there, run again to go on"
        return ""


def _small_parts(target: Place) -> Iterator[tuple[str, ...]]:
    """Yield groups of names of consecutive parts that were not merged before."""
    group: list[str] = []
    for part in archive.part_files(target):
        if not part.name.startswith("part-") or part.name.endswith(_MERGED_MARK + archive.SUFFIX):
            group = []
            continue
        group.append(part.name)
        if len(group) == _MERGED:
            yield tuple(group)
            group = []
    if len(group) >= _MIN_MERGED:
        yield tuple(group)
