"""The byte budget: what of the layers in full fits into so many bytes, live under a slider.

The drawing carries the file that it was cut from (`full`), so sliding back up brings every stroke
and color back, after a reload or a restart too. An edit makes the drawing the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from codec import Colormap, Layers, Sketch
from codec.editing import edits
from codec.errors import BudgetTooSmall
from codec.texture.colormap import STEPS, brightest
from ui.services import actions, canvas_state
from ui.services.canvas_state import Drawing

LEAST, MOST = 100, 4_000  # bytes, of the slider
SPLITS = ("auto", "colors", "sketch")
_GROWS: Final = 0.9  # of the budget: with less than that, more detail is looked for
_FULL: Final = 0.9  # of the bytes: steps that leave more free give way to finer ones, cut
_ROUNDING: Final = 0.33  # what makes a level of 1: less than a half of a step is worth no bits
_COLORS: Final = 0.26  # of the bytes beside the prompt, as in an extraction


@dataclass(frozen=True)
class Split:
    """Who gets the bytes beside the prompt: `pinned` is one of SPLITS, `size` what that layer may have."""

    pinned: str = "auto"
    size: int = 0


def in_full(drawing: Drawing, layers: Layers) -> Layers:
    """What the slider cuts from: the layers that the drawing was cut from while it is unedited, else the drawing."""
    full, base = drawing.full, drawing.base
    if full is None or base is None or (full.width, full.height) != (layers.width, layers.height):
        return layers
    if (layers.structure, layers.texture) != (base.structure, base.texture):
        return layers
    return replace(layers, structure=full.structure, texture=full.texture, extra=full.extra)


def may_grow(drawing: Drawing, layers: Layers, budget: int) -> bool:
    """True if the image that the layers are of could fill much more of the budget than they, unedited, do."""
    base = drawing.base
    untouched = base is not None and (layers.structure, layers.texture) == (base.structure, base.texture)
    return untouched and drawing.full is None and layers.sizes().total < _GROWS * budget


def more(layers: Layers, source: str, budget: int, grid: Any, edges: Any) -> Layers:
    """The same with all the sketch and colors that the slider has room for. Raises as `actions.open_picture`."""
    options = actions.encode_options(prompt="", budget=max(budget, MOST), grid=grid, edges=edges)
    found = actions.open_picture(source, options)
    return replace(layers, structure=found.layers.structure, texture=found.layers.texture)


def within(full: Layers, budget: int, split: Split = Split()) -> Layers:
    """`full` in `budget` bytes: colors in coarser steps, then the sketch cut at its end.

    Where prompt and pose leave no room, it comes back with no stroke and the coarsest colors, larger than `budget`.
    """
    sizes = full.sizes()
    if sizes.total <= budget and split.pinned == "auto":
        return full
    room = budget - sizes.total + sizes.structure + sizes.texture
    layers = full
    if split.pinned == "sketch" and isinstance(full.structure, Sketch):
        sketch = full.structure.cut(min(split.size, max(room, 0)))
        layers = edits.swap_structure(layers, replace(full, structure=sketch))
        share = room - len(sketch.to_bytes())
    elif split.pinned == "colors":
        share = min(split.size, room)
    else:
        share = max(int(room * _COLORS), room - sizes.structure)
    if full.texture is not None:
        layers = edits.swap_texture(layers, replace(full, texture=coarser(full.texture, share)))
    try:
        return edits.cut(layers, budget)
    except BudgetTooSmall:
        return _least(layers)


def _least(layers: Layers) -> Layers:
    if isinstance(layers.structure, Sketch):
        layers = edits.swap_structure(layers, replace(layers, structure=replace(layers.structure, strokes=())))
    if layers.texture is None:
        return layers
    return edits.swap_texture(layers, replace(layers, texture=coarser(layers.texture, 0)))


def coarser(colors: Colormap, most: int) -> Colormap:
    """The colors in a payload of `most` bytes: in larger steps, the finest frequencies cut where that leaves room.

    Where not even one color fits, the smallest there can be.
    """
    if len(colors.to_bytes()) <= most:
        return colors
    low, high = colors.step + 1, len(STEPS) - 1  # `high` and what is above fit, if anything does
    while low < high:
        middle = (low + high) // 2
        if _stepped(colors, middle)[1] <= most:
            high = middle
        else:
            low = middle + 1
    stepped, size = _stepped(colors, min(high, len(STEPS) - 1))
    if size > _FULL * most:  # or too large in any step
        return stepped if size <= most else _blurred(stepped, most)
    finer = colors if high == colors.step + 1 else _stepped(colors, high - 1)[0]
    return _blurred(finer, most)


def _blurred(colors: Colormap, most: int) -> Colormap:
    try:
        return colors.cut(most)
    except BudgetTooSmall:
        return Colormap.from_cells(colors.cells.mean((0, 1), keepdims=True).astype(np.uint8).repeat(2, 0).repeat(2, 1))


@lru_cache(maxsize=256)
def _stepped(colors: Colormap, step: int) -> tuple[Colormap, int]:
    """The same levels in steps of another size, and the bytes of that: a plain rounding, fast enough for a slide."""
    exact = np.array(colors.levels) * (STEPS[colors.step] / STEPS[step])
    levels = np.sign(exact) * np.floor(np.abs(exact) + _ROUNDING)
    means = slice(0, None, colors.rows * colors.cols)
    levels[means] = np.rint(exact[means])
    levels[0] = min(levels[0], brightest(colors.rows, colors.cols, step, colors.ratio) - 1)
    made = replace(colors, step=step, levels=tuple(int(level) for level in levels))
    return made, len(made.to_bytes())


def write(layers: Layers, full: Layers, drawing: Drawing) -> dict[str, Any]:
    """The canvas's value for what was cut of a drawing: one step of its history for a whole slide."""
    answer = canvas_state.write(layers, drawing.name, keep_history=True)
    return answer | {
        "full": canvas_state.encode_base(full),
        "of": {"load": drawing.load, "rev": drawing.rev},
        "quiet": True,
        "series": "budget",
    }
