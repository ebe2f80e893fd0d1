"""Cut training crops for the detail of the texture layer from a folder of pictures.

    python -m codec.training.detail_data PICTURES CROPS.npy

Writes square crops, several of each picture at different scales, resized to 256 x 256 pixels, in random order. The
networks work at half that size; the full size is used in the loss. Small pictures typically have 128 x 128 pixels, so a
crop of a whole picture has the statistics of the small pictures that are coded later.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from codec.images import io

CROP_SIDE: Final = 256
CROPS_PER_PICTURE: Final = 3  # the central square, then random squares
SUFFIXES: Final = frozenset((".webp", ".png", ".jpg", ".jpeg"))
HELD_OUT_PERIOD, HELD_OUT_INDEX = 30, 7  # every 30th picture, in order of names, is held out for evaluation


def training_files(folder: Path, held_out: bool = False) -> list[Path]:
    """Return the pictures of a folder to train on, or those held out for evaluation, in order of names."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return [path for number, path in enumerate(files) if (number % HELD_OUT_PERIOD == HELD_OUT_INDEX) == held_out]


def cut_crops(files: Sequence[Path], seed: int) -> np.ndarray:
    """Return shuffled crops: (n, 256, 256, 3) uint8 sRGB. Pictures with a side under 256 pixels are skipped."""
    rng = np.random.default_rng(seed)
    crops = [crop for path in files for crop in _crops_of(io.load(path).pixels, rng)]
    if not crops:
        raise SystemExit(f"no picture has {CROP_SIDE} pixels a side: choose another folder")
    stacked = np.stack(crops)
    rng.shuffle(stacked)
    return stacked


def _crops_of(pixels: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    shorter = min(pixels.shape[:2])
    if shorter < CROP_SIDE:
        return
    for number in range(CROPS_PER_PICTURE):
        edge = int(rng.integers(max(CROP_SIDE, shorter // 2), shorter + 1)) if number else shorter
        top, left = (int(rng.integers(side - edge + 1)) if number else (side - edge) // 2 for side in pixels.shape[:2])
        yield io.resize_area(pixels[top : top + edge, left : left + edge], CROP_SIDE, CROP_SIDE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.detail_data", description="Cut training crops for the texture layer's detail."
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of pictures")
    parser.add_argument("crops", type=Path, metavar="CROPS.npy", help="file to write")
    parser.add_argument("--seed", type=int, default=0, help="of the random crops (default: 0)")
    options = parser.parse_args(arguments)
    crops = cut_crops(training_files(options.pictures), options.seed)
    np.save(options.crops, crops)
    print(f"{len(crops)} crops")


if __name__ == "__main__":
    main()
