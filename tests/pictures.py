"""Small synthetic pictures for tests."""

from __future__ import annotations

import numpy as np


def disc(seed: int, side: int = 96) -> np.ndarray:
    """Return a disc in front of a color gradient, (side, side, 3) uint8, with random colors."""
    y, x = np.mgrid[:side, :side] / side
    colors = np.random.default_rng(seed).integers(0, 256, (3, 3))
    pixels = colors[0] * x[..., None] + colors[1] * (1 - x[..., None])
    pixels[np.hypot(x - 0.5, y - 0.4) < 0.25] = colors[2]
    return pixels.astype(np.uint8)
