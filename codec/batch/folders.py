"""Encode every picture of a folder to a `.tril` file, or decode every `.tril` file, with a manifest.

A broken file becomes a row with an error and does not stop the others. A later run skips the files that are done.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from codec.atomic_write import write_file
from codec.batch.workers import run_tasks
from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions
from codec.errors import CodecError
from codec.images.io import encode_png
from codec.layers import Layers

if TYPE_CHECKING:
    from codec.decoders import Decoder
    from codec.decoders.sd15.options import Options

PICTURE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".avif")
MANIFEST: Final = "manifest.csv"
COLUMNS: Final = (
    "file", "sha256", "options", "output", "width", "height", "bytes", "semantic", "structure", "texture",
    "extensions", "overhead", "seconds", "error",
)  # fmt: skip
Row = dict[str, Any]  # by column
OnProgress = Callable[[int, int, str], None]  # files done, files in all, name of the last one


@dataclass(frozen=True)
class Task:
    """One file to encode or decode."""

    source: Path
    name: str  # in the manifest
    sha256: str  # of the source, 16 digits
    caption: str | None  # from captions.tsv
    target: Path


@dataclass(frozen=True)
class Encode:
    """Encode a picture to a `.tril` file, with its caption as the prompt unless `options` has one."""

    options: EncodeOptions = DEFAULT_OPTIONS
    input_suffixes: tuple[str, ...] = PICTURE_SUFFIXES
    output_suffix: str = ".tril"

    @property
    def uses_large_models(self) -> bool:
        """Whether a captioner of gigabytes may be loaded."""
        from codec.encoder.prompt.caption import best

        prompt, captioner = self.options.prompt, self.options.captioner
        return prompt is None and captioner != "none" and (captioner != "auto" or best() is not None)

    def __call__(self, task: Task) -> Row:
        """Encode one file and return its row of the manifest."""
        from codec.encoder.extract import extract

        def encode() -> Layers:
            return extract(task.source, replace(self.options, prompt=self.options.prompt or task.caption)).layers

        return _run_task(task, encode, Layers.to_bytes)


@dataclass(frozen=True)
class Decode:
    """Decode a `.tril` file to a PNG. `layers`: which of 1, 2, 3 to use; `seed` None: the seed in the file."""

    decoder: str = "painter"
    options: Options | None = None
    layers: tuple[int, ...] = (1, 2, 3)
    seed: int | None = None
    input_suffixes: tuple[str, ...] = (".tril",)
    output_suffix: str = ".png"

    @property
    def uses_large_models(self) -> bool:
        """Whether networks of gigabytes are loaded."""
        return self.decoder == "sd15"

    def __call__(self, task: Task) -> Row:
        """Decode one file and return its row of the manifest."""

        def read() -> Layers:
            return Layers.from_bytes(task.source.read_bytes())

        def decode(layers: Layers) -> bytes:
            decoder = _get_decoder(self.decoder, self.options)
            return encode_png(decoder.decode(layers.only(self.layers), seed=self.seed))

        return _run_task(task, read, decode)


@cache
def _get_decoder(name: str, options: Options | None) -> Decoder:
    """Return one decoder for all files of a process, which keeps its networks loaded."""
    from codec.decoders import get

    return get(name, options)


def _run_task(task: Task, read: Callable[[], Layers], convert: Callable[[Layers], bytes]) -> Row:
    """Read the layers, convert them to the output file and return the row, with the error if there was one."""
    row: Row = {"file": task.name, "sha256": task.sha256, "output": task.target.name, "error": ""}
    start = time.perf_counter()
    try:
        layers = read()
        data = convert(layers)
        task.target.parent.mkdir(parents=True, exist_ok=True)
        write_file(task.target, data)
        sizes = layers.sizes()
        row |= {"width": layers.width, "height": layers.height, "bytes": sizes.total, **sizes._asdict()}
    except CodecError as error:
        row["error"] = str(error)
    except MemoryError:
        row["error"] = "there is not enough memory for this picture"
    except OSError as error:
        row["error"] = error.strerror or str(error)
    row["seconds"] = round(time.perf_counter() - start, 3)
    return row


def process_folder(
    operation: Encode | Decode, folder: Path, output: Path, jobs: int = 1, ray: str | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Encode or decode every file below `folder` into `output` and return how many were written and how many failed.

    Writes output/manifest.csv. Files that an earlier run with equal options has written are skipped. Captions come
    from folder/captions.tsv (file name, tab, text), if it exists. `jobs`, `ray`: see `run_tasks`.

    Raises `CodecError` if there is nothing to do or the manifest is not ours, and what `run_tasks` raises.
    """
    suffixes = operation.input_suffixes
    sources = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not sources:
        raise CodecError(f"there is no {', '.join(suffixes)} file in {folder.name}")
    output.mkdir(parents=True, exist_ok=True)
    manifest = output / MANIFEST
    options_digest = hashlib.sha256(json.dumps(asdict(operation), default=str).encode()).hexdigest()[:12]
    rows = {row["file"]: row for row in read_manifest(manifest)}
    done: list[Row] = []
    tasks: list[Task] = []
    for task in _make_tasks(operation, sources, folder, output):
        row = rows.get(task.name)
        if row is not None and _is_current(row, task, options_digest):
            done.append(row)
        else:
            tasks.append(task)
    _write_manifest(manifest, done)
    failed = 0
    for count, (task, result) in enumerate(run_tasks(operation, tasks, jobs, ray), len(done) + 1):
        _append_row(manifest, result | {"options": options_digest})
        failed += bool(result["error"])
        if on_progress:
            on_progress(count, len(sources), task.name)
    return len(sources) - failed, failed


