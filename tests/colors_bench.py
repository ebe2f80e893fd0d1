"""Measure the size and the speed of colormaps: `python -m tests.colors_bench FOLDER`

For every picture of a folder, averaged over grids of 8x8 and 16x16 cells, two tables of means are printed:

* colormaps quantized at fixed steps: the fewest bytes with a mean CIEDE2000 difference of at most 2 for each picture;
  the fewest bytes if only the mean over all pictures must be at most 2; and the difference within 120 bytes;
* colormaps fitted to 120 bytes: the difference, and the median time to fit and to decode one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np

from codec.images import io
from codec.texture import rate_control, rdoq
from codec.texture.colormap import Colormap
from codec.texture.rate_control import mean_difference
from tests.pictures import load_folder

GRIDS = (8, 16)
STEPS = {8: range(6, 40), 16: range(14, 44)}  # by grid
MAX_DIFFERENCE, BUDGET = 2.0, 120
NOT_REACHED = 999.0  # bytes, if no step reaches the difference
NONE_FITS = 99.0  # difference, if no step fits the budget


def rate_distortion(cells: np.ndarray, steps: range) -> np.ndarray:
    """Return bytes and difference at each step: (steps, 2)."""
    quantizer = rdoq.RDOQuantizer(cells)
    colormaps = [quantizer.quantize(step).colormap for step in steps]
    return np.array([(len(c.to_bytes()), mean_difference(cells, c.cells)) for c in colormaps])


def joint_bytes(curves: np.ndarray) -> float:
    """Return the fewest mean bytes with a mean difference of at most `MAX_DIFFERENCE` over all pictures.

    All pictures use the same Lagrange multiplier. `curves`: (pictures, steps, 2), see `rate_distortion`.
    """
    fewest = np.inf
    for lmbda in np.geomspace(0.5, 500, 300):
        best = (curves[..., 0] + lmbda * curves[..., 1]).argmin(1)
        size, difference = curves[np.arange(len(curves)), best].mean(0)
        if difference <= MAX_DIFFERENCE:
            fewest = min(fewest, size)
    return float(fewest)


def measure_steps(maps: list[np.ndarray], grid: int) -> tuple[float, float, float]:
    """Return the three means for fixed steps."""
    curves = np.array([rate_distortion(cells, STEPS[grid]) for cells in maps])
    size = np.mean([curve[curve[:, 1] <= MAX_DIFFERENCE, 0].min(initial=NOT_REACHED) for curve in curves])
    difference = np.mean([curve[curve[:, 0] <= BUDGET, 1].min(initial=NONE_FITS) for curve in curves])
    return float(size), joint_bytes(curves), float(difference)


def measure_fit(maps: list[np.ndarray]) -> tuple[float, float, float]:
    """Return the mean difference within `BUDGET`, and the median milliseconds to fit and to decode."""
    differences, fit_times, decode_times = [], [], []
    for cells in maps:
        start = time.perf_counter()
        colormap = rate_control.fit(cells, BUDGET)
        fitted = time.perf_counter()
        Colormap.from_bytes(colormap.to_bytes())
        decoded = time.perf_counter()
        differences.append(mean_difference(cells, colormap.cells))
        fit_times.append(1000 * (fitted - start))
        decode_times.append(1000 * (decoded - fitted))
    return float(np.mean(differences)), median(fit_times), median(decode_times)


def main() -> None:
    """Measure every picture of a folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.colors_bench", description="Measure colormaps.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of pictures")
    pictures = [pixels for _, pixels in load_folder(parser.parse_args().folder)]
    if not pictures:
        parser.error("the folder contains no picture")
    maps = {grid: [io.resize_area(pixels, grid, grid) for pixels in pictures] for grid in GRIDS}
    print(f"{'grid':>6}{'bytes at 2':>12}{'jointly':>10}{f'difference at {BUDGET} bytes':>25}", flush=True)
    for grid in GRIDS:
        size, joint, difference = measure_steps(maps[grid], grid)
        print(f"{grid:>6}{size:>12.1f}{joint:>10.1f}{difference:>25.2f}", flush=True)
    print(f"\n{'grid':>6}{f'fitted to {BUDGET} bytes':>22}{'fit ms':>10}{'decode ms':>11}", flush=True)
    for grid in GRIDS:
        difference, fit_ms, decode_ms = measure_fit(maps[grid])
        print(f"{grid:>6}{difference:>22.2f}{fit_ms:>10.0f}{decode_ms:>11.1f}", flush=True)


if __name__ == "__main__":
    main()
