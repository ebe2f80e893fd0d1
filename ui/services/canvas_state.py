"""The canvas's value: its JSON form, its validation, and the layers that it represents.

The value contains the file that it started from (`base`), so the server stores nothing for a session: a restart loses
no work, and unedited parts keep their exact levels and strokes.

    {name, base: base64 of a .tril, width, height,     px
     cols, rows,                                       the sketch's lattice
     strokes: [[x0, y0, x1, y1, ...], ...],            px, most important first
     grid: {rows, cols, colors: ["#rrggbb", ...]} | null,
     pose: [[[x, y] | null] * 18, ...] | null,         px; if there is a pose, the strokes are ignored
     full: base64 of a .tril | null,                   the layers before the byte budget trimmed them, see `budget`
     load,                                             changes with every load from the server
     rev}                                              counts the edits

Browser and server exchange it as JSON text, because Gradio copies lists number by number several times per edit.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from codec import Layers, Pose, Sketch
from codec.editing import edits
from codec.errors import InvalidLayer
from codec.limits import MAX_SIDE
from codec.structure.pose import UNITS
from codec.structure.sketch_payload import MAX_CELLS, MIN_CELLS
from ui.services import validation

MAX_BASE_CHARS: Final = 256 << 10  # of base64
MAX_MASK_SIDE: Final = 1024  # px
MAX_PROMPT_CHARS: Final = 20_000  # of the prompt and the negative prompt together
LATTICE_RANGE: Final = (MIN_CELLS, MAX_CELLS)  # columns or rows of a sketch's lattice
MAX_STEM_CHARS: Final = 60  # of a file name
MAX_STEM_BYTES: Final = 180
_DEVICE_NAMES: Final = {  # of Windows
    *("CON", "PRN", "AUX", "NUL"),
    *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10)),
}


@dataclass(frozen=True)
class Drawing:
    """The canvas's value after validation.

    base: the layers that it started from, None without any
    polylines: (N, 2) float64 of x, y in px
    cells: (rows, cols, 3) uint8 sRGB, None without a color grid
    pose: replaces the polylines, None for a sketch
    full: the layers before the byte budget trimmed them, None if it did not
    load, rev: the load of the canvas that was edited, and the number of edits since
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
        """Return the three layers with this prompt and seed.

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

    def layers_as_opened(self) -> Layers:
        """Return the drawn layers with the prompt and the seed of the file that they started from."""
        base = self.base
        if base is None:
            return self.layers("", "", None)
        text, negative = (base.semantic.text, base.semantic.negative) if base.semantic else ("", "")
        return self.layers(text, negative, base.seed)

    def _without_base(self) -> Layers:
        lattice = Sketch(self.cols, self.rows, ()) if self.polylines else None
        return Layers(self.width, self.height, structure=lattice)


def check_prompt(text: str, negative: str) -> None:
    """Raise `InvalidLayer` unless both are text and together no longer than `MAX_PROMPT_CHARS`."""
    if not isinstance(text, str) or not isinstance(negative, str):
        raise InvalidLayer("the prompt is not text")
    if len(text) + len(negative) > MAX_PROMPT_CHARS:
        raise InvalidLayer(f"the prompt is longer than {MAX_PROMPT_CHARS:,} characters; shorten it")


# --- to the browser ---


def write(layers: Layers, name: str, *, keep_history: bool = False) -> dict[str, Any]:
    """Return the canvas's value for these layers. `keep_history`: the user can undo to the present drawing."""
    width, height, structure, texture = layers.width, layers.height, layers.structure, layers.texture
    cols, rows = edits.lattice_shape(replace(layers, structure=None) if isinstance(structure, Pose) else layers)
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
        value["strokes"] = [flat_points(points) for points in structure.points(width, height)]
    elif isinstance(structure, Pose):
        value["pose"] = joints(structure, width, height)
    if texture is not None:
        value["grid"] = {"rows": texture.rows, "cols": texture.cols, "colors": hex_colors(texture.cells)}
    return value


def encode_base(layers: Layers) -> str:
    """Return the layers' file in base64."""
    return base64.b64encode(layers.to_bytes()).decode()


def joints(pose: Pose, width: int, height: int) -> list[list[list[float] | None]]:
    """Return the keypoints of each person in px."""
    return [
        [joint and [joint[0] * width / UNITS, joint[1] * height / UNITS] for joint in person] for person in pose.persons
    ]


