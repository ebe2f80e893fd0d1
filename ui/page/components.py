"""The components of the page that event handlers read or change."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from ui.services.editor_state import EditorState


@dataclass(frozen=True)
class SaveParts:
    """The components that restore and share work.

    incoming: the request of the browser to open something
    link: the link for the clipboard
    decode_records: finished decodes for the history
    zip_file: the ZIP for download
    """

    incoming: gr.JSON
    restore_button: gr.Button
    link: gr.JSON
    decode_records: gr.JSON
    copy_link_button: gr.Button
    zip_button: gr.Button
    zip_file: gr.DownloadButton
    start_over_button: gr.Button


@dataclass(frozen=True)
class Parts:
    """Every component that an event reads or changes. The names of inputs are those in `EditorState`."""

    # files
    open_button: gr.UploadButton
    save_button: gr.Button
    saved_file: gr.DownloadButton
    saves: SaveParts
    picture: gr.Image
    original: gr.State
    source: gr.State
    shown: gr.State
    automatic: gr.JSON
    # the layers
    canvas: gr.HTML
    prompt: gr.Textbox
    prompt_source: gr.HTML
    copy_prompt_button: gr.Button
    describe_button: gr.Button
    prompt_hint: gr.HTML
    negative_hint: gr.HTML
    colors_hint: gr.HTML
    prompt_size: gr.HTML
    structure_size: gr.HTML
    color_size: gr.HTML
    negative: gr.Textbox
    # bytes and extraction
    readout: gr.HTML
    trim_button: gr.Button
    budget: gr.Slider
    lock_sketch: gr.Checkbox
    lock_colors: gr.Checkbox
    edges: gr.Dropdown
    grid: gr.Dropdown
    cubic_colors: gr.Checkbox
    recipe: gr.Dropdown
    reextract_button: gr.Button
    # decoding
    compare: gr.ImageSlider
    decode_button: gr.Button
    stop_button: gr.Button
    decoded_file: gr.DownloadButton
    status: gr.HTML
    strip_button: gr.Button
    strip: gr.HTML
    decoder: gr.Dropdown
    seed: gr.Textbox
    new_seed_button: gr.Button
    seed_hint: gr.HTML
    seeds_button: gr.Button
    keep_seed: gr.Checkbox
    use_prompt: gr.Checkbox
    use_structure: gr.Checkbox
    use_colors: gr.Checkbox
    structure_strength: gr.Slider
    color_strength: gr.Slider
    edited_only: gr.Checkbox
    # options of Stable Diffusion
    sd15_panel: gr.Column
    preset: gr.Radio
    follow: gr.Checkbox
    steps: gr.Number
    guidance: gr.Number
    adapter_until: gr.Slider
    control: gr.Radio
    start: gr.Slider
    noise: gr.Dropdown
    clip_skip: gr.Number
    weights: gr.Dropdown
    estimate: gr.HTML

    @property
    def editor(self) -> list[Any]:
        """The inputs of every handler, in the order of `EditorState`."""
        return [getattr(self, field.name) for field in fields(EditorState)]

    @property
    def file_fields(self) -> list[Any]:
        """The inputs that the browser stores: those that go into the file, and whether a program wrote the prompt."""
        return [self.canvas, self.prompt, self.negative, self.seed, self.keep_seed, self.automatic]

    @property
    def selection(self) -> list[Any]:
        """The inputs of `EditorState.selection`."""
        return [
            self.use_prompt, self.use_structure, self.use_colors, self.structure_strength, self.color_strength,
        ]  # fmt: skip

    @property
    def sizes(self) -> list[Any]:
        """The outputs of `html.layer_sizes` and of the readout."""
        return [self.prompt_size, self.structure_size, self.color_size, self.readout, self.trim_button]

    @property
    def hints(self) -> list[Any]:
        """The outputs for `DecoderNotes`, in its order."""
        return [self.prompt_hint, self.negative_hint, self.colors_hint, self.seed_hint]

    @property
    def decoder_options(self) -> list[Any]:
        """The options of Stable Diffusion in which its versions differ."""
        return [self.preset, self.steps, self.guidance, self.follow, self.start, self.clip_skip]

    @property
    def run_buttons(self) -> list[Any]:
        """The buttons that start a decode."""
        return [self.decode_button, self.seeds_button, self.strip_button]

    @property
    def opened(self) -> list[Any]:
        """The outputs of handlers that open another image.

        The canvas comes after the other fields: its change starts an event, which reads them.
        """
        return [
            self.prompt, self.negative, self.prompt_source, self.budget, self.seed, self.keep_seed,
            self.picture, self.original, self.source, self.shown, self.automatic, self.describe_button,
            self.edited_only, self.follow, self.strip, self.canvas, self.status,
        ]  # fmt: skip
