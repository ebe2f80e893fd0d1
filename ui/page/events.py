"""What happens on the page: each event reads components, calls an action, changes components.

A handler returns {component: new value}: what it leaves out stays, so an error changes only the
status box and no work is lost by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from codec import CodecError, Layers, Prompt
from codec.errors import NotTrilayer
from codec.layers import default_budget
from ui.page import html
from ui.page.handlers import saves
from ui.page.handlers.budget_slider import Budgeting, reach
from ui.page.handlers.decode import Decoding
from ui.page.handlers.layer_strip import Strip
from ui.page.responses import Changes, guarded, guarded_once, sentence
from ui.services import actions, canvas_state, files, layer_selection, previews
from ui.services.import_layers import uploaded

if TYPE_CHECKING:
    from ui.page.layout import Parts


def wire(page: gr.Blocks, parts: Parts) -> None:
    """Connects the events of a page."""
    decoding = Decoding(parts)
    on = Handlers(parts, decoding)
    # preprocess: values come as they are sent; the actions check them and answer in the status box
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "preprocess": False}
    now = [parts.canvas, parts.prompt, parts.negative, parts.seed, parts.keep_seed]
    opened = [
        parts.canvas, parts.prompt, parts.negative, parts.origin, parts.budget, parts.seed,
        parts.keep_seed, parts.picture, parts.original, parts.source, parts.only, parts.follow, parts.strip,
        parts.status,
    ]  # fmt: skip
    edits = [
        page.load, parts.canvas.edit, parts.prompt.change, parts.negative.change, parts.seed.change,
        *(part.change for part in parts.mix),
    ]  # fmt: skip
    newest = {**quiet, "trigger_mode": "always_last"}
    shown = [*now, parts.budget, parts.status, parts.original, *parts.mix]

    gr.on(
        edits, on.edited, shown,
        [parts.readout, parts.fit, parts.origin, parts.tally, parts.compare, parts.result, parts.status],
        queue=False, **newest,
    )  # fmt: skip
    parts.keep_seed.change(
        on.counted, [*now, parts.budget, parts.status], [parts.readout, parts.fit, parts.status], **newest
    )
    Budgeting(parts, decoding).wire(now, quiet)
    Strip(decoding).wire(now, quiet)
    parts.picture.upload(
        on.picture_dropped,
        [parts.picture, parts.original, parts.grid, parts.edges, parts.decoder, parts.preset], opened,
        trigger_mode="always_last", concurrency_limit=2, concurrency_id="extract", **quiet,
    )  # fmt: skip
    parts.picture.clear(on.picture_cleared, None, [parts.original, parts.source, parts.status], **quiet)
    parts.again.click(
        on.extract_again,
        [parts.source, parts.prompt, parts.negative, parts.budget, parts.grid, parts.edges], opened,
        concurrency_limit=2, concurrency_id="extract", **quiet,
    )  # fmt: skip
    parts.open.upload(on.file_opened, [parts.open, parts.decoder, parts.preset], opened, **quiet)
    parts.save.click(on.saved, now, [parts.download, parts.status], **quiet).then(
        None, parts.download, None, js=saves.DOWNLOAD
    )
    parts.canvas.trouble(None, None, parts.status, js="() => document.querySelector('.lc').trouble", **saves.LOCAL)
    parts.dice.click(None, None, parts.seed, js="() => String(crypto.getRandomValues(new Uint32Array(1))[0])")
    saves.wire(page, parts, on, now, opened, quiet)
    decoded = _wire_decoding(page, parts, decoding, now, quiet)
    decoded.then(on.resumed, shown, [parts.compare], queue=False, **quiet)


def _wire_decoding(page: gr.Blocks, parts: Parts, on: Decoding, now: list[Any], quiet: dict[str, Any]) -> Any:
    how = parts.how
    newest = {**quiet, "trigger_mode": "always_last"}
    decoded = parts.decode.click(
        on.decoded, [*now, parts.original, parts.decoder, parts.only, parts.which, *how],
        [
            parts.compare, parts.status, parts.decode, parts.stop, parts.stages, parts.result, parts.only,
            parts.saves.made,
        ],
        concurrency_limit=16, concurrency_id="decode", **quiet,  # they take turns
    )  # fmt: skip
    decoded.then(None, [parts.saves.made, parts.result], None, js=saves.call("decoded"), **saves.LOCAL)
    parts.stop.click(on.stopped, None, parts.status, queue=False, **quiet)
    chosen = parts.decoder.change(on.chosen, parts.decoder, [parts.panel, parts.only, parts.status], **newest)
    chosen.then(on.expected, [parts.decoder, parts.canvas, *how], parts.note, **quiet)
    parts.preset.change(
        on.preset, [parts.canvas, *how], [parts.steps, parts.guidance, parts.follow, parts.note], **newest
    )
    parts.follow.change(on.followed, [parts.canvas, *how], [parts.steps, parts.guidance, parts.note], **newest)
    gr.on([part.change for part in how[2:]], on.expected, [parts.decoder, parts.canvas, *how], [parts.note], **newest)
    page.unload(on.left)
    return decoded


class Handlers:
    """The handlers of everything but decoding."""

    def __init__(self, parts: Parts, decoding: Decoding) -> None:
        self.parts = parts
        self.decoding = decoding

    async def edited(self, request: gr.Request, *inputs: Any) -> Changes:
        """The new bytes, and a preview unless the slider shows a decode."""
        return await previews.in_turn(self._edited, request.session_hash, *inputs)

    async def resumed(self, request: gr.Request, *inputs: Any) -> Changes:
        """After a decode that was stopped: the preview again, of what was edited meanwhile, too."""
        p = self.parts
        if inputs[6] != html.STOPPED:  # what the status box says
            return {p.compare: gr.skip()}
        changes = await self.edited(request, *inputs)
        return {p.compare: changes.get(p.compare, gr.skip())}

    @guarded_once
    def _edited(
        self, tab: str | None, value: Any, text: str, negative: str, seed: Any, keep_seed: Any,
        budget: Any, said: Any, original: Any, *mixed: Any,
    ) -> Changes:  # fmt: skip
        p = self.parts
        try:
            drawing, layers = actions.current(value, text, negative, seed, keep_seed)
            changes = self._bytes(layers, budget, said) | {p.tally: html.tally(layers.semantic or Prompt())}
            chosen = layer_selection.read(*mixed)
            chosen.of(layers)
        except CodecError as error:
            return {p.status: html.unusable(sentence(str(error)))}
        if not actions.same_prompt(drawing, layers):
            changes[p.origin] = html.origin("written by you", layers.settings)
        if self.decoding.jobs.shows(tab):
            return changes
        changes |= {p.compare: previews.update(original, layers, chosen), p.result: gr.update(interactive=False)}
        if drawing.rev and not self.decoding.jobs.running(tab):
            changes[p.status] = html.status("Preview of your edit. Press Decode for the finished picture.")
        return changes

    @guarded
    def counted(
        self, value: Any, text: str, negative: str, seed: Any, keep_seed: Any, budget: Any, said: Any
    ) -> Iterator[Changes]:
        """The bytes against the budget; the picture is the same with any."""
        try:
            _, layers = actions.current(value, text, negative, seed, keep_seed)
            changes = self._bytes(layers, budget, said)
        except CodecError as error:
            changes = {self.parts.status: html.unusable(sentence(str(error)))}
        yield changes

    def _bytes(self, layers: Layers, budget: Any, said: Any) -> Changes:
        """`said`: what the status box shows; an edit that could not be is forgotten once one can."""
        p = self.parts
        most = actions.whole(budget, "byte budget", *actions.BUDGETS)
        over = len(layers.to_bytes()) > most
        changes: Changes = {p.readout: html.readout(layers, most), p.fit: gr.update(interactive=over)}
        if html.is_unusable(said):
            changes[p.status] = html.status("That is put right. Press Decode for the finished picture.")
        return changes

    @guarded
    def picture_dropped(
        self, sent: Any, original: Any, grid: Any, edges: Any, decoder: Any, preset: Any, request: gr.Request
    ) -> Iterator[Changes]:
        """A new picture: its layers, with the prompt that the file brings."""
        p = self.parts
        path = uploaded(sent)
        if path is None:
            return
        yield {p.status: html.status("Finding prompt, sketch and colors…", "busy")}
        try:
            opened = actions.open_picture(path, actions.encode_options(grid=grid, edges=edges))
        except CodecError:
            yield {p.picture: original}  # the box shows again what the layers are of
            raise
        if opened.own:
            yield self.replaced(opened, decoder, preset, request)
            return
        assert opened.original is not None
        shown = files.kept(actions.jpeg(actions.shown(opened.original)), "original.jpg")
        another = self.decoding.opened(opened.layers, decoder, preset, request.session_hash)
        yield self._opened(opened) | another | {p.original: shown, p.source: path}

    def picture_cleared(self) -> Changes:
        """The original is gone; the layers stay."""
        p = self.parts
        return {
            p.original: None,
            p.source: None,
            p.status: html.status("The original is no longer shown; the layers are kept."),
        }

    @guarded
    def extract_again(
        self, source: Any, text: str, negative: str, budget: Any, grid: Any, edges: Any
    ) -> Iterator[Changes]:
        """The same picture with other options; the canvas can undo to what it held."""
        p = self.parts
        if not source:
            raise CodecError("there is no image to extract from: drop one first")
        canvas_state.check_prompt(text or "", negative or "")
        yield {p.status: html.status("Extracting again…", "busy")}
        options = actions.encode_options(
            prompt=text or None, negative=negative or "", budget=budget, grid=grid, edges=edges
        )
        opened = actions.open_picture(source, options)
        changes = self._opened(opened) | {
            p.canvas: canvas_state.packed(canvas_state.write(opened.layers, opened.name, keep_history=True))
        }
        for part in (p.seed, p.keep_seed, p.budget):
            del changes[part]
        if text:
            del changes[p.origin]
        yield changes

    @guarded
    def file_opened(self, sent: Any, decoder: Any, preset: Any, request: gr.Request) -> Iterator[Changes]:
        """A .tril file in place of everything."""
        path = uploaded(sent)
        if path is None:
            return
        try:
            opened = actions.open_file(path)
        except NotTrilayer as error:
            raise NotTrilayer(f"{error}: choose a .tril; a picture goes into the image box") from None
        yield self.replaced(opened, decoder, preset, request)

    def replaced(self, opened: actions.Opened, decoder: Any, preset: Any, request: gr.Request) -> Changes:
        """These layers in place of everything, without an original."""
        p = self.parts
        another = self.decoding.opened(opened.layers, decoder, preset, request.session_hash)
        return self._opened(opened) | another | {p.picture: None, p.original: None, p.source: None}

    def _opened(self, opened: actions.Opened) -> Changes:
        p, layers = self.parts, opened.layers
        prompt, most = layers.semantic, default_budget(layers.width, layers.height)
        done = html.status(f"Opened {opened.name}, {layers.width} × {layers.height}.", "good")
        return {
            p.canvas: canvas_state.packed(canvas_state.write(layers, opened.name)),
            p.prompt: prompt.text if prompt else "",
            p.negative: prompt.negative if prompt else "",
            p.origin: html.origin(opened.origin, layers.settings),
            p.budget: gr.update(value=most, maximum=reach(most)),
            p.seed: str(layers.seed or 0),
            p.keep_seed: layers.seed is not None,
            p.strip: "",
            p.status: html.status(opened.warning, "warn") if opened.warning else done,
        }

    @guarded
    def saved(self, value: Any, text: str, negative: str, seed: Any, keep_seed: Any) -> Iterator[Changes]:
        """The file that the readout counts."""
        p = self.parts
        yield {p.download: None}
        drawing, layers = actions.current(value, text, negative, seed, keep_seed)
        data, name = layers.to_bytes(), f"{drawing.name}.tril"
        yield {
            p.download: files.kept(data, name),
            p.status: html.status(f"Saved {name}, {len(data):,} bytes.", "good"),
        }
