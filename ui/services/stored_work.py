"""The work that the browser stores and sends when the page is loaded again."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, NamedTuple

import numpy as np

from codec import CodecError, Layers
from codec.errors import FormatError
from codec.images.io import load
from ui.services import canvas_state, rendering
from ui.services.automatic_prompt import AutomaticPrompt

MAX_FIELD_CHARS: Final = 100_000  # of each field
MAX_PICTURE_CHARS: Final = 4 << 20  # of a data URI
_JPEG_PREFIX: Final = "data:image/jpeg;base64,"


class StoredWork(NamedTuple):
    """Stored layers, their name, and the other fields as they were typed, valid or not."""

    layers: Layers
    name: str
    prompt: str
    negative: str
    seed: str
    keep_seed: bool
    automatic: AutomaticPrompt | None = None


def read(value: Any) -> StoredWork:
    """Return the stored work.

    `value`: [canvas's value, prompt, negative prompt, seed, whether to keep the seed, automatic prompt]; older work
    lacks the last one. If the prompt is invalid, the layers have none. Raises `FormatError` or `InvalidLayer` for an
    invalid drawing.
    """
    if not isinstance(value, list) or len(value) not in (5, 6):
        raise FormatError("it was stored by another version of the page")
    canvas, prompt, negative, seed, keep_seed = value[:5]
    if not all(isinstance(text, str) and len(text) <= MAX_FIELD_CHARS for text in (prompt, negative, seed)):
        raise FormatError("its fields are not text, or too long")
    drawing = canvas_state.read(canvas)
    try:
        layers = drawing.layers(prompt, negative, None)
    except CodecError:
        layers = drawing.layers("", "", None)
    automatic = AutomaticPrompt.parse(value[5]) if len(value) > 5 else None
    return StoredWork(layers, drawing.name, prompt, negative, seed, keep_seed is True, automatic)


def read_picture(value: Any, layers: Layers) -> np.ndarray | None:
    """Return the stored picture of a decode, (h, w, 3) uint8; None for anything else than a JPEG of these layers.

    `value`: a data URI. The picture has the size at which pictures of these layers are shown.
    """
    if not isinstance(value, str) or len(value) > MAX_PICTURE_CHARS or not value.startswith(_JPEG_PREFIX):
        return None
    try:
        pixels = load(base64.b64decode(value.removeprefix(_JPEG_PREFIX), validate=True)).pixels
    except (binascii.Error, CodecError):
        return None
    width, height = rendering.shown_size(layers.width, layers.height)
    return pixels if pixels.shape == (height, width, 3) else None
