"""Folders: every picture to a `.tril` file, or every `.tril` file to a picture, with a manifest.

A broken file is a row with an error and stops nothing; a run that was stopped goes on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from codec.atomic_write import write_file
from codec.batch.workers import results
from codec.encoder.options import DEFAULT_OPTIONS, EncodeOptions
from codec.errors import CodecError
from codec.images.io import encode_png
from codec.layers import Layers

if TYPE_CHECKING:
    from codec.decoders import Decoder
    from codec.decoders.sd15.options import Options

PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp", ".avif")
MANIFEST: Final = "manifest.csv"
COLUMNS: Final = (
    "file", "sha256", "options", "output", "width", "height", "bytes", "semantic", "structure", "texture",
    "extensions", "overhead", "seconds", "error",
)  # fmt: skip
Row = dict[str, Any]
OnProgress = Callable[[int, int, str], None]  # done, of, the file's name


@dataclass(frozen=True)
class Task:
    """A file, what is known of it, and where its result goes."""

    file: Path
    name: str  # as the manifest has it
    sha256: str
    text: str | None
    target: Path


@dataclass(frozen=True)
class Encode:
    """Encode pictures to `.tril` files; the texts of captions.tsv stand in for a missing prompt."""

    options: EncodeOptions = DEFAULT_OPTIONS
    reads: tuple[str, ...] = PICTURES
    writes: str = ".tril"

    @property
    def large(self) -> bool:
        """Whether a network of gigabytes may be needed: a captioner."""
        from codec.encoder.prompt.caption import best

        prompt, captioner = self.options.prompt, self.options.captioner
        return prompt is None and captioner != "none" and (captioner != "auto" or best() is not None)

    def __call__(self, task: Task) -> Row:
        from codec.encoder.extract import extract

        def work() -> Layers:
            prompt = self.options.prompt or task.text
            return extract(task.file, replace(self.options, prompt=prompt)).layers

        return _answered(task, work, Layers.to_bytes)


@dataclass(frozen=True)
class Decode:
    """`.tril` files to PNG. `layers`: which of 1, 2, 3; seed None: the file's."""

    decoder: str = "painter"
    options: Options | None = None
    layers: tuple[int, ...] = (1, 2, 3)
    seed: int | None = None
    reads: tuple[str, ...] = (".tril",)
    writes: str = ".png"

    @property
    def large(self) -> bool:
        """Whether networks of gigabytes are needed."""
        return self.decoder == "sd15"

    def __call__(self, task: Task) -> Row:
        def work() -> Layers:
            return Layers.from_bytes(task.file.read_bytes())

        def paint(layers: Layers) -> bytes:
            return encode_png(_decoder(self.decoder, self.options).decode(layers.only(self.layers), seed=self.seed))

        return _answered(task, work, paint)


@cache
def _decoder(name: str, options: Options | None) -> Decoder:
    """One for all files of a process: it keeps its networks."""
    from codec.decoders import get

    return get(name, options)


def _answered(task: Task, work: Callable[[], Layers], written: Callable[[Layers], bytes]) -> Row:
    """The row of a task that is done, or has failed."""
    row: Row = {"file": task.name, "sha256": task.sha256, "output": task.target.name, "error": ""}
    start = time.perf_counter()
    try:
        layers = work()
        data = written(layers)
        task.target.parent.mkdir(parents=True, exist_ok=True)
        write_file(str(task.target), data)
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


def run(
    work: Encode | Decode, folder: Path, out: Path, jobs: int = 1, ray: str | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Every file of `folder` and the folders in it -> `out`, with out/manifest.csv. Returns (written, failed).

    What an earlier run with these options has written is not done again. Texts come from folder/captions.tsv
    (name, tab, text), if there is one. Raises `CodecError` where there is nothing to do, and what `results` raises.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in work.reads and path.is_file())
    if not files:
        raise CodecError(f"there is no {', '.join(work.reads)} file in {folder.name}")
    out.mkdir(parents=True, exist_ok=True)
    options = hashlib.sha256(json.dumps(asdict(work), default=str).encode()).hexdigest()[:12]
    earlier = {row["file"]: row for row in read(out / MANIFEST)}
    kept, tasks = [], []
    for task in _tasks(work, files, folder, out):
        row = earlier.get(task.name)
        done = row and not row["error"] and (row["sha256"], row["options"]) == (task.sha256, options)
        if row and done and task.target.is_file():
            kept.append(row)
        else:
            tasks.append(task)
    _begin(out / MANIFEST, kept)
    failed, count = 0, len(kept)
    for task, row in results(work, tasks, jobs, ray):
        _append(out / MANIFEST, row | {"options": options})
        failed += bool(row["error"])
        count += 1
        if on_progress:
            on_progress(count, len(files), task.name)
    return len(files) - failed, failed


def read(manifest: Path) -> list[dict[str, str]]:
    """The rows of a manifest, without one that a stop has cut off.

    Raises `CodecError` for any other file of that name, which is not to be lost.
    """
    if not manifest.exists():
        return []
    whole = manifest.read_bytes().rpartition(b"\n")[0].decode("utf-8", "replace")
    lines = csv.DictReader(io.StringIO(whole, newline=""))  # a name may hold what ends a line
    try:
        rows = [row for row in lines if None not in row and None not in row.values()]
    except csv.Error:
        rows = []
    if whole.strip() and tuple(lines.fieldnames or ()) != COLUMNS:
        raise CodecError(f"{manifest.name} there is not one of ours: remove it, or choose another folder")
    return rows


def captions(folder: Path) -> dict[str, str]:
    """captions.tsv of a folder, file name and text in a line, if there is one."""
    file = folder / "captions.tsv"
    lines = file.read_text("utf-8-sig", "replace").splitlines() if file.is_file() else []
    return {name: text for name, tab, text in (line.partition("\t") for line in lines) if tab}


def _tasks(work: Encode | Decode, files: list[Path], folder: Path, out: Path) -> Iterable[Task]:
    texts = captions(folder)
    alike = Counter(path.with_suffix("") for path in files)
    for path in files:
        name = path.relative_to(folder)
        target = name.with_suffix(work.writes) if alike[path.with_suffix("")] == 1 else Path(f"{name}{work.writes}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        yield Task(path, _plain(name.as_posix()), digest, texts.get(name.as_posix()), out / target)


def _begin(manifest: Path, rows: Iterable[Row]) -> None:
    """A manifest of these rows in place of the one there; should that fail, it stays."""
    lines = io.StringIO(newline="")
    csv.DictWriter(lines, COLUMNS).writeheader()
    _rows(lines, rows)
    write_file(manifest, lines.getvalue().encode())


def _append(manifest: Path, row: Row) -> None:
    with manifest.open("a", newline="", encoding="utf-8") as lines:
        _rows(lines, [row])


def _rows(lines: TextIO, rows: Iterable[Row]) -> None:
    told = ({column: _plain(str(row.get(column, ""))) for column in COLUMNS} for row in rows)
    csv.DictWriter(lines, COLUMNS).writerows(told)


def _plain(text: str) -> str:
    """What of a name is no UTF-8, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
