"""Import layers: a sketch from a .tril, an SVG, a drawing or a picture; colors from a .tril or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from gradio.utils import get_upload_folder

from codec import CodecError, Layers, Sketch
from codec.bitstream.container import MAGIC
from codec.editing import edits
from codec.editing.moods import transfer_palette
from codec.editing.objects import small_picture
from codec.errors import InvalidLayer
from codec.grid_shape import grid_shape
from codec.images import png_chunk, svg
from codec.images.io import Picture, load, resize_area
from codec.layers import default_budget
from ui.services import actions

SKETCH_METHODS: Final = ("auto", "edges", "drawing")  # how a picture becomes a sketch
MAX_NAME_CHARS: Final = 60  # maximum length of a file name in messages
_MIN_SKETCH_BYTES: Final = {"contours": 400, "drawing": 1500}  # by edge detector, even if the budget is smaller


def upload_path(value: Any) -> str | None:
    """Return the path of an uploaded file, None without one. Raises `CodecError` for a path that is not an upload."""
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str) or not path:
        return None
    if "\0" in path or not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise CodecError("this is not an upload; drop the file again")
    return path


def display_name(name: Any) -> str:
    """Return a file's name for a message."""
    return name[:MAX_NAME_CHARS] if isinstance(name, str) and name else "the file"


def import_sketch(layers: Layers, path: str, method: str, *, add: bool) -> Layers:
    """Return the layers with the sketch or the pose of a file, stretched to their size.

    `method`: one of `SKETCH_METHODS`, for pictures. `add`: put the new strokes before the present ones instead of
    replacing them; a pose always replaces them. Raises `CodecError` for a file that cannot be read or has no lines.
    """
    data = _read(path)
    if _is_svg(data):
        imported = edits.resketch(edits.repose(layers, None), svg.read(data, layers.width, layers.height))
    else:
        imported = _stored_layers(path, data) or _extract_sketch(layers, load(data), method)
    if imported.structure is None or imported.structure == Sketch(*edits.lattice_shape(edits.repose(layers, None)), ()):
        raise InvalidLayer("there are no lines in that file; choose another, or another way to read it")
    if not (add and isinstance(imported.structure, Sketch) and isinstance(layers.structure, Sketch)):
        return edits.swap_structure(layers, imported)
    new, old = (sketch.points(layers.width, layers.height) for sketch in (imported.structure, layers.structure))
    return edits.resketch(layers, [*new, *old])


def import_colors(layers: Layers, path: str) -> Layers:
    """Return the layers with the colors of a file: of a .tril in its own grid, or of a picture in the current grid.

    Raises `CodecError` for a file that cannot be read or has no colors.
    """
    data = _read(path)
    if _is_svg(data):
        raise InvalidLayer("an SVG has no colors to copy; choose a picture or a .tril file")
    other = _stored_layers(path, data)
    if other is None:
        rows, cols = grid_shape(layers.width, layers.height, edits.DEFAULT_GRID)
        if layers.texture is not None:
            rows, cols = layers.texture.rows, layers.texture.cols
        return edits.recolor(layers, resize_area(load(data).pixels, cols, rows))
    if other.texture is None:
        raise InvalidLayer("that file has no colors; choose another")
    return edits.swap_texture(layers, other)


def import_palette(layers: Layers, path: str) -> Layers:
    """Return the layers with the palette of a file's colors, in their present places.

    Raises the errors of `import_colors`, and `CodecError` for layers without colors.
    """
    if layers.texture is None:
        raise InvalidLayer("there are no colors to recolor: add colors first")
    data = _read(path)
    stored = None if _is_svg(data) else _stored_layers(path, data)
    if stored is not None and stored.texture is not None:
        return transfer_palette(layers, small_picture(stored))
    copied = import_colors(layers, path)  # also reports what cannot be read
    assert copied.texture is not None
    return transfer_palette(layers, copied.texture.cells)


def _extract_sketch(layers: Layers, picture: Picture, method: str) -> Layers:
    """Return the layers with a sketch extracted from a picture; without structure if the picture has no lines."""
    from codec.encoder.sketch.drawing import is_drawing
    from codec.encoder.sketch.fit_sketch import extract_sketch

    detector = "drawing" if method == "drawing" or (method == "auto" and is_drawing(picture.pixels)) else "contours"
    max_bytes = max(_MIN_SKETCH_BYTES[detector], default_budget(layers.width, layers.height))
    extracted = extract_sketch(picture.pixels, max_bytes, edges=detector)
    structure = extracted if extracted.strokes else None
    return edits.swap_structure(layers, Layers(layers.width, layers.height, structure=structure))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CodecError(f"the file cannot be read: {error.strerror}") from None


def _is_svg(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def _stored_layers(path: str, data: bytes) -> Layers | None:
    """Return the layers of a .tril, or of a PNG with one inside; None for any other file."""
    if data.startswith(MAGIC) or (data.startswith(b"\x89PNG") and png_chunk.extract(data)):
        return actions.open_file(path).layers
    return None
