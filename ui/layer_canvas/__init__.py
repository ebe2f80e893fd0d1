"""One editor for the sketch, the colour cells and an object mask, as a `gr.HTML`.

Its value is the JSON object that `ui.session` writes and reads. The browser keeps it, with the
history; the server sees it with the events that read it: one `edit` for each finished gesture.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

_HERE = Path(__file__).parent


def layer_canvas(value: dict[str, Any], erase: Callable[[Any], dict[str, Any]], **options: Any) -> gr.HTML:
    """The canvas with a value of `session.write`; `erase` is what its "Erase masked" calls.

    Nothing is checked on the way in: `session.read` does that.
    """
    return gr.HTML(
        value=value,
        html_template=_source("layer_canvas.html"),
        css_template=_source("layer_canvas.css"),
        js_on_load=_source("geometry.js") + _source("layer_canvas.js"),
        apply_default_css=False,
        server_functions=[erase],
        **options,
    )


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
