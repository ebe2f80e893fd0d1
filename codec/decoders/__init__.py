"""Decoders, which turn layers into a picture: the built-in painter and Stable Diffusion, with one interface.

    import codec.decoders

    decoder = codec.decoders.get("painter-preview")
    pixels = decoder.decode(layers)

registry.py explains how to add a decoder.
"""

from __future__ import annotations

from codec.decoders.base import Decoder, OnStep, Step, Strengths
from codec.decoders.registry import get, names

__all__ = ["Decoder", "OnStep", "Step", "Strengths", "get", "names"]
