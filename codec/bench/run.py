"""Run the benchmark on a folder of pictures; a later run continues where an earlier one stopped."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.atomic_write import replacement, write_file
from codec.batch.captions import read_captions
from codec.batch.find_files import PICTURE_SUFFIXES, find_files
from codec.batch.folders import OnProgress
from codec.batch.workers import run_tasks
from codec.bench.contenders import Contender, find_contenders
from codec.bench.measures import MEASURES, MeasureFunction, available_measures
from codec.errors import CodecError, ImageError

RATES: Final = (300, 655, 1000, 2000)  # bytes
SHEET_RATE: Final = 655  # bytes; at this rate, decoded pictures are saved for the contact sheet
MAX_PICTURE_SIDE: Final = 512  # pixels; larger pictures are downscaled first
COLUMNS: Final = (
    "image", "sha256", "width", "height", "rate", "codec", "bytes", *MEASURES, "encode s", "decode s", "error",
)  # fmt: skip
Row = dict[str, Any]  # by column


@dataclass(frozen=True)
class Task:
    """The measurements to make of one picture."""

    source: Path
    sha256: str  # of the source, the first 16 hex digits
    prompt: str | None
    pairs: tuple[tuple[int, str], ...]  # (rate, codec name)
    pictures: Path  # the folder for decoded pictures


def run(
    folder: Path, output: Path, rates: Sequence[int] = RATES, names: Sequence[str] | None = None,
    jobs: int = 1, ray: str | None = None, on_progress: OnProgress | None = None,
) -> Path:  # fmt: skip
    """Measure every picture of `folder` and return output/results.csv: a row per picture, rate and codec.

    Rows that are already in the file are not measured again. A picture that cannot be read gets rows with an error.
    Raises `CodecError` if there are no pictures and `UnknownName` for unknown codecs.
    """
    contenders, _ = find_contenders(names)
    sources = (
        [path for path in find_files(folder, PICTURE_SUFFIXES) if path.parent == folder] if folder.is_dir() else []
    )
    if not sources:
        raise CodecError(f"there are no pictures in {folder.name}: give a folder of PNG, JPEG, WebP or AVIF files")
    (output / "pictures").mkdir(parents=True, exist_ok=True)
    results = output / "results.csv"
    _repair(results)
    done = {(row["sha256"], int(row["rate"]), row["codec"]) for row in read_results(results)}
    captions = read_captions(folder)
    tasks = []
    for path in sources:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        rate_names = [(rate, contender.name) for rate in rates for contender in contenders]
        pairs = tuple((rate, name) for rate, name in rate_names if (digest, rate, name) not in done)
        if pairs:
            tasks.append(Task(path, digest, captions.get(path.name), pairs, output / "pictures"))
    skipped = len(sources) - len(tasks)
    for count, (task, rows) in enumerate(run_tasks(measure, tasks, jobs, ray), skipped + 1):
        _append_rows(results, rows)
        if on_progress:
            on_progress(count, len(sources), task.source.name)
    return results


# results.csv


def read_results(file: Path) -> list[dict[str, str]]:
    """Return the rows of results.csv; none if there is no file."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _repair(file: Path) -> None:
    """Remove a truncated last line, and add columns that a file of an older version lacks."""
    data = file.read_bytes() if file.exists() else b""
    if not data.endswith(b"\n"):
        if b"\n" not in data:
            file.unlink(missing_ok=True)
        else:
            write_file(file, data[: data.rindex(b"\n") + 1])
    rows = read_results(file)
    if rows and list(rows[0]) != list(COLUMNS):
        with replacement(file) as temporary:
            _append_rows(temporary, [{name: row.get(name, "") for name in COLUMNS} for row in rows])


def _append_rows(file: Path, rows: list[Row]) -> None:
    is_new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


# measuring


def measure(task: Task) -> list[Row]:
    """Return the rows of one picture; save the picture itself and those decoded at `SHEET_RATE`."""
    from codec.images.io import load

    try:
        pixels = _downscale(load(task.source).pixels)
    except ImageError as error:
        return [_make_row(task, rate, name, error=str(error)) for rate, name in task.pairs]
    contenders = {contender.name: contender for contender in find_contenders()[0]}
    measures, _ = available_measures()
    rows = [_measure_one(task, pixels, rate, contenders[name], measures) for rate, name in task.pairs]
    _save_picture(pixels, task.pictures / f"{task.sha256}.png")
    return rows


def _measure_one(
    task: Task, pixels: np.ndarray, rate: int, contender: Contender, measures: dict[str, MeasureFunction]
) -> Row:
    height, width = pixels.shape[:2]
    row = _make_row(task, rate, contender.name, width=width, height=height)
    try:
        start = time.perf_counter()
        data = contender.encode(pixels, task.prompt, rate)
        row["encode s"] = _seconds_since(start)
        if data is None:
            row["error"] = f"cannot be {rate} bytes"
            return row
        start = time.perf_counter()
        decoded = contender.decode(data, height, width)
        row["decode s"] = _seconds_since(start)
    except CodecError as error:
        row["error"] = str(error)
        return row
    row["bytes"] = len(data)
    values = {name: function(pixels, decoded, task.prompt) for name, function in measures.items()}
    row |= {name: round(value, 4) for name, value in values.items() if value is not None}
    if rate == SHEET_RATE:
        _save_picture(decoded, task.pictures / f"{task.sha256}-{slug(contender.name)}.png")
    return row


def _make_row(task: Task, rate: int, name: str, **values: object) -> Row:
    return {"image": task.source.name, "sha256": task.sha256, "rate": rate, "codec": name, "error": "", **values}


def _seconds_since(start: float) -> float:
    return round(time.perf_counter() - start, 4)


def _downscale(pixels: np.ndarray) -> np.ndarray:
    from codec.images.io import resize_area

    height, width = pixels.shape[:2]
    scale = MAX_PICTURE_SIDE / max(height, width)
    return pixels if scale >= 1 else resize_area(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def slug(name: str) -> str:
    """Return a codec's name as part of a file name."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _save_picture(pixels: np.ndarray, path: Path) -> None:
    from codec.images.io import encode_png

    write_file(path, encode_png(pixels))
