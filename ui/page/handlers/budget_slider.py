"""The byte budget on the page: a slider that cuts the sketch and re-steps the colors as it moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from codec import CodecError, Layers, Sketch
from codec.layers import default_budget
from ui.page import html
from ui.page.responses import Changes, guarded, sentence
from ui.services import actions, budget, canvas_state, layer_selection, previews
from ui.services.budget import Split

if TYPE_CHECKING:
    from ui.page.handlers.decode import Decoding
    from ui.page.layout import Parts

_SPLITS = [("Automatic", "auto"), ("Pin the colors", "colors"), ("Pin the sketch", "sketch")]


def slider(layers: Layers) -> gr.Slider:
    """The slider, at the budget that goes with the picture's size."""
    most = default_budget(layers.width, layers.height)
    return gr.Slider(
        budget.LEAST, reach(most), value=most, step=1, label="Byte budget", buttons=[], elem_id="budget",
    )  # fmt: skip


def reach(most: int) -> int:
    """Where the slider ends: a large picture's own budget may lie past the usual end."""
    return max(budget.MOST, most)


def split() -> dict[str, Any]:
    """The choice of who gets the bytes."""
    return {
        "split": gr.Radio(_SPLITS, value="auto", label="Split of the bytes", elem_id="split"),
        "pinned": gr.Number(
            0, label="Bytes of the pinned layer", precision=0, minimum=0, maximum=actions.BUDGETS[1],
            visible=False, elem_id="pinned",
        ),
    }  # fmt: skip


class Budgeting:
    """The handlers."""

    def __init__(self, parts: Parts, decoding: Decoding) -> None:
        self.parts = parts
        self.decoding = decoding

    def wire(self, now: list[Any], quiet: dict[str, Any]) -> None:
        """Connects the events; `now`: what `actions.current` takes."""
        p = self.parts
        newest = {**quiet, "trigger_mode": "always_last", "concurrency_limit": 2, "concurrency_id": "budget"}
        gr.on(
            [p.budget.input, p.pinned.input, p.fit.click], self.slid,
            [*now, p.budget, p.split, p.pinned, p.source, p.grid, p.edges, p.original, *p.mix],
            [p.canvas, p.readout, p.fit, p.compare, p.result, p.status], **newest,
        )  # fmt: skip
        p.split.input(self.chosen, [*now, p.split], [p.pinned, p.status], **newest)

    @guarded
    def chosen(self, value: Any, text: str, negative: str, seed: Any, keep_seed: Any, pinned: Any) -> Iterator[Changes]:
        """Pins a layer to the bytes that it has now."""
        p = self.parts
        pinned = actions.choice(pinned, "split", budget.SPLITS)
        sizes = actions.current(value, text, negative, seed, keep_seed)[1].sizes()
        size = {"auto": 0, "colors": sizes.texture, "sketch": sizes.structure}[pinned]
        yield {p.pinned: gr.update(value=size, visible=pinned != "auto")}

    @guarded
    def slid(
        self, request: gr.Request, value: Any, text: str, negative: str, seed: Any, keep_seed: Any,
        most: Any, pinned: Any, size: Any, source: Any, grid: Any, edges: Any, original: Any, *mixed: Any,
    ) -> Iterator[Changes]:  # fmt: skip
        """The layers in that many bytes: the canvas and the readout at once, then a preview."""
        p = self.parts
        try:
            most = actions.whole(most, "byte budget", budget.LEAST, actions.BUDGETS[1])
            split, chosen = _split(pinned, size), layer_selection.read(*mixed)
            drawing, layers = actions.current(value, text, negative, seed, keep_seed)
        except CodecError as error:
            yield {p.status: html.unusable(sentence(str(error)))}
            return
        full = budget.in_full(drawing, layers)
        if budget.may_grow(drawing, layers, most) and source:
            yield {p.status: html.status("Looking for more detail in the image…", "busy")}
            full = budget.more(layers, source, most, grid, edges)
        cut = budget.within(full, most, split)
        changes = {
            p.readout: html.readout(cut, most),
            p.fit: gr.update(interactive=cut.sizes().total > most),
            p.status: said(cut, full, most),
        }
        if (cut.structure, cut.texture) == (layers.structure, layers.texture):
            yield changes  # and the picture stays, be it a finished one
            return
        yield changes | {p.canvas: canvas_state.packed(budget.write(cut, full, drawing))}
        if not self.decoding.jobs.shows(request.session_hash):
            yield {p.compare: previews.update(original, cut, chosen), p.result: gr.update(interactive=False)}


def _split(pinned: Any, size: Any) -> Split:
    pinned = actions.choice(pinned, "split", budget.SPLITS)
    return Split(pinned, 0 if pinned == "auto" else actions.whole(size, "pinned bytes", 0, actions.BUDGETS[1]))


def said(cut: Layers, full: Layers, most: int) -> str:
    """The status box after a slide."""
    size = cut.sizes().total
    if size > most:
        least = f"No fewer than {size:,} bytes are possible: shorten the prompt or allow more."
        return html.status(least, "warn")
    if (cut.structure, cut.texture) == (full.structure, full.texture):
        return html.status(f"All there is, in {size:,} of {most:,} bytes.")
    parts = []
    if isinstance(full.structure, Sketch) and isinstance(cut.structure, Sketch):
        some, all_ = len(cut.structure.strokes), len(full.structure.strokes)
        parts.append(f"{some:,} of {all_:,} strokes" if some < all_ else "all strokes")
    if cut.texture != full.texture:
        parts.append("colors in coarser steps")
    return html.status(f"Cut to {size:,} bytes: {', '.join(parts)}. Slide back up for the rest.")
