"""Writes free photographs to a folder, for the sheet of the benchmark in README: python -m tests.photos DIR

They are scikit-image's, each in the public domain or CC0; squares of at most 512 pixels a side, and captions.tsv.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import numpy as np
from skimage import data

from codec.images.io import encode_png, resize_area

SIDE: Final = 512
CAPTIONS: Final = {
    "astronaut": "portrait of a smiling woman in an orange space suit",
    "chelsea": "a ginger cat's face",
    "rocket": "a rocket on its launch pad",
    "hubble_deep_field": "galaxies in black space",
}  # the name of skimage.data's function, and a prompt


def write(folder: Path) -> None:
    """Every photograph and captions.tsv -> `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CAPTIONS:
        (folder / f"{name}.png").write_bytes(encode_png(square(getattr(data, name)())))
    lines = [f"{name}.png\t{text}\n" for name, text in CAPTIONS.items()]
    (folder / "captions.tsv").write_text("".join(lines), "utf-8")


def square(pixels: np.ndarray) -> np.ndarray:
    """The middle of a picture, (n, n, 3) uint8, n at most `SIDE`."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return middle if side <= SIDE else resize_area(middle, SIDE, SIDE)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
