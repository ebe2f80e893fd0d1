"""What the page edits: the canvas's value, checked, and the three layers that it stands for.

The value carries the file it started from (`base`), so the server keeps nothing of a session: a
restart loses no work, and what the person did not touch keeps its exact levels and strokes.

    {name, base: base64 of a .tril, width, height,     px
     cols, rows,                                       the sketch's lattice
     strokes: [[x0, y0, x1, y1, ...], ...],            px, most important first
     grid: {rows, cols, colors: ["#rrggbb", ...]} | null,
     pose: [[[x, y] | null] * 18, ...] | null,         px; where there is one, the strokes do not count
     full: base64 of a .tril | null,                   what the byte budget cut it from, see `ui.services.budget`
     load,                                             changes with every load from the server
     rev}                                              counts the edits

Between browser and server it is the JSON of that, a text: Gradio copies a list number by number, several times an edit.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from codec import Layers, Pose, Sketch
from codec.editing import edits
from codec.errors import InvalidLayer
from codec.limits import MAX_SIDE
from codec.structure.pose import UNITS
from ui.services import validation

MAX_BASE = 256 << 10  # bytes of base64
MAX_MASK_SIDE = 1024
MAX_PROMPT = 20_000  # characters


@dataclass(frozen=True)
class Drawing:
    """The canvas's value after the checks.

    polylines: (N, 2) float64 of x, y in px; cells: (rows, cols, 3) uint8 sRGB, None without a grid;
    pose: instead of the polylines, None for a sketch; full: what the byte budget cut it from;
    load, rev: which load of the canvas it is an edit of, and how many edits there were.
    """

    name: str
    base: Layers | None
    width: int
    height: int
    cols: int
    rows: int
    polylines: tuple[np.ndarray, ...]
    cells: np.ndarray | None
    pose: Pose | None
    full: Layers | None
    load: str | None
    rev: int

    def layers(self, text: str, negative: str, seed: int | None) -> Layers:
        """The three layers with this prompt: what Save writes and Decode reads.

        Raises `InvalidLayer` for a prompt, a drawing or a seed that a layer cannot hold.
        """
        layers = self.base or self._without_base()
        if text or negative or layers.semantic is not None:
            check_prompt(text, negative)
            layers = edits.reprompt(layers, text, negative)
        if self.pose is not None:
            layers = edits.repose(layers, self.pose)
        elif self.polylines or layers.structure:
            if isinstance(layers.structure, Pose):
                lattice = Sketch(self.cols, self.rows, ()) if self.polylines else None
                layers = edits.swap_structure(layers, replace(layers, structure=lattice))
            if layers.structure or self.polylines:
                layers = edits.resketch(layers, self.polylines)
        if self.cells is not None:
            layers = edits.recolor(layers, self.cells)
        return replace(layers, seed=seed)

    def _without_base(self) -> Layers:
        lattice = Sketch(self.cols, self.rows, ()) if self.polylines else None
        return Layers(self.width, self.height, structure=lattice)


def check_prompt(text: str, negative: str) -> None:
    """Raises `InvalidLayer` for what is no text, or too long a one."""
    if not isinstance(text, str) or not isinstance(negative, str):
        raise InvalidLayer("the prompt is not text")
    if len(text) + len(negative) > MAX_PROMPT:
        raise InvalidLayer(f"the prompt is longer than {MAX_PROMPT:,} characters; shorten it")


def write(layers: Layers, name: str, *, keep_history: bool = False) -> dict[str, Any]:
    """The canvas's value for these layers. `keep_history`: the canvas can undo to what it held."""
    width, height, structure, texture = layers.width, layers.height, layers.structure, layers.texture
    cols, rows = edits.lattice(replace(layers, structure=None) if isinstance(structure, Pose) else layers)
    value: dict[str, Any] = {
        "name": name,
        "base": encode_base(layers),
        "width": width,
        "height": height,
        "cols": cols,
        "rows": rows,
        "strokes": [],
        "grid": None,
        "pose": None,
        "load": secrets.token_hex(4),
        "rev": 0,
        "keep_history": keep_history,
    }
    if isinstance(structure, Sketch):
        value["strokes"] = [flat(points) for points in structure.points(width, height)]
    elif isinstance(structure, Pose):
        value["pose"] = joints(structure, width, height)
    if texture is not None:
        value["grid"] = {
            "rows": texture.rows, "cols": texture.cols, "colors": hexes(texture.cells),
        }  # fmt: skip
    return value


