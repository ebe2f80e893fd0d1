"""Requests of the canvas to the server: JSON in, JSON out; {"error": a sentence} if a request fails.

Each request contains the canvas's value (see `canvas_state`), so the server stores nothing. The answer refers to the
value that was sent; the canvas merges it with edits made in the meantime.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import numpy as np

from codec import CodecError, Layers, Pose, Sketch
from codec.editing import moods, objects
from codec.editing.cells import adjust_cells, resample_cells
from codec.errors import InvalidLayer
from codec.grid_shape import grid_shape
from codec.texture.colormap import MAX_CELLS, MIN_CELLS, Colormap
from ui.services import canvas_state, import_layers, validation
from ui.services.canvas_state import Drawing
from ui.services.error_messages import UNEXPECTED, user_message
from ui.services.examples import PAPER_COLOR

Answer = dict[str, Any]

SHIFT_LIMITS: Final = {"hue": 180, "saturation": 100, "brightness": 100}  # degrees, percent, percent
DETAIL_CLEARED: Final = "The detail of the changed colors was cleared: the encoder's weights are missing."
MAX_PLACE: Final = 100_000  # px, of the numbers of a placement
_log = logging.getLogger("trilayer")
_VISIBLE_LEVELS: Final = 8  # of 255; since all colors are coded together, unedited ones may change by a level or two
MAX_SEARCHES: Final = 2  # at a time, for the levels of detail: each keeps a core busy for a second
MAX_WAITING: Final = 8  # for a search; each holds a thread of the server
_searches = threading.Semaphore(MAX_SEARCHES)
_places = threading.Semaphore(MAX_SEARCHES + MAX_WAITING)


def errors_as_answers(request: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Convert the exceptions of a request to an answer with a sentence for the status box."""

    @functools.wraps(request)
    def run(payload: Any) -> Answer:
        try:
            return request(payload)
        except BaseException as error:  # SystemExit, too: it would end the server
            if message := user_message(error):
                return {"error": message}
            _log.exception("%s failed", request.__name__)
            return {"error": UNEXPECTED}

    return run


@contextmanager
def _search() -> Iterator[None]:
    """Wait for one of the `MAX_SEARCHES` places. Raises `CodecError` at once if `MAX_WAITING` others wait."""
    if not _places.acquire(blocking=False):
        raise CodecError("too many edits of colors are under way on this server: try again in a few seconds")
    try:
        with _searches:
            yield
    finally:
        _places.release()


@errors_as_answers
def erase(payload: Any) -> Answer:
    """Erase the masked object from the sketch or the pose and from the colors (`codec.editing.objects.erase`).

    `payload`: the canvas's value with its `mask`. Answers {strokes, cells} and, for a pose, pose. `strokes` has an
    index for each sent stroke that stays and points [x0, y0, ...] for each new one; `cells` counts the changed cells.
    If colors changed, `base` is the drawing's base with the new ones, and `grid` has its cells.
    """
    drawing = canvas_state.read(payload)
    layers = drawing.layers_as_opened()
    mask = canvas_state.read_mask(payload, drawing.width, drawing.height)
    with _search():
        erased = objects.erase(layers, mask)
    answer: Answer = {"strokes": list(range(len(drawing.polylines)))} | _new_colors(drawing, layers, erased.texture)
    if isinstance(erased.structure, Sketch):
        answer["strokes"] = _remaining_strokes(drawing, erased.structure)
    elif isinstance(erased.structure, Pose):
        answer["pose"] = canvas_state.joints(erased.structure, drawing.width, drawing.height)
    return answer


