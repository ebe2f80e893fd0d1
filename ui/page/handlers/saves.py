"""Saving work as a file, a ZIP or a link, and restoring what the browser stored. The server stores nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from codec import CodecError, Layers
from ui.page.components import Parts
from ui.page.handlers.decode import DecodeHandlers, decoded_file_update
from ui.page.handlers.opening import OpenHandlers
from ui.page.responses import Changes, Handlers, handler, status_value, streaming_handler
from ui.services import actions, canvas_state, examples, files, layers_zip, share, stored_work, validation
from ui.services.actions import OpenedImage
from ui.services.editor_state import EditorState
from ui.services.error_messages import sentence
from ui.services.status import Status

REQUESTS: Final = frozenset({"t", "state", "example", "empty"})  # see `SaveHandlers.restore`


class SaveHandlers(Handlers):
    """Event handlers of saving and restoring."""

    def __init__(self, parts: Parts, opening: OpenHandlers, decoding: DecodeHandlers) -> None:
        super().__init__(parts)
        self.opening = opening
        self.decoding = decoding

    @streaming_handler
    def save_file(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Offer the .tril file for download."""
        yield {self.parts.saved_file: None}  # so that the same file is downloaded a second time
        drawing, layers = state.read()
        data, name = layers.to_bytes(), f"{drawing.name}.tril"
        saved = self.show(Status.good(f"Saved {name}, {len(data):,} bytes."))
        yield {self.parts.saved_file: files.store(data, name)} | saved

    @streaming_handler
    def save_zip(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Offer the layers for download as files that any editor opens."""
        zip_file = self.parts.saves.zip_file
        yield {zip_file: None}
        drawing, layers = state.read()
        name = f"{drawing.name}{layers_zip.SUFFIX}.zip"
        saved = self.show(Status.good(f"Saved {name}: the layers as files that any editor opens."))
        yield {zip_file: files.store(layers_zip.pack(layers), name)} | saved

    @streaming_handler
    def copy_link(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Send the link to the browser, which copies it and shows one of the statuses."""
        link = self.parts.saves.link
        yield {link: None}
        layers = state.read()[1]
        in_address_bar = "This browser does not let pages copy: the link is now in the address bar. Copy it there."
        yield {
            link: {
                "t": share.to_link(layers),
                "maxQuery": share.MAX_QUERY_CHARS,
                "copied": status_value(Status.good(share.link_message(layers))),
                "shown": status_value(Status.warn(in_address_bar)),
            }
        }

    @handler
    def restore(self, state: EditorState, session: str | None, request: Any) -> Changes:
        """Open what the browser asks for.

        `request`: {t} from a link; {t, name, seed, decoder, picture} of a decode in the history, its picture as a data
        URI or null; {state} of stored work;
        {example} by its name; {empty: [width, height]} for a blank canvas; anything else for nothing.
        """
        if not isinstance(request, dict) or not request.keys() & REQUESTS:
            return self.unchanged()
        if "example" in request:
            opened = examples.open_example(request["example"])
            example = examples.EXAMPLES[opened.name]
            changes = self._open(opened, state, session, Status.good(f"{example.title}: {example.hint}"))
            value = canvas_state.write(opened.layers, opened.name) | {"tool": example.tool}
            return changes | {self.parts.canvas: canvas_state.to_json(value)}
        if "empty" in request:
            status = Status.good("New blank canvas: draw with Pen, paint with Cell, write a prompt, then Decode.")
            return self._open(examples.open_blank(request["empty"]), state, session, status)
        if "t" in request:
            opened = share.from_link(request["t"])
            if "decoder" in request:
                return self._restore_decode(opened, request, state, session)
            return self._open(opened, state, session)
        return self._restore_work(request.get("state"), state, session)

    def _open(
        self, opened: OpenedImage, state: EditorState, session: str | None, status: Status | None = None
    ) -> Changes:
        changes = self.opening.replace_all(opened, state, session)
        return changes | self.show(status) if status is not None else changes

    def _restore_decode(
        self, opened: OpenedImage, request: dict[str, Any], state: EditorState, session: str | None
    ) -> Changes:
        """Show a decode of the history again, with its decoder and seed. Its layers are opened unless they are."""
        p, layers = self.parts, opened.layers
        decoder = validation.choice(request["decoder"], "decoder", actions.decoder_names())
        seed = str(validation.seed(request.get("seed")))
        name = canvas_state.file_stem(request.get("name"))
        state = replace(state, decoder=decoder, seed=seed)
        changes = self.show(Status.good(f"Seed {seed} is kept."))
        if not _is_open(layers, state):
            opened = replace(opened, name=name, prompt_source="Prompt from your history")
            changes = self._open(opened, state, session, Status.good("Restored."))
            state = replace(state, original=None)
        pixels = stored_work.read_picture(request.get("picture"), layers)
        if pixels is not None:
            self.decoding.sessions.new_decodes.register(session)
            changes |= self.decoding.show_picture(state, layers, pixels)
            changes[p.decoded_file] = decoded_file_update(pixels, layers, name)
        return changes | {p.decoder: decoder, p.seed: seed}

    def _restore_work(self, stored: Any, state: EditorState, session: str | None) -> Changes:
        """Open the work that the browser stored."""
        try:
            work = stored_work.read(stored)
        except CodecError as error:
            return self.show(Status.warn(f"Your last work in this browser cannot be opened: {sentence(str(error))}"))
        opened = OpenedImage(work.layers, work.name, "Prompt from your last work")
        status = Status.good(f"Your last work, {work.name}, is open again. “Start over” discards it.")
        p = self.parts
        fields: Changes = {
            p.prompt: work.prompt,
            p.negative: work.negative,
            p.seed: work.seed,
            p.keep_seed: work.keep_seed,
        }
        fields[p.automatic] = list(work.automatic) if work.automatic is not None else None
        return self._open(opened, state, session, status) | fields


def _is_open(layers: Layers, state: EditorState) -> bool:
    """Return whether the page shows these layers; their seeds may differ."""
    try:
        return replace(state.read()[1], seed=None) == replace(layers, seed=None)
    except CodecError:
        return False
