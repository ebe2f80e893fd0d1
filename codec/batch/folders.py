"""Encode each picture in a folder to a `.tril` file, or decode each `.tril` file, and write a manifest of the results.

A file that cannot be read becomes a row with an error and does not stop the others. A later run skips finished files.
No file is ever replaced that the manifest does not name as written by an earlier run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from codec.batch.archive import is_archive, scan
from codec.batch.captions import CAPTIONS, Captions, read_captions
from codec.batch.find_files import find_files, format_unknown
from codec.batch.manifest import (
    MANIFEST,
    append_row,
    escape_surrogates,
    read_manifest,
    unescape_surrogates,
    write_manifest,
)
from codec.batch.outputs import assign_names
from codec.batch.tasks import DecodeTask, EncodeTask, WorkItem, WrittenOutput
from codec.batch.workers import run_tasks
from codec.errors import CodecError

OnProgress = Callable[[int, int, str], None]  # finished files, total number of files, name of the last finished one
OnNotice = Callable[[str], None]  # one line
_Rows: TypeAlias = dict[tuple[str, str], dict[str, str]]  # of the manifest, by folder and file


def process_folder(
    task: EncodeTask | DecodeTask, folder: Path, output: Path, jobs: int = 1, ray: str | None = None,
    on_progress: OnProgress | None = None, on_notice: OnNotice | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Encode or decode every file below `folder` into `output` and return how many were written and how many failed.

    folder: for decoding, also a Parquet archive; its entries are read a few at a time and sent to the processes.

    Writes output/manifest.csv. Files that an earlier run with equal options has written are skipped; those whose
    content, caption or options changed are replaced. An output gets another name where a file is that no earlier run
    wrote. Hidden files and files of the system are skipped. Captions come from folder/captions.tsv (`read_captions`).
    `jobs`, `ray`: see `run_tasks`. on_notice: receives what was skipped or renamed.

    Raises `CodecError` if there is nothing to do, if no caption matches a file or if output/manifest.csv is not a
    manifest, and what `read_captions` and `run_tasks` raise.
    """
    notify = on_notice or (lambda line: None)
    captions = read_captions(folder) if isinstance(task, EncodeTask) else Captions()
    from_archive = isinstance(task, DecodeTask) and is_archive(folder)
    total = _count_entries(folder) if from_archive else count_files(task, folder, captions, notify)
    output.mkdir(parents=True, exist_ok=True)
    manifest, root = output / MANIFEST, escape_surrogates(str(folder.resolve()))
    rows: _Rows = {(row["folder"], row["file"]): row for row in read_manifest(manifest)}
    write_manifest(manifest, rows.values())
    renamed: list[str] = []
    done = failed = 0
    if from_archive:
        items = _make_archive_items(task, folder, output, rows)
    else:
        items = _make_items(task, folder, output, captions, rows)
    for item, row in run_tasks(task, items, jobs, ray):
        done += 1
        if row is None:
            continue
        row["folder"] = root
        append_row(manifest, row)
        rows[root, item.name] = row
        failed += bool(row["error"])
        if row["error"] == "" and row["output"] != item.target.name:
            renamed.append(f"{item.name} -> {row['output']}")
        if on_progress:
            on_progress(done, total, item.name)
    kept = (row for (place, name), row in rows.items() if from_archive or place != root or _exists(folder, name))
    write_manifest(manifest, kept)
    if renamed:
        more = f" and {len(renamed) - 1} more" if len(renamed) > 1 else ""
        notify(f"other names taken, as files of these names were there: {renamed[0]}{more}, see {MANIFEST}")
    return total - failed, failed


def _exists(folder: Path, name: str) -> bool:
    """Return whether a file of the manifest is still there; True for names with escapes, which are not looked up."""
    return "\\" in name or (folder / name).exists()