def _is_current(row: dict[str, str], task: Task, options_digest: str) -> bool:
    """Return whether a task is done: same source, same options, no error, and the output still there."""
    key = row["sha256"], row["options"], row["error"]
    return key == (task.sha256, options_digest, "") and task.target.is_file()


def _make_tasks(operation: Encode | Decode, sources: list[Path], folder: Path, output: Path) -> Iterator[Task]:
    """Yield a task for each source; sources that differ only in their suffix keep it in the target's name."""
    captions = read_captions(folder)
    stems = Counter(path.with_suffix("") for path in sources)
    for path in sources:
        name = path.relative_to(folder)
        if stems[path.with_suffix("")] == 1:
            target = name.with_suffix(operation.output_suffix)
        else:
            target = Path(f"{name}{operation.output_suffix}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        yield Task(path, _escape_surrogates(name.as_posix()), digest, captions.get(name.as_posix()), output / target)


def read_captions(folder: Path) -> dict[str, str]:
    """Return the captions of folder/captions.tsv by file name; empty if there is no such file."""
    file = folder / "captions.tsv"
    lines = file.read_text("utf-8-sig", "replace").splitlines() if file.is_file() else []
    return {name: text for name, tab, text in (line.partition("\t") for line in lines) if tab}


# the manifest


def read_manifest(manifest: Path) -> list[dict[str, str]]:
    """Return the rows of a manifest without a truncated last one; no rows if there is no file.

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


def _write_manifest(manifest: Path, rows: Iterable[Row]) -> None:
    lines = io.StringIO(newline="")
    csv.DictWriter(lines, COLUMNS).writeheader()
    _write_rows(lines, rows)
    write_file(manifest, lines.getvalue().encode())


def _append_row(manifest: Path, row: Row) -> None:
    with manifest.open("a", newline="", encoding="utf-8") as lines:
        _write_rows(lines, [row])


def _write_rows(lines: TextIO, rows: Iterable[Row]) -> None:
    escaped = ({column: _escape_surrogates(str(row.get(column, ""))) for column in COLUMNS} for row in rows)
    csv.DictWriter(lines, COLUMNS).writerows(escaped)


def _escape_surrogates(text: str) -> str:
    """Return text that can be written as UTF-8: bytes of a file name that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
