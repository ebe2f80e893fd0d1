"""Encode each picture in a folder to a `.tril` file, or decode each `.tril` file, and write a manifest of the results.

A file that cannot be read becomes a row with an error and does not stop the others. A later run skips finished files.
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
OnProgress = Callable[[int, int, str], None]  # finished files, total number of files, name of the last finished one


@dataclass(frozen=True)
class WorkItem:
    """One file to encode or decode."""

    source: Path
    name: str  # relative to the folder, as it appears in the manifest
    sha256: str  # of the source, the first 16 hex digits
    caption: str | None  # from captions.tsv
    target: Path


@dataclass(frozen=True)
class EncodeTask:
    """Encode a picture to a `.tril` file, with its caption as the prompt unless `options` has one."""

    options: EncodeOptions = DEFAULT_OPTIONS
    input_suffixes: tuple[str, ...] = PICTURE_SUFFIXES
    output_suffix: str = ".tril"

    @property
    def uses_large_models(self) -> bool:
        """Whether a captioning model of several gigabytes may be loaded."""
        from codec.encoder.prompt.caption import best

        prompt, captioner = self.options.prompt, self.options.captioner
        return prompt is None and captioner != "none" and (captioner != "auto" or best() is not None)

    def __call__(self, item: WorkItem) -> Row:
        """Encode one file and return its row of the manifest."""
        from codec.encoder.extract import extract

        def encode() -> Layers:
            return extract(item.source, replace(self.options, prompt=self.options.prompt or item.caption)).layers

        return _process_item(item, encode, Layers.to_bytes)


@dataclass(frozen=True)
class DecodeTask:
    """Decode a `.tril` file to a PNG. `layers`: which of 1, 2, 3 to use; `seed` None: the seed in the file."""

    decoder: str = "painter"
    options: Options | None = None
    layers: tuple[int, ...] = (1, 2, 3)
    seed: int | None = None
    input_suffixes: tuple[str, ...] = (".tril",)
    output_suffix: str = ".png"

    @property
    def uses_large_models(self) -> bool:
        """Whether models of several gigabytes are loaded."""
        return self.decoder == "sd15"

    def __call__(self, item: WorkItem) -> Row:
        """Decode one file and return its row of the manifest."""

        def read() -> Layers:
            return Layers.from_bytes(item.source.read_bytes())

        def decode(layers: Layers) -> bytes:
            decoder = _get_decoder(self.decoder, self.options)
            return encode_png(decoder.decode(layers.only(self.layers), seed=self.seed))

        return _process_item(item, read, decode)


@cache
def _get_decoder(name: str, options: Options | None) -> Decoder:
    """Return the decoder; it is created once per process, so its networks stay loaded."""
    from codec.decoders import get

    return get(name, options)


def _process_item(item: WorkItem, read: Callable[[], Layers], convert: Callable[[Layers], bytes]) -> Row:
    """Read an item's layers, convert them, write the output file, and return the row of the manifest."""
    row: Row = {"file": item.name, "sha256": item.sha256, "output": item.target.name, "error": ""}
    start = time.perf_counter()
    try:
        layers = read()
        data = convert(layers)
        item.target.parent.mkdir(parents=True, exist_ok=True)
        write_file(item.target, data)
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
    task: EncodeTask | DecodeTask, folder: Path, output: Path, jobs: int = 1, ray: str | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Encode or decode every file below `folder` into `output` and return how many were written and how many failed.

    Writes output/manifest.csv. Files that an earlier run with equal options has written are skipped. Captions come
    from folder/captions.tsv (file name, tab, text), if it exists. `jobs`, `ray`: see `run_tasks`.

    Raises `CodecError` if there is nothing to do or output/manifest.csv is not a manifest, and what
    `run_tasks` raises.
    """
    suffixes = task.input_suffixes
    sources = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not sources:
        raise CodecError(f"there is no {', '.join(suffixes)} file in {folder.name}")
    output.mkdir(parents=True, exist_ok=True)
    manifest = output / MANIFEST
    options_digest = hashlib.sha256(json.dumps(asdict(task), default=str).encode()).hexdigest()[:12]
    rows = {row["file"]: row for row in read_manifest(manifest)}
    done: list[Row] = []
    items: list[WorkItem] = []
    for item in _make_items(task, sources, folder, output):
        row = rows.get(item.name)
        if row is not None and _is_current(row, item, options_digest):
            done.append(row)
        else:
            items.append(item)
    _write_manifest(manifest, done)
    failed = 0
    for count, (item, result) in enumerate(run_tasks(task, items, jobs, ray), len(done) + 1):
        _append_row(manifest, result | {"options": options_digest})
        failed += bool(result["error"])
        if on_progress:
            on_progress(count, len(sources), item.name)
    return len(sources) - failed, failed


def _is_current(row: dict[str, str], item: WorkItem, options_digest: str) -> bool:
    """Return whether an item is done: same source, same options, no error, and the output still there."""
    key = row["sha256"], row["options"], row["error"]
    return key == (item.sha256, options_digest, "") and item.target.is_file()


def _make_items(task: EncodeTask | DecodeTask, sources: list[Path], folder: Path, output: Path) -> Iterator[WorkItem]:
    """Yield an item for each source; of sources that differ only in their suffix, the target names keep the suffix."""
    captions = read_captions(folder)
    stems = Counter(path.with_suffix("") for path in sources)
    for path in sources:
        name = path.relative_to(folder)
        if stems[path.with_suffix("")] == 1:
            target = name.with_suffix(task.output_suffix)
        else:
            target = Path(f"{name}{task.output_suffix}")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        yield WorkItem(
            path, _escape_surrogates(name.as_posix()), digest, captions.get(name.as_posix()), output / target
        )


def read_captions(folder: Path) -> dict[str, str]:
    """Return the captions of folder/captions.tsv by file name; empty if there is no such file."""
    file = folder / "captions.tsv"
    lines = file.read_text("utf-8-sig", "replace").splitlines() if file.is_file() else []
    return {name: text for name, tab, text in (line.partition("\t") for line in lines) if tab}


# the manifest


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
    """Return the text with escapes for lone surrogates, which stand for bytes of a file name that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
