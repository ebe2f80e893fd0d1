"""The events of the page: which handler runs when, with which inputs and outputs."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from ui.page.components import Parts
from ui.page.handlers.budget_slider import BudgetHandlers
from ui.page.handlers.captioning import DescribeHandlers
from ui.page.handlers.decode import DecodeHandlers
from ui.page.handlers.edit_preview import PreviewHandlers
from ui.page.handlers.layer_strip import StripHandlers
from ui.page.handlers.opening import OpenHandlers
from ui.page.handlers.saves import SaveHandlers
from ui.page.handlers.sd15_panel import Sd15PanelHandlers
from ui.page.handlers.sessions import Sessions

# Without preprocessing, values arrive as they were sent: the handlers check them and report errors as a status.
PRIVATE: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden", "preprocess": False}
LATEST: Final[dict[str, Any]] = {**PRIVATE, "trigger_mode": "always_last"}  # while one runs, only the last one waits
IN_BROWSER: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
DECODING: Final[dict[str, Any]] = {**PRIVATE, "concurrency_limit": 16, "concurrency_id": "decode"}  # a lock orders them
EXTRACTION: Final[dict[str, Any]] = {"concurrency_limit": 2, "concurrency_id": "extract"}

DOWNLOAD: Final = """(file) => {
  if (!file) return;
  const link = document.createElement('a');
  link.href = file.url; link.download = file.orig_name || 'picture.tril';
  document.body.append(link); link.click(); link.remove();
}"""
CANVAS_ERROR: Final = "() => ({ code: '', html: document.querySelector('.lc').trouble })"
SHOW_PICTURES: Final = (
    "(pair) => document.querySelector('.lc')?.canvas?.setPictures((pair ?? []).map((file) => file?.url))"
)
COPY_PROMPT: Final = """async (text) => {
  const button = document.querySelector('#copy-prompt'), box = document.querySelector('#prompt textarea');
  try { await navigator.clipboard.writeText(text); } catch { box.select(); document.execCommand('copy'); }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}"""
ADD_SHOWN: Final = "(strip, records) => { if (strip) window.trilayer.addDecodes(records); }"
RANDOM_SEED: Final = "() => String(crypto.getRandomValues(new Uint32Array(1))[0])"
_CALL: Final = """async (...inputs) => {
  while (!window.trilayer?.%s) await new Promise((done) => setTimeout(done, 20));
  return window.trilayer.%s(...inputs);
}"""


def call(name: str) -> str:
    """Return the `js=` of an event that calls `window.trilayer.name` with its inputs, as soon as that is loaded."""
    return _CALL % (name, name)


def wire(page: gr.Blocks, parts: Parts) -> None:
    """Connect the events of a page to their handlers."""
    sessions = Sessions()
    preview = PreviewHandlers(parts, sessions)
    panel = Sd15PanelHandlers(parts, sessions)
    decoding = DecodeHandlers(parts, sessions)
    opening = OpenHandlers(parts, panel)
    _wire_preview(page, parts, preview)
    _wire_budget(parts, BudgetHandlers(parts, sessions))
    _wire_opening(parts, opening)
    _wire_saves(page, parts, SaveHandlers(parts, opening, decoding))
    _wire_sd15_panel(parts, panel)
    _wire_decoding(page, parts, decoding, preview)
    _wire_strips(parts, StripHandlers(parts, decoding))
    _wire_prompt(parts, DescribeHandlers(parts))
    parts.canvas.trouble(None, None, parts.status, js=CANVAS_ERROR, **IN_BROWSER)
    gr.on(
        [page.load, parts.compare.change], None, parts.compare, None, js=SHOW_PICTURES, preprocess=False, **IN_BROWSER
    )
    parts.new_seed_button.click(None, None, parts.seed, js=RANDOM_SEED)


def _wire_preview(page: gr.Blocks, p: Parts, on: PreviewHandlers) -> None:
    edits = [
        page.load, p.canvas.edit, p.prompt.change, p.negative.change, p.seed.change,
        *(part.change for part in p.selection),
    ]  # fmt: skip
    gr.on(
        edits, on.update_preview, p.editor,
        [*p.sizes, *p.hints, p.prompt_source, p.compare, p.decoded_file, p.status],
        queue=False, **LATEST,
    )  # fmt: skip
    # `input`, not `change`: when an image is opened, the canvas's event follows, and its answer must be the last one
    p.keep_seed.input(on.update_readout, p.editor, [*p.sizes, p.status], **LATEST)


def _wire_budget(p: Parts, on: BudgetHandlers) -> None:
    options = {**LATEST, "concurrency_limit": 2, "concurrency_id": "budget"}
    gr.on(
        [p.budget.input, p.trim_button.click], on.fit_to_budget, p.editor,
        [p.canvas, *p.sizes, p.compare, p.decoded_file, p.status], **options,
    )  # fmt: skip


def _wire_opening(p: Parts, on: OpenHandlers) -> None:
    p.picture.upload(on.open_picture, [*p.editor, p.picture], p.opened, **LATEST, **EXTRACTION)
    p.picture.clear(on.clear_original, p.editor, [p.original, p.source, p.status], **PRIVATE)
    p.reextract_button.click(on.reextract, p.editor, p.opened, **PRIVATE, **EXTRACTION)
    p.open_button.upload(on.open_file, [*p.editor, p.open_button], p.opened, **PRIVATE, **EXTRACTION)


def _wire_saves(page: gr.Blocks, p: Parts, on: SaveHandlers) -> None:
    saves = p.saves
    page.load(None, p.file_fields, None, js=call("setInitialWork"), **IN_BROWSER)
    edits = [p.canvas.edit, p.canvas.change, *(part.change for part in (p.prompt, p.negative, p.seed, p.keep_seed))]
    gr.on(edits, None, p.file_fields, None, js=call("storeWork"), **IN_BROWSER)
    gr.on(
        [page.load, saves.restore_button.click], on.restore, [*p.editor, saves.incoming],
        [*p.opened, p.decoder, p.compare, p.decoded_file],
        js=call("takeRequest"), **LATEST,
    )  # fmt: skip
    p.save_button.click(on.save_file, p.editor, [p.saved_file, p.status], **PRIVATE).then(
        None, p.saved_file, None, js=DOWNLOAD
    )
    saves.zip_button.click(on.save_zip, p.editor, [saves.zip_file, p.status], **PRIVATE).then(
        None, saves.zip_file, None, js=DOWNLOAD
    )
    saves.copy_link_button.click(on.copy_link, p.editor, [saves.link, p.status], **PRIVATE).then(
        None, saves.link, p.status, js=call("copyLink"), **IN_BROWSER
    )
    saves.start_over_button.click(None, None, None, js=call("startOver"), **IN_BROWSER)


def _wire_sd15_panel(p: Parts, on: Sd15PanelHandlers) -> None:
    # the answer to the newest choice is the last one
    in_turn: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "estimate"}
    p.decoder.change(
        on.choose_decoder,
        p.editor,
        [p.sd15_panel, *p.decoder_options, *p.hints, *p.run_buttons, p.edited_only, p.status],
        **LATEST,
    ).then(on.update_estimate, p.editor, [p.estimate, *p.hints, *p.run_buttons], **PRIVATE, **in_turn)
    p.preset.change(on.choose_preset, p.editor, [p.steps, p.guidance, p.follow, p.start, p.estimate], **LATEST)
    p.follow.change(on.follow_file, p.editor, [p.steps, p.guidance, p.estimate, *p.run_buttons], **LATEST)
    options: list[Any] = [
        p.steps, p.guidance, p.structure_strength, p.color_strength, p.adapter_until, p.control,
        p.start, p.noise, p.clip_skip, p.weights,
    ]  # fmt: skip
    gr.on(
        [part.change for part in options], on.update_estimate, p.editor, [p.estimate, *p.hints, *p.run_buttons],
        **LATEST, **in_turn,
    )  # fmt: skip


def _wire_strips(p: Parts, on: StripHandlers) -> None:
    records = p.saves.decode_records
    for button, handler in ((p.strip_button, on.decode_stages), (p.seeds_button, on.decode_seeds)):
        button.click(handler, p.editor, [p.strip, p.status, *p.run_buttons, p.stop_button, records], **DECODING)
    # each picture as soon as it is shown, so that it can be kept while others are decoded
    p.strip.change(None, [p.strip, records], None, js=ADD_SHOWN, **IN_BROWSER)


def _wire_prompt(p: Parts, on: DescribeHandlers) -> None:
    p.copy_prompt_button.click(None, p.prompt, None, js=COPY_PROMPT, **IN_BROWSER)
    p.describe_button.click(
        on.describe, p.editor, [p.prompt, p.prompt_source, p.automatic, p.status], **PRIVATE, **EXTRACTION
    )


def _wire_decoding(page: gr.Blocks, p: Parts, on: DecodeHandlers, preview: PreviewHandlers) -> None:
    records = p.saves.decode_records
    decoded = p.decode_button.click(
        on.decode_layers, p.editor,
        [
            p.compare, p.shown, p.status, *p.run_buttons, p.stop_button, p.decoded_file, p.edited_only, records,
        ],
        **DECODING,
    )  # fmt: skip
    decoded.then(None, records, None, js=call("addDecodes"), **IN_BROWSER)
    decoded.then(preview.resume_preview, p.editor, [p.compare], queue=False, **PRIVATE)
    p.stop_button.click(on.stop_decode, p.editor, p.status, queue=False, **PRIVATE)
    page.unload(on.close_tab)