@errors_as_answers
def move(payload: Any) -> Answer:
    """Move the colors of an object, whose strokes the canvas moves itself (`codec.editing.objects.place_colors`).

    `payload`: the canvas's value without the object's strokes, with the object's `mask`, its `placement` {matrix: 6
    numbers row by row, center, shift, radius} and `keep`, true for a copy. `source` {base, width, height, grid}: the
    drawing that a copy comes from, if that is another one; mask and placement are then in its pixels. The answer is
    that of `erase`; strokes that end at the object are joined behind it.
    """
    drawing = canvas_state.read(payload)
    layers = drawing.layers_as_opened()
    keep = payload.get("keep") is True
    source = layers
    if payload.get("source") is not None and keep:
        given = validation.json_object(payload["source"], "copied object")
        source = canvas_state.read(
            given | {"strokes": [], "cols": drawing.cols, "rows": drawing.rows}
        ).layers_as_opened()
    mask = canvas_state.read_mask(payload, source.width, source.height)
    placement = _read_placement(payload)
    answer: Answer = {"strokes": list(range(len(drawing.polylines)))}
    if isinstance(layers.structure, Sketch) and not keep:
        joined = objects.join_behind(layers.structure, layers, mask, placement)
        answer["strokes"] = _remaining_strokes(drawing, joined)
        layers = replace(layers, structure=joined)
    with _search():
        texture = objects.place_colors(layers, source, mask, placement, keep=keep)
    return answer | _new_colors(drawing, layers, texture)


@errors_as_answers
def recolor(payload: Any) -> Answer:
    """Answer {cells, base, grid} with other colors and their detail (`codec.editing.moods`).

    `payload`: the canvas's value with `mood`, one of `MOODS`, for all colors, or with `mask` and `color` ("#rrggbb")
    for an object.
    """
    drawing = canvas_state.read(payload)
    layers = drawing.layers_as_opened()
    if payload.get("mood") is None:
        mask = canvas_state.read_mask(payload, drawing.width, drawing.height)
        color = validation.hex_colors([payload.get("color")], 1)[0].tolist()
        with _search():
            recolored = moods.recolor_object(layers, mask, color)
    else:
        mood = validation.choice(payload["mood"], "mood", tuple(moods.MOODS))
        with _search():
            recolored = moods.apply_mood(layers, mood)
    return _new_colors(drawing, layers, recolored.texture)


@errors_as_answers
def borrow(payload: Any) -> Answer:
    """Replace the sketch or the colors of the drawing by those of another file.

    `payload`: the canvas's value with `borrow`: {path of an upload, name, what: "sketch" or "colors", how: one of
    `import_layers.SKETCH_METHODS`, add: keep the present strokes, too, palette: of the colors, only the palette}.
    Answers {base, message} with cols, rows, strokes and pose for a sketch, or with grid for colors.
    """
    drawing = canvas_state.read(payload)
    request = validation.json_object(payload.get("borrow"), "request")
    path = import_layers.upload_path(request)
    if path is None:
        raise CodecError("no file was sent; choose it again")
    layers, name = drawing.layers_as_opened(), import_layers.display_name(request.get("name"))
    if validation.choice(request.get("what"), "layer", ("sketch", "colors")) == "colors":
        palette = request.get("palette") is True
        if palette:
            with _search():
                recolored = import_layers.import_palette(layers, path)
        else:
            recolored = import_layers.import_colors(layers, path)
        value = canvas_state.write(recolored, drawing.name)
        note = _note(layers) if palette else {}
        message = f"{'Palette' if palette else 'Colors'} of {name}"
        return {"base": value["base"], "grid": value["grid"], "message": message} | note
    method = validation.choice(request.get("how"), "way to read a picture", import_layers.SKETCH_METHODS)
    is_added = request.get("add") is True
    value = canvas_state.write(import_layers.import_sketch(layers, path, method, add=is_added), drawing.name)
    count = len(value["strokes"])
    message = f"{count:,} stroke{'' if count == 1 else 's'} {'with those of' if is_added else 'from'} {name}"
    if value["pose"] is not None:
        message = f"Pose of {name}"
    return {key: value[key] for key in ("base", "cols", "rows", "strokes", "pose")} | {"message": message}


@errors_as_answers
def regrid(payload: Any) -> Answer:
    """Answer {grid} with the same colors in a finer or coarser grid.

    `payload`: the canvas's value with `cells`, the cells of the longer side.
    """
    drawing = canvas_state.read(payload)
    cells = validation.integer(payload.get("cells"), "cells of the longer side", MIN_CELLS, MAX_CELLS)
    rows, cols = grid_shape(drawing.width, drawing.height, cells, MIN_CELLS, MAX_CELLS)
    old = np.full((1, 1, 3), PAPER_COLOR, np.uint8) if drawing.cells is None else drawing.cells
    return {"grid": {"rows": rows, "cols": cols, "colors": canvas_state.hex_colors(resample_cells(old, rows, cols))}}


