"""Layers from other files: a sketch from a .tril, an SVG, a drawing or a picture; colors from a .tril or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from gradio.utils import get_upload_folder

from codec import CodecError, Layers, Sketch
from codec.bitstream.container import MAGIC
from codec.editing import edits
from codec.errors import InvalidLayer
from codec.images import png_chunk, svg
from codec.images.io import Picture, load, resize_area
from codec.layers import default_budget
from ui.services import actions

HOW: Final = ("auto", "edges", "drawing")  # how a picture becomes a sketch
MAX_NAME: Final = 60  # characters of a file's name that are shown
_LEAST: Final = {"contours": 400, "drawing": 1500}  # bytes that a sketch may have at the least, by detector


def uploaded(sent: Any) -> str | None:
    """Where an upload lies, None without one. Raises `CodecError` for any other file than an upload."""
    path = sent.get("path") if isinstance(sent, dict) else None
    if not isinstance(path, str) or not path:
        return None
    if "\0" in path or not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise CodecError("this is no upload; drop the file again")
    return path


def shown_name(name: Any) -> str:
    """A file's name, to be said."""
    return name[:MAX_NAME] if isinstance(name, str) and name else "the file"


def sketch(layers: Layers, path: str, how: str, *, add: bool) -> Layers:
    """With the sketch, or the pose, of a file, stretched to this picture.

    `how`: one of `HOW`, for pictures. `add`: of a sketch, the strokes there are stay, after the new
    ones. Raises `CodecError` for what cannot be read, or holds no lines.
    """
    data = _read(path)
    if _is_svg(data):
        lines = svg.read(data, layers.width, layers.height)
        found = edits.resketch(edits.repose(layers, None), lines)
    else:
        found = _layers_in(path, data) or _drawn(layers, load(data), how)
    if found.structure is None or found.structure == Sketch(*edits.lattice(edits.repose(layers, None)), ()):
        raise InvalidLayer("there are no lines in that file; choose another, or another way to read it")
    if not (add and isinstance(found.structure, Sketch) and isinstance(layers.structure, Sketch)):
        return edits.swap_structure(layers, found)
    old, new = (one.points(layers.width, layers.height) for one in (layers.structure, found.structure))
    return edits.resketch(layers, [*new, *old])


def colors(layers: Layers, path: str) -> Layers:
    """With the colors of a file: those of a .tril as they are, of a picture in the grid there is."""
    data = _read(path)
    if _is_svg(data):
        raise InvalidLayer("an SVG has no colors to borrow; choose a picture or a .tril file")
    other = _layers_in(path, data)
    if other is None:
        rows, cols = edits.grid(layers.width, layers.height, edits.GRID)
        if layers.texture is not None:
            rows, cols = layers.texture.rows, layers.texture.cols
        return edits.recolor(layers, resize_area(load(data).pixels, cols, rows))
    if other.texture is None:
        raise InvalidLayer("that file holds no colors; choose another")
    return edits.swap_texture(layers, other)


def _drawn(layers: Layers, picture: Picture, how: str) -> Layers:
    """The layers with the sketch of a picture."""
    from codec.encoder.sketch.fit_sketch import sketch as sketch_of
    from codec.encoder.sketch.line_art import is_drawing

    detector = "drawing" if how == "drawing" or (how == "auto" and is_drawing(picture.pixels)) else "contours"
    most = max(_LEAST[detector], default_budget(layers.width, layers.height))
    found = sketch_of(picture.pixels, most, edges=detector)
    return edits.swap_structure(layers, Layers(layers.width, layers.height, structure=found if found.strokes else None))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CodecError(f"the file cannot be read: {error.strerror}") from None


def _is_svg(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _layers_in(path: str, data: bytes) -> Layers | None:
    """The layers of a .tril, or of a PNG with one inside; None for any other file."""
    if data.startswith(MAGIC) or (data.startswith(b"\x89PNG") and png_chunk.take(data)):
        return actions.open_file(path).layers
    return None
