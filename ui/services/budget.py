"""The byte budget slider: trims the layers to a size while the user moves it.

The canvas's value carries the untrimmed layers (`Drawing.full`), so raising the budget restores every stroke and
color, even after a reload of the page or a restart of the server. An edit makes the trimmed layers the full ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from codec import Layers
from codec.editing.transrate import transrate
from ui.services import actions, canvas_state
from ui.services.canvas_state import Drawing

MIN_BUDGET: Final = 100  # bytes, lower end of the slider
MAX_BUDGET: Final = 4_000  # bytes, upper end of the slider
ALLOCATIONS: Final = ("auto", "colors", "sketch")  # automatic, or the layer with a fixed size
_MIN_FILL: Final = 0.9  # of the budget; layers that fill less are extracted again with more detail


@dataclass(frozen=True)
class Allocation:
    """How the bytes are shared: `fixed_layer` is one of `ALLOCATIONS`, `size` the maximum bytes of that layer."""

    fixed_layer: str = "auto"
    size: int = 0


AUTOMATIC: Final = Allocation()


def untrimmed_layers(drawing: Drawing, layers: Layers) -> Layers:
    """Return the layers to trim: those before the last trimming if nothing was edited since, else the drawing's."""
    full, base = drawing.full, drawing.base
    if full is None or base is None or (full.width, full.height) != (layers.width, layers.height):
        return layers
    if (layers.structure, layers.texture) != (base.structure, base.texture):
        return layers
    return replace(layers, structure=full.structure, texture=full.texture, extra=full.extra)


def can_refine(drawing: Drawing, layers: Layers, max_bytes: int) -> bool:
    """Return whether the layers are unedited, untrimmed and much smaller than the budget.

    Then extracting them from the image again gives more detail.
    """
    base = drawing.base
    unedited = base is not None and (layers.structure, layers.texture) == (base.structure, base.texture)
    return unedited and drawing.full is None and layers.sizes().total < _MIN_FILL * max_bytes


def extract_detail(layers: Layers, source: str, max_bytes: int, grid: Any, edges: Any) -> Layers:
    """Extract sketch and colors from the image again, with all the bytes of the slider's range.

    Raises as `actions.encode_options` and `actions.open_picture`.
    """
    options = actions.encode_options(prompt="", budget=max(max_bytes, MAX_BUDGET), grid=grid, edges=edges)
    detailed = actions.open_picture(source, options).layers
    return replace(layers, structure=detailed.structure, texture=detailed.texture)


def fit_to_budget(full: Layers, max_bytes: int, allocation: Allocation = AUTOMATIC) -> Layers:
    """Return the layers in at most `max_bytes`, or the smallest possible ones (see `transrate`)."""
    if allocation.fixed_layer == "colors":
        return transrate(full, max_bytes, max_color_bytes=allocation.size)
    if allocation.fixed_layer == "sketch":
        return transrate(full, max_bytes, max_sketch_bytes=allocation.size)
    return transrate(full, max_bytes)


def trimmed_value(trimmed: Layers, full: Layers, drawing: Drawing) -> dict[str, Any]:
    """Return the canvas's value for trimmed layers; all values of one slide are one step of the undo history."""
    value = canvas_state.write(trimmed, drawing.name, keep_history=True)
    return value | {
        "full": canvas_state.encode_base(full),
        "of": {"load": drawing.load, "rev": drawing.rev},
        "quiet": True,
        "series": "budget",
    }
