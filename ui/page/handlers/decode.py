"""Decoding on the page: the decoder and its options, the steps, Stop, and what is kept of a tab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from codec import CodecError, Layers
from codec.bitstream.settings import Settings
from codec.decoders import Step
from codec.errors import Cancelled, ModelMissing
from ui.page import html
from ui.page.handlers import saves
from ui.page.responses import Changes, guarded, pair, sentence
from ui.services import actions, canvas_state, files, hf_space, layer_selection, logs, sd15_options
from ui.services.jobs import Job, Jobs, turn

if TYPE_CHECKING:
    from ui.page.layout import Parts

_OFFER = "The painter needs none of this: choose it as the decoder to go on now."
_UNCHANGED = (
    "No layer has changed since the last decode, so its picture stays. "
    "To decode all of it anew, untick “Only the edited area”."
)
NOTES = {  # of the switch
    "painter": "With the decoder sd15, edits can be decoded alone.",
    "nothing": "Once a picture is decoded, edits can be decoded alone.",
    "ready": "Outside your edits every pixel stays as it is.",
}


class Decoding:
    """The handlers; `jobs` has the running decode of each open tab."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.jobs = Jobs()
        self.kept = sd15_options.Keeper()
        self.users = sd15_options.Users()

    # the decoder and its options

    def chosen(self, request: gr.Request, decoder: Any) -> Changes:
        """Shows the decoder's own options, and at once whether it can work here.

        One answer and no more: a second one that comes close behind can reach the page in the same
        frame, and the options then stay hidden.
        """
        return next(self._chosen(request, decoder))

    @guarded
    def _chosen(self, request: gr.Request, decoder: Any) -> Iterator[Changes]:
        p, tab = self.parts, request.session_hash
        decoder = actions.choice(decoder, "decoder", actions.decoders())
        ours = decoder == sd15_options.NAME
        changes: Changes = {p.panel: gr.update(visible=ours), p.only: self._switch(decoder, tab)}
        if not ours:
            changes[p.status] = html.status("The painter is chosen: it works on any machine, with nothing to fetch.")
            self.users.remove(tab)
            yield changes
            return
        self.users.add(tab)
        line = sd15_options.missing()
        changes[p.status] = html.missing(line, _OFFER) if line else html.status("Stable Diffusion 1.5 is chosen.")
        yield changes

    @guarded
    def expected(self, decoder: Any, value: Any, *how: Any) -> Iterator[Changes]:
        """How long the decoder that was just chosen will take."""
        yield self._outlook(value, *how) if decoder == sd15_options.NAME else {self.parts.note: gr.skip()}

    @guarded
    def preset(self, value: Any, *how: Any) -> Iterator[Changes]:
        """The preset's steps and guidance; the file's can be followed with some presets only."""
        yield {self.parts.follow: offer(_settings(value), how[0])} | self._defaults(value, *how)

    @guarded
    def followed(self, value: Any, *how: Any) -> Iterator[Changes]:
        """The steps and the guidance of the file, or those of the preset again."""
        yield self._defaults(value, *how)

    def _defaults(self, value: Any, preset: Any, follow: Any, *how: Any) -> Changes:
        steps, guidance = sd15_options.defaults(preset, follow, _settings(value))
        changes = {self.parts.steps: steps, self.parts.guidance: guidance}
        return changes | self._outlook(value, preset, follow, steps, guidance, *how[2:])

    def _outlook(self, value: Any, *how: Any) -> Changes:
        try:
            options = sd15_options.options(*how)
            text, kind = sd15_options.outlook(options, canvas_state.read(value).layers("", "", None)), "note"
        except CodecError as error:
            text, kind = sentence(str(error)), "over"
        return {self.parts.note: html.note(text, kind)}

    def _switch(self, decoder: str, tab: str | None) -> Any:
        """The switch as it must be now."""
        if decoder != sd15_options.NAME:
            return gr.update(interactive=False, info=NOTES["painter"])
        ready = self.kept.get(tab) is not None
        return gr.update(interactive=ready, info=NOTES["ready" if ready else "nothing"])

    def opened(self, layers: Layers, decoder: Any, preset: Any, tab: str | None) -> Changes:
        """Another picture: nothing of the last one is kept, and its file's settings are offered."""
        self.kept.drop(tab)
        p = self.parts
        note = NOTES["nothing" if decoder == sd15_options.NAME else "painter"]
        return {
            p.only: gr.update(value=False, interactive=False, info=note),
            p.follow: offer(layers.settings, preset, value=False),
        }

    def left(self, request: gr.Request) -> None:
        """The tab is closed."""
        self.kept.drop(request.session_hash)
        self.users.remove(request.session_hash)

    # one decode

    def decoded(
        self, request: gr.Request, value: Any, text: str, negative: str, seed: Any, keep_seed: Any,
        original: Any, decoder: Any, only: Any, which: Any, *how: Any,
    ) -> Iterator[Changes]:  # fmt: skip
        """The finished picture, with its steps on the way."""
        now = (value, text, negative, seed, keep_seed)
        yield {self.parts.saves.made: None}
        yield from self._decoded(now, original, decoder, only is True, which, how, request.session_hash)
        yield self.buttons(decoding=False)

    @guarded
    def _decoded(
        self, now: tuple[Any, ...], original: Any, decoder: Any, only: bool, which: Any, how: tuple[Any, ...],
        tab: str | None,
    ) -> Iterator[Changes]:  # fmt: skip
        p, began = self.parts, time.monotonic()
        drawing, layers = actions.current(*now)
        number = actions.seed_of(now[3])
        decoder = actions.choice(decoder, "decoder", actions.decoders())
        on = layer_selection.read(which, how[4], how[5]).of(layers)
        job: Job | None = None
        try:
            job = self.job(on, decoder, number, only, how, tab)
            self.jobs.start(tab, job)
            started = {p.status: html.status("Decoding…", "busy", 0), p.result: gr.update(interactive=False)}
            yield started | self.buttons(decoding=True)
            for step in job:
                changes = {p.status: html.status(sentence(step.label, "…"), "busy", step.index / step.total)}
                if step.preview is not None:
                    changes[p.compare] = pair(original, layers, actions.seen(step.preview, layers), "decoding")
                yield changes
        except Cancelled:
            yield {p.status: html.STOPPED}
            return
        except ModelMissing as error:
            yield {p.status: self.missing(error, decoder)}
            return
        finally:
            if job is not None:
                self.jobs.end(tab, job)
        done = job.result
        assert done is not None
        if done.kept is not None:
            self.kept.put(tab, done.kept)
        what = f"{done.what} " if done.what else ""
        said = f"Decoded {what}in {time.monotonic() - began:.1f} s by {decoder}, seed {number}."
        yield {
            p.compare: pair(original, layers, actions.shown(done.pixels), "decoded"),
            p.status: html.status(_UNCHANGED if done.what is None else said, "good"),
            p.only: self._switch(decoder, tab),
        }
        path = files.kept(actions.png(done.pixels, layers), f"{drawing.name}.png")
        made = saves.made(layers, drawing.name, number, decoder)
        yield {p.result: gr.update(value=path, interactive=True), p.saves.made: made}

    def job(self, layers: Layers, decoder: str, seed: int, only: bool, how: tuple[Any, ...], tab: str | None) -> Job:
        waiting = Step(0, 1, "waiting for another decode to end")
        if decoder != sd15_options.NAME:
            strengths = layer_selection.read([1, 2, 3], how[4], how[5]).strengths
            return Job(_logged(decoder, actions.decoding(layers, decoder, seed, strengths)), turn(decoder), waiting)
        work = hf_space.on_gpu(
            sd15_options.decoding, layers, seed, sd15_options.options(*how), only, self.kept.get(tab)
        )
        self.users.add(tab)

        def tidied(on_step: Any) -> actions.Finished:
            try:
                return work(on_step)
            finally:
                self.users.tidy()  # the last tab that wanted the networks may be gone since

        return Job(_logged(decoder, tidied), turn(decoder), waiting)

    def buttons(self, *, decoding: bool) -> Changes:
        p = self.parts
        idle = gr.update(interactive=not decoding)
        return {p.decode: idle, p.stages: idle, p.stop: gr.update(interactive=decoding)}

    def missing(self, error: ModelMissing, decoder: str) -> str:
        """The status box for weights that are not here. Raises the error where nothing else can be offered."""
        if decoder != sd15_options.NAME:
            raise error
        return html.missing(str(error), _OFFER)

    def stopped(self, request: gr.Request) -> Changes:
        """Stops this tab's decode; the decode's own handler says so."""
        found = self.jobs.stop(request.session_hash)
        return {self.parts.status: gr.skip() if found else html.status("Nothing is being decoded.")}


def _logged(decoder: str, work: Callable[[Any], actions.Finished]) -> Callable[[Any], actions.Finished]:
    def run(on_step: Any) -> actions.Finished:
        with logs.decode(decoder):
            return work(on_step)

    return run


def offer(settings: Settings | None, preset: Any, **more: Any) -> Any:
    """The box that takes steps and guidance from the file, there where the file has them."""
    known = sd15_options.offered(settings)
    lcm = isinstance(preset, str) and preset in sd15_options.PRESETS and sd15_options.PRESETS[preset].lcm
    info = "Not with this preset, which has its own." if lcm else known
    return gr.update(visible=bool(known), interactive=not lcm, info=info, **more)


def _settings(value: Any) -> Settings | None:
    base = canvas_state.read(value).base
    return base.settings if base is not None else None
