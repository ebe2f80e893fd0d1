"""Pictures for tests and benchmarks: small synthetic ones, and those in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from codec.errors import ImageError
from codec.images import io


def disc(seed: int, side: int = 96) -> np.ndarray:
    """Return a disc in front of a color gradient, (side, side, 3) uint8, with random colors."""
    y, x = np.mgrid[:side, :side] / side
    colors = np.random.default_rng(seed).integers(0, 256, (3, 3))
    pixels = colors[0] * x[..., None] + colors[1] * (1 - x[..., None])
    pixels[np.hypot(x - 0.5, y - 0.4) < 0.25] = colors[2]
    return pixels.astype(np.uint8)


def load_folder(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the pixels, (H, W, 3) uint8 sRGB, of every picture in a folder, sorted by name."""
    for path in sorted(folder.iterdir()):
        try:
            yield path.name, io.load(path).pixels
        except ImageError:
            continue
