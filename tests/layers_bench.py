"""Compare colormaps and prompts with general formats: `python -m tests.layers_bench FOLDER TEXTS.txt [--plot FILE.png]`

Every picture of a folder is averaged over grids of 8 x 8 and 16 x 16 cells. Each picture format stores these cells as a
picture of as many pixels, at every quality, and without loss (PNG also with a palette). Bytes are counted without the
headers that every file of a format has; whole files stand in parentheses. The difference is the mean CIEDE2000 of
the cells. The means over the pictures are printed:

1. the fewest bytes at a difference of at most 2 and of at most 3;
2. the smallest difference within several budgets;
3. the bytes of the texts, one per line, as `python -m tests.words_bench` prints them; of a long file a sample of at
   most 2,000.
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
from tests.pictures import load_folder

GRIDS = (8, 16)  # cells a side
MAX_DIFFERENCES = (2.0, 3.0)
BUDGETS = (30, 50, 80, 120, 200, 400)
OURS = "Trilayer"
MAX_TEXTS = 2000
NEVER = float("inf")  # if no encoding reaches the difference or the budget


class Cost(NamedTuple):
    """The cost of one map, or a mean of several: bytes without and with headers, and differences."""

    data: list[float]  # at each of MAX_DIFFERENCES
    file: list[float]  # at each of MAX_DIFFERENCES
    difference: list[float]  # at each of BUDGETS


Costs = dict[tuple[int, str], Cost]  # by grid and method


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean CIEDE2000 difference of two (rows, cols, 3) uint8 sRGB pictures."""
    return float(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean())


def colormap_cost(cells: np.ndarray) -> Cost:
    """Return the cost of cells as a colormap, whose payload has no header."""
    fewest = [float(_fewest_bytes(cells, maximum)) for maximum in MAX_DIFFERENCES]
    return Cost(fewest, fewest, [fitted_difference(cells, budget) for budget in BUDGETS])


def fitted_difference(cells: np.ndarray, budget: int) -> float:
    """Return the difference of a colormap fitted to a budget."""
    try:
        return difference(cells, rate_control.fit(cells, budget).cells)
    except BudgetTooSmall:
        return NEVER


def _fewest_bytes(cells: np.ndarray, max_difference: float) -> int:
    """Return the size of the smallest colormap with at most this difference, by bisection of the budget."""
    low, high = 8, cells.size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fitted_difference(cells, middle) <= max_difference else (middle + 1, high)
    return len(rate_control.fit(cells, high).to_bytes())


def format_cost(name: str, cells: np.ndarray) -> Cost:
    """Return the cost of cells in a picture format."""
    encodings = [(trial.data, trial.file, difference(cells, trial.pixels)) for trial in trials(name, cells)]
    close = [[(data, file) for data, file, d in encodings if d <= maximum] for maximum in MAX_DIFFERENCES]
    return Cost(
        [min((data for data, _ in sizes), default=NEVER) for sizes in close],
        [min((file for _, file in sizes), default=NEVER) for sizes in close],
        [min((d for data, _, d in encodings if data <= budget), default=NEVER) for budget in BUDGETS],
    )


def measure(pixels: np.ndarray) -> Costs:
    """Return the costs of one picture, (H, W, 3) uint8 sRGB."""
    costs = {}
    for grid in GRIDS:
        cells = io.resize_area(pixels, grid, grid)
        costs[grid, OURS] = colormap_cost(cells)
        costs |= {(grid, codec.name): format_cost(codec.name, cells) for codec in lossless_codecs.PICTURE_CODECS}
    return costs


def means(costs: list[Costs]) -> Costs:
    """Return the means over the pictures, which are infinite where any picture's cost is."""
    return {
        key: Cost(*(np.mean([picture[key][part] for picture in costs], axis=0).tolist() for part in range(3)))
        for key in costs[0]
    }


def report(mean: Costs, count: int) -> str:
    """Return the two tables of colors in Markdown."""
    return "\n".join([*_table_of_bytes(mean, count), "", *_table_of_differences(mean)])


def _methods() -> list[str]:
    return [OURS, *(codec.name for codec in lossless_codecs.PICTURE_CODECS)]


def _table_of_bytes(mean: Costs, count: int) -> list[str]:
    heads = [f"{grid} x {grid}, ΔE ≤ {maximum:g}" for grid in GRIDS for maximum in MAX_DIFFERENCES]
    lines = [f"| bytes, mean of {count} | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name in _methods():
        cells = []
        for grid in GRIDS:
            for data, file in zip(mean[grid, name].data, mean[grid, name].file, strict=True):
                cells.append(_number(data) if name == OURS else f"{_number(data)} ({_number(file)})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _table_of_differences(mean: Costs) -> list[str]:
    lines = ["| ΔE at bytes | " + " | ".join(map(str, BUDGETS)) + " |", "|---" * (len(BUDGETS) + 1) + "|"]
    for grid in GRIDS:
        for name in _methods():
            values = [f"{value:.2f}" if np.isfinite(value) else "-" for value in mean[grid, name].difference]
            lines.append(f"| {grid} x {grid}, {name} | " + " | ".join(values) + " |")
    return lines


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "-"


def _plot(path: Path, mean: Costs, grid: int = 16) -> None:
    """Draw difference against bytes."""
    curves = {
        name: [(x, y) for x, y in zip(BUDGETS, mean[grid, name].difference, strict=True) if np.isfinite(y)]
        for name in _methods()
    }
    y_label = f"mean color difference (CIEDE2000), {grid} x {grid} cells"
    plot.chart(path, ("bytes", 400), (y_label, 10), curves)


def main() -> None:
    """Measure the pictures of a folder and the texts of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of pictures")
    parser.add_argument("texts", type=Path, metavar="TEXTS.txt", help="texts, one per line, UTF-8")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw difference against bytes for 16 x 16 cells")
    options = parser.parse_args()
    texts = words_bench.read_texts(options.texts)
    if not texts:
        parser.error(f"{options.texts} contains no text")
    costs, start = [], time.perf_counter()
    for name, pixels in load_folder(options.folder):
        costs.append(measure(pixels))
        print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr, flush=True)
    if not costs:
        parser.error(f"{options.folder} contains no picture")
    mean = means(costs)
    print(report(mean, len(costs)) + "\n")
    sample = texts[:: -(-len(texts) // MAX_TEXTS)]
    print("\n".join(words_bench.table({options.texts.stem: sample})))
    for name, command in lossless_codecs.missing_packages(lossless_codecs.PICTURE_CODECS).items():
        print(f"\n{name} is not installed: {command}")
    if options.plot:
        _plot(options.plot, mean)


if __name__ == "__main__":
    main()
