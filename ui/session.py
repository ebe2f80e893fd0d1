"""What the page edits: the canvas's value, checked, and the three layers that it stands for.

The value carries the file it started from (`base`), so the server keeps nothing of a session: a
restart loses no work, and what the person did not touch keeps its exact levels and strokes.

    {name, base: base64 of a .tril, width, height,     px
     cols, rows,                                       the sketch's lattice
     strokes: [[x0, y0, x1, y1, ...], ...],            px, most important first
     grid: {rows, cols, colors: ["#rrggbb", ...]} | null,
     pose: [[[x, y] | null] * 18, ...] | null,         px, shown only
     full: base64 of a .tril | null,                   what the byte budget cut it from, see `ui.budget`
     load,                                             changes with every load from the server
     rev}                                              counts the edits
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from codec import Layers, Pose, Sketch, edit
from codec.errors import InvalidLayer
from codec.pose import UNITS

MAX_SIDE = 4096  # px
MAX_BASE = 256 << 10  # bytes of base64
MAX_STROKES, MAX_NUMBERS = 4096, 200_000
MAX_MASK_SIDE = 1024
MAX_PROMPT = 20_000  # characters

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Drawing:
    """The canvas's value after the checks.

    polylines: (N, 2) float64 of x, y in px; cells: (rows, cols, 3) uint8 sRGB, None without a grid.
    """

    name: str
    base: Layers | None
    width: int
    height: int
    cols: int
    rows: int
    polylines: tuple[np.ndarray, ...]
    cells: np.ndarray | None

    def layers(self, text: str, negative: str, seed: int | None) -> Layers:
        """The three layers with this prompt: what Save writes and Decode reads.

        Raises `InvalidLayer` for a prompt, a drawing or a seed that a layer cannot hold.
        """
        layers = self.base or self._without_base()
        if text or negative or layers.semantic is not None:
            check_prompt(text, negative)
            layers = edit.reprompt(layers, text, negative)
        if not isinstance(layers.structure, Pose) and (self.polylines or layers.structure):
            layers = edit.resketch(layers, self.polylines)
        if self.cells is not None:
            layers = edit.recolour(layers, self.cells)
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
    cols, rows = (8, 8) if isinstance(structure, Pose) else edit.lattice(layers)
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


def read(value: Any) -> Drawing:
    """Checks a canvas value. Raises `InvalidLayer` for anything that the canvas would not send."""
    if value is None:
        raise InvalidLayer("there is no picture yet: drop an image or open a .tril file")
    value = _object(value, "drawing")
    width, height = _whole(value, "width", 1, MAX_SIDE), _whole(value, "height", 1, MAX_SIDE)
    base = _base(value.get("base"))
    if base is not None and (base.width, base.height) != (width, height):
        base = None
    return Drawing(
        name=file_stem(value.get("name")),
        base=base,
        width=width,
        height=height,
        cols=_whole(value, "cols", 8, 1024),
        rows=_whole(value, "rows", 8, 1024),
        polylines=_polylines(value.get("strokes"), width, height),
        cells=_cells(value.get("grid")),
    )


def read_full(value: dict[str, Any]) -> Layers | None:
    """The layers that the byte budget cut the drawing from. Raises as `read`."""
    return _base(value.get("full"))


def read_mask(value: Any, width: int, height: int) -> np.ndarray:
    """The `mask` of an erase request -> (height, width) bool.

    {width, height: 1..1024, runs}: run lengths in reading order, beginning with what is kept.
    """
    mask = _object(_object(value, "drawing").get("mask"), "mask")
    cols, rows = _whole(mask, "width", 1, MAX_MASK_SIDE), _whole(mask, "height", 1, MAX_MASK_SIDE)
    runs = _list(mask.get("runs"), cols * rows + 1, "mask")
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


def _polylines(value: Any, width: int, height: int) -> tuple[np.ndarray, ...]:
    strokes = _list(value, MAX_STROKES, "sketch")
    if sum(len(_list(stroke, MAX_NUMBERS, "stroke")) for stroke in strokes) > MAX_NUMBERS:
        raise InvalidLayer(f"the sketch has more than {MAX_NUMBERS // 2:,} points; erase some strokes")
    limit = 2 * max(width, height)
    polylines = []
    for stroke in strokes:
        if len(stroke) < 4 or len(stroke) % 2 or not all(type(v) in (int, float) for v in stroke):
            raise InvalidLayer("a stroke is not a list of two points or more")
        try:
            points = np.array(stroke, np.float64).reshape(-1, 2)
        except (OverflowError, ValueError):
            raise InvalidLayer("a stroke's points must be finite numbers") from None
        if not (np.isfinite(points).all() and (np.abs(points) <= limit).all()):
            raise InvalidLayer("a stroke lies outside the picture")
        polylines.append(points)
    return tuple(polylines)


def _cells(value: Any) -> np.ndarray | None:
    if value is None:
        return None
    grid = _object(value, "colour grid")
    rows, cols = _whole(grid, "rows", 2, 64), _whole(grid, "cols", 2, 64)
    colours = _list(grid.get("colors"), rows * cols, "colour grid")
    if len(colours) != rows * cols or not all(isinstance(c, str) and _HEX.fullmatch(c) for c in colours):
        raise InvalidLayer("the colour grid is not a list of #rrggbb for each of its cells")
    data = bytes.fromhex("".join(c[1:] for c in colours))
    return np.frombuffer(data, np.uint8).reshape(rows, cols, 3)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidLayer(f"the {what} sent by the page cannot be read; reload the page")
    return value


def _list(value: Any, most: int, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise InvalidLayer(f"the {what} sent by the page cannot be read, or is too large")
    return value


def _whole(value: dict[str, Any], key: str, low: int, high: int) -> int:
    number = value.get(key)
    if type(number) is not int or not low <= number <= high:
        raise InvalidLayer(f"the picture's {key} must be a whole number from {low} to {high}")
    return number
