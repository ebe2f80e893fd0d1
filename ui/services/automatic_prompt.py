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

STALE: Final = "Written automatically before your edits: check it."


class AutomaticPrompt(NamedTuple):
    """A text, a line that names its author, and the `fingerprint` of the layers that it was written for."""

    text: str
    source: str
    fingerprint: str

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
