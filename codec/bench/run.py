"""Run the benchmark over a folder of pictures, and go on where an earlier run stopped."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from codec.atomic_write import write_file
from codec.batch.folders import PICTURES, captions
from codec.batch.workers import results
from codec.bench.contenders import contenders
from codec.bench.measures import MEASURES, available
from codec.errors import CodecError, ImageError

RATES: Final = (300, 655, 1000, 2000)  # bytes
SHOWN: Final = 655  # the rate whose pictures are kept for the contact sheet
LONGEST: Final = 512  # pixels: longer sides are shrunk to it first
COLUMNS: Final = (
    "image", "sha256", "width", "height", "rate", "codec", "bytes", *MEASURES, "encode s", "decode s", "error",
)  # fmt: skip
Row = dict[str, Any]
OnProgress = Callable[[int, int, str], None]  # done, of, the picture's name


@dataclass(frozen=True)
class Task:
    """One picture: who is to write it at which rates."""

    path: Path
    digest: str
    text: str | None
    wanted: tuple[tuple[int, str], ...]  # (rate, codec)
    pictures: Path  # where decoded pictures go


def run(
    folder: Path, out: Path, rates: Sequence[int] = RATES, names: Sequence[str] | None = None,
    jobs: int = 1, ray: str | None = None, on_progress: OnProgress | None = None,
) -> Path:  # fmt: skip
    """Measure every picture of `folder` -> out/results.csv, a row for each picture, rate and codec.

    What is in that file already is not measured again. A picture that cannot be read gets a row with an error.
    Raises `CodecError` where there are no pictures, `UnknownName` for unknown codecs.
    """
    here, _ = contenders(names)
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES) if folder.is_dir() else []
    if not paths:
        raise CodecError(f"there are no pictures in {folder.name}: PNG, JPEG, WebP and AVIF are read")
    out.mkdir(parents=True, exist_ok=True)
    (out / "pictures").mkdir(exist_ok=True)
    file = out / "results.csv"
    _mend(file)
    done = {(row["sha256"], int(row["rate"]), row["codec"]) for row in read(file)}
    texts = captions(folder)
    tasks = []
    for path in paths:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        wanted = [(rate, one.name) for rate in rates for one in here if (digest, rate, one.name) not in done]
        if wanted:
            tasks.append(Task(path, digest, texts.get(path.name), tuple(wanted), out / "pictures"))
    ended = len(paths) - len(tasks)
    for task, rows in results(measure, tasks, jobs, ray):
        _append(file, rows)
        ended += 1
        if on_progress:
            on_progress(ended, len(paths), task.path.name)
    return file


def read(file: Path) -> list[dict[str, str]]:
    """The rows of results.csv."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _mend(file: Path) -> None:
    """Without the part of a line that a stop has left at the end, and with the columns of today."""
    data = file.read_bytes() if file.exists() else b""
    if not data.endswith(b"\n"):
        if b"\n" not in data:
            file.unlink(missing_ok=True)
        else:
            write_file(file, data[: data.rindex(b"\n") + 1])
    rows = read(file)
    if rows and list(rows[0]) != list(COLUMNS):
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        _append(part, [{name: row.get(name, "") for name in COLUMNS} for row in rows])
        part.replace(file)


def _append(file: Path, rows: list[Row]) -> None:
    new = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows(rows)


def measure(task: Task) -> list[Row]:
    """The rows of one picture."""
    from codec.images.io import load

    try:
        pixels = _shrunk(load(task.path).pixels)
    except ImageError as error:
        return [_row(task, rate, name, error=str(error)) for rate, name in task.wanted]
    everyone = {one.name: one for one in contenders()[0]}
    measures, _ = available()
    height, width = pixels.shape[:2]
    rows = []
    for rate, name in task.wanted:
        one = everyone[name]
        row = _row(task, rate, name, width=width, height=height)
        rows.append(row)
        try:
            data, row["encode s"] = _timed(lambda one=one, rate=rate: one.encode(pixels, task.text, rate))  # type: ignore[misc]
            if data is None:
                row["error"] = f"cannot be {rate} bytes"
                continue
            shown, row["decode s"] = _timed(lambda one=one, data=data: one.decode(data, height, width))  # type: ignore[misc]
        except CodecError as error:
            row["error"] = str(error)
            continue
        row["bytes"] = len(data)
        found = {name: measure(pixels, shown, task.text) for name, measure in measures.items()}
        row |= {name: round(value, 4) for name, value in found.items() if value is not None}
        if rate == SHOWN:
            _keep(shown, task.pictures / f"{task.digest}-{plain(name)}.png")
    _keep(pixels, task.pictures / f"{task.digest}.png")
    return rows


def _row(task: Task, rate: int, name: str, **more: object) -> Row:
    return {"image": task.path.name, "sha256": task.digest, "rate": rate, "codec": name, "error": "", **more}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return work(), round(time.perf_counter() - start, 4)


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    from codec.images.io import resize_area

    height, width = pixels.shape[:2]
    scale = LONGEST / max(height, width)
    return pixels if scale >= 1 else resize_area(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def plain(name: str) -> str:
    """A codec's name as part of a file's."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _keep(pixels: np.ndarray, path: Path) -> None:
    from codec.images.io import encode_png

    write_file(path, encode_png(pixels))