def encode_base(layers: Layers) -> str:
    """The file in base64, as `base` has it."""
    return base64.b64encode(layers.to_bytes()).decode()


def joints(pose: Pose, width: int, height: int) -> list[list[list[float] | None]]:
    """Its persons' keypoints in px."""
    return [
        [joint and [joint[0] * width / UNITS, joint[1] * height / UNITS] for joint in person] for person in pose.persons
    ]


def flat(points: np.ndarray) -> list[float]:
    """(N, 2) x, y in px -> [x0, y0, x1, y1, ...], to a thousandth of a pixel."""
    return [round(float(v), 3) for v in points.reshape(-1)]


def hexes(cells: np.ndarray) -> list[str]:
    """(rows, cols, 3) uint8 -> "#rrggbb" in reading order."""
    return ["#" + bytes(cell).hex() for cell in cells.reshape(-1, 3)]


def packed(value: dict[str, Any]) -> str:
    """The canvas's value as it goes to the browser."""
    return json.dumps(value, separators=(",", ":"))


def read(value: Any) -> Drawing:
    """Checks a canvas value, packed or not. Raises `InvalidLayer` for anything that the canvas would not send."""
    if value is None:
        raise InvalidLayer("there is no picture yet: drop an image or open a .tril file")
    value = validation.object_of(_unpacked(value) if isinstance(value, str) else value, "drawing")
    width, height = validation.whole(value, "width", 1, MAX_SIDE), validation.whole(value, "height", 1, MAX_SIDE)
    base = _base(value.get("base"))
    if base is not None and (base.width, base.height) != (width, height):
        base = None
    return Drawing(
        name=file_stem(value.get("name")),
        base=base,
        width=width,
        height=height,
        cols=validation.whole(value, "cols", 8, 1024),
        rows=validation.whole(value, "rows", 8, 1024),
        polylines=validation.polylines(value.get("strokes"), width, height),
        cells=validation.cells(value.get("grid")),
        pose=validation.pose(value.get("pose"), width, height),
        full=_base(value.get("full")),
        load=load if isinstance(load := value.get("load"), str) else None,
        rev=rev if type(rev := value.get("rev")) is int else 0,
    )


def _unpacked(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidLayer("the drawing sent by the page cannot be read; reload the page") from None


def read_mask(value: Any, width: int, height: int) -> np.ndarray:
    """The `mask` of an erase request -> (height, width) bool.

    {width, height: 1..1024, runs}: run lengths in reading order, beginning with what is kept.
    """
    mask = validation.object_of(validation.object_of(value, "drawing").get("mask"), "mask")
    cols, rows = validation.whole(mask, "width", 1, MAX_MASK_SIDE), validation.whole(mask, "height", 1, MAX_MASK_SIDE)
    runs = validation.list_of(mask.get("runs"), cols * rows + 1, "mask")
    if not all(type(n) is int and 0 <= n <= cols * rows for n in runs) or sum(runs) != cols * rows:
        raise InvalidLayer("the mask is not a mask of this picture")
    small = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(rows, cols)
    y, x = np.arange(height) * rows // height, np.arange(width) * cols // width
    return small[y[:, None], x[None, :]]


def file_stem(name: Any) -> str:
    """A safe file name without its ending, "picture" when nothing is left."""
    stem = re.sub(r"[^\w.-]+", "-", name if isinstance(name, str) else "", flags=re.ASCII)
    return stem.strip(".-_")[:60] or "picture"


@lru_cache(maxsize=32)
def _parse(data: bytes) -> Layers:
    return Layers.from_bytes(data)


def _base(value: Any) -> Layers | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_BASE:
        raise InvalidLayer("the drawing's base is not a .tril file")
    try:
        return _parse(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidLayer("the drawing's base is not a .tril file") from None