def flat_points(points: np.ndarray) -> list[float]:
    """Return (N, 2) x, y in px as [x0, y0, x1, y1, ...], rounded to 0.001 px."""
    return [round(float(v), 3) for v in points.reshape(-1)]


def hex_colors(cells: np.ndarray) -> list[str]:
    """Return (rows, cols, 3) uint8 as "#rrggbb" in reading order."""
    return ["#" + bytes(cell).hex() for cell in cells.reshape(-1, 3)]


def to_json(value: dict[str, Any]) -> str:
    """Return the canvas's value as the text that is sent to the browser."""
    return json.dumps(value, separators=(",", ":"))


# --- from the browser ---


def read(value: Any) -> Drawing:
    """Validate the canvas's value, JSON text or an object, and return it. Raises `InvalidLayer`."""
    if value is None:
        raise InvalidLayer("there is no image yet: drop a picture or open a .tril file")
    value = validation.json_object(_parse_json(value) if isinstance(value, str) else value, "drawing")
    width = validation.json_integer(value, "width", 1, MAX_SIDE)
    height = validation.json_integer(value, "height", 1, MAX_SIDE)
    base = _decode_base(value.get("base"))
    if base is not None and (base.width, base.height) != (width, height):
        base = None
    return Drawing(
        name=file_stem(value.get("name")),
        base=base,
        width=width,
        height=height,
        cols=validation.json_integer(value, "cols", *LATTICE_RANGE),
        rows=validation.json_integer(value, "rows", *LATTICE_RANGE),
        polylines=validation.polylines(value.get("strokes"), width, height),
        cells=validation.cells(value.get("grid")),
        pose=validation.pose(value.get("pose"), width, height),
        full=_decode_base(value.get("full")),
        load=load if isinstance(load := value.get("load"), str) else None,
        rev=rev if type(rev := value.get("rev")) is int else 0,
    )


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidLayer("the drawing sent by the page cannot be read; reload the page") from None


def read_mask(value: Any, width: int, height: int) -> np.ndarray:
    """Return the `mask` of an erase request as (height, width) bool.

    The mask is {width, height: 1..1024, runs}: run lengths in row-major order, starting with unmasked pixels.
    """
    mask = validation.json_object(validation.json_object(value, "drawing").get("mask"), "mask")
    cols = validation.json_integer(mask, "width", 1, MAX_MASK_SIDE)
    rows = validation.json_integer(mask, "height", 1, MAX_MASK_SIDE)
    runs = validation.json_list(mask.get("runs"), cols * rows + 1, "mask")
    if not all(type(n) is int and 0 <= n <= cols * rows for n in runs) or sum(runs) != cols * rows:
        raise InvalidLayer("the mask sent by the page cannot be read; reload the page")
    small = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(rows, cols)
    y, x = np.arange(height) * rows // height, np.arange(width) * cols // width
    return small[y[:, None], x[None, :]]


def mask_runs(mask: np.ndarray) -> list[int]:
    """Return the `runs` of a mask, (height, width) bool, as `read_mask` reads them."""
    flat = np.concatenate(([False], mask.ravel(), [not mask.flat[-1]]))
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    return [int(run) for run in np.diff(ends, prepend=0)]


def file_stem(name: Any) -> str:
    """Return a safe file name without its extension; "picture" if no safe character is left.

    Letters of any script, spaces and parentheses stay; characters that a file system, a shell or a page could misread
    are removed.
    """
    text = unicodedata.normalize("NFC", name) if isinstance(name, str) else ""
    safe = "".join(c if _is_safe(c) else "\0" for c in text[: 8 * MAX_STEM_CHARS])
    stem = re.sub("\0+", "-", safe)[:MAX_STEM_CHARS].strip(" .-_")
    while len(stem.encode()) > MAX_STEM_BYTES:
        stem = stem[:-1]
    stem = stem.strip(" .-_")
    return f"{stem}-" if stem.upper() in _DEVICE_NAMES else stem or "picture"


def _is_safe(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character in " ._-()[]+,=@"
    return character.isprintable() and unicodedata.category(character)[0] != "Z"


@lru_cache(maxsize=32)
def _parse_layers(data: bytes) -> Layers:
    return Layers.from_bytes(data)


def _decode_base(value: Any) -> Layers | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_BASE_CHARS:
        raise InvalidLayer("the drawing sent by the page cannot be read; reload the page")
    try:
        return _parse_layers(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidLayer("the drawing sent by the page cannot be read; reload the page") from None
