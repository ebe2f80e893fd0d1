"""Convert between layers and a folder of files that common programs can edit.

    prompt.txt, negative.txt   the prompts, UTF-8, followed by a newline; as JSON if a text has carriage returns
    sketch.svg                 the strokes, most important first; sketch.png is a rendering of them
    pose.json                  the persons, instead of a sketch; pose.png is a rendering of them
    colormap.png               the base colors, one pixel per cell
    detail.bin                 the detail of the colors; delete it to drop the detail
    layers.json                picture size, lattice, quantized colors, seed, settings and recipe

A folder that was not edited is read back to exactly the same file. In an edited folder prompts, strokes and colors are
read from their files; the renderings sketch.png and pose.png are never read.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from codec.atomic_write import write_files
from codec.bitstream.container import KEEPABLE, Chunk
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import Settings
from codec.errors import CodecError, FormatError, InvalidLayer, LimitExceeded
from codec.images import io, svg
from codec.layers import Layers
from codec.limits import MAX_FILE_BYTES
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.text_file import decode_text
from codec.texture import rdoq
from codec.texture.colormap import MAX_CELLS, Colormap
from codec.texture.detail import Detail
from codec.texture.repaint import repaint

FILE_NAMES: Final = (
    *("prompt.txt", "negative.txt", "sketch.svg", "sketch.png", "pose.json", "pose.png", "colormap.png"),
    *("detail.bin", "layers.json"),
)
_MAX_TEXT_BYTES = 1 << 16  # of a prompt file
_MAX_JSON_BYTES = 1 << 20
_DEFAULT_COLS = 128  # of a sketch's lattice without layers.json
_SOURCES = {"sketch.png": "sketch.svg", "pose.png": "pose.json"}  # rendering: what it is rendered from

Notes = dict[str, Any]  # the object in layers.json
Parsed = TypeVar("Parsed")


# writing


def write_layers(layers: Layers, folder: str | os.PathLike[str]) -> None:
    """Write the files of `layers` to a folder, which is created if necessary.

    Existing files of these names are replaced, or removed if their layer is absent; other files stay. Raises
    `OSError` if the folder cannot be written; its files are then unchanged.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = layer_files(layers)
    write_files({target / name: data for name, data in files.items()})
    for name in FILE_NAMES:
        if name not in files:
            (target / name).unlink(missing_ok=True)


