"""What the page does, without the page: pure functions from checked values to values.

Nothing here knows Gradio. Bad input raises `CodecError`, whose one line the page shows.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codec import CodecError, Layers, Sketch
from codec.decoders import Strengths
from codec.errors import Corrupt, FormatError, InvalidLayer, Truncated, UnknownName
from codec.images import png_chunk
from codec.layers import MAX_SEED
from ui.services import canvas_state
from ui.services.canvas_state import Drawing

MAX_FILE = 1 << 20  # bytes of a .tril that we read
SHOWN_SIDE = 1280  # px, the most that the compare slider is sent
EDGES = ("contours", "canny", "lineart", "drawing", "pidinet", "hed", "auto", "openpose")  # openpose finds people
GRIDS = (2, 64)  # cells on the longer side
BUDGETS = (64, 65_536)  # bytes
MAX_FIELD = 40  # characters of a seed, more than the largest has
FINAL, PREVIEW = "painter", "painter-preview"


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished decode.

    pixels: (H, W, 3) uint8; what: what was decoded, in words, "" for the picture as a whole, None
    if nothing had changed; kept: what a later decode can build on.
    """

    pixels: np.ndarray
    what: str | None = ""
    kept: Any = None


@dataclass(frozen=True)
class Opened:
    """Layers that came in.

    origin: one line on where the prompt comes from; original: (H, W, 3) uint8 to compare with,
    None for a .tril; warning: one line on what was lost, or ""; own: they were inside the picture.
    """

    layers: Layers
    name: str
    origin: str
    original: np.ndarray | None = None
    warning: str = ""
    own: bool = False


def open_picture(path: str, *, prompt: str | None, negative: str, budget: Any, grid: Any, edges: Any) -> Opened:
    """A picture file -> its three layers. `budget` None: 0.02 bits per pixel; `grid` 0: by budget.

    Raises `ImageError`, `BudgetTooSmall`, `UnknownName`.
    """
    from codec.encoder.extract import INSIDE, extract
    from codec.images.io import load

    picture = load(path)
    if prompt is None and picture.layers is not None:
        with contextlib.suppress(CodecError):  # damaged: then it is a picture as any other
            layers = Layers.from_bytes(picture.layers)
            return Opened(layers, canvas_state.file_stem(Path(path).stem), f"from {INSIDE}", own=True)
    found = extract(
        picture,
        prompt=prompt,
        negative=negative,
        budget=None if budget is None else whole(budget, "byte budget", *BUDGETS),
        grid=whole(grid, "grid", *GRIDS) if grid else None,
        edges=choice(edges, "edge detector", EDGES),
    )
    return Opened(found.layers, canvas_state.file_stem(Path(path).stem), found.origin, picture.pixels)


def open_file(path: str) -> Opened:
    """A .tril file, or a PNG with one inside -> its layers; of a damaged one those that survive, with a warning."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise CodecError(f"the file cannot be read: {error.strerror}") from None
    if data.startswith(b"\x89PNG") and not png_chunk.take(data):
        raise CodecError("there are no layers inside this PNG; drop it on the image box to take it apart")
    return open_bytes(png_chunk.tril_of(data), canvas_state.file_stem(Path(path).stem), "from the file")


def open_bytes(data: bytes, name: str, origin: str) -> Opened:
    """The bytes of a .tril file -> its layers, as `open_file`."""
    warning = ""
    try:
        layers = Layers.from_bytes(data)
    except (Corrupt, Truncated) as error:
        try:
            layers, damaged = Layers.salvage(data)
        except FormatError:  # not even its header can be read: what was wrong first is the clearer line
            raise error from None
        if (layers.semantic, layers.structure, layers.texture) == (None, None, None):
            raise error from None
        warning = "This file is damaged, but its layers can be read: look whether they are what you expect."
        if damaged:
            warning = f"This file is damaged: {' and '.join(damaged)} could not be read; the rest is here."
    return Opened(layers, name, origin, warning=warning)


def current(value: Any, text: str, negative: str, seed: Any, keep_seed: Any) -> tuple[Drawing, Layers]:
    """The canvas's value and the fields beside it -> what Save writes and Decode reads."""
    drawing = canvas_state.read(value)
    kept = seed_of(seed) if keep_seed else None
    return drawing, drawing.layers(text or "", negative or "", kept)


