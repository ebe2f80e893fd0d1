"""The byte budget: a slider that trims the sketch and coarsens the colors while it moves."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from codec import CodecError, Layers, Sketch
from ui.page.components import Parts
from ui.page.handlers.sessions import Sessions
from ui.page.responses import Changes, Handlers, compare_update, streaming_handler
from ui.services import actions, budget, canvas_state, comparison, validation
from ui.services.budget import Locks
from ui.services.editor_state import EditorState
from ui.services.error_messages import sentence
from ui.services.status import Status


def max_budget(default: int) -> int:
    """Return the maximum of the slider, which the default budget of a large picture may raise."""
    return max(budget.MAX_BUDGET, default)


class BudgetHandlers(Handlers):
    """Event handlers of the byte budget."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        super().__init__(parts)
        self.jobs = sessions.jobs

    @streaming_handler
    def fit_to_budget(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Fit the layers into the budget: canvas and readout first, then a preview."""
        p = self.parts
        try:
            max_bytes = validation.integer(state.budget, "byte budget", budget.MIN_BUDGET, actions.BUDGET_RANGE[1])
            locks, selection = Locks(state.lock_sketch is True, state.lock_colors is True), state.selection()
            drawing, layers = state.read()
        except CodecError as error:
            yield self.show(Status.invalid_input(sentence(str(error))))
            return
        full = budget.untrimmed_layers(drawing, layers)
        if state.source and state.cubic_colors is not True and budget.can_refine(drawing, layers, max_bytes):
            yield self.show(Status.busy("Looking for more detail in the image…"))
            options = state.grid, state.edges, state.balance()
            full = budget.extract_detail(layers, state.source, max_bytes, *options)
        fitted = budget.fit_to_budget(full, layers, max_bytes, locks)
        changes = self.show_sizes(fitted, max_bytes) | self.show(budget_status(fitted, full, max_bytes, locks))
        if (fitted.structure, fitted.texture) == (layers.structure, layers.texture):
            yield changes  # the picture stays valid, and so does a finished decode
            return
        yield changes | {p.canvas: canvas_state.to_json(budget.trimmed_value(fitted, full, drawing))}
        if not self.jobs.uses_slider(session):
            preview = comparison.compare_preview(state.original, fitted, selection)
            yield {p.compare: compare_update(preview), p.decoded_file: gr.update(interactive=False)}


def budget_status(fitted: Layers, full: Layers, max_bytes: int, locks: Locks) -> Status:
    """Return the status after the layers `full` were fitted into `max_bytes`."""
    size = fitted.sizes().total
    if size > max_bytes and any(locks):
        return Status.warn(f"{size:,} bytes: locked layers are not trimmed. Unlock one or raise the budget.")
    if size > max_bytes:
        return Status.warn(f"The smallest possible size is {size:,} bytes: shorten the prompt or raise the budget.")
    if (fitted.structure, fitted.texture) == (full.structure, full.texture):
        return Status(f"Everything fits: {size:,} of {max_bytes:,} bytes.")
    parts = []
    if isinstance(full.structure, Sketch) and isinstance(fitted.structure, Sketch):
        count, total = len(fitted.structure.strokes), len(full.structure.strokes)
        parts.append(f"{count:,} of {total:,} strokes" if count < total else "all strokes")
    if fitted.texture != full.texture:
        parts.append("less detail" if fitted.texture and fitted.texture.detail else "coarser colors")
    return Status(f"Trimmed to {size:,} bytes: {', '.join(parts)}. Raise the budget to restore it.")
