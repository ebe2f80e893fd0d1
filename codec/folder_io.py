"""Layers <-> a folder of files that any editor opens.

    prompt.txt, negative.txt   the texts, UTF-8, with a newline added at the end
    sketch.svg                 the strokes, most important first; sketch.png shows them
    pose.json                  the persons, instead of a sketch; pose.png shows them
    colormap.png               one pixel a cell
    layers.json                size, lattice, quantized colors, seed and settings

A folder that was not edited gives back the very same file. In an edited one the text, strokes
and colors are read from their files; the two .png pictures of lines are never read.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from codec.atomic_write import write_files
from codec.bitstream.container import KEEPABLE, Chunk
from codec.bitstream.settings import Settings
from codec.errors import CodecError, FormatError, InvalidLayer, LimitExceeded
from codec.images import io, svg
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from codec.texture.colormap import MAX_CELLS, Colormap
from codec.texture.repaint import repaint

FILES = (
    "prompt.txt",
    "negative.txt",
    "sketch.svg",
    "sketch.png",
    "pose.json",
    "pose.png",
    "colormap.png",
    "layers.json",
)
_MAX_TEXT = 1 << 16  # bytes of a prompt's file
_MAX_JSON = 1 << 20
_DEFAULT_COLS = 128  # of a sketch in a folder without layers.json


def write_layers(layers: Layers, folder: str | os.PathLike[str]) -> None:
    """Writes the files of `layers` into `folder`, which is made if need be.

    Files of these names that are there are replaced, or removed where the layer is absent; others
    are left alone. Raises OSError where the folder cannot be written; it is then as it was.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = files_of(layers)
    write_files({target / name: data for name, data in files.items()})
    for name in FILES:
        if name not in files:
            (target / name).unlink(missing_ok=True)


def read_layers(folder: str | os.PathLike[str]) -> Layers:
    """The layers of a folder; a missing file is an absent layer.

    Without layers.json the size is that of the SVG, and colors and lattice get default steps.
    Raises FormatError, LimitExceeded, InvalidLayer or ImageError, each naming the file.
    """
    source = Path(folder)
    if not source.is_dir():
        raise FormatError(f"{source.name!r} is not a folder of layers")
    notes = _read_json(source, "layers.json") or {}
    lines = _read(source, "sketch.svg", svg.MAX_BYTES)
    persons = _read_json(source, "pose.json")
    colors = _read(source, "colormap.png", io.MAX_BYTES)
    _demand_source(source, "sketch", lines)
    _demand_source(source, "pose", persons)
    if lines is not None and persons is not None:
        raise FormatError("the folder has sketch.svg and pose.json; remove the one you do not want")
    width, height = _size(notes, lines)
    structure: Sketch | Pose | None = None
    if lines is not None:
        structure = _named("sketch.svg", _sketch, lines, notes, width, height)
    elif persons is not None:
        structure = _named("pose.json", _pose, persons)
    stored = _named("layers.json", _stored_colormap, notes)
    layers = _named(
        "layers.json",
        Layers,
        width,
        height,
        _prompt(source),
        structure,
        None if colors is None else _named("colormap.png", _colormap, colors, stored),
        notes.get("seed"),
        _named("layers.json", _settings, notes),
        _named("layers.json", _extra, notes),
    )
    data = _named("layers.json", layers.to_bytes)  # refuses what only a damaged layers.json can hold
    if layers.extra and _digest(data) != notes.get("sha256"):
        kept = tuple(chunk for chunk in layers.extra if chunk[0] & KEEPABLE)
        layers = replace(layers, extra=kept)
    return layers


# layers -> files


def files_of(layers: Layers) -> dict[str, bytes]:
    """The files that `write_layers` writes, by name."""
    files: dict[str, bytes] = {}
    notes: dict[str, Any] = {"width": layers.width, "height": layers.height}
    if layers.semantic:
        files["prompt.txt"] = (layers.semantic.text + "\n").encode()
        if layers.semantic.negative:
            files["negative.txt"] = (layers.semantic.negative + "\n").encode()
    if isinstance(layers.structure, Sketch):
        sketch = layers.structure
        points = sketch.points(layers.width, layers.height)
        files["sketch.svg"] = svg.write(points, layers.width, layers.height).encode()
        files["sketch.png"] = io.encode_png(sketch.render(layers.width, layers.height))
        notes["sketch"] = {"cols": sketch.cols, "rows": sketch.rows}
    elif isinstance(layers.structure, Pose):
        people = [[None if joint is None else list(joint) for joint in person] for person in layers.structure.persons]
        files["pose.json"] = _json({"persons": people})
        files["pose.png"] = io.encode_png(layers.structure.render(layers.width, layers.height))
    if layers.texture:
        files["colormap.png"] = io.encode_png(layers.texture.cells)
        notes["colormap"] = layers.texture.to_bytes().hex()
    if layers.seed is not None:
        notes["seed"] = layers.seed
    if layers.settings is not None:
        notes["settings"] = asdict(layers.settings)
    if layers.extra:
        notes["extra"] = [[kind, data.hex()] for kind, data in layers.extra]
        notes["sha256"] = _digest(layers.to_bytes())  # tells later whether these chunks are still true
    files["layers.json"] = _json(notes)
    return files


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