def same_prompt(drawing: Drawing, layers: Layers) -> bool:
    """True while the prompt is the one that the picture came with."""
    return drawing.base is None or drawing.base.semantic == layers.semantic


def flat_picture(layers: Layers) -> np.ndarray:
    """The layers as they are, sketch over colors, at most `SHOWN_SIDE` a side: (h, w, 3) uint8.

    It stands for the original of a file that came without one.
    """
    scale = min(1.0, SHOWN_SIDE / max(layers.width, layers.height))
    w, h = max(1, round(layers.width * scale)), max(1, round(layers.height * scale))
    if layers.texture is not None:
        paper = layers.texture.render(w, h).astype(np.float32)
    else:
        paper = np.full((h, w, 3), 244, np.float32)
    if layers.structure is not None:
        lines = layers.structure.render(w, h).astype(np.float32)
        if isinstance(layers.structure, Sketch):
            paper *= 1 - 0.85 * lines / 255
        else:
            paper = np.where(lines.any(axis=2, keepdims=True), lines, paper)
    elif layers.texture is None and layers.semantic is not None:
        return layers.semantic.render(w, h)
    return np.rint(paper).astype(np.uint8)


def shown(pixels: np.ndarray) -> np.ndarray:
    """The same picture, at most `SHOWN_SIDE` a side."""
    height, width = pixels.shape[:2]
    if max(height, width) <= SHOWN_SIDE:
        return pixels
    from codec.images.io import resize_area

    scale = SHOWN_SIDE / max(height, width)
    return resize_area(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def seen(preview: np.ndarray, layers: Layers) -> np.ndarray:
    """A step's preview, of any size, at the size that the picture is shown at."""
    from codec.images.io import resize

    scale = min(1.0, SHOWN_SIDE / max(layers.width, layers.height))
    width, height = max(1, round(layers.width * scale)), max(1, round(layers.height * scale))
    if preview.shape[0] >= height or preview.shape[1] >= width:
        return shown(preview)
    return resize(preview, width, height)


def jpeg(pixels: np.ndarray) -> bytes:
    """(h, w, 3) uint8 -> a JPEG to look at."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def png(pixels: np.ndarray, layers: Layers) -> bytes:
    """(h, w, 3) uint8 -> a PNG to keep, with its layers inside."""
    from codec.images.io import encode_png

    return png_chunk.put(encode_png(pixels), layers.to_bytes())


def whole(value: Any, what: str, low: int, high: int) -> int:
    """A number that a person typed -> int. Raises `InvalidLayer` outside low..high."""
    if type(value) not in (int, float) or value != value or not low <= value <= high:
        raise InvalidLayer(f"the {what} must be a whole number from {low:,} to {high:,}")
    return int(value)


def seed_of(value: Any) -> int:
    """The seed's field -> int. It is text, as a browser's numbers are exact to 2^53 only.

    Raises `InvalidLayer` for anything but the digits of 0..`MAX_SEED`.
    """
    digits = value.strip() if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_FIELD and int(digits) <= MAX_SEED):
        raise InvalidLayer(f"the seed must be a whole number from 0 to {MAX_SEED:,}")
    return int(digits)


def number(value: Any, what: str, low: float, high: float) -> float:
    """A number that a person set -> float. Raises `InvalidLayer` outside low..high."""
    if type(value) not in (int, float) or value != value or not low <= value <= high:
        raise InvalidLayer(f"the {what} must be a number from {low:g} to {high:g}")
    return float(value)


def choice(value: Any, what: str, names: Sequence[str]) -> str:
    """A name that a person chose. Raises `UnknownName` for any other."""
    if not isinstance(value, str) or value not in names:
        raise UnknownName(f"there is no such {what}; there are: {', '.join(names)}")
    return value


def has_original(path: Any) -> bool:
    """True while the original's file is there."""
    return isinstance(path, str) and os.path.isfile(path)


def decoding(
    layers: Layers, decoder: str, seed: int, strengths: Strengths
) -> Callable[[Callable[[Any], bool]], Finished]:
    """-> work for `ui.services.jobs.Job`, of a painter."""
    from codec.decoders import get

    return lambda on_step: Finished(get(decoder, strengths).decode(layers, seed=seed, on_step=on_step))


def decoders() -> list[str]:
    """The decoders to choose from."""
    from codec.decoders import names

    return [name for name in names() if name != PREVIEW]
