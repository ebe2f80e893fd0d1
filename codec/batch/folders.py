"""Encode each picture of a source to a `.tril` file, or decode each `.tril` file, and write a manifest of the results.

If a file cannot be read, its row holds an error and the run continues. A later run skips finished files. Existing files
are replaced only if the manifest shows that an earlier run wrote them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path, PurePosixPath
from typing import Final

from codec.batch.entries import Entry, close_files
from codec.batch.manifest import (
    MANIFEST,
    ManifestTable,
    append_row,
    escape_surrogates,
    unescape_surrogates,
    write_manifest,
)
from codec.batch.outputs import OutputNames, assign_names
from codec.batch.sources import Source
from codec.batch.storage import StorageError
from codec.batch.survey import OnNotice, Survey
from codec.batch.tasks import DecodeTask, EncodeTask, WorkItem, WrittenOutput
from codec.batch.workers import run_tasks

# arguments: finished files, number of files (None: not known yet), name of the last finished file
OnProgress = Callable[[int, int | None, str], None]
_MAX_SHORT_NAMES: Final = 10_000  # in folders with more files, a.png becomes a.png.tril instead of a.tril


def process_folder(
    task: EncodeTask | DecodeTask, source: str | os.PathLike[str], output: Path, jobs: int = 1, ray: str | None = None,
    on_progress: OnProgress | None = None, on_notice: OnNotice | None = None, gpus: float | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Encode or decode every file of a source into `output`; return the numbers of written and failed files.

    source: a folder, a pattern, a list, a tar or a Parquet file, local or remote (`Source`).

    Writes output/manifest.csv. Files that an earlier run wrote are skipped; they are replaced if their content, caption
    or options changed. If another file has the name of an output, the output gets another name. Hidden files and files
    of the system are skipped. Captions come from folder/captions.tsv (`read_captions`).
    `jobs`, `ray`, `gpus`: see `run_tasks`. on_notice: receives messages about skipped and renamed files.

    Raises `CodecError` if there is nothing to do, if no caption matches a file or if output/manifest.csv is not a
    manifest, `StorageError` if the disk is full, and the errors of `read_captions` and `run_tasks`.
    """
    notify = on_notice or (lambda line: None)
    close_files()
    plan = FolderPlan(task, Source(os.fspath(source), task.input_suffixes), output)
    survey = Survey(plan.source, notify)
    output.mkdir(parents=True, exist_ok=True)
    manifest, root = output / MANIFEST, escape_surrogates(plan.source.key)
    table = ManifestTable(manifest)
    write_manifest(manifest, table.rows())
    renamed: list[str] = []
    done = failed = 0
    for item, row in run_tasks(task, plan, jobs, ray, gpus):
        done += 1
        if row is None:
            continue
        if "fatal" in row:
            raise StorageError(row["fatal"])
        row["folder"] = root
        append_row(manifest, row)
        table.put(row)
        failed += bool(row["error"])
        if row["error"] == "" and row["output"] != item.target.name:
            renamed = [*renamed[:1], f"{item.name} -> {row['output']}"] if len(renamed) < 2 else renamed
        if on_progress:
            on_progress(done, survey.total, item.name)
    write_manifest(manifest, (row for row in table.rows() if not _is_gone(plan.source, row, root)))
    close_files()
    survey.finish()
    if renamed:
        more = " and more" if len(renamed) > 1 else ""
        notify(f"other names taken, as files of these names were there: {renamed[0]}{more}, see {MANIFEST}")
    return done - failed, failed


def _is_gone(source: Source, row: dict[str, str], root: str) -> bool:
    """Return whether the source file of a row no longer exists; False for escaped names, which are not checked."""
    if row["folder"] != root or "\\" in row["file"] or not source.is_plain_folder:
        return False
    return not Path(source.address, row["file"]).exists()


@dataclass(frozen=True)
class FolderPlan:
    """The work items of a source, with their results in the manifest. The plan can be iterated in another process."""

    task: EncodeTask | DecodeTask
    source: Source
    output: Path

    def __iter__(self) -> Iterator[WorkItem]:
        table = ManifestTable(self.output / MANIFEST)
        if not self.source.is_plain_folder:
            for entry in self.source.entries():
                yield self._make_contained_item(entry, table)
            return
        for _, entries in groupby(self.source.entries(), lambda entry: entry.name.rpartition("/")[0]):
            first = list(islice(entries, _MAX_SHORT_NAMES + 1))
            if len(first) <= _MAX_SHORT_NAMES:
                yield from self._make_items(first, table)
            else:
                for entry in chain(first, entries):
                    yield self._make_long_item(entry, table)

    def _make_items(self, entries: list[Entry], table: ManifestTable) -> Iterator[WorkItem]:
        """Yield the items of one folder."""
        names = [PurePosixPath(entry.name).name for entry in entries]
        written = {name: one for name, entry in zip(names, entries, strict=True) if (one := self._find(table, entry))}
        targets = assign_names(names, self.task.output_suffix, {name: one.name for name, one in written.items()})
        for name, entry in zip(names, entries, strict=True):
            yield self._make_item(entry, targets[name], written.get(name))

    def _make_long_item(self, entry: Entry, table: ManifestTable) -> WorkItem:
        """Return an item of a large folder.

        Its output is named after the whole file name, which needs no table of names.
        """
        name = PurePosixPath(entry.name).name
        written = self._find(table, entry)
        first = written.name if written else f"{name}{self.task.output_suffix}"
        return self._make_item(entry, OutputNames(first, f"{name}.2{self.task.output_suffix}"), written)

    def _make_item(self, entry: Entry, names: OutputNames, written: WrittenOutput | None) -> WorkItem:
        target = self.output / PurePosixPath(entry.name).with_name(names.first)
        return WorkItem(entry, target, names.second, written)

    def _make_contained_item(self, entry: Entry, table: ManifestTable) -> WorkItem:
        """Return an item of a tar, list or table. Its output must be inside the output folder, whatever its name is."""
        parts = [part for part in re.split(r"[/\\:\0]", entry.name) if part.strip(". ")] or ["entry"]
        target = self.output.joinpath(*parts[:-1], parts[-1] + self.task.output_suffix)
        written = self._find(table, entry)
        if written:
            target = target.with_name(written.name)
        return WorkItem(entry, target, f"{parts[-1]}.2{self.task.output_suffix}", written)

    def _find(self, table: ManifestTable, entry: Entry) -> WrittenOutput | None:
        """Return the result of an earlier run, if any.

        Failed items are repeated; outputs of other sources are not replaced.
        """
        root = escape_surrogates(self.source.key)
        row = table.find(root, escape_surrogates(entry.name))
        if row is None:
            return None
        is_own = row["folder"] == root
        name = row["output"] if escape_surrogates(entry.name) == entry.name else unescape_surrogates(row["output"])
        if not name.endswith(self.task.output_suffix) or PurePosixPath(name).name != name:
            return None
        options = "" if row["error"] else row["options"]
        return WrittenOutput(name, row["sha256"], options, row["output_sha256"] if is_own else "")