def count_files(task: EncodeTask | DecodeTask, folder: Path, captions: Captions, notify: OnNotice) -> int:
    """Return the number of files; check that the captions belong to them."""
    unknown: Counter[str] = Counter()
    names = set()
    total = 0
    for path in find_files(folder, task.input_suffixes, unknown):
        total += 1
        if captions:
            name = path.relative_to(folder).as_posix()
            captions.get(name)
            names.add(name)
    skipped = format_unknown(unknown)
    if not total:
        endings = ", ".join(task.input_suffixes)
        raise CodecError(f"there is no {endings} file in {folder.name}{f'; {skipped}' if skipped else ''}")
    if skipped:
        notify(skipped)
    captions.check_bare_names(names)
    if unused := captions.unused_names():
        some = ", ".join(unused[:3]) + (" ..." if len(unused) > 3 else "")
        if len(unused) == len(captions):
            raise CodecError(f"{CAPTIONS} names no file of {folder.name}: {some}")
        notify(f"{CAPTIONS}: {len(unused)} of {len(captions)} names are no files here: {some}")
    return total


def _make_items(
    task: EncodeTask | DecodeTask, folder: Path, output: Path, captions: Captions, rows: _Rows
) -> Iterator[WorkItem]:
    """Yield an item for each file of a folder, with what the manifest says of it."""
    root = escape_surrogates(str(folder.resolve()))
    by_file = {file: row for (_, file), row in rows.items()}  # finds the rows of a folder that was moved
    for parent, paths in groupby(find_files(folder, task.input_suffixes), lambda path: path.parent):
        files = {path.name: path.relative_to(folder).as_posix() for path in paths}
        written: dict[str, WrittenOutput] = {}
        for name, file in files.items():
            key = escape_surrogates(file)
            if row := rows.get((root, key)) or by_file.get(key):
                one = _written_output(row, name, is_own=row["folder"] == root)
                if one.name.endswith(task.output_suffix) and Path(one.name).name == one.name:
                    written[name] = one
        targets = assign_names(files, task.output_suffix, {name: one.name for name, one in written.items()})
        for name, file in files.items():
            target = output / Path(file).with_name(targets[name].first)
            yield WorkItem(
                parent / name,
                escape_surrogates(file),
                captions.get(file),
                target,
                targets[name].second,
                written.get(name),
            )


def _count_entries(archive: Path) -> int:
    total = sum(not row["error"] for row in scan(archive, ["error"]))
    if not total:
        raise CodecError(f"there is no entry to decode in {archive.name}")
    return total


def _make_archive_items(task: EncodeTask | DecodeTask, archive: Path, output: Path, rows: _Rows) -> Iterator[WorkItem]:
    """Yield an item for each entry of an archive; its output has the name of the entry and a suffix."""
    root = escape_surrogates(str(archive.resolve()))
    for entry in scan(archive, ["path", "tril", "error"]):
        if entry["error"]:
            continue
        # The paths of a hostile archive must not lead out of the output folder.
        parts = [part for part in re.split(r"[/\\:\0]", entry["path"]) if part.strip(". ")] or ["entry"]
        target = output.joinpath(*parts[:-1], parts[-1] + task.output_suffix)
        row = rows.get((root, entry["path"]))
        written = _written_output(row, "", is_own=True) if row else None
        if written and written.name and Path(written.name).name == written.name:
            target = target.with_name(written.name)
        second = f"{parts[-1]}.2{task.output_suffix}"
        yield WorkItem(archive, entry["path"], None, target, second, written, entry["tril"])


def _written_output(row: dict[str, str], name: str, *, is_own: bool) -> WrittenOutput:
    """Return what a row says. What was written for another folder is not replaced, nor is a failed file finished."""
    output = row["output"] if escape_surrogates(name) == name else unescape_surrogates(row["output"])
    return WrittenOutput(
        output, row["sha256"], "" if row["error"] else row["options"], row["output_sha256"] if is_own else ""
    )
