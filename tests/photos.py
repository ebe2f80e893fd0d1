"""Write free photographs to a folder, for the contact sheet of the benchmark: python -m tests.photos DIR

They come with scikit-image and are in the public domain or CC0. Writes squares of at most 512 pixels a side, and
captions.tsv.
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
}  # by the name of the function in skimage.data


def write(folder: Path) -> None:
    """Write every photograph and captions.tsv to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CAPTIONS:
        (folder / f"{name}.png").write_bytes(encode_png(center_square(getattr(data, name)())))
    lines = [f"{name}.png\t{text}\n" for name, text in CAPTIONS.items()]
    (folder / "captions.tsv").write_text("".join(lines), "utf-8")


def center_square(pixels: np.ndarray) -> np.ndarray:
    """Return the central square of a picture, (n, n, 3) uint8, with n at most `SIDE`."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return square if side <= SIDE else resize_area(square, SIDE, SIDE)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
