"""The page's components and their places. What they do is in events.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from codec import Layers, Prompt
from codec.encoder.options import EDGES
from codec.layers import default_budget
from ui import api
from ui.page import events, html, responses
from ui.page.handlers import budget_slider, saves
from ui.page.handlers import decode as decoding
from ui.page.layer_canvas import layer_canvas
from ui.services import actions, canvas_state, examples, layer_selection, sd15_options
from ui.services.files import kept

EXAMPLE = examples.FOLDER / "coffee.tril"
EXAMPLE_PICTURE = examples.FOLDER / "coffee.jpg"
_WORDS = (
    "The painter reads words of style and material: “oil painting”, “night”, “forest”… "
    "Objects come from the sketch. sd15 reads every word."
)


@dataclass(frozen=True)
class Parts:
    """Every component that an event reads or changes."""

    open: gr.UploadButton
    save: gr.Button
    fit: gr.Button
    download: gr.DownloadButton
    picture: gr.Image
    prompt: gr.Textbox
    origin: gr.HTML
    tally: gr.HTML
    negative: gr.Textbox
    budget: gr.Slider
    split: gr.Radio
    pinned: gr.Number
    grid: gr.Dropdown
    edges: gr.Dropdown
    again: gr.Button
    readout: gr.HTML
    canvas: gr.HTML
    compare: gr.ImageSlider
    status: gr.HTML
    decoder: gr.Dropdown
    seed: gr.Textbox
    dice: gr.Button
    keep_seed: gr.Checkbox
    only: gr.Checkbox
    which: gr.CheckboxGroup
    panel: gr.Column
    preset: gr.Radio
    follow: gr.Checkbox
    steps: gr.Number
    guidance: gr.Number
    structure: gr.Slider
    colors: gr.Slider
    until: gr.Slider
    control: gr.Radio
    note: gr.HTML
    decode: gr.Button
    stop: gr.Button
    result: gr.DownloadButton
    stages: gr.Button
    strip: gr.HTML
    saves: saves.SaveParts
    original: gr.State
    source: gr.State

    @property
    def mix(self) -> list[Any]:
        """What `ui.services.layer_selection.read` takes, in its order."""
        return [self.which, self.structure, self.colors]

    @property
    def how(self) -> list[Any]:
        """What `ui.services.sd15_options.options` takes, in its order."""
        return [
            self.preset, self.follow, self.steps, self.guidance, self.structure, self.colors, self.until, self.control,
        ]  # fmt: skip


def build() -> gr.Blocks:
    """The page, with the example loaded."""
    layers = Layers.from_bytes(EXAMPLE.read_bytes())
    text, negative = (layers.semantic.text, layers.semantic.negative) if layers.semantic else ("", "")
    original = kept(EXAMPLE_PICTURE.read_bytes(), EXAMPLE_PICTURE.name)
    with gr.Blocks(title="Trilayer", fill_width=True) as page:
        parts: dict[str, Any] = {
            "original": gr.State(original),
            "source": gr.State(original),
        }
        with gr.Row(elem_id="top"):
            gr.HTML(html.header(), apply_default_css=False)
            with gr.Row(elem_id="top-buttons"):
                parts["open"] = gr.UploadButton(
                    "Open .tril", file_types=[".tril", ".png"], type="filepath", elem_id="open", min_width=110
                )
                parts["save"] = gr.Button("Save .tril", elem_id="save", min_width=110)
                parts["saves"] = saves.buttons()
                parts["download"] = gr.DownloadButton("Download", visible="hidden")
        with gr.Row(elem_id="bench"):
            with gr.Column():
                parts |= _source_column(original, layers, text, negative)
            with gr.Column():
                parts["canvas"] = layer_canvas(
                    canvas_state.packed(canvas_state.write(layers, EXAMPLE.stem)), elem_id="canvas"
                )
                gr.HTML(examples.html(), elem_id="start", apply_default_css=False)
            with gr.Column():
                parts |= _result_column(original, layers)
                saves.history()
        events.wire(page, Parts(**parts))
        api.wire()
    return page


def _source_column(original: str, layers: Layers, text: str, negative: str) -> dict[str, Any]:
    budget = default_budget(layers.width, layers.height)
    parts: dict[str, Any] = {}
    parts["picture"] = gr.Image(
        original, label="Image", type="filepath", image_mode=None, sources=["upload", "clipboard"],
        height=210, buttons=[], elem_id="picture",
    )  # fmt: skip
    parts["prompt"] = gr.Textbox(
        text,
        label="Prompt",
        lines=3,
        max_lines=8,
        max_length=canvas_state.MAX_PROMPT,
        elem_id="prompt",
        buttons=["copy"],
    )
    parts["origin"] = gr.HTML(html.origin("written for this example"), elem_id="origin", apply_default_css=False)
    parts["tally"] = gr.HTML(html.tally(layers.semantic or Prompt()), elem_id="tally", apply_default_css=False)
    gr.HTML(html.hint(_WORDS), elem_id="words", apply_default_css=False)
    with gr.Accordion("Negative prompt", open=bool(negative)):
        parts["negative"] = gr.Textbox(
            negative, label="Negative prompt", show_label=False, container=False, lines=2,
            max_lines=6, max_length=canvas_state.MAX_PROMPT, elem_id="negative",
        )  # fmt: skip
    parts["readout"] = gr.HTML(html.readout(layers, budget), elem_id="readout", apply_default_css=False)
    parts["fit"] = gr.Button("Cut to fit", interactive=False, elem_id="fit", size="sm")
    parts["budget"] = budget_slider.slider(layers)
    with gr.Accordion("Budget and extraction", open=False):
        parts |= budget_slider.split()
        parts["edges"] = gr.Dropdown(list(EDGES), value=EDGES[0], label="Edge detector", elem_id="edges")
        parts["grid"] = gr.Dropdown(
            [("As the budget allows", 0), *(((f"{n} on the longer side"), n) for n in (4, 6, 8, 12, 16, 24, 32))],
            value=0, label="Color cells", elem_id="grid",
        )  # fmt: skip
        parts["again"] = gr.Button("Extract again", elem_id="again")
    return parts


def _result_column(original: str, layers: Layers) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    parts["compare"] = gr.ImageSlider(
        (original, actions.flat_picture(layers)), label=responses.label("Original", "layers"),
        format="jpeg", interactive=False, buttons=["fullscreen"], max_height=640, elem_id="compare",
    )  # fmt: skip
    with gr.Row(elem_id="run"):
        parts["decode"] = gr.Button("Decode", variant="primary", elem_id="decode", min_width=120, scale=3)
        parts["stop"] = gr.Button("Stop", interactive=False, elem_id="stop", min_width=80)
        parts["result"] = gr.DownloadButton("Save picture", interactive=False, elem_id="result", min_width=100)
    parts["status"] = gr.HTML(
        html.status("An example is open. Press Decode, or edit a layer first."),
        elem_id="status", apply_default_css=False,
    )  # fmt: skip
    parts["stages"] = gr.Button("Compare 1, 2 and 3 layers", size="sm", elem_id="stages")
    parts["strip"] = gr.HTML("", elem_id="strip", apply_default_css=False)
    with gr.Column(elem_id="how"):
        with gr.Row():
            parts["decoder"] = gr.Dropdown(
                actions.decoders(), value=actions.FINAL, label="Decoder", elem_id="decoder", min_width=100
            )
            parts["seed"] = gr.Textbox(
                str(layers.seed or 0), label="Seed", max_lines=1, max_length=actions.MAX_FIELD,
                elem_id="seed", min_width=100,
            )  # fmt: skip
            parts["dice"] = gr.Button("New seed", elem_id="dice", min_width=44)
        parts["which"] = gr.CheckboxGroup(
            list(layer_selection.CHOICES), value=[1, 2, 3], label="Layers", elem_id="which",
            info="What a decode and the preview are made from; the file keeps all of them.",
        )  # fmt: skip
        with gr.Row(elem_id="strengths"):
            parts["structure"] = _slider("Sketch strength", 2, elem_id="structure")
            parts["colors"] = _slider("Color strength", 2, elem_id="colors")
        gr.HTML(html.hint(layer_selection.HINT), apply_default_css=False)
        parts |= _diffusion_panel(layers)
        parts["keep_seed"] = gr.Checkbox(
            layers.seed is not None, label="Save the seed in the file", elem_id="keep-seed", container=False
        )
        parts["only"] = gr.Checkbox(
            False, label="Only the edited area", info=decoding.NOTES["painter"], interactive=False,
            elem_id="only", container=False,
        )  # fmt: skip
    return parts


def _diffusion_panel(layers: Layers) -> dict[str, Any]:
    """The options of Stable Diffusion, which `ui.services.sd15_options.options` checks."""
    parts: dict[str, Any] = {}
    steps, guidance = sd15_options.defaults(sd15_options.DEFAULT, False, None)
    known = sd15_options.offered(layers.settings)
    with gr.Column(visible=False, elem_id="sd15") as parts["panel"]:
        parts["preset"] = gr.Radio(
            list(sd15_options.PRESETS), value=sd15_options.DEFAULT, label="Preset", elem_id="preset"
        )
        parts["follow"] = gr.Checkbox(
            False, label="As the file says", info=known, visible=bool(known), elem_id="follow", container=False
        )
        with gr.Row():
            parts["steps"] = gr.Number(
                steps, label="Steps", precision=0, minimum=sd15_options.STEPS[0], maximum=sd15_options.STEPS[1],
                elem_id="steps", min_width=80,
            )  # fmt: skip
            parts["guidance"] = gr.Number(
                guidance, label="Guidance", step=0.25, minimum=sd15_options.GUIDANCE[0], maximum=sd15_options.GUIDANCE[1],
                elem_id="guidance", min_width=80,
            )  # fmt: skip
        parts["until"] = _slider("Share of steps guided", 1, elem_id="until")
        parts["control"] = gr.Radio(
            [("T2I-Adapter", "t2i"), ("ControlNet", "controlnet")], value=sd15_options.CONTROLS[0],
            label="Sketch or pose through", elem_id="control",
        )  # fmt: skip
        parts["note"] = gr.HTML("", elem_id="outlook", apply_default_css=False)
    return parts


def _slider(label: str, most: float, elem_id: str) -> gr.Slider:
    return gr.Slider(0, most, value=1, step=0.05, label=label, elem_id=elem_id, min_width=80, buttons=[])
