"""Colors and words beside general formats: `python -m tests.layers_bench DIR TEXTS.txt [--plot FILE.png]`

Every picture of a folder is averaged over a grid of 8 x 8 and one of 16 x 16 cells; each format
writes these cells as a picture of as many pixels, at every quality, and lossless (PNG also with a
palette). Bytes are counted without the headers that any file of a format has; whole files in brackets.
The difference is the mean CIEDE2000 over a map's cells. Printed, as means over the pictures:

1. the fewest bytes at a difference of at most 2 and 3;
2. the smallest difference within a number of bytes;
3. bytes of the texts, one a line, as `python -m tests.words_bench` prints them; of a long file
   every n-th, 2,000 in all.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from codec.bench import lossless_codecs
from codec.errors import BudgetTooSmall
from codec.images import io
from codec.texture import rate_control
from tests import plot, words_bench
from tests.lossy_codecs import trials
from tests.structure_bench import pictures

GRIDS = (8, 16)
GOALS = (2.0, 3.0)
BUDGETS = (30, 50, 80, 120, 200, 400)
OURS = "Trilayer"
_TEXTS = 2000


class Cost(NamedTuple):
    """Of one map: bytes without and with headers at each of `GOALS`, the difference at each of `BUDGETS`."""

    data: list[float]
    file: list[float]
    difference: list[float]


def difference(cells: np.ndarray, other: np.ndarray) -> float:
    """Mean CIEDE2000 between two (rows, cols, 3) uint8 sRGB pictures."""
    return float(deltaE_ciede2000(rgb2lab(cells), rgb2lab(other)).mean())


def ours(cells: np.ndarray) -> Cost:
    """What our payload takes, a layer's bytes, which have no header."""
    least = [float(_fewest(cells, goal)) for goal in GOALS]
    return Cost(least, least, [_at(cells, budget) for budget in BUDGETS])


def _at(cells: np.ndarray, budget: int) -> float:
    try:
        return difference(cells, rate_control.fit(cells, budget).cells)
    except BudgetTooSmall:
        return float("inf")


def _fewest(cells: np.ndarray, goal: float) -> int:
    low, high = 8, cells.size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _at(cells, middle) <= goal else (middle + 1, high)
    return len(rate_control.fit(cells, high).to_bytes())


def theirs(name: str, cells: np.ndarray) -> Cost:
    """What a format takes; infinite where none of its qualities will do."""
    tried = [(trial.data, trial.file, difference(cells, trial.pixels)) for trial in trials(name, cells)]
    never = float("inf")
    good = [[(data, file) for data, file, found in tried if found <= goal] for goal in GOALS]
    return Cost(
        [min((data for data, _ in those), default=never) for those in good],
        [min((file for _, file in those), default=never) for those in good],
        [min((found for data, _, found in tried if data <= budget), default=never) for budget in BUDGETS],
    )


def measure(pixels: np.ndarray) -> dict[tuple[int, str], Cost]:
    """The costs of one picture, (H, W, 3) uint8, by grid and method."""
    out = {}
    for side in GRIDS:
        cells = io.resize_area(pixels, side, side)
        out[side, OURS] = ours(cells)
        out |= {(side, rival.name): theirs(rival.name, cells) for rival in lossless_codecs.PICTURE_CODECS}
    return out


def means(found: list[dict[tuple[int, str], Cost]]) -> dict[tuple[int, str], Cost]:
    """Over the pictures; infinite where any is."""
    return {
        key: Cost(*(np.mean([item[key][part] for item in found], axis=0).tolist() for part in range(3)))
        for key in found[0]
    }


def report(mean: dict[tuple[int, str], Cost], count: int) -> str:
    """The tables of colors, Markdown."""
    heads = [f"{side} x {side}, ΔE ≤ {goal:g}" for side in GRIDS for goal in GOALS]
    methods = [OURS, *(rival.name for rival in lossless_codecs.PICTURE_CODECS)]
    out = [f"| bytes, mean of {count} | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name in methods:
        cells = []
        for side in GRIDS:
            cost = mean[side, name]
            cells += [
                f"{_number(data)}" + (f" ({_number(file)})" if name != OURS else "")
                for data, file in zip(cost.data, cost.file, strict=True)
            ]
        out.append(f"| {name} | " + " | ".join(cells) + " |")
    out += ["", "| ΔE at bytes | " + " | ".join(map(str, BUDGETS)) + " |", "|---" * (len(BUDGETS) + 1) + "|"]
    for side in GRIDS:
        for name in methods:
            shown = (f"{value:.2f}" if np.isfinite(value) else "-" for value in mean[side, name].difference)
            out.append(f"| {side} x {side}, {name} | " + " | ".join(shown) + " |")
    return "\n".join(out)


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "-"


def main() -> None:
    """Measure a folder and a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the difference of 16 x 16 over bytes")
    options = parser.parse_args()
    texts = words_bench.texts(options.texts)
    if not texts:
        parser.error(f"{options.texts} has no text")
    found, start = [], time.perf_counter()
    for name, pixels in pictures(options.folder):
        found.append(measure(pixels))
        print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr, flush=True)
    if not found:
        parser.error(f"{options.folder} has no picture")
    mean = means(found)
    print(report(mean, len(found)) + "\n")
    every = -(-len(texts) // _TEXTS)
    print("\n".join(words_bench.table({options.texts.stem: texts[::every]})))
    for name, remedy in lossless_codecs.missing_packages(lossless_codecs.PICTURE_CODECS).items():
        print(f"\n{name} is not installed: {remedy}")
    if options.plot:
        curves = {
            name: [(x, y) for x, y in zip(BUDGETS, mean[16, name].difference, strict=True) if np.isfinite(y)]
            for name in (OURS, *(rival.name for rival in lossless_codecs.PICTURE_CODECS))
        }
        plot.chart(options.plot, ("bytes", 400), ("mean color difference (CIEDE2000), 16 x 16 cells", 10), curves)


if __name__ == "__main__":
    main()