# files -> layers


def _read(folder: Path, name: str, most: int) -> bytes | None:
    path = folder / name
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FormatError(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > most:
        raise LimitExceeded(f"{name} has more than {most} bytes")
    return data


def _read_json(folder: Path, name: str) -> dict[str, Any] | None:
    data = _read(folder, name, _MAX_JSON)
    if data is None:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise FormatError(f"{name} is not valid JSON") from None
    if not isinstance(value, dict):
        raise FormatError(f"{name} is not a JSON object")
    return value


def _demand_source(folder: Path, kind: str, data: object) -> None:
    """A picture of lines alone is refused, rather than its lines silently lost."""
    file = {"sketch": "sketch.svg", "pose": "pose.json"}[kind]
    if data is None and (folder / f"{kind}.png").exists():
        raise FormatError(f"the folder has {kind}.png but not {file}: put {file} back, or remove {kind}.png too")


def _named(name: str, read: Any, *arguments: Any) -> Any:
    """read(*arguments), its errors put in terms of the file."""
    try:
        return read(*arguments)
    except CodecError as error:
        text = str(error)
        raise type(error)(text if name in text else f"{name}: {text}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError):
        raise FormatError(f"{name} does not hold what it should") from None


def _size(notes: dict[str, Any], lines: bytes | None) -> tuple[int, int]:
    width, height = notes.get("width"), notes.get("height")
    if not notes and lines is not None:
        width, height = _named("sketch.svg", svg.size, lines)
    if not isinstance(width, int) or not isinstance(height, int):
        raise FormatError("the folder does not say how large the picture is: layers.json is missing or incomplete")
    return width, height


def _prompt(folder: Path) -> Prompt | None:
    texts = []
    for name in ("prompt.txt", "negative.txt"):
        data = _read(folder, name, _MAX_TEXT)
        try:
            texts.append((data or b"").decode().removesuffix("\n"))
        except UnicodeDecodeError:
            raise FormatError(f"{name} is not UTF-8 text") from None
    return _named("prompt.txt", Prompt, *texts)


def _sketch(data: bytes, notes: dict[str, Any], width: int, height: int) -> Sketch:
    lattice = notes.get("sketch") or {"cols": _DEFAULT_COLS, "rows": None}
    cols, rows = lattice["cols"], lattice["rows"]
    polylines = svg.read(data, width, height)
    return Sketch.from_polylines(polylines, width, height, cols, rows)


def _pose(value: dict[str, Any]) -> Pose:
    persons = value["persons"]
    if not all(type(n) is int for person in persons for joint in person if joint is not None for n in joint):
        raise InvalidLayer("a keypoint is two whole numbers or null")
    return Pose(tuple(tuple(None if j is None else (j[0], j[1]) for j in person) for person in persons))


def _stored_colormap(notes: dict[str, Any]) -> Colormap | None:
    return Colormap.from_bytes(bytes.fromhex(notes["colormap"])) if "colormap" in notes else None


def _colormap(data: bytes, stored: Colormap | None) -> Colormap:
    """The stored coefficients if the cells are still theirs, else the cells quantized anew."""
    cells = io.load(data).pixels
    large = max(cells.shape) > MAX_CELLS
    if stored is None and large:
        raise InvalidLayer(f"it has {cells.shape[1]} x {cells.shape[0]} pixels; a pixel is a cell, 2 to 64 a side")
    if stored is None:
        return rdoq.quantize(cells)
    if large:
        cells = io.resize_area(cells, stored.cols, stored.rows)
    return repaint(stored, cells)


def _settings(notes: dict[str, Any]) -> Settings | None:
    return Settings(**notes["settings"]) if "settings" in notes else None


def _extra(notes: dict[str, Any]) -> tuple[Chunk, ...]:
    return tuple((int(kind), bytes.fromhex(data)) for kind, data in notes.get("extra", []))
