"""Describe: a caption of the picture as its prompt."""

from __future__ import annotations

from collections.abc import Iterator

from ui.page import html
from ui.page.responses import Changes, Handlers, status_value, streaming_handler
from ui.services import automatic_prompt
from ui.services.automatic_prompt import AutomaticPrompt
from ui.services.editor_state import EditorState
from ui.services.status import Status


class DescribeHandlers(Handlers):
    """Event handlers of Describe."""

    @streaming_handler
    def describe(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Replace the prompt by a caption of the original, or of the preview if sketch or colors were edited."""
        p = self.parts
        drawing, layers = state.read()
        yield self.show(Status.busy("Describing the picture…"))
        text, captioner = automatic_prompt.describe(layers, state.source, drawing.rev > 0)
        if not text:
            yield self.show(Status.warn(f"{captioner.upper()} found no words for this picture: type what it shows."))
            return
        source = f"Prompt captioned by {captioner.upper()}"
        yield {
            p.prompt: text,
            p.prompt_source: html.prompt_source(source, layers.settings),
            p.automatic: list(AutomaticPrompt(text, source, automatic_prompt.fingerprint(layers))),
            p.status: status_value(Status.good(f"Described by {captioner.upper()}. Undo restores your prompt.")),
        }
