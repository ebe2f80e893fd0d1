"""Compare the texture layer with AV1: `python -m tests.detail_bench FOLDER [--bytes 300 430 600]`

Both code each picture of a folder within the same payload bytes: Trilayer as base colors and detail; AV1 as an intra
frame of 4:2:0, of the best of several sizes, counting its `mdat` box alone. The decoded pictures are enlarged to the
original size by Lanczos resampling. The mean MS-SSIM to the pictures is printed.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from codec.allocation import base_bytes
from codec.bench.lossless_codecs import payload_size
from codec.bench.measures import ms_ssim
from codec.encoder.colormap.fit_colormap import fit_grid
from codec.encoder.colormap.fit_detail import fit_detail
from codec.grid_shape import grid_shape
from codec.images.io import resize_area
from codec.texture.colormap import MAX_CELLS, MIN_CELLS
from codec.texture.detail_grid import detail_shape
from tests.pictures import load_folder

BUDGETS = (300, 430, 600)
BASE_CELLS = 8  # on the longer side
AV1_SIDES = (64, 80, 96, 112, 128, 160)  # pixels on the longer side
AV1_SPEED = 6  # slower searches take 20 times as long and gain nothing at these sizes


def texture_score(pixels: np.ndarray, max_bytes: int) -> float:
    """Return the MS-SSIM of the enlarged small picture of a texture layer of at most `max_bytes`."""
    height, width = pixels.shape[:2]
    grid = grid_shape(width, height, BASE_CELLS, MIN_CELLS, MAX_CELLS)
    base = fit_grid(pixels, grid, base_bytes(max_bytes), max_bytes, quick=True)
    texture = fit_detail(pixels, base, max_bytes)
    assert len(texture.to_bytes()) <= max_bytes
    return enlarged_score(pixels, texture.small_picture(*detail_shape(width, height)))


def av1_score(pixels: np.ndarray, max_bytes: int) -> float:
    """Return the MS-SSIM of the best enlarged AV1 picture of at most `max_bytes`; 0 if none is so small."""
    height, width = pixels.shape[:2]
    scores = [0.0]
    for side in AV1_SIDES:
        scale = min(1.0, side / max(height, width))
        small = resize_area(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
        found = _finest_av1(small, max_bytes)
        if found is not None:
            scores.append(enlarged_score(pixels, found))
    return max(scores)


def _finest_av1(small: np.ndarray, max_bytes: int) -> np.ndarray | None:
    """Return the picture decoded at the highest quality whose payload fits; None if none does."""
    low, high, best = -1, 101, None  # `low` fits, `high` does not
    while high - low > 1:
        quality = (low + high) // 2
        file = io.BytesIO()
        options = {"quality": quality, "speed": AV1_SPEED, "subsampling": "4:2:0", "max_threads": 1}
        Image.fromarray(small).save(file, "AVIF", **options)
        if payload_size(file.getvalue()) <= max_bytes:
            low, best = quality, np.array(Image.open(file).convert("RGB"))
        else:
            high = quality
    return best


def enlarged_score(pixels: np.ndarray, small: np.ndarray) -> float:
    """Return the MS-SSIM of a small picture, enlarged, to the pixels."""
    height, width = pixels.shape[:2]
    return ms_ssim(pixels, cv2.resize(small, (width, height), interpolation=cv2.INTER_LANCZOS4))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.detail_bench", description="Compare detail with AV1.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures")
    parser.add_argument("--bytes", type=int, nargs="+", default=BUDGETS, help="payload bytes (default: 300 430 600)")
    options = parser.parse_args(arguments)
    pictures = [pixels for _, pixels in load_folder(options.folder)]
    print(f"MS-SSIM of the enlarged small picture, mean of {len(pictures)} pictures")
    print("| payload bytes | Trilayer, base colors and detail | AV1 intra |\n|---|---|---|")
    for max_bytes in options.bytes:
        means = [np.mean([score(pixels, max_bytes) for pixels in pictures]) for score in (texture_score, av1_score)]
        print(f"| {max_bytes} | {means[0]:.3f} | {means[1]:.3f} |", flush=True)


if __name__ == "__main__":
    main()
