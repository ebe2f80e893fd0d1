"""What comes back to the page: work that the browser kept, or the image in a link. The server keeps neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from codec import CodecError, Layers
from codec.errors import FormatError
from ui.page import html
from ui.page.responses import Changes, guarded, sentence
from ui.services import actions, canvas_state, examples, files, share

if TYPE_CHECKING:
    from ui.page.events import Handlers
    from ui.page.layout import Parts

DOWNLOAD = """(file) => {
  if (!file) return;
  const link = document.createElement('a');
  link.href = file.url; link.download = file.orig_name || 'picture.tril';
  document.body.append(link); link.click(); link.remove();
}"""
_CALL = """async (...inputs) => {
  while (!window.trilayer?.%s) await new Promise((done) => setTimeout(done, 20));
  return window.trilayer.%s(...inputs);
}"""
LOCAL: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}  # of such an event
MAX_FIELD = 100_000  # characters of a field that is given back as it was


def call(name: str) -> str:
    """The `js=` of an event that calls `window.trilayer.name` with its inputs, once that is there."""
    return _CALL % (name, name)


@dataclass(frozen=True)
class SaveParts:
    """The components of this module; `incoming`, `link` and `made` hold what goes between browser and server."""

    incoming: gr.JSON
    bring: gr.Button
    link: gr.JSON
    made: gr.JSON
    copy: gr.Button
    zip: gr.Button
    zipped: gr.DownloadButton
    over: gr.Button


def buttons() -> SaveParts:
    """The buttons, beside those that open and save."""
    return SaveParts(
        incoming=gr.JSON(visible=False),
        link=gr.JSON(visible=False),
        made=gr.JSON(visible=False),
        bring=gr.Button("Bring back", visible="hidden", elem_id="bring"),
        copy=gr.Button("Copy link", elem_id="copy-link", min_width=110),
        zip=gr.Button("Layers .zip", elem_id="zip", min_width=110),
        zipped=gr.DownloadButton("Download", visible="hidden"),
        over=gr.Button("Start over", elem_id="over", min_width=110),
    )


def wire(page: gr.Blocks, parts: Parts, on: Handlers, now: list[Any], opened: list[Any], quiet: dict[str, Any]) -> None:
    """Connects them; `now` is what `actions.current` reads, `opened` what another picture changes."""
    p, saves = parts.saves, Saves(parts, on)
    page.load(None, now, None, js=call("began"), **LOCAL)
    edits = [parts.canvas.edit, parts.canvas.change, *(part.change for part in now[1:])]
    gr.on(edits, None, now, None, js=call("keep"), **LOCAL)
    gr.on(
        [page.load, p.bring.click], saves.arrived, [p.incoming, parts.decoder, parts.preset], [*opened, parts.decoder],
        js=call("incoming"), trigger_mode="always_last", **quiet,
    )  # fmt: skip
    p.copy.click(saves.linked, now, [p.link, parts.status], **quiet).then(
        None, p.link, parts.status, js=call("copyLink"), **LOCAL
    )
    p.zip.click(saves.zipped, now, [p.zipped, parts.status], **quiet).then(None, p.zipped, None, js=DOWNLOAD)
    p.over.click(None, None, None, js=call("startOver"), **LOCAL)


def history() -> gr.HTML:
    """Where history.js shows the last decodes."""
    return gr.HTML(html.HISTORY, elem_id="history", apply_default_css=False)


def made(layers: Layers, name: str, seed: int, decoder: str) -> dict[str, Any]:
    """What the browser keeps of a decode, beside its picture."""
    size = len(layers.to_bytes())
    what = f"{size:,} bytes, {decoder}, seed {seed}"
    return {"t": share.to_link(layers), "name": name, "what": what, "seed": str(seed), "decoder": decoder}


class Saves:
    """The handlers."""

    def __init__(self, parts: Parts, on: Handlers) -> None:
        self.parts = parts
        self.on = on

    @guarded
    def arrived(self, incoming: Any, decoder: Any, preset: Any, request: gr.Request) -> Iterator[Changes]:
        """What the browser brings: {t} of a link, of a decode also {name, seed, decoder}; {state} of work it kept;
        {example} by its name; {empty: [width, height]}.
        """
        p = self.parts
        if not isinstance(incoming, dict) or not incoming.keys() & {"t", "state", "example", "empty"}:
            yield {p.status: gr.skip()}  # a handler that yields nothing empties its outputs
            return
        if "example" in incoming:
            example = examples.opened(incoming["example"])
            said = html.status(examples.advice(example.name), "good")
            yield self.on.replaced(example, decoder, preset, request) | {p.status: said}
            return
        if "empty" in incoming:
            empty = examples.empty(incoming["empty"])
            said = html.status("An empty picture: draw with Pen, paint with Cell, write a prompt, Decode.", "good")
            yield self.on.replaced(empty, decoder, preset, request) | {p.status: said}
            return
        if "t" in incoming:
            found = share.from_link(incoming["t"])
            if "decoder" not in incoming:
                yield self.on.replaced(found, decoder, preset, request)
                return
            chosen = actions.choice(incoming["decoder"], "decoder", actions.decoders())
            seed = str(actions.seed_of(incoming.get("seed")))
            found = replace(found, name=canvas_state.file_stem(incoming.get("name")), origin="from your history")
            said = f"{found.name} is back as it was decoded, by {chosen} with seed {seed}: Decode repeats it."
            yield self.on.replaced(found, chosen, preset, request) | {
                p.decoder: chosen, p.seed: seed, p.status: html.status(said, "good"),
            }  # fmt: skip
            return
        try:
            layers, name, fields = kept_work(incoming.get("state"))
        except CodecError as error:
            text = f"What this browser kept of your last work cannot be opened: {sentence(str(error))}"
            yield {p.status: html.status(text, "warn")}
            return
        again = self.on.replaced(actions.Opened(layers, name, "from your last work"), decoder, preset, request)
        said = f"Your last work, {name}, is open again. “Start over” forgets it."
        kept = dict(zip((p.prompt, p.negative, p.seed, p.keep_seed), fields, strict=True))
        yield again | kept | {p.status: html.status(said, "good")}

    @guarded
    def zipped(self, value: Any, text: str, negative: str, seed: Any, keep_seed: Any) -> Iterator[Changes]:
        """The layers as files that any editor opens."""
        p = self.parts
        yield {p.saves.zipped: None}
        drawing, layers = actions.current(value, text, negative, seed, keep_seed)
        data, name = share.zipped(layers), f"{drawing.name}-layers.zip"
        yield {
            p.saves.zipped: files.kept(data, name),
            p.status: html.status(f"Saved {name}: the layers as files that any editor opens.", "good"),
        }

    @guarded
    def linked(self, value: Any, text: str, negative: str, seed: Any, keep_seed: Any) -> Iterator[Changes]:
        """The link, for the browser to copy."""
        p = self.parts
        yield {p.saves.link: None}
        _, layers = actions.current(value, text, negative, seed, keep_seed)
        shown = "This browser lets no page copy by itself: the link is in the address bar now; copy it there."
        yield {
            p.saves.link: {
                "t": share.to_link(layers),
                "most": share.MAX_QUERY,
                "copied": html.status(share.link_reply(layers), "good"),
                "shown": html.status(shown, "warn"),
            }
        }


def kept_work(state: Any) -> tuple[Layers, str, tuple[str, str, str, bool]]:
    """The page's values as the browser kept them -> layers, name and (prompt, negative, seed, keep seed).

    Fields come back as they were typed, right or wrong; the layers without a prompt that cannot be.
    Raises `FormatError` or `InvalidLayer` where the drawing is none.
    """
    if not isinstance(state, list) or len(state) != 5:
        raise FormatError("it is not of this version of the page")
    value, *texts, keep_seed = state
    if not all(isinstance(text, str) and len(text) <= MAX_FIELD for text in texts):
        raise FormatError("its fields are no text")
    drawing = canvas_state.read(value)
    text, negative, seed = texts
    try:
        layers = drawing.layers(text, negative, None)
    except CodecError:
        layers = drawing.layers("", "", None)
    return layers, drawing.name, (text, negative, seed, keep_seed is True)
