"""Measure the codec on a folder of pictures.

    python -m tests.measure DIR [--sheet SHEET.png]

Prints a row for each picture and the medians: bytes of the prompt compressed with brotli, of each layer and of the
file; the F-measure of the sketch against the thin edge map that it was fitted to (2 px at a long side of 512); the mean
CIEDE2000 difference of the color cells from the area-averaged picture; and seconds to encode, to preview and to
decode. Prompts come from DIR/captions.tsv (file name, tab, text), if it exists. The contact sheet shows original,
sketch, colors, preview and decoded picture.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple, TypeVar

import brotli
import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

import codec
from codec.batch.captions import read_captions
from codec.encoder.sketch.f_measure import f_measure
from codec.encoder.sketch.fit_sketch import edge_map
from codec.images import io
from tests.pictures import load_folder

Result = TypeVar("Result")


class Row(NamedTuple):
    """The measurements of one picture."""

    brotli: float
    semantic: float
    structure: float
    texture: float
    total: float
    bpp: float
    edge_f: float
    delta_e: float
    encode_s: float
    preview_s: float
    decode_s: float


def timed(function: Callable[[], Result]) -> tuple[Result, float]:
    """Return the result of a function and the seconds that it took."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def measure(pixels: np.ndarray, prompt: str | None) -> tuple[Row, np.ndarray]:
    """Return the row of a picture, and its strip of the contact sheet, (256, 5 * 256, 3) uint8."""
    layers, encode_s = timed(lambda: codec.encode(pixels, prompt=prompt))
    preview, preview_s = timed(lambda: codec.decode(layers, decoder="painter-preview"))
    decoded, decode_s = timed(lambda: codec.decode(layers))
    sizes = layers.sizes()
    cells = io.resize_area(pixels, layers.texture.cols, layers.texture.rows)
    difference = deltaE_ciede2000(rgb2lab(cells), rgb2lab(layers.texture.cells)).mean()
    edge_f = f_measure(layers.structure, edge_map(pixels)).f
    text = layers.semantic.text.encode() if layers.semantic else b""
    row = Row(
        len(brotli.compress(text, quality=11)),
        *sizes[:3],
        sizes.total,
        layers.bpp(sizes.total),
        edge_f,
        difference,
        encode_s,
        preview_s,
        decode_s,
    )
    sketch = 255 - layers.structure.render(layers.width, layers.height)
    colors = layers.texture.render(layers.width, layers.height)
    return row, np.hstack([_thumbnail(panel) for panel in (pixels, sketch, colors, preview, decoded)])


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return the picture scaled and centered on a white square of 256 pixels."""
    height, width = pixels.shape[:2]
    scale = 256 / max(height, width)
    small = io.resize(pixels, max(round(width * scale), 1), max(round(height * scale), 1))
    top, left = (256 - small.shape[0]) // 2, (256 - small.shape[1]) // 2
    square = np.full((256, 256, 3), 255, np.uint8)
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def main() -> None:
    """Measure every picture of a folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure", description="Measure the codec on a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", type=Path, help="the contact sheet to write (PNG)")
    args = parser.parse_args()
    prompts = read_captions(args.folder)
    codec.decode(codec.encode(np.zeros((64, 64, 3), np.uint8)))  # load modules and weights before timing
    rows, strips = [], []
    print(f"{'picture':24}" + "".join(f"{name:>11}" for name in Row._fields))
    for name, pixels in load_folder(args.folder):
        row, strip = measure(pixels, prompts.get(name))
        rows.append(row)
        strips.append(strip)
        _print(name, row)
    if rows:
        _print(f"median of {len(rows)}", Row(*map(median, zip(*rows, strict=True))))
        if args.sheet:
            args.sheet.write_bytes(io.encode_png(np.vstack(strips)))


def _print(name: str, row: Row) -> None:
    print(f"{name[:23]:24}" + "".join(f"{value:11.5g}" for value in row), flush=True)


if __name__ == "__main__":
    main()
