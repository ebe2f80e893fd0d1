"""Pictures of layers without colors: a pencil drawing of the structure, or a card with the prompt's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from codec.decoders.painter import figure, ink
from codec.images.text_card import text_card

if TYPE_CHECKING:
    from codec.layers import Layers

PENCIL: Final = np.array([0.17, 0.16, 0.18], np.float32)


def pencil_drawing(
    layers: Layers, lines: Sequence[np.ndarray], random: np.random.Generator, strength: float, size: tuple[int, int]
) -> np.ndarray:
    """Return the sketch in pencil, or the figures of a pose, on paper: (h, w, 3) uint8."""
    height, width = size
    sheet = figure.paint_figures(ink.render_paper(height, width, random), layers.structure)
    opacity = np.minimum(0.9 * strength * ink.render_ink(lines, height, width)[..., None], 1.0)
    return np.asarray(np.round(np.clip(sheet + (PENCIL - sheet) * opacity, 0.0, 1.0) * 255), np.uint8)


def prompt_card(text: str, size: tuple[int, int]) -> np.ndarray:
    """Return a card with the prompt and a note that sketch and colors are missing, (h, w, 3) uint8."""
    height, width = size
    return text_card(f"{text}\n\n(no sketch and no colors to paint from)", width, height)
