"""An editor for the sketch, the color cells, people and an object mask, as a `gr.HTML`.

Its value is the JSON text that `ui.services.canvas_state` writes and reads. The browser keeps it and its history. The
server receives it with the events that read it: one `edit` for each finished gesture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from ui.page.js_bundle import bundle_modules
from ui.services.canvas_requests import FUNCTIONS

_HERE = Path(__file__).parents[1] / "static" / "canvas"


def layer_canvas(value: str, **options: Any) -> gr.HTML:
    """Return a canvas with a value of `canvas_state.to_json`; options are those of `gr.HTML`.

    It calls the functions of `ui.services.canvas_requests`. Its value is not checked until `canvas_state.read` does.
    """
    return gr.HTML(
        value=value,
        html_template=_source("layer_canvas.html"),
        css_template=_source("layer_canvas.css"),
        js_on_load=bundle_modules(_HERE / "main.mjs"),
        apply_default_css=False,
        server_functions=list(FUNCTIONS),
        **options,
    )


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
