"""The places of the page's components. `events` connects them to their handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gradio as gr

from codec import Layers, Prompt
from codec.decoders.sd15.options import CONTROLS
from codec.encoder.encode_options import EDGES
from codec.layers import default_budget
from ui.page import events, html
from ui.page.components import Parts, SaveParts
from ui.page.handlers.budget_slider import max_budget
from ui.page.handlers.layer_strip import SEED_COUNT
from ui.page.handlers.sd15_panel import CLIP_SKIP_INFO, FOLLOW_SETTINGS, PRESET_INFO, READY, START_INFO
from ui.page.layer_canvas import layer_canvas
from ui.page.responses import status_value
from ui.services import (
    actions,
    automatic_prompt,
    budget,
    canvas_state,
    examples,
    layer_selection,
    rendering,
    sd15_options,
    validation,
)
from ui.services.comparison import slider_label
from ui.services.decoder_notes import decoder_notes
from ui.services.files import store
from ui.services.status import Status

_DROP_HINT: Final = "# Drop a picture\nor click to choose one"
_EDGE_LABELS: Final = {
    "contours": "Built-in", "canny": "Canny", "lineart": "Line art", "drawing": "Black-and-white drawing",
    "pidinet": "PiDiNet", "hed": "HED", "auto": "Best installed", "openpose": "People (OpenPose)",
}  # fmt: skip
_RECIPE_CHOICES: Final = (
    ("Not stored", "none"), ("Stored beside sketch and colors", "beside"), ("Stored instead of them", "instead"),
)  # fmt: skip
_GRID_SIZES: Final = (4, 6, 8, 12, 16, 24, 32)  # cells on the longer side


def build(add_endpoints: Callable[[], None] | None = None) -> gr.Blocks:
    """Return the page with an example open. `add_endpoints`: called within the page to add its API."""
    layers = Layers.from_bytes(examples.START_FILE.read_bytes())
    original = store(examples.START_PICTURE.read_bytes(), examples.START_PICTURE.name)
    page = gr.Blocks(title="Trilayer", fill_width=True)
    with page:
        parts: dict[str, Any] = {"original": gr.State(original), "source": gr.State(original)}
        parts |= {"shown": gr.State(None), "automatic": gr.JSON(visible=False)}
        with gr.Row(elem_id="top"):
            gr.HTML(html.header(), apply_default_css=False)
            with gr.Row(elem_id="top-buttons"):
                parts |= _file_buttons()
        gr.HTML(html.start(), elem_id="start", apply_default_css=False)
        with gr.Row(elem_id="bench"):
            with gr.Column(elem_id="source"):
                parts |= _source_column(original, layers)
            with gr.Column(elem_id="drawing"):
                parts["canvas"] = layer_canvas(
                    canvas_state.to_json(canvas_state.write(layers, examples.START_FILE.stem)), elem_id="canvas"
                )
            with gr.Column(elem_id="result-column"):
                parts |= _result_column(original, layers)
                gr.HTML(html.HISTORY, elem_id="history", apply_default_css=False)
        events.wire(page, Parts(**parts))
        if add_endpoints is not None:
            add_endpoints()
    return page


def _file_buttons() -> dict[str, Any]:
    return {
        "open_button": gr.UploadButton(
            "Open", file_types=[".tril", ".zip", "image"], type="filepath", elem_id="open", min_width=44
        ),
        "save_button": gr.Button("Save", elem_id="save", min_width=44),
        "saves": SaveParts(
            incoming=gr.JSON(visible=False),
            link=gr.JSON(visible=False),
            decode_records=gr.JSON(visible=False),
            restore_button=gr.Button("Restore", visible="hidden", elem_id="restore"),
            copy_link_button=gr.Button("Copy link", elem_id="copy-link", min_width=44),
            zip_button=gr.Button("Layers .zip", elem_id="zip", min_width=44),
            zip_file=gr.DownloadButton("Download", visible="hidden"),
            start_over_button=gr.Button("Start over", elem_id="over", min_width=44),
        ),
        "saved_file": gr.DownloadButton("Download", visible="hidden"),
    }


def _source_column(original: str, layers: Layers) -> dict[str, Any]:
    """Return the picture, a panel for each layer, and the size of the file."""
    parts: dict[str, Any] = {}
    sizes = html.layer_sizes(layers)
    max_bytes = default_budget(layers.width, layers.height)
    parts["picture"] = gr.Image(
        original, label="Picture", type="filepath", image_mode=None, sources=["upload"], placeholder=_DROP_HINT,
        height=150, buttons=[], elem_id="picture",
    )  # fmt: skip
    with gr.Column(elem_classes="tl-layer", elem_id="layer-prompt"):
        parts |= _prompt_panel(layers, sizes[0])
    with gr.Column(elem_classes="tl-layer", elem_id="layer-sketch"):
        parts |= _layer_panel("structure", "Sketch", "sketch", sizes[1])
    with gr.Column(elem_classes="tl-layer", elem_id="layer-colors"):
        parts |= _layer_panel("color", "Colors", "colors", sizes[2])
    with gr.Column(elem_id="file"):
        parts["readout"] = gr.HTML(html.readout(layers, max_bytes), elem_id="readout", apply_default_css=False)
        parts["budget"] = gr.Slider(
            budget.MIN_BUDGET, max_budget(max_bytes), value=max_bytes, step=1, label="Byte budget", buttons=[],
            elem_id="budget",
        )  # fmt: skip
        parts["trim_button"] = gr.Button("Trim to budget", interactive=False, elem_id="fit", size="sm")
        with gr.Accordion("Extraction settings", open=False):
            parts |= _extraction_settings()
    return parts


def _prompt_panel(layers: Layers, size: str) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    prompt, notes = layers.semantic or Prompt(), decoder_notes(actions.DEFAULT_DECODER, None, layers)
    with gr.Row(elem_classes="tl-layer-head"):
        parts["use_prompt"] = _switch("Prompt", "use-prompt")
        parts["prompt_size"] = gr.HTML(size, elem_id="tally", apply_default_css=False)
    parts["prompt"] = gr.Textbox(
        prompt.text, label="Prompt", show_label=False, container=False, lines=2, max_lines=8,
        placeholder="What does the picture show?", max_length=canvas_state.MAX_PROMPT_CHARS, elem_id="prompt",
    )  # fmt: skip
    with gr.Row(elem_id="prompt-tools"):
        parts["prompt_source"] = gr.HTML(
            html.prompt_source("Prompt written for this example"), elem_id="origin", apply_default_css=False
        )
        parts["copy_prompt_button"] = gr.Button("Copy", size="sm", elem_id="copy-prompt", min_width=44, scale=0)
        parts["describe_button"] = gr.Button(
            "Describe", size="sm", visible=automatic_prompt.can_caption(), elem_id="describe", min_width=44, scale=0
        )
    parts["prompt_hint"] = _hint("words", notes.prompt)
    with gr.Accordion("Negative prompt", open=bool(prompt.negative), elem_id="negative-fold"):
        parts["negative"] = gr.Textbox(
            prompt.negative, label="Negative prompt", show_label=False, container=False, lines=2,
            max_lines=6, max_length=canvas_state.MAX_PROMPT_CHARS, elem_id="negative",
        )  # fmt: skip
        parts["negative_hint"] = _hint("negative-hint", notes.negative)
    return parts


def _layer_panel(name: str, title: str, elem_id: str, size: str) -> dict[str, Any]:
    """Return the panel of the sketch or the colors: on or off, bytes, lock and strength."""
    parts: dict[str, Any] = {}
    use_name = "use_colors" if name == "color" else "use_structure"
    with gr.Row(elem_classes="tl-layer-head"):
        parts[use_name] = _switch(title, f"use-{elem_id}")
        parts[f"{name}_size"] = gr.HTML(size, elem_id=f"{elem_id}-size", apply_default_css=False)
        parts[f"lock_{elem_id}"] = gr.Checkbox(
            False, label=f"Lock {elem_id}", container=False, elem_id=f"lock-{elem_id}", elem_classes="tl-lock",
            min_width=44, scale=0,
        )  # fmt: skip
    label = "Sketch strength, 1 = normal" if name == "structure" else "Color strength, 1 = normal"
    strength_id = "structure" if name == "structure" else "colors"
    parts[f"{name}_strength"] = _unit_slider(label, layer_selection.MAX_STRENGTH, strength_id)
    if name == "color":
        parts["colors_hint"] = _hint("colors-hint")
    return parts


def _hint(elem_id: str, line: str = "") -> gr.HTML:
    """Return the place of a line about what the decoder does with a field."""
    return gr.HTML(html.hint(line), elem_id=elem_id, elem_classes="tl-hint", apply_default_css=False)


def _switch(layer: str, elem_id: str) -> gr.Checkbox:
    """Return the eye of a layer: what is off is not decoded, but stays in the file."""
    return gr.Checkbox(
        True, label=layer, container=False, elem_id=elem_id, elem_classes="tl-eye", min_width=44, scale=0
    )


def _extraction_settings() -> dict[str, Any]:
    return {
        "edges": gr.Dropdown(
            [(_EDGE_LABELS[name], name) for name in EDGES], value=EDGES[0], label="Edge detector",
            info="What finds the lines of a picture", elem_id="edges",
        ),
        "grid": gr.Dropdown(
            [("Automatic", 0), *((f"{n} on the longer side", n) for n in _GRID_SIZES)],
            value=0, label="Color cells", info="More cells: finer base colors, more bytes", elem_id="grid",
        ),
        "recipe": gr.Dropdown(
            list(_RECIPE_CHOICES), value=actions.NO_RECIPE, label="Recipe of the picture",
            info="Lets Stable Diffusion make the picture again", elem_id="recipe",
        ),
        "cubic_colors": gr.Checkbox(
            False, label="Colors as in the paper", info="For the preset Paper; without detail",
            elem_id="cubic", container=False,
        ),
        "reextract_button": gr.Button("Re-extract layers", elem_id="again"),
    }  # fmt: skip


def _result_column(original: str, layers: Layers) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    parts["compare"] = gr.ImageSlider(
        (original, rendering.render_plain(layers)), label=slider_label("Original", "layers"),
        format="jpeg", interactive=False, buttons=["fullscreen"], max_height=640, elem_id="compare",
    )  # fmt: skip
    with gr.Row(elem_id="run"):
        parts["decode_button"] = gr.Button("Decode", variant="primary", elem_id="decode", min_width=120, scale=3)
        parts["stop_button"] = gr.Button("Stop", interactive=False, elem_id="stop", min_width=80)
        parts["decoded_file"] = gr.DownloadButton("Save picture", interactive=False, elem_id="result", min_width=100)
    # only `${}` is rendered with a value: Handlebars' {{}} would be evaluated a second time, as a script
    parts["status"] = gr.HTML(
        status_value(Status("An example is open. Press Decode, or edit a layer first.")),
        html_template="${value.html}", elem_id="status", apply_default_css=False,
    )  # fmt: skip
    with gr.Row(elem_id="strips"):
        parts["strip_button"] = gr.Button("Show the effect of each layer", size="sm", elem_id="stages", min_width=44)
        parts["seeds_button"] = gr.Button(f"Try {SEED_COUNT} seeds", size="sm", elem_id="seeds", min_width=44)
    parts["strip"] = gr.HTML("", elem_id="strip", apply_default_css=False)
    with gr.Column(elem_id="how"):
        parts |= _decoder_options(layers)
    return parts


def _decoder_options(layers: Layers) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Row():
        parts["decoder"] = gr.Dropdown(
            [(actions.DECODER_LABELS[name], name) for name in actions.decoder_names()],
            value=actions.DEFAULT_DECODER, label="Decoder", elem_id="decoder", min_width=100,
        )  # fmt: skip
        parts["seed"] = gr.Textbox(
            str(layers.seed or 0), label="Seed", max_lines=1, max_length=validation.MAX_SEED_TEXT,
            elem_id="seed", min_width=100,
        )  # fmt: skip
        parts["new_seed_button"] = gr.Button("New seed", elem_id="dice", min_width=44)
    parts["seed_hint"] = _hint("seed-hint", decoder_notes(actions.DEFAULT_DECODER, None, layers).seed)
    parts |= _sd15_panel(layers)
    parts["keep_seed"] = gr.Checkbox(
        layers.seed is not None, label="Save the seed in the file", elem_id="keep-seed", container=False
    )
    return parts


def _sd15_panel(layers: Layers) -> dict[str, Any]:
    """Return the options of Stable Diffusion, hidden until it is chosen."""
    parts: dict[str, Any] = {}
    steps, guidance = sd15_options.default_steps_and_guidance(sd15_options.DEFAULT_PRESET, False, None)
    settings = sd15_options.describe_settings(layers.settings)
    min_steps, max_steps = sd15_options.STEPS_RANGE
    min_guidance, max_guidance = sd15_options.GUIDANCE_RANGE
    with gr.Column(visible=False, elem_id="sd15") as parts["sd15_panel"]:
        parts["preset"] = gr.Radio(
            sd15_options.preset_choices(), value=sd15_options.DEFAULT_PRESET, label="Quality",
            info=PRESET_INFO[sd15_options.NAME], elem_id="preset",
        )  # fmt: skip
        parts["follow"] = gr.Checkbox(
            False, label=FOLLOW_SETTINGS, info=settings, visible=bool(settings), elem_id="follow", container=False,
        )  # fmt: skip
        parts["edited_only"] = gr.Checkbox(
            False, label="Re-decode only the edited area", info=READY, visible=False, elem_id="only", container=False
        )  # fmt: skip
        parts["estimate"] = gr.HTML("", elem_id="outlook", apply_default_css=False)
        with gr.Accordion("More options", open=False, elem_id="more"):
            with gr.Row():
                parts["steps"] = gr.Number(
                    steps, label="Steps", precision=0, minimum=min_steps, maximum=max_steps, elem_id="steps",
                    min_width=80, info="More: slower, cleaner",
                )  # fmt: skip
                parts["guidance"] = gr.Number(
                    guidance, label="Guidance", step=0.25, minimum=min_guidance, maximum=max_guidance,
                    elem_id="guidance", min_width=80, info="How closely to follow the prompt",
                )  # fmt: skip
            parts |= _sketch_options()
            parts |= _noise_and_prompt_options()
    return parts


def _sketch_options() -> dict[str, Any]:
    """Return the options of how sketch, colors and the painter's picture guide Stable Diffusion."""
    return {
        "start": gr.Slider(
            sd15_options.PAINTED_STRENGTHS[0], sd15_options.FROM_NOISE, value=sd15_options.FROM_NOISE, step=0.1,
            label="Start from the painter", info=START_INFO[sd15_options.NAME], elem_id="start-from", min_width=80,
            buttons=[],
        ),
        "adapter_until": _unit_slider("Share of steps guided", 1, "until", "By sketch and colors; then it is free"),
        "control": gr.Radio(
            [("T2I-Adapter", "t2i"), ("ControlNet", "controlnet")], value=CONTROLS[0],
            label="Sketch and pose guidance", info="ControlNet follows lines more closely; slower", elem_id="control",
        ),
    }  # fmt: skip


