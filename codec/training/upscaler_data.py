"""Make training pairs for the painter's network: pictures, and the decoded layers that are its input.

    python -m codec.training.upscaler_data PICTURES PAIRS

Each picture becomes PAIRS/NAME.npz with

    source  (512, 512, 3) uint8   a random square of the picture
    small   (128, 128, 3) uint8   the small picture of its texture layer, after encoding in a random number of bytes
    cut     (128, 128, 3) uint8   the same, of a texture layer whose detail was cut
    lines   (512, 512) uint8      the opacity of its sketch's lines

Existing files are kept, so an interrupted run can be continued. Several processes can share the work (`--part 0/2`).
The pictures that `detail_data` holds out are also left out here.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

import codec
from codec.atomic_write import replacement
from codec.decoders.painter import ink, painter
from codec.errors import CodecError
from codec.images import io
from codec.texture.colormap import Colormap
from codec.texture.detail_grid import detail_shape
from codec.training.detail_data import training_files

SIDE: Final = 512  # pixels of a source
SMALL_SIDE: Final = SIDE // 4
MIN_SIDE: Final = 384  # smaller pictures are left out
MEDIAN_BUDGET: Final = 680  # bytes
BUDGET_SPREAD: Final = 0.35  # standard deviation of the logarithm
MIN_BUDGET, MAX_BUDGET = 420, 1150
CUT_SHARE: Final = (0.2, 0.7)  # share of the texture layer's bytes that are kept in `cut`


def make_pair(pixels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the arrays of a pair, by name, of a random square of a picture, (H, W, 3) uint8. Raises `CodecError`."""
    shorter = min(pixels.shape[:2])
    edge = int(rng.integers(max(MIN_SIDE, 2 * shorter // 3), shorter + 1))
    top, left = (int(rng.integers(side - edge + 1)) for side in pixels.shape[:2])
    source = io.resize_area(pixels[top : top + edge, left : left + edge], SIDE, SIDE)
    budget = int(np.clip(rng.lognormal(math.log(MEDIAN_BUDGET), BUDGET_SPREAD), MIN_BUDGET, MAX_BUDGET))
    layers = codec.encode(source, prompt="a picture", budget=budget)
    assert layers.texture is not None
    cut = layers.texture.cut(int(len(layers.texture.to_bytes()) * rng.uniform(*CUT_SHARE)))
    lines = ink.render_ink(painter.smooth_polylines(layers), SIDE, SIDE)
    return {
        "source": source,
        "small": _small_picture(layers.texture),
        "cut": _small_picture(cut),
        "lines": np.round(255 * lines).astype(np.uint8),
    }


def _small_picture(texture: Colormap) -> np.ndarray:
    picture = texture.small_picture(*detail_shape(SIDE, SIDE))
    return np.asarray(cv2.resize(picture, (SMALL_SIDE, SMALL_SIDE), interpolation=cv2.INTER_CUBIC))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.upscaler_data", description="Make training pairs for the painter's network."
    )
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="folder of pictures")
    parser.add_argument("pairs", type=Path, metavar="PAIRS", help="folder to write")
    parser.add_argument("--part", default="0/1", metavar="I/N", help="every Nth picture from the Ith on (default: 0/1)")
    options = parser.parse_args(arguments)
    part, parts = (int(number) for number in options.part.split("/"))
    options.pairs.mkdir(parents=True, exist_ok=True)
    files = training_files(options.pictures)
    for index in np.random.default_rng(0).permutation(len(files))[part::parts].tolist():
        path = options.pairs / f"{files[index].stem}.npz"
        pixels = io.load(files[index]).pixels
        if path.exists() or min(pixels.shape[:2]) < MIN_SIDE:
            continue
        try:
            pair = make_pair(pixels, np.random.default_rng(index))
        except CodecError as error:
            print(f"{files[index].name}: {error}")
            continue
        with replacement(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **pair)  # type: ignore[arg-type]  # its stub has a keyword for booleans


if __name__ == "__main__":
    main()
