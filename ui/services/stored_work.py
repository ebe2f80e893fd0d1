"""The work that the browser stores and sends when the page is loaded again."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from codec import CodecError, Layers
from codec.errors import FormatError
from ui.services import canvas_state

MAX_FIELD_CHARS: Final = 100_000  # of each field


class StoredWork(NamedTuple):
    """Stored layers, their name, and the other fields as they were typed, valid or not."""

    layers: Layers
    name: str
    prompt: str
    negative: str
    seed: str
    keep_seed: bool


def read(value: Any) -> StoredWork:
    """Return the stored work. `value`: [canvas's value, prompt, negative prompt, seed, whether to keep the seed].

    If the prompt is invalid, the layers have none. Raises `FormatError` or `InvalidLayer` for an invalid drawing.
    """
    if not isinstance(value, list) or len(value) != 5:
        raise FormatError("it was stored by another version of the page")
    canvas, prompt, negative, seed, keep_seed = value
    if not all(isinstance(text, str) and len(text) <= MAX_FIELD_CHARS for text in (prompt, negative, seed)):
        raise FormatError("its fields are not text, or too long")
    drawing = canvas_state.read(canvas)
    try:
        layers = drawing.layers(prompt, negative, None)
    except CodecError:
        layers = drawing.layers("", "", None)
    return StoredWork(layers, drawing.name, prompt, negative, seed, keep_seed is True)
