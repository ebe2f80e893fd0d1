"""The painter's golden pictures; `python -m tests.painted` updates them after an intended change.

They are stored as thumbnails of 16 x 12 pixels, since results differ invisibly between processors.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from codec import Layers, Pose, Prompt, Sketch, decode
from codec.images.io import resize_area
from codec.texture import rdoq
from tests.samples import random_detail

FILE = Path(__file__).parent / "golden" / "painted.json"


def cases() -> dict[str, tuple[str, Layers]]:
    """Return the name of the decoder and the layers of each case, by its name."""
    cells = np.zeros((8, 8, 3), np.uint8)
    cells[:4], cells[4:], cells[5:7, 2:5] = (70, 110, 220), (60, 130, 50), (200, 60, 40)
    colors = rdoq.quantize(cells, 10)
    lines = [np.array([[0.0, 66], [40, 60], [96, 64], [128, 58]]), np.array([[32.0, 60], [32, 84], [80, 84], [80, 60]])]
    sketch = Sketch.from_polylines(lines, 128, 96, 64)
    pose = Pose((tuple((400 + 60 * n, 300 + 80 * n) for n in range(18)),))
    detailed = replace(colors, detail=random_detail(1, 12, 16, density=0.02))
    both = Layers(128, 96, Prompt("a red house on a hill"), sketch, colors, seed=7)
    return {
        "painter": ("painter", both),
        "preview": ("painter-preview", both),
        "detail": ("painter", replace(both, texture=detailed)),
        "sketch": ("painter-preview", both.only({2})),
        "colors": ("painter-preview", both.only({3})),
        "pose": ("painter-preview", Layers(128, 96, None, pose, colors)),
        "words": ("painter-preview", both.only({1})),
    }


def thumbnail(name: str) -> np.ndarray:
    """Return the thumbnail of the current painting: (12, 16, 3) uint8."""
    decoder, layers = cases()[name]
    return resize_area(decode(layers, decoder=decoder), 16, 12)


def load_pictures() -> dict[str, np.ndarray]:
    """Return the stored thumbnail of each case."""
    stored = json.loads(FILE.read_text())
    return {name: np.frombuffer(bytes.fromhex(text), np.uint8).reshape(12, 16, 3) for name, text in stored.items()}


def main() -> None:
    """Update the stored thumbnails."""
    FILE.write_text(json.dumps({name: thumbnail(name).tobytes().hex() for name in cases()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
