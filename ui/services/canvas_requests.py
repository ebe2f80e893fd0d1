"""Requests of the canvas to the server: JSON in, JSON out; {"error": a sentence} if a request fails.

Each request contains the canvas's value (see `canvas_state`), so the server stores nothing. The answer refers to the
value that was sent; the canvas merges it with edits made in the meantime.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from codec import CodecError, Layers, Pose, Sketch
from codec.editing import edits
from codec.editing.cells import adjust_cells, resample_cells
from codec.grid_shape import grid_shape
from codec.texture.colormap import MAX_CELLS, MIN_CELLS
from ui.services import canvas_state, import_layers, validation
from ui.services.canvas_state import Drawing
from ui.services.error_messages import UNEXPECTED, user_message
from ui.services.examples import PAPER_COLOR

Answer = dict[str, Any]

SHIFT_LIMITS: Final = {"hue": 180, "saturation": 100, "brightness": 100}  # degrees, percent, percent
_log = logging.getLogger("trilayer")


def answers_errors(request: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
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


@answers_errors
def erase(payload: Any) -> Answer:
    """Erase the masked area from the sketch or the pose and from the colors (`codec.editing.edits.erase`).

    `payload`: the canvas's value with its `mask`. Answers {strokes, cells} and, for a pose, pose. `strokes` has an
    index for each sent stroke that stays and points [x0, y0, ...] for each remaining piece of the others; `cells`
    has [index, "#rrggbb"] for each cell that changed. If detail was erased, `base` is the drawing's base without it.
    """
    drawing = canvas_state.read(payload)
    layers = drawing.layers_as_opened()
    mask = canvas_state.read_mask(payload, drawing.width, drawing.height)
    erased = edits.erase(layers, mask)
    cells = []
    if layers.texture is not None and erased.texture is not None:
        # ignore cells outside the mask, which may change by one level because all colors are coded together
        touched = _touched_cells(mask, layers.texture.rows, layers.texture.cols).reshape(-1)
        old, new = canvas_state.hex_colors(layers.texture.cells), canvas_state.hex_colors(erased.texture.cells)
        cells = [[i, new[i]] for i in np.flatnonzero(touched).tolist() if new[i] != old[i]]
    answer: Answer = {"cells": cells, "strokes": list(range(len(drawing.polylines)))}
    if drawing.base is not None and (base := _with_detail_of(drawing.base, erased)) is not drawing.base:
        answer["base"] = canvas_state.encode_base(base)
    if isinstance(erased.structure, Sketch):
        answer["strokes"] = _remaining_strokes(drawing, erased.structure)
    elif isinstance(erased.structure, Pose):
        answer["pose"] = canvas_state.joints(erased.structure, drawing.width, drawing.height)
    return answer


@answers_errors
def borrow(payload: Any) -> Answer:
    """Replace the sketch or the colors of the drawing by those of another file.

    `payload`: the canvas's value with `borrow`: {path of an upload, name, what: "sketch" or "colors", how: one of
    `import_layers.SKETCH_METHODS`, add: keep the present strokes, too}. Answers {base, message} with cols, rows,
    strokes and pose for a sketch, or with grid for colors.
    """
    drawing = canvas_state.read(payload)
    request = validation.json_object(payload.get("borrow"), "request")
    path = import_layers.upload_path(request)
    if path is None:
        raise CodecError("no file came with this; choose it again")
    layers, name = drawing.layers_as_opened(), import_layers.display_name(request.get("name"))
    if validation.choice(request.get("what"), "layer", ("sketch", "colors")) == "colors":
        value = canvas_state.write(import_layers.import_colors(layers, path), drawing.name)
        return {"base": value["base"], "grid": value["grid"], "message": f"Colors of {name}"}
    method = validation.choice(request.get("how"), "way to read a picture", import_layers.SKETCH_METHODS)
    is_added = request.get("add") is True
    value = canvas_state.write(import_layers.import_sketch(layers, path, method, add=is_added), drawing.name)
    count = len(value["strokes"])
    message = f"{count:,} stroke{'' if count == 1 else 's'} {'with those of' if is_added else 'from'} {name}"
    if value["pose"] is not None:
        message = f"Pose of {name}"
    return {key: value[key] for key in ("base", "cols", "rows", "strokes", "pose")} | {"message": message}


@answers_errors
def regrid(payload: Any) -> Answer:
    """Answer {grid} with the same colors in a finer or coarser grid.

    `payload`: the canvas's value with `cells`, the cells of the longer side.
    """
    drawing = canvas_state.read(payload)
    cells = validation.integer(payload.get("cells"), "cells of the longer side", MIN_CELLS, MAX_CELLS)
    rows, cols = grid_shape(drawing.width, drawing.height, cells, MIN_CELLS, MAX_CELLS)
    old = np.full((1, 1, 3), PAPER_COLOR, np.uint8) if drawing.cells is None else drawing.cells
    return {"grid": {"rows": rows, "cols": cols, "colors": canvas_state.hex_colors(resample_cells(old, rows, cols))}}


@answers_errors
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


FUNCTIONS: Final = (erase, borrow, regrid, shift)


def _with_detail_of(base: Layers, erased: Layers) -> Layers:
    """Return the base with the detail of the erased layers; the base itself if that is the same."""
    if base.texture is None or erased.texture is None or base.texture.detail == erased.texture.detail:
        return base
    return replace(base, texture=replace(base.texture, detail=erased.texture.detail))


def _touched_cells(mask: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Return (rows, cols) bool: the cells that contain a masked pixel of a (height, width) bool mask."""
    y, x = np.arange(rows) * mask.shape[0] // rows, np.arange(cols) * mask.shape[1] // cols
    return np.asarray(np.logical_or.reduceat(np.logical_or.reduceat(mask, y, axis=0), x, axis=1))


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
