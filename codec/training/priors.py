"""Train the integer table that the colormap's models start from.

    python -m codec.training.priors colours DIR...     writes codec/colour_priors.npy

Each DIR is searched for pictures. A table has a row for each adaptive bit: the probability of a 1
in 65,536ths, and how many bits' worth of evidence it starts with. A table is part of
the format: files written with one can only be read with the same one. The hash of a new one goes into
tables.py and FORMAT.md, and what is coded with it gets a new kind.

The tables in the repository were trained on photos and paintings of Debian 12's
packages, all free: the landscapes and scenes of endless-sky-data and mate-backgrounds (colours), and
every fourth of these landscapes with the portraits of wesnoth-1.16-data (strokes).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from codec import coefficients, image
from codec.errors import CodecError
from codec.rangecoder import Bit, Encoder
from codec.texture import Colormap

CONFIDENCE = 12  # at most: a picture may still differ from the average one
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif")


class Counter(Bit):
    """A bit that counts instead of adapting."""

    __slots__ = ("ones", "seen")

    def __init__(self) -> None:
        super().__init__()
        self.ones = self.seen = 0

    def update(self, bit: int) -> None:
        self.ones += bit
        self.seen += 1


def pictures(folders: Sequence[Path], least: int = 256) -> Iterator[np.ndarray]:
    """The pictures under some folders with sides of `least` pixels or more, in order of name."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                try:
                    pixels = image.load(path).pixels
                except CodecError:
                    continue
                if min(pixels.shape[:2]) >= least:
                    yield pixels


def colours(folders: Sequence[Path]) -> np.ndarray:
    """Count over grids and steps as they are used: 8 to 24 cells, fine to coarse."""
    models = coefficients.Models()
    models.bits = [Counter() for _ in models.bits]
    for pixels in pictures(folders):
        for cols in (8, 12, 16, 24):
            rows = min(max(round(cols * pixels.shape[0] / pixels.shape[1]), 4), 32)
            cells = cv2.resize(pixels, (cols, rows), interpolation=cv2.INTER_AREA)
            for step in range(4, 52, 4):
                coefficients.syntax(Encoder(), _coefficients(cells, step), models)
    return _table(models.bits)


def _coefficients(cells: np.ndarray, step: int) -> coefficients.Coefficients:
    colours = Colormap.from_cells(cells, step)
    return coefficients.Coefficients(colours.rows, colours.cols, step, colours.levels)


def _table(bits: Sequence[Bit]) -> np.ndarray:
    rows = []
    for bit in bits:
        assert isinstance(bit, Counter)
        p = 65536 * (2 * bit.ones + 1) // (2 * bit.seen + 2)
        rows.append((min(max(p, 256), 65280), min(bit.seen // 4, CONFIDENCE)))
    return np.array(rows, np.uint16)


def main() -> None:
    """Train one table."""
    parser = argparse.ArgumentParser(description="Train a table of priors.")
    parser.add_argument("table", choices=("colours",))
    parser.add_argument("folders", nargs="+", type=Path)
    options = parser.parse_args()
    np.save(Path(__file__).parent.parent / "colour_priors.npy", colours(options.folders), allow_pickle=False)


if __name__ == "__main__":
    main()
