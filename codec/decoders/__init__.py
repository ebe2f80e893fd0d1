"""Decoders: from layers to a picture. The built-in painter and Stable Diffusion behind one interface.

    import codec.decoders

    decoder = codec.decoders.get("painter-preview")
    pixels = decoder.decode(layers)

registry.py says how a decoder is added.
"""

from __future__ import annotations

from codec.decoders.base import Decoder, OnStep, Step, Strengths
from codec.decoders.registry import get, names

__all__ = ["Decoder", "OnStep", "Step", "Strengths", "get", "names"]