@errors_as_answers
def shift(payload: Any) -> Answer:
    """Answer {colors} with another hue, saturation and brightness.

    `payload`: {colors, hue in degrees, saturation and brightness in percent, 0 for no change}.
    """
    request = validation.json_object(payload, "request")
    cells = validation.hex_colors(request.get("colors"), MAX_CELLS * MAX_CELLS)
    hue, saturation, brightness = (
        validation.real(request.get(key), key, -limit, limit) for key, limit in SHIFT_LIMITS.items()
    )
    return {"colors": canvas_state.hex_colors(adjust_cells(cells, hue, saturation / 100, brightness / 100))}


@errors_as_answers
def open_mask(payload: Any) -> Answer:
    """Answer {runs} with the mask of a picture, in the form of `canvas_state.read_mask`.

    `payload`: {path of an upload, width, height: 1..1024 of the mask}. Raises what `codec.images.mask.load_mask` does,
    and `InvalidLayer` for a mask that marks nothing.
    """
    from codec.images.mask import EMPTY_MASK, load_mask

    request = validation.json_object(payload, "request")
    path = import_layers.upload_path(request)
    if path is None:
        raise CodecError("no file was sent; choose it again")
    width, height = (
        validation.json_integer(request, side, 1, canvas_state.MAX_MASK_SIDE) for side in ("width", "height")
    )
    mask = load_mask(path, width, height)
    if not mask.any():
        raise InvalidLayer(EMPTY_MASK)
    return {"runs": canvas_state.mask_runs(mask)}


FUNCTIONS: Final = (erase, move, borrow, regrid, shift, recolor, open_mask)


def _new_colors(drawing: Drawing, layers: Layers, texture: Colormap | None) -> Answer:
    """Return the part of an answer that says which colors changed."""
    if layers.texture is None or texture is None or texture == layers.texture:
        return {"cells": 0}
    colors = canvas_state.hex_colors(texture.cells)
    difference = np.abs(texture.cells.astype(int) - layers.texture.cells).max(2)
    cells = int((difference > _VISIBLE_LEVELS).sum())
    grid = {"rows": texture.rows, "cols": texture.cols, "colors": colors}
    base = replace(drawing.base or layers, texture=texture)
    return {"cells": cells, "base": canvas_state.encode_base(base), "grid": grid} | _note(layers)


def _note(layers: Layers) -> Answer:
    """Return the part of an answer that says that the detail of changed colors could not be kept."""
    has_detail = layers.texture is not None and layers.texture.detail is not None
    return {"note": DETAIL_CLEARED} if has_detail and not objects.can_refit() else {}


def _read_placement(payload: Any) -> objects.Placement:
    """Return the `placement` of a move. Raises `InvalidLayer`."""
    value = validation.json_object(payload.get("placement"), "placement")

    def numbers(key: str, count: int) -> list[float]:
        found = validation.json_list(value.get(key), count, key)
        if len(found) != count:
            raise InvalidLayer(f"the {key} of a moved object must have {count} numbers")
        return [validation.real(number, key, -MAX_PLACE, MAX_PLACE) for number in found]

    center, shift = (numbers(key, 2) for key in ("center", "shift"))
    return objects.Placement(
        np.array(numbers("matrix", 6)).reshape(2, 3),
        (center[0], center[1]),
        (shift[0], shift[1]),
        validation.real(value.get("radius"), "radius", 0, MAX_PLACE),
    )


def _remaining_strokes(drawing: Drawing, erased: Sketch) -> list[int | list[float]]:
    """Return each stroke of `erased` as the index of the polyline that it equals, or else as its points."""
    remaining = set(erased.strokes)
    index_of: dict[Any, int] = {}
    for i, polyline in enumerate(drawing.polylines):
        chains = Sketch.from_polylines([polyline], drawing.width, drawing.height, drawing.cols, drawing.rows).strokes
        if remaining.issuperset(chains):
            index_of |= {chain: index_of.get(chain, i) for chain in chains}
    strokes: list[int | list[float]] = []
    for chain, points in zip(erased.strokes, erased.points(drawing.width, drawing.height), strict=True):
        index = index_of.get(chain)
        if index is None:
            strokes.append(canvas_state.flat_points(points))
        elif index not in strokes:
            strokes.append(index)
    return strokes
