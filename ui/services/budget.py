"""The byte budget slider: trims the layers to a size while the user moves it.

The canvas's value contains the untrimmed layers (`Drawing.full`), so raising the budget restores every stroke and
color, even after a reload of the page or a restart of the server. After an edit, the trimmed layers become the full
ones.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from codec import Layers
from codec.editing import edits
from codec.editing.transrate import transrate
from codec.encoder.encode_options import EncodeOptions
from ui.services import actions, canvas_state
from ui.services.canvas_state import Drawing

MIN_BUDGET: Final = 100  # bytes, lower end of the slider
MAX_BUDGET: Final = 4_000  # bytes, upper end of the slider
_EXTRACTION_BUDGETS: Final = (600, 1_000, 1_600, 2_500, MAX_BUDGET)  # bytes; detail cut to much less looks worse
_MIN_FILL: Final = 0.9  # of the budget; layers that fill less are extracted again with more detail


class Locks(NamedTuple):
    """The layers that the budget does not change."""

    sketch: bool = False
    colors: bool = False


UNLOCKED: Final = Locks()


def untrimmed_layers(drawing: Drawing, layers: Layers) -> Layers:
    """Return the layers to trim: those before the last trimming if nothing was edited since, else the drawing's."""
    full, base = drawing.full, drawing.base
    if full is None or base is None or (full.width, full.height) != (layers.width, layers.height):
        return layers
    if (layers.structure, layers.texture) != (base.structure, base.texture):
        return layers
    return replace(layers, structure=full.structure, texture=full.texture, extra=full.extra)


def can_refine(drawing: Drawing, layers: Layers, max_bytes: int) -> bool:
    """Return whether the layers are unedited and, even untrimmed, much smaller than the budget.

    If so, extracting them from the image again may give more detail.
    """
    base = drawing.base
    unedited = base is not None and (layers.structure, layers.texture) == (base.structure, base.texture)
    return unedited and untrimmed_layers(drawing, layers).sizes().total < _MIN_FILL * max_bytes


def extract_detail(layers: Layers, source: str, max_bytes: int, grid: Any, edges: Any, balance: Any = "auto") -> Layers:
    """Extract sketch and colors from the image again, with a few more bytes than the budget.

    Raises the errors of `actions.encode_options` and `actions.open_picture`.
    """
    enough = next((size for size in _EXTRACTION_BUDGETS if size >= max_bytes), max_bytes)
    options = actions.encode_options(prompt="", budget=enough, grid=grid, edges=edges, balance=balance)
    detailed = _extract(source, options)
    return replace(layers, structure=detailed.structure, texture=detailed.texture)


@lru_cache(maxsize=8)
def _extract(source: str, options: EncodeOptions) -> Layers:
    """Return the layers of a picture file. The last few results are cached, for when the slider moves."""
    return actions.open_picture(source, options).layers


def fit_to_budget(full: Layers, current: Layers, max_bytes: int, locks: Locks = UNLOCKED) -> Layers:
    """Return the untrimmed layers `full` in at most `max_bytes`, or the smallest possible ones (see `transrate`).

    Locked layers are those of `current`.
    """
    if locks.sketch and locks.colors:
        return current
    sizes = current.sizes()
    if locks.colors:
        fitted = transrate(_with_colors_of(current, full), max_bytes, max_color_bytes=sizes.texture)
        return _with_colors_of(current, fitted)
    if locks.sketch:
        fitted = transrate(_with_structure_of(current, full), max_bytes, max_sketch_bytes=sizes.structure)
        return _with_structure_of(current, fitted)
    return transrate(full, max_bytes)


def _with_colors_of(source: Layers, layers: Layers) -> Layers:
    return edits.swap_texture(layers, replace(layers, texture=source.texture))


def _with_structure_of(source: Layers, layers: Layers) -> Layers:
    return edits.swap_structure(layers, replace(layers, structure=source.structure))


def trimmed_value(trimmed: Layers, full: Layers, drawing: Drawing) -> dict[str, Any]:
    """Return the canvas's value for trimmed layers; all values of one slide are one step of the undo history."""
    value = canvas_state.write(trimmed, drawing.name, keep_history=True)
    return value | {
        "full": canvas_state.encode_base(full),
        "of": {"load": drawing.load, "rev": drawing.rev},
        "quiet": True,
        "series": "budget",
    }
