"""Event handlers of the decoder choice and of Stable Diffusion's options."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Final

import gradio as gr

from codec import CodecError, Layers
from codec.errors import ModelMissing
from ui.page import html
from ui.page.components import Parts
from ui.page.handlers.sessions import Sessions
from ui.page.responses import Changes, Handlers, handler, status_value
from ui.services import actions, canvas_state, sd15_options
from ui.services.editor_state import EditorState
from ui.services.error_messages import sentence
from ui.services.status import Status, StatusKind

PRESET_INFO: Final = {
    "sd15": "Fast takes 4 steps; Paper works as published",
    "sdxl": "Fast and Turbo take 4 steps",
}
READY: Final = "Pixels outside your edits stay exactly as they are."
FOLLOW_SETTINGS: Final = "Use the settings in the file"
FOLLOW_RECIPE: Final = "Make the picture again from its recipe"
START_INFO: Final = {
    "sd15": "Below 1: nearer to its picture",
    "sdxl": "Below 1: nearer to its picture; 1 is 0.8 with T2I-Adapter",
}
CLIP_SKIP_INFO: Final = {"sd15": "1 is usual, 2 for anime models", "sdxl": "1 is usual"}
CANNOT_DECODE: Final = Status(
    "Stable Diffusion cannot decode here yet. Use the built-in painter instead.", StatusKind.BAD
)


class Sd15PanelHandlers(Handlers):
    """Event handlers of the decoder choice and its options."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        super().__init__(parts)
        self.sessions = sessions

    @handler
    def choose_decoder(self, state: EditorState, session: str | None) -> Changes:
        """Show the decoder's options, and whether its weights are installed.

        This must be one answer: a second one that follows closely can reach the page in the same frame, and the
        options then stay hidden.
        """
        p = self.parts
        decoder = state.decoder_name()
        is_diffusion = decoder in sd15_options.NAMES
        changes: Changes = {
            p.sd15_panel: gr.update(visible=is_diffusion),
            p.edited_only: edited_only_update(decoder, self.sessions, session),
            **self._options(state),
        }
        state = replace(state, preset=_offered_preset(state))
        changes |= self._availability(state, session)
        with contextlib.suppress(CodecError):  # an invalid edit has its own message
            changes |= self.show_hints(state, state.read()[1]) | {p.follow: follow_update(state.file(), state)}
        if not is_diffusion:
            self.sessions.sd15_tabs.remove(session)
            status = Status("The built-in painter is chosen: it works on any machine and needs no download.")
            return changes | {p.status: status_value(status)}
        self.sessions.sd15_tabs.add(session)
        is_missing = bool(self._missing(state))
        status = CANNOT_DECODE if is_missing else _chosen_status(decoder, state.file())
        return changes | {p.status: status_value(status)}

    def _options(self, state: EditorState) -> Changes:
        """Return the decoder's presets and options, and its steps and guidance in place of the other one's defaults."""
        p, decoder, preset = self.parts, state.diffusion_decoder(), _offered_preset(state)
        changes: Changes = {
            p.preset: gr.update(choices=sd15_options.preset_choices(decoder), value=preset, info=PRESET_INFO[decoder]),
            p.start: start_update(replace(state, preset=preset)),
            p.clip_skip: gr.update(info=CLIP_SKIP_INFO[decoder]),
        }
        shown = (state.steps, state.guidance)
        for other in sd15_options.NAMES:
            is_known = other != decoder and state.preset in sd15_options.presets(other)
            if is_known and shown == sd15_options.default_steps_and_guidance(state.preset, False, None, other):
                steps, guidance = sd15_options.default_steps_and_guidance(preset, False, None, decoder)
                changes |= {p.steps: steps, p.guidance: guidance}
        return changes

    @handler
    def update_estimate(self, state: EditorState, session: str | None) -> Changes:
        """Show how long a decode takes with these options, or what is missing for it.

        With another decoder, which may have been chosen while an earlier estimate was made, undo what that one showed.
        """
        changes = self._estimate(state) | self._availability(state, session)
        with contextlib.suppress(CodecError):
            changes |= self.show_hints(state, state.read()[1])
        return changes

    @handler
    def choose_preset(self, state: EditorState, session: str | None) -> Changes:
        """Show the preset's steps and guidance, and which options can be used with it."""
        changes = {self.parts.follow: follow_update(state.file(), state), self.parts.start: start_update(state)}
        return changes | self._defaults(state)

    @handler
    def follow_file(self, state: EditorState, session: str | None) -> Changes:
        """Show the steps and the guidance of the file, or those of the preset again, and what its recipe needs."""
        return self._defaults(state) | self._availability(state, session)

    def _defaults(self, state: EditorState) -> Changes:
        file = state.file()
        settings = file.settings if file is not None else None
        steps, guidance = sd15_options.default_steps_and_guidance(
            state.preset, state.follow, settings, state.diffusion_decoder()
        )
        changes = {self.parts.steps: steps, self.parts.guidance: guidance}
        return changes | self._estimate(replace(state, steps=steps, guidance=guidance))

    def _estimate(self, state: EditorState) -> Changes:
        if state.decoder not in sd15_options.NAMES:
            return {self.parts.estimate: gr.skip()}
        try:
            layers = canvas_state.read(state.canvas).layers_as_opened()
            missing = self._missing(state)
            line = html.missing(missing) if missing else html.note(sd15_options.estimate(state.sd15_options(), layers))
        except CodecError as error:
            line = html.note(sentence(str(error)), is_error=True)
        return {self.parts.estimate: line}

    def _missing(self, state: EditorState) -> str:
        """Return a line about missing models for the chosen decoder and options, "" if there are none."""
        if state.decoder not in sd15_options.NAMES:
            return ""
        layers = canvas_state.read(state.canvas).layers_as_opened()
        return sd15_options.missing_weights(state.sd15_options(), layers)

    def _availability(self, state: EditorState, session: str | None) -> Changes:
        """Return which buttons can be pressed; while a decode runs, they stay as they are."""
        if self.sessions.jobs.is_running(session):
            return {}
        try:
            can_decode = not self._missing(state)
        except CodecError:  # an invalid option has its own message
            can_decode = True
        return {button: gr.update(interactive=can_decode) for button in self.parts.run_buttons}

    def reset(self, state: EditorState, layers: Layers, session: str | None) -> Changes:
        """Forget the last decode after another image was opened, and offer the settings in its file."""
        self.sessions.decodes.discard(session)
        return {
            self.parts.edited_only: edited_only_update(state.decoder, self.sessions, session, value=False),
            self.parts.follow: follow_update(layers, state, value=layers.recipe is not None),
        }


