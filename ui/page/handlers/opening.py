"""Opening another image: a picture, which is encoded, or a .tril file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from codec import CodecError
from codec.errors import NotTrilayer
from codec.layers import default_budget
from ui.page import html
from ui.page.components import Parts
from ui.page.handlers.budget_slider import max_budget
from ui.page.handlers.sd15_panel import Sd15PanelHandlers, follow_update
from ui.page.responses import Changes, Handlers, handler, status_value, streaming_handler
from ui.services import actions, automatic_prompt, canvas_state, files, rendering, sd15_options
from ui.services.actions import OpenedImage
from ui.services.automatic_prompt import AutomaticPrompt
from ui.services.editor_state import EditorState
from ui.services.import_layers import upload_path
from ui.services.status import Status


class OpenHandlers(Handlers):
    """Event handlers of everything that opens an image."""

    def __init__(self, parts: Parts, panel: Sd15PanelHandlers) -> None:
        super().__init__(parts)
        self.panel = panel

    @streaming_handler
    def open_picture(self, state: EditorState, session: str | None, upload: Any) -> Iterator[Changes]:
        """Encode a picture, with the prompt in its file if there is one."""
        path = upload_path(upload)
        if path is None:
            yield self.unchanged()
        else:
            yield from self._encode(path, state, session)

    def _encode(self, path: str, state: EditorState, session: str | None) -> Iterator[Changes]:
        p = self.parts
        yield self.show(Status.busy("Extracting prompt, sketch and colors…"))
        try:
            options = actions.encode_options(
                grid=state.grid, edges=state.edges, cubic_colors=state.cubic_colors, balance=state.balance()
            )
            opened = actions.open_picture(path, options)
        except CodecError:
            yield {p.picture: state.original}  # the image box shows again what the layers were extracted from
            raise
        if opened.embedded:
            yield self.replace_all(opened, state, session)
            return
        assert opened.original is not None
        original = files.store(rendering.to_jpeg(rendering.scale_down(opened.original)), "original.jpg")
        reset = self.panel.reset(state, opened.layers, session)
        yield self._show_layers(opened) | reset | {p.original: original, p.source: path}

    @handler
    def clear_original(self, state: EditorState, session: str | None) -> Changes:
        """Forget the original picture, but keep the layers."""
        p = self.parts
        return {p.original: None, p.source: None} | self.show(Status("Original removed; the layers are kept."))

    @streaming_handler
    def reextract(self, state: EditorState, session: str | None) -> Iterator[Changes]:
        """Encode the same picture with other options. The user can undo to the present drawing."""
        p = self.parts
        if not state.source:
            raise CodecError("there is no image to extract from: drop one first")
        text, negative = state.prompt or "", state.negative or ""
        canvas_state.check_prompt(text, negative)
        yield self.show(Status.busy("Re-extracting layers…"))
        has_recipe = state.recipe != actions.NO_RECIPE  # the picture's metadata then give prompt and seed
        given = {} if has_recipe else {"prompt": text or None, "negative": negative}
        options = actions.encode_options(
            **given, budget=state.budget, grid=state.grid, edges=state.edges, cubic_colors=state.cubic_colors,
            recipe=state.recipe, balance=state.balance(),
        )  # fmt: skip
        opened = actions.open_picture(state.source, options)
        canvas = canvas_state.write(opened.layers, opened.name, keep_history=True)
        changes = self._show_layers(opened) | {p.canvas: canvas_state.to_json(canvas)}
        automatic = state.automatic_prompt()
        if automatic is not None and automatic.describes(opened.layers):
            changes[p.automatic] = list(AutomaticPrompt.of(opened.layers, automatic.source))
        unaffected: list[Any] = [p.budget]
        if has_recipe:
            changes[p.follow] = follow_update(opened.layers, state, value=True)
        else:
            unaffected += [p.seed, p.keep_seed, *((p.prompt_source,) if text else ())]
        yield {part: value for part, value in changes.items() if part not in unaffected}

    @streaming_handler
    def open_file(self, state: EditorState, session: str | None, upload: Any) -> Iterator[Changes]:
        """Open a .tril file, a PNG with one inside, a ZIP of layers, or else a picture."""
        path = upload_path(upload)
        if path is None:
            yield self.unchanged()
        elif actions.holds_layers(path):
            yield self.replace_all(_open_layers(path), state, session)
        else:
            yield {self.parts.picture: path}
            yield from self._encode(path, state, session)

    def replace_all(self, opened: OpenedImage, state: EditorState, session: str | None) -> Changes:
        """Return the changes that show an image without an original in place of the present one."""
        p = self.parts
        reset = self.panel.reset(state, opened.layers, session)
        return self._show_layers(opened) | reset | {p.picture: None, p.original: None, p.source: None}

    def _show_layers(self, opened: OpenedImage) -> Changes:
        p, layers = self.parts, opened.layers
        prompt, budget = layers.semantic, default_budget(layers.width, layers.height)
        recipe = f" {sd15_options.RECIPE_NOTE}" if layers.recipe is not None else ""
        status = Status.good(f"Opened {opened.name}, {layers.width} × {layers.height}.{recipe}")
        if opened.warning:
            status = Status.warn(opened.warning)
        return {
            p.canvas: canvas_state.to_json(canvas_state.write(layers, opened.name)),
            p.prompt: prompt.text if prompt else "",
            p.negative: prompt.negative if prompt else "",
            p.prompt_source: html.prompt_source(opened.prompt_source, layers.settings),
            p.automatic: list(AutomaticPrompt.of(layers, opened.prompt_source)) if opened.is_automatic else None,
            p.describe_button: gr.update(visible=automatic_prompt.can_caption()),
            p.shown: None,
            p.budget: gr.update(value=budget, maximum=max_budget(budget)),
            p.seed: str(layers.seed or 0),
            p.keep_seed: layers.seed is not None,
            p.strip: "",
            p.status: status_value(status),
        }


def _open_layers(path: str) -> OpenedImage:
    """Return the layers in a file. Raises `CodecError`, for a file of another kind with what can be opened."""
    try:
        return actions.open_file(path)
    except NotTrilayer as error:
        raise NotTrilayer(f"{error}: choose a .tril file, a .zip of layers, or a picture") from None
