"""Layers to pictures: the built-in painter and Stable Diffusion behind one interface."""

from __future__ import annotations

from codec.decoders.base import Decoder, OnStep, Step, Strengths
from codec.decoders.registry import get, names

__all__ = ["Decoder", "OnStep", "Step", "Strengths", "get", "names"]