def layer_files(layers: Layers) -> dict[str, bytes]:
    """Return the contents of the files that `write_layers` writes, by name."""
    files: dict[str, bytes] = {}
    notes: Notes = {"width": layers.width, "height": layers.height}
    if layers.semantic:
        files["prompt.txt"] = _format_text(layers.semantic.text)
        if layers.semantic.negative:
            files["negative.txt"] = _format_text(layers.semantic.negative)
    if isinstance(layers.structure, Sketch):
        sketch = layers.structure
        points = sketch.points(layers.width, layers.height)
        files["sketch.svg"] = svg.write(points, layers.width, layers.height).encode()
        files["sketch.png"] = io.encode_png(sketch.render(layers.width, layers.height))
        notes["sketch"] = {"cols": sketch.cols, "rows": sketch.rows}
    elif isinstance(layers.structure, Pose):
        persons = [[None if joint is None else list(joint) for joint in person] for person in layers.structure.persons]
        files["pose.json"] = _to_json({"persons": persons})
        files["pose.png"] = io.encode_png(layers.structure.render(layers.width, layers.height))
    if layers.texture:
        files["colormap.png"] = io.encode_png(layers.texture.cells)
        payload = layers.texture.to_bytes()
        if layers.texture.detail is not None:
            files["detail.bin"] = layers.texture.detail.to_bytes()
            payload = payload.removesuffix(files["detail.bin"])
        notes["colormap"] = payload.hex()
    if layers.seed is not None:
        notes["seed"] = layers.seed
    if layers.settings is not None:
        notes["settings"] = asdict(layers.settings)
    if layers.recipe is not None:
        notes["recipe"] = asdict(layers.recipe)
    if layers.extra or layers.recipe is not None:
        notes["extra"] = [[kind, data.hex()] for kind, data in layers.extra]
        notes["sha256"] = _digest(layers.to_bytes())  # shows whether the layers were edited
    files["layers.json"] = _to_json(notes)
    return files


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _to_json(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


# reading


def read_layers(folder: str | os.PathLike[str]) -> Layers:
    """Return the layers of a folder; a missing file is an absent layer.

    Without layers.json the picture has the size of the SVG, and colors and lattice get default resolutions. Raises
    `FormatError`, `LimitExceeded`, `InvalidLayer` or `ImageError`; the message names the file.
    """
    source = Path(folder)
    if not source.is_dir():
        raise FormatError(f"{source.name!r} is not a folder of layers")
    _check_names(source)
    notes = _read_json(source, "layers.json") or {}
    sketch = _read(source, "sketch.svg", svg.MAX_BYTES)
    pose = _read_json(source, "pose.json")
    colors = _read(source, "colormap.png", io.MAX_BYTES)
    _check_sources(source)
    width, height = _picture_size(notes, sketch)
    structure: Sketch | Pose | None = None
    if sketch is not None:
        structure = _in_file("sketch.svg", lambda: _parse_sketch(sketch, notes, width, height))
    elif pose is not None:
        structure = _in_file("pose.json", lambda: _parse_pose(pose))
    detail = _read(source, "detail.bin", MAX_FILE_BYTES)
    stored = _in_file("layers.json", lambda: _parse_stored_colormap(notes, detail))
    texture = None if colors is None else _in_file("colormap.png", lambda: _parse_colormap(colors, stored))
    if texture is not None and stored is None and detail is not None:
        texture = replace(texture, detail=_in_file("detail.bin", lambda: Detail.from_bytes(detail)))
    prompt = _read_prompt(source)

    def assemble() -> tuple[Layers, bytes]:
        settings, extra = _parse_settings(notes), _parse_extra(notes)
        recipe = Recipe(**notes["recipe"]) if "recipe" in notes else None
        layers = Layers(width, height, prompt, structure, texture, notes.get("seed"), settings, extra, recipe)
        return layers, layers.to_bytes()  # raises for values that only a damaged layers.json can hold

    layers, data = _in_file("layers.json", assemble)
    if (layers.extra or layers.recipe is not None) and _digest(data) != notes.get("sha256"):
        layers = replace(layers, extra=tuple(chunk for chunk in layers.extra if chunk[0] & KEEPABLE), recipe=None)
    return layers


def _read(folder: Path, name: str, max_bytes: int) -> bytes | None:
    """Return the content of a file, None if there is none. Raises `LimitExceeded` for more than `max_bytes`."""
    try:
        with (folder / name).open("rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FormatError(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > max_bytes:
        raise LimitExceeded(f"{name} has more than {max_bytes} bytes")
    return data


def _read_json(folder: Path, name: str) -> dict[str, Any] | None:
    data = _read(folder, name, _MAX_JSON_BYTES)
    if data is None:
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise FormatError(f"{name} is not valid JSON") from None
    if not isinstance(value, dict):
        raise FormatError(f"{name} is not a JSON object")
    return value


def _check_names(folder: Path) -> None:
    """Raise `FormatError` if a file of a layer has its name in capitals, as it would be taken for missing."""
    for path in folder.iterdir():
        name = path.name.lower()
        if name in FILE_NAMES and path.name != name and not (folder / name).exists():
            raise FormatError(f"rename {path.name} to {name}: names of layers are in lower case")


def _check_sources(folder: Path) -> None:
    """Raise `FormatError` if a rendering has no source, since its lines would be lost, or if there are two sources."""
    for rendering, source in _SOURCES.items():
        if (folder / rendering).exists() and not (folder / source).exists():
            raise FormatError(
                f"the folder has {rendering} but not {source}: restore {source}, or remove {rendering} as well"
            )
    if all((folder / source).exists() for source in _SOURCES.values()):
        raise FormatError("the folder has sketch.svg and pose.json; remove the one you do not want")


def _in_file(name: str, parse: Callable[[], Parsed]) -> Parsed:
    """Return what `parse` returns; its errors are raised with the name of the file."""
    try:
        return parse()
    except CodecError as error:
        message = str(error)
        raise type(error)(message if name in message else f"{name}: {message}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError):
        raise FormatError(f"{name} has unexpected content") from None


def _picture_size(notes: Notes, sketch: bytes | None) -> tuple[int, int]:
    width, height = notes.get("width"), notes.get("height")
    if not notes and sketch is not None:
        width, height = _in_file("sketch.svg", lambda: svg.size(sketch))
    if not isinstance(width, int) or not isinstance(height, int):
        raise FormatError("the folder does not give the size of the picture: layers.json is missing or incomplete")
    return width, height


def _read_prompt(folder: Path) -> Prompt:
    texts = []
    for name in ("prompt.txt", "negative.txt"):
        texts.append(_parse_text(_read(folder, name, _MAX_TEXT_BYTES) or b"", name))
    return _in_file("prompt.txt", lambda: Prompt(*texts))


def _parse_text(data: bytes, name: str) -> str:
    """Return the text of a prompt file, without its byte-order mark and with line feeds as line ends.

    `_format_text` quotes texts that would not survive this as JSON.
    """
    text = decode_text(data, name) if data else ""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    quoted = _unquote(text)
    return text if quoted is None else quoted


def _format_text(text: str) -> bytes:
    """Return the content of a prompt file. `_parse_text` is its inverse."""
    needs_quotes = _has_lost_characters(text) or _unquote(text) is not None
    return f"{json.dumps(text) if needs_quotes else text}\n".encode()


def _unquote(text: str) -> str | None:
    """Return the text that `_format_text` quoted; None if the text is not quoted."""
    if not (text.startswith('"') and text.endswith('"')):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, str) and (_has_lost_characters(value) or _unquote(value) is not None):
        return value
    return None


def _has_lost_characters(text: str) -> bool:
    """Return whether reading the text back from a plain text file would change it."""
    return "\r" in text or "\0" in text or text.startswith("\ufeff")


def _parse_sketch(data: bytes, notes: Notes, width: int, height: int) -> Sketch:
    lattice = notes.get("sketch") or {"cols": _DEFAULT_COLS, "rows": None}
    return Sketch.from_polylines(svg.read(data, width, height), width, height, lattice["cols"], lattice["rows"])


def _parse_pose(value: dict[str, Any]) -> Pose:
    persons = value["persons"]
    if not all(type(n) is int for person in persons for joint in person if joint is not None for n in joint):
        raise InvalidLayer("a keypoint is two whole numbers or null")
    return Pose(tuple(tuple(None if j is None else (j[0], j[1]) for j in person) for person in persons))


def _parse_stored_colormap(notes: Notes, detail: bytes | None) -> Colormap | None:
    """Return the colormap of layers.json with the detail of detail.bin."""
    if "colormap" not in notes:
        return None
    return Colormap.from_bytes(bytes.fromhex(notes["colormap"]) + (detail or b""))


def _parse_colormap(data: bytes, stored: Colormap | None) -> Colormap:
    """Return the stored colormap; the cells that were changed in colormap.png are quantized again."""
    cells = io.load(data).pixels
    is_enlarged = max(cells.shape) > MAX_CELLS
    if stored is None and is_enlarged:
        size = f"{cells.shape[1]} x {cells.shape[0]}"
        raise InvalidLayer(f"the picture has {size} pixels; it must have one pixel per cell, 2 to {MAX_CELLS} a side")
    if stored is None:
        return rdoq.quantize(cells)
    if is_enlarged:
        cells = io.resize_area(cells, stored.cols, stored.rows)
    return repaint(stored, cells)


def _parse_settings(notes: Notes) -> Settings | None:
    return Settings(**notes["settings"]) if "settings" in notes else None


def _parse_extra(notes: Notes) -> tuple[Chunk, ...]:
    return tuple((int(kind), bytes.fromhex(data)) for kind, data in notes.get("extra", []))