def _noise_and_prompt_options() -> dict[str, Any]:
    """Return the options in which the tools of other pictures differ."""
    parts: dict[str, Any] = {}
    with gr.Row():
        parts["noise"] = gr.Dropdown(
            sd15_options.noise_choices(), value=sd15_options.OF_PRESET, label="Noise of the seed",
            info="The tool whose seeds these are", elem_id="noise", min_width=80,
        )  # fmt: skip
        parts["clip_skip"] = gr.Number(
            1, label="Clip skip", precision=0, minimum=sd15_options.CLIP_SKIP_RANGE[0],
            maximum=sd15_options.CLIP_SKIP_RANGE[1], elem_id="clip-skip", min_width=80,
            info=CLIP_SKIP_INFO[sd15_options.NAME],
        )  # fmt: skip
    parts["weights"] = gr.Dropdown(
        sd15_options.weights_choices(), value=sd15_options.OF_PRESET, label="Weights in the prompt",
        info="How (word:1.2) is read", elem_id="weights",
    )  # fmt: skip
    return parts


def _unit_slider(label: str, maximum: float, elem_id: str, info: str | None = None) -> gr.Slider:
    """Return a slider from 0 that starts at 1."""
    return gr.Slider(0, maximum, value=1, step=0.05, label=label, info=info, elem_id=elem_id, min_width=80, buttons=[])
