"""After an edit: the new size of the file, and a preview of the picture."""

from __future__ import annotations

from typing import Any

import gradio as gr

from codec import CodecError, Layers
from ui.page import html
from ui.page.components import Parts
from ui.page.handlers.sessions import Sessions
from ui.page.responses import Changes, Handlers, compare_update, handler
from ui.services import actions, comparison, validation
from ui.services.editor_state import EditorState, is_original_prompt
from ui.services.error_messages import sentence
from ui.services.status import Status, StatusCode


class PreviewHandlers(Handlers):
    """Event handlers that run after an edit."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        super().__init__(parts)
        self.jobs, self.edits, self.new_decodes = sessions.jobs, sessions.edits, sessions.new_decodes

    async def update_preview(self, request: gr.Request, *values: Any) -> Changes:
        """Show the new bytes, and a preview unless the slider shows a decode.

        When an image is opened, each changed field sends a request, the first of them with a mix of old and new
        values. They are answered in any order, so only the answer to the newest one is used.
        """
        number = self.edits.register(request.session_hash)
        changes = await comparison.run_limited(self._update_preview, request, *values)
        return changes if self.edits.is_newest(request.session_hash, number) else self.unchanged()

    async def resume_preview(self, request: gr.Request, *values: Any) -> Changes:
        """After a decode that was stopped, show the preview again, with the edits made in the meantime."""
        slider = self.parts.compare
        state, _ = EditorState.split(values)
        if state.status_code() is not StatusCode.STOPPED:
            return {slider: gr.skip()}
        changes = await self.update_preview(request, *values)
        return {slider: changes.get(slider, gr.skip())}

    @handler
    def _update_preview(self, state: EditorState, session: str | None) -> Changes:
        p, newest_decode = self.parts, self.new_decodes.newest(session)
        try:
            drawing, layers = state.read()
            changes = self._readout(state, layers)
            selection = state.selection()
            selection.apply(layers)
        except CodecError as error:
            return self.show(Status.invalid_input(sentence(str(error))))
        automatic = state.automatic_prompt()
        if automatic is not None and automatic.describes(layers):
            changes[p.prompt_source] = html.prompt_source(automatic.source_for(layers), layers.settings)
        elif not is_original_prompt(drawing, layers):
            changes[p.prompt_source] = html.prompt_source("Prompt written by you", layers.settings)
        changes |= self.show_hints(state, layers)
        if self.jobs.uses_slider(session):
            return changes
        is_idle = drawing.rev and not self.jobs.is_running(session)
        if (path := _decoded_file(state, layers)) is not None:
            compared = comparison.compare_file(state.original, layers, path, "decoded")
            changes |= {p.compare: compare_update(compared), p.decoded_file: gr.update(interactive=True)}
            return changes | (self.show(Status("These layers are decoded already.")) if is_idle else {})
        preview = comparison.compare_preview(state.original, layers, selection)
        if self.new_decodes.newest(session) != newest_decode:  # the slider is the decode's
            return changes
        changes |= {p.compare: compare_update(preview), p.decoded_file: gr.update(interactive=False)}
        if is_idle:
            changes |= self.show(Status("Preview of your edit. Press Decode for the finished picture."))
        return changes

    @handler
    def update_readout(self, state: EditorState, session: str | None) -> Changes:
        """Show the new bytes after a change that does not affect the picture."""
        try:
            return self._readout(state, state.read()[1])
        except CodecError as error:
            return self.show(Status.invalid_input(sentence(str(error))))

    def _readout(self, state: EditorState, layers: Layers) -> Changes:
        """Return the bytes against the budget. A status about an invalid edit is replaced."""
        budget = validation.integer(state.budget, "byte budget", *actions.BUDGET_RANGE)
        changes = self.show_sizes(layers, budget)
        if state.status_code() is StatusCode.INVALID_INPUT:
            changes |= self.show(Status("Fixed. Press Decode for the finished picture."))
        return changes


def _decoded_file(state: EditorState, layers: Layers) -> str | None:
    """Return the path of the last decode if it shows these layers, as after Undo, else None."""
    try:
        is_shown = state.shown is not None and state.shown.is_of(state.picture_key(layers))
    except CodecError:  # an invalid seed, which Decode reports
        return None
    return state.shown.path if state.shown is not None and is_shown else None
