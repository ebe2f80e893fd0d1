"""What the canvas asks of the server: JSON in, JSON out, an `error` in it for what cannot be.

The canvas's own value comes with each question (see `session`), so the server keeps nothing. An answer
speaks of what was sent: the canvas lays it under what was drawn meanwhile.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from codec import CodecError, Layers, Pose, Prompt, Sketch
from codec.editing import edits
from codec.editing.cells import resampled, shifted
from codec.texture.colormap import MAX_CELLS, MIN_CELLS
from ui.page.responses import reason
from ui.services import actions, canvas_state, import_layers, validation
from ui.services.canvas_state import Drawing
from ui.services.examples import PAPER

_log = logging.getLogger("trilayer")
Answer = dict[str, Any]


def _answered(work: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """What it raises becomes the sentence that the status box shows."""

    @functools.wraps(work)
    def run(payload: Any) -> Answer:
        try:
            return work(payload)
        except BaseException as error:  # SystemExit, too: it would end the server
            if known := reason(error):
                return {"error": known}
            # a defect of ours: the person keeps the work, the log gets the details
            _log.exception("%s failed", work.__name__)
            return {"error": "Something went wrong here; your layers are unchanged. Try again, or save them first."}

    return run


@_answered
def erase(payload: Any) -> Answer:
    """Erases what the mask covers, from the sketch or the pose and the colors at once (`codec.editing.edits.erase`).

    `payload`: the canvas's value with its `mask`. -> {strokes: the number of a sent stroke that
    stays, or a piece [x0, y0, ...]; cells: [[number, "#rrggbb"], ...]; of a pose also pose}.
    """
    drawing = canvas_state.read(payload)
    before = with_its_own_prompt(drawing)
    mask = canvas_state.read_mask(payload, drawing.width, drawing.height)
    after = edits.erase(before, mask)
    cells = []
    if before.texture is not None and after.texture is not None:
        # others may move by a level: the colors are coded together
        met = _cells_met(mask, before.texture.rows, before.texture.cols).reshape(-1)
        old, new = canvas_state.hexes(before.texture.cells), canvas_state.hexes(after.texture.cells)
        cells = [[i, new[i]] for i in np.flatnonzero(met).tolist() if new[i] != old[i]]
    reply: Answer = {"cells": cells, "strokes": list(range(len(drawing.polylines)))}
    if isinstance(after.structure, Sketch):
        reply["strokes"] = _what_is_left(drawing, after.structure)
    elif isinstance(after.structure, Pose):
        reply["pose"] = canvas_state.joints(after.structure, drawing.width, drawing.height)
    return reply


@_answered
def borrow(payload: Any) -> Answer:
    """The sketch or the colors of another file in place of the drawing's.

    `payload`: the canvas's value with `borrow`: {path of an upload, name, what: sketch or colors,
    how: one of `borrowing.HOW`, add: keep the strokes there are, too}. -> {base, said: a line of what
    came, and of a sketch cols, rows, strokes, pose; of colors grid}.
    """
    drawing = canvas_state.read(payload)
    asked = validation.object_of(payload.get("borrow"), "request")
    path = import_layers.uploaded(asked)
    if path is None:
        raise CodecError("no file came with this; choose it again")
    before, name = with_its_own_prompt(drawing), import_layers.shown_name(asked.get("name"))
    if actions.choice(asked.get("what"), "layer", ("sketch", "colors")) == "colors":
        after = import_layers.colors(before, path)
        value = canvas_state.write(after, drawing.name)
        return {"base": value["base"], "grid": value["grid"], "said": f"Colors of {name}"}
    how = actions.choice(asked.get("how"), "way to read a picture", import_layers.HOW)
    after = import_layers.sketch(before, path, how, add=asked.get("add") is True)
    value = canvas_state.write(after, drawing.name)
    n = len(value["strokes"])
    strokes = f"{n:,} stroke{'' if n == 1 else 's'} {'with those of' if asked.get('add') is True else 'from'} {name}"
    said = strokes if value["pose"] is None else f"Pose of {name}"
    return {key: value[key] for key in ("base", "cols", "rows", "strokes", "pose")} | {"said": said}


@_answered
def regrid(payload: Any) -> Answer:
    """A finer or coarser grid of the same colors; `payload`: the canvas's value with `cells` of the longer side."""
    drawing = canvas_state.read(payload)
    cells = actions.whole(payload.get("cells"), "cells of the longer side", MIN_CELLS, MAX_CELLS)
    rows, cols = edits.grid(drawing.width, drawing.height, cells, MIN_CELLS, MAX_CELLS)
    old = np.full((1, 1, 3), PAPER, np.uint8) if drawing.cells is None else drawing.cells
    after = resampled(old, rows, cols)
    return {"grid": {"rows": rows, "cols": cols, "colors": canvas_state.hexes(after)}}


@_answered
def shift(payload: Any) -> Answer:
    """Colors with another hue, saturation and brightness: {colors, hue, saturation, brightness} -> {colors}.

    hue: degrees; the others: percent, 0 for as it is.
    """
    asked = validation.object_of(payload, "request")
    cells = validation.colors_of(asked.get("colors"), MAX_CELLS * MAX_CELLS)
    by = [actions.number(asked.get(key), key, -most, most) for key, most in _MOST.items()]
    return {"colors": canvas_state.hexes(shifted(cells, by[0], by[1] / 100, by[2] / 100))}


_MOST: Final = {"hue": 180, "saturation": 100, "brightness": 100}
FUNCTIONS: Final = (erase, borrow, regrid, shift)


def with_its_own_prompt(drawing: Drawing) -> Layers:
    """The drawing with the prompt and the seed that it came with: they stay its base's."""
    base = drawing.base
    prompt = (base and base.semantic) or Prompt()
    return drawing.layers(prompt.text, prompt.negative, base.seed if base else None)


def _cells_met(mask: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """(height, width) bool -> (rows, cols) bool: the cells with a masked pixel."""
    y, x = np.arange(rows) * mask.shape[0] // rows, np.arange(cols) * mask.shape[1] // cols
    return np.logical_or.reduceat(np.logical_or.reduceat(mask, y, axis=0), x, axis=1)


def _what_is_left(drawing: Drawing, after: Sketch) -> list[int | list[float]]:
    """Each stroke of `after` as the number of the polyline that it is, or else as its points."""
    kept = set(after.strokes)
    whole_of: dict[Any, int] = {}
    for i, polyline in enumerate(drawing.polylines):
        chains = Sketch.from_polylines([polyline], drawing.width, drawing.height, drawing.cols, drawing.rows).strokes
        if kept.issuperset(chains):
            whole_of |= {chain: whole_of.get(chain, i) for chain in chains}
    left: list[int | list[float]] = []
    points = after.points(drawing.width, drawing.height)
    for stroke, place in zip(after.strokes, points, strict=True):
        number = whole_of.get(stroke)
        if number is None:
            left.append(canvas_state.flat(place))
        elif number not in left:
            left.append(number)
    return left