def _offered_preset(state: EditorState) -> Any:
    """Return the chosen preset if the chosen decoder has it, or else the default one."""
    presets = sd15_options.presets(state.diffusion_decoder())
    return state.preset if state.preset in presets else sd15_options.DEFAULT_PRESET


def _chosen_status(decoder: str, file: Layers | None) -> Status:
    """Return the status after a Stable Diffusion was chosen. XL does not follow a file's recipe."""
    has_recipe = file is not None and file.recipe is not None
    note = f" {sd15_options.RECIPE_NOTE}" if has_recipe and decoder != sd15_options.NAME else ""
    return Status(f"{actions.DECODER_LABELS[decoder]} is chosen.{note}")


def edited_only_update(decoder: Any, sessions: Sessions, session: str | None, **properties: Any) -> Any:
    """Return the update of the box that limits a decode to the edited area.

    Only Stable Diffusion can do that, and only once it has decoded a picture; the box is hidden until then.
    """
    last = sessions.decodes.get(session)
    return gr.update(visible=last is not None and last.decoder == decoder, **properties)


def follow_update(layers: Layers | None, state: EditorState, **properties: Any) -> Any:
    """Return the update of the box that follows the file's recipe, or else takes steps and guidance from the file.

    It is hidden if the file has neither. Stable Diffusion XL follows no recipes.
    """
    decoder = state.diffusion_decoder()
    if layers is not None and layers.recipe is not None and decoder == sd15_options.NAME:
        made = layers.settings.summary() if layers.settings else ""
        return gr.update(visible=True, interactive=True, label=FOLLOW_RECIPE, info=made, **properties)
    description = sd15_options.describe_settings(layers.settings if layers is not None else None)
    is_distilled = sd15_options.is_distilled(state.preset, decoder)
    info = "Not with this preset, which has its own." if is_distilled else description
    return gr.update(
        visible=bool(description), interactive=not is_distilled, label=FOLLOW_SETTINGS, info=info, **properties
    )  # fmt: skip


def start_update(state: EditorState) -> Any:
    """Return the update of the slider that starts from the painter's picture."""
    can_start = sd15_options.can_start_painted(state.preset)
    info = START_INFO[state.diffusion_decoder()] if can_start else "This preset starts from noise."
    return gr.update(interactive=can_start, info=info)


def missing_status(error: ModelMissing, decoder: str) -> Status:
    """Return the status for weights that a decode did not find. Raises the error for another decoder."""
    if decoder not in sd15_options.NAMES:
        raise error
    problem, _, remedy = str(error).partition("; ")
    details = tuple(line for line in (f"{problem}.", sentence(remedy)) if line)
    return replace(CANNOT_DECODE, details=details)
