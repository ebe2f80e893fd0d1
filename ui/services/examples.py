"""Images to start from: six examples, and blank canvases."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from codec import Layers, Sketch
from codec.editing import edits
from codec.errors import UnknownName
from codec.grid_shape import grid_shape
from codec.texture import rdoq
from ui.services.actions import OpenedImage

FOLDER: Final = Path(__file__).parents[2] / "assets" / "examples"
START_FILE: Final = FOLDER / "coffee.tril"  # opened when the page is loaded
START_PICTURE: Final = FOLDER / "coffee.jpg"


class Example(NamedTuple):
    """The title of an example, what to try with it, and the canvas's tool for that."""

    title: str
    hint: str
    tool: str


EXAMPLES: Final = {  # by the name of the file
    "portrait": Example("Portrait", "Decode it, then change a word of the prompt, or move the budget.", "select"),
    "landscape": Example("Landscape", "Paint the sky's cells in evening colors with Cell, then Decode.", "cell"),
    "balloon": Example("Erase an object", "Draw over the balloon with Mask, then press Erase object.", "mask"),
    "coffee": Example("Recolor", "Pick a new color, paint the saucer's cells with Cell, then Decode.", "cell"),
    "dancers": Example("Pose", "Two people as skeletons: drag their joints with Pose, then Decode.", "pose"),
    "house": Example("A drawing", "Drawn from nothing; add strokes with Pen and colors with Cell, then Decode.", "pen"),
}
BLANK_SIZES: Final = ((512, 512), (768, 512), (512, 768), (768, 768), (1024, 1024))  # px; they cost the file no bytes
PAPER_COLOR: Final = (236, 232, 224)  # of a blank canvas
_BLANK_CELLS: Final = 8  # on the longer side


def load_example(name: Any) -> Layers:
    """Return an example's layers. Raises `UnknownName` for any other name."""
    if not isinstance(name, str) or name not in EXAMPLES:
        raise UnknownName(f"there is no such example; choose one of {', '.join(EXAMPLES)}")
    return Layers.from_bytes((FOLDER / f"{name}.tril").read_bytes())


def open_example(name: Any) -> OpenedImage:
    """Return an example as an opened image. Raises `UnknownName` for any other name."""
    return OpenedImage(load_example(name), name, "Prompt written for this example")


def open_blank(size: Any) -> OpenedImage:
    """Return an image of [width, height] with no prompt, no strokes and plain paper.

    Raises `UnknownName` for a size that is not in `BLANK_SIZES`.
    """
    if not isinstance(size, list) or tuple(size) not in BLANK_SIZES:
        sizes = ", ".join(f"{width} × {height}" for width, height in BLANK_SIZES)
        raise UnknownName(f"a blank canvas has one of these sizes: {sizes}")
    width, height = size
    rows, cols = grid_shape(width, height, _BLANK_CELLS)
    paper = rdoq.quantize(np.full((rows, cols, 3), PAPER_COLOR, np.uint8))
    sketch = Sketch(*edits.lattice_shape(Layers(width, height)), ())
    return OpenedImage(Layers(width, height, None, sketch, paper), "drawing", "")
