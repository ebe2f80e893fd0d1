"""Prompts written by a program: whether they still match the layers, and captions by a local network."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Final, NamedTuple

import numpy as np

from codec import Layers
from codec.encoder.prompt import caption
from codec.images.io import load
from codec.models import locate
from ui.services import comparison

MAX_FIELD_CHARS: Final = 20_000
STALE: Final = "Written automatically before your edits: check it."


class AutomaticPrompt(NamedTuple):
    """A text, a line that names its author, and the `fingerprint` of the layers that it was written for."""

    text: str
    source: str
    fingerprint: str

    @classmethod
    def parse(cls, value: Any) -> AutomaticPrompt | None:
        """Return the prompt in the value that the browser stores, a list of its fields; None for any other value."""
        if not isinstance(value, list | tuple) or len(value) != len(cls._fields):
            return None
        if not all(isinstance(field, str) and len(field) <= MAX_FIELD_CHARS for field in value):
            return None
        return cls(*value)

    @classmethod
    def of(cls, layers: Layers, source: str) -> AutomaticPrompt:
        """Return the prompt of these layers as one that was written automatically."""
        return cls(layers.semantic.text if layers.semantic else "", source, fingerprint(layers))

    def describes(self, layers: Layers) -> bool:
        """Return whether the prompt of the layers is still this text."""
        return bool(self.text) and layers.semantic is not None and layers.semantic.text == self.text

    def source_for(self, layers: Layers) -> str:
        """Return the line about the prompt: who wrote it, or that sketch or colors have changed since."""
        return self.source if self.fingerprint == fingerprint(layers) else STALE


def fingerprint(layers: Layers) -> str:
    """Return a key of sketch or pose and colors: equal for equal layers."""
    return hashlib.sha256(layers.only((2, 3)).to_bytes()).hexdigest()


def can_caption() -> bool:
    """Return whether a captioner is installed."""
    return any(locate.status(name).state == "present" for name in caption.CAPTIONERS)


def describe(layers: Layers, source: Any, is_edited: bool) -> tuple[str, str]:
    """Return a caption and the captioner's name: of the picture file `source`, or of the edited layers' preview.

    Raises `CodecError`.
    """
    if isinstance(source, str) and os.path.isfile(source) and not is_edited:
        return caption.caption(load(source).pixels)
    return caption.caption(_preview(layers))


def _preview(layers: Layers) -> np.ndarray:
    from codec.decoders import Strengths

    return comparison.render_preview(layers, Strengths())
