"""Decoding: the steps, Stop, and the finished picture."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import gradio as gr
import numpy as np

from codec import Layers
from codec.decoders import OnStep, Step
from codec.errors import Cancelled, ModelMissing
from ui.page import html
from ui.page.components import Parts
from ui.page.handlers.sd15_panel import edited_only_update, missing_status
from ui.page.handlers.sessions import Sessions
from ui.page.responses import Changes, Handlers, compare_update, handler, status_value, streaming_handler
from ui.services import actions, comparison, files, hf_space, logs, rendering, sd15_options, share
from ui.services.actions import DecodeResult
from ui.services.comparison import ShownDecode
from ui.services.editor_state import EditorState
from ui.services.error_messages import sentence
from ui.services.jobs import Job, decoder_lock
from ui.services.status import STOPPED, Status

DecodeJob = Job[Step, DecodeResult]
_WAITING: Final = Step(0, 1, "waiting for another decode to finish")
_UNCHANGED: Final = (
    "No layer has changed since the last decode, so its picture stays. "
    "To decode the whole picture again, untick “Re-decode only the edited area”."
)


class DecodeHandlers(Handlers):
    """Event handlers of Decode, Stop and the decoder's progress."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        super().__init__(parts)
        self.sessions = sessions

    @streaming_handler
    def decode_layers(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Show each step of a decode, then the finished picture."""
        yield {self.parts.saves.decode_records: None}
        yield from self.until_idle(self._decode(state, session), state)

    def until_idle(self, changes: Iterator[Changes], state: EditorState) -> Iterator[Changes]:
        """Yield the changes of a decode, a status if it fails or is stopped, and the buttons' state afterwards."""
        yield from self.report_errors(self._report_end(changes, state), "decode")
        yield self.button_states(is_decoding=False)

    def _report_end(self, changes: Iterator[Changes], state: EditorState) -> Iterator[Changes]:
        try:
            yield from changes
        except Cancelled:
            yield self.show(STOPPED)
        except ModelMissing as error:
            yield self.show(missing_status(error, state.decoder))

    def _decode(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        p, start = self.parts, time.monotonic()
        drawing, layers = state.read()
        seed, decoder = state.decode_seed(), state.decoder_name()
        job = self.make_job(state, state.selection().apply(layers), session, edited_only=state.edited_only is True)
        self.sessions.new_decodes.register(session)
        self.sessions.jobs.start(session, job)
        try:
            begun = {p.status: status_value(Status.busy("Decoding…", 0)), p.decoded_file: gr.update(interactive=False)}
            yield begun | self.button_states(is_decoding=True)
            for step in job:
                changes = self.show(Status.busy(sentence(step.label, "…"), step.index / step.total))
                if step.preview is not None:
                    preview = rendering.scale_preview(step.preview, layers)
                    compared = comparison.compare_picture(state.original, layers, preview, "decoding")
                    changes[p.compare] = compare_update(compared)
                yield changes
            result = job.result
            assert result is not None
            if result.cache_entry is not None:
                self.sessions.decodes.put(session, result.cache_entry)
            # in one answer: of two in quick succession, the browser may lose the second
            yield self.show_picture(state, layers, rendering.scale_down(result.pixels)) | {
                p.status: status_value(_finished_status(result, state, layers, time.monotonic() - start)),
                p.edited_only: edited_only_update(decoder, self.sessions, session),
                p.decoded_file: decoded_file_update(result.pixels, layers, drawing.name),
                p.saves.decode_records: [decode_record(layers, drawing.name, seed, decoder, result.pixels)],
            }
        finally:  # only now, since the preview of an edit that arrives before would replace the picture
            self.sessions.jobs.end(session, job)

    def run_series(
        self,
        session: str | None,
        series: Sequence[tuple[EditorState, Layers]],
        show: Callable[[list[np.ndarray]], Changes],
    ) -> Iterator[Changes]:
        """Decode layers one after the other; Stop ends all. Yields `show(the pictures so far)` after each."""
        pictures: list[np.ndarray] = []
        jobs = self.sessions.jobs
        for number, (state, layers) in enumerate(series):
            job = self.make_job(state, layers, session, edited_only=False)
            jobs.start(session, job, in_slider=False)
            try:
                yield show(pictures) | self.button_states(is_decoding=True)
                for step in job:
                    label = f"picture {number + 1} of {len(series)}: {step.label}"
                    progress = (number + step.index / step.total) / len(series)
                    yield self.show(Status.busy(sentence(label, "…"), progress))
            finally:
                jobs.end(session, job)
            assert job.result is not None
            pictures.append(job.result.pixels)
        yield show(pictures)

    def show_picture(self, state: EditorState, layers: Layers, pixels: np.ndarray) -> Changes:
        """Return the changes that show a finished picture of the layers, (h, w, 3) uint8, in the compare slider."""
        compared = comparison.compare_picture(state.original, layers, pixels, "decoded")
        shown = ShownDecode(state.picture_key(layers), compared.right)
        return {self.parts.compare: compare_update(compared), self.parts.shown: shown}

    def make_job(self, state: EditorState, layers: Layers, session: str | None, *, edited_only: bool) -> DecodeJob:
        """Return a job that decodes the layers with the decoder and the options in the state.

        Raises `CodecError` for invalid options and `ModelMissing` for missing weights.
        """
        decoder, seed = state.decoder_name(), state.decode_seed()
        if decoder in sd15_options.NAMES:
            work = self._sd15_work(state, layers, session, edited_only)
        else:
            work = actions.decode_task(layers, decoder, seed, state.selection().strengths)

        def logged(on_step: OnStep) -> DecodeResult:
            with logs.log_decode(decoder):
                return work(on_step)

        return Job(logged, decoder_lock(decoder), _WAITING)

    def _sd15_work(
        self, state: EditorState, layers: Layers, session: str | None, edited_only: bool
    ) -> Callable[[OnStep], DecodeResult]:
        tabs = self.sessions.sd15_tabs
        cached = self.sessions.decodes.get(session)
        options, seed = state.sd15_options(), state.decode_seed()
        work = hf_space.on_gpu(sd15_options.decode_task, layers, seed, options, edited_only, cached)
        tabs.add(session)

        def work_and_release(on_step: OnStep) -> DecodeResult:
            try:
                result: DecodeResult = work(on_step)
                return result
            finally:
                tabs.release_if_unused()  # the last tab may have closed in the meantime

        return work_and_release

    def button_states(self, *, is_decoding: bool) -> Changes:
        """Return which buttons can be pressed."""
        p = self.parts
        idle = gr.update(interactive=not is_decoding)
        return dict.fromkeys(p.run_buttons, idle) | {p.stop_button: gr.update(interactive=is_decoding)}

    @handler
    def stop_decode(self, state: EditorState, session: str | None) -> Changes:
        """Stop this tab's decode, whose own handler then shows that it was stopped."""
        if self.sessions.jobs.stop(session):
            return self.unchanged()
        return self.show(Status("Nothing is being decoded."))

    def close_tab(self, request: gr.Request) -> None:
        """Forget a tab that was closed."""
        self.sessions.decodes.discard(request.session_hash)
        self.sessions.sd15_tabs.remove(request.session_hash)


def _finished_status(result: DecodeResult, state: EditorState, layers: Layers, seconds: float) -> Status:
    if result.scope is None:
        return Status.good(_UNCHANGED)
    decoder, seed = state.decoder_name(), state.decode_seed()
    scope = f"{result.scope} " if result.scope else ""
    if decoder in sd15_options.NAMES and sd15_options.follows_recipe(state.sd15_options(), layers):
        scope = "from the file's recipe "
    note = ""
    if decoder != sd15_options.NAME and layers.recipe is not None:
        note = f" {sd15_options.RECIPE_NOTE}"
    return Status.good(f"Decoded {scope}in {seconds:.1f} s with {decoder_label(decoder)}, seed {seed}.{note}")


def decoder_label(decoder: str) -> str:
    """Return a decoder's name within a sentence."""
    return "the built-in painter" if decoder == actions.DEFAULT_DECODER else actions.DECODER_LABELS[decoder]


def decode_record(layers: Layers, name: str, seed: int, decoder: str, pixels: np.ndarray) -> dict[str, Any]:
    """Return what the browser's history stores of a decode, with its picture, (H, W, 3) uint8, as a data URI.

    Its `id` is the same for the same layers, seed and decoder.
    """
    link = share.to_link(layers)
    return {
        "id": hashlib.sha256(f"{link} {seed} {decoder}".encode()).hexdigest()[:16],
        "t": link,
        "name": name,
        "what": f"{len(layers.to_bytes()):,} bytes, {actions.DECODER_LABELS[decoder]}, seed {seed}",
        "seed": str(seed),
        "decoder": decoder,
        "picture": html.jpeg_uri(rendering.scale_down(pixels)),
    }


def decoded_file_update(pixels: np.ndarray, layers: Layers, name: str) -> Any:
    """Return the update of Save picture for a finished picture, (H, W, 3) uint8, of these layers. Raises OSError."""
    path = files.store(rendering.to_png(pixels, layers), f"{name}-decoded.png")
    return gr.update(value=path, interactive=True)
