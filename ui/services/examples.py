"""What to start from: six files that show what this is for, each by a click, or an empty picture."""

from __future__ import annotations

import base64
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from codec import CodecError, Colormap, Layers, Sketch
from codec.editing import edits
from codec.errors import UnknownName
from ui.services import actions, canvas_state

FOLDER = Path(__file__).parents[2] / "assets" / "examples"
EXAMPLES = {  # file: what it is called, what to try
    "portrait": ("Portrait", "Decode it, then change a word of the prompt, or move the budget."),
    "landscape": ("Landscape", "Paint the sky's cells in evening colors with Cell, then Decode."),
    "balloon": ("Erase an object", "Draw over the balloon with Mask, then press Erase masked."),
    "coffee": ("Recolor", "Pick a new color, paint the saucer's cells with Cell, then Decode."),
    "dancers": ("Pose", "Two people as skeletons: drag their joints with Pose, then Decode."),
    "house": ("A drawing", "Drawn from nothing; add strokes with Pen and colors with Cell, then Decode."),
}
SIZES = ((512, 512), (768, 512), (512, 768), (768, 768), (1024, 1024))  # px; those that cost the file no bytes
THUMB = 112  # px
PAPER = (236, 232, 224)  # of an empty picture


def layers_of(name: Any) -> Layers:
    """An example's layers. Raises `UnknownName` for any other name."""
    if not isinstance(name, str) or name not in EXAMPLES:
        raise UnknownName(f"there is no such example; there are: {', '.join(EXAMPLES)}")
    return Layers.from_bytes((FOLDER / f"{name}.tril").read_bytes())


def opened(name: Any) -> actions.Opened:
    """An example, as if it came from a file. Raises `UnknownName` for any other name."""
    return actions.Opened(layers_of(name), name, "written for this example")


def empty(size: Any) -> actions.Opened:
    """An empty picture of a [width, height] among `SIZES`: no words, no strokes, plain paper."""
    if not isinstance(size, list) or tuple(size) not in SIZES:
        raise UnknownName(f"a new picture has one of these sizes: {', '.join(f'{w} × {h}' for w, h in SIZES)}")
    width, height = size
    rows, cols = edits.grid(width, height, 8)
    paper = Colormap.from_cells(np.full((rows, cols, 3), PAPER, np.uint8))
    sketch = Sketch(*edits.lattice(Layers(width, height)), ())
    return actions.Opened(Layers(width, height, None, sketch, paper), "drawing", "")


@lru_cache(maxsize=1)
def html() -> str:
    """The examples as buttons that page scripts listen to, and New with its sizes."""
    items = "".join(
        f'<li><button type="button" data-example="{escape(name)}"><img src="{_thumbnail(name)}" alt="">'
        f"<span>{escape(title)}</span></button></li>"
        for name, (title, _) in EXAMPLES.items()
    )
    sizes = "".join(f'<option value="{w},{h}">{w} × {h}</option>' for w, h in SIZES)
    return (
        '<section class="tl-start" aria-labelledby="tl-start"><h2 id="tl-start">Start from</h2>'
        f'<ol class="tl-past tl-examples">{items}</ol><div class="tl-new"><label>An empty picture of '
        f'<select>{sizes}</select></label><button type="button">New</button></div></section>'
    )


def _thumbnail(name: str) -> str:
    """The sketch over the colors, as a data URI; a blank for a file that cannot be read."""
    from codec.images.io import resize_area

    try:
        flat = actions.flat_picture(layers_of(name))
    except (CodecError, OSError):
        flat = np.full((THUMB, THUMB, 3), PAPER, np.uint8)
    scale = THUMB / max(flat.shape)
    small = resize_area(flat, max(1, round(flat.shape[1] * scale)), max(1, round(flat.shape[0] * scale)))
    return "data:image/jpeg;base64," + base64.b64encode(actions.jpeg(small)).decode()


def advice(name: str) -> str:
    """What to try with an example."""
    title, text = EXAMPLES[canvas_state.file_stem(name)]
    return f"{title}: {text}"
