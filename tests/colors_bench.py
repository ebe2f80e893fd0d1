"""How many bytes colors take: `python -m tests.colors_bench DIR`

For every picture of a folder and grids of 8x8 and 16x16 area-averaged cells: the bytes of the smallest map whose mean
CIEDE2000 is 2 at most, of all steps, and the difference of the best map in 120 bytes. `together` asks that of
the mean over the pictures instead, each having what it takes at the one exchange of bytes for difference. Beside it the
coder of version 1, with its one ratio of steps and levels chosen as for ours. Then the time of a map of
16x16 cells in 120 bytes: to fit it, and to decode it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np

from codec.color import ciede2000, oklab
from codec.errors import ImageError
from codec.images import io
from codec.texture.colormap import Colormap

GRIDS = (8, 16)
STEPS = {8: range(6, 40), 16: range(14, 44)}
MOST, BYTES = 2.0, 120


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean CIEDE2000 of two grids of sRGB cells."""
    seen = [ciede2000.cielab(oklab.from_srgb(cells)) for cells in (one, other)]
    return float(ciede2000.difference(seen[0], seen[1]).mean())


def ladder(cells: np.ndarray, steps: range) -> np.ndarray:
    """(steps, 2): bytes and difference at each step."""
    rows = []
    for step in steps:
        made = Colormap.from_cells(cells, step)
        rows.append((len(made.to_bytes()), difference(cells, made.cells)))
    return np.array(rows)


def together(ladders: np.ndarray) -> float:
    """The least mean bytes at which the mean difference of all pictures is `MOST`: (pictures, steps, 2)."""
    found = np.inf
    for worth in np.geomspace(0.5, 500, 300):
        best = (ladders[..., 0] + worth * ladders[..., 1]).argmin(1)
        size, apart = ladders[np.arange(len(ladders)), best].mean(0)
        found = min(found, size) if apart <= MOST else found
    return float(found)


def main() -> None:
    """Measure every picture of a folder."""
    parser = argparse.ArgumentParser(prog="python -m tests.colors_bench", description="Bytes that colors take.")
    parser.add_argument("folder", type=Path)
    pictures = []
    for path in sorted(parser.parse_args().folder.iterdir()):
        try:
            pictures.append(io.load(path).pixels)
        except ImageError:
            continue
    if not pictures:
        parser.error("there is no picture in that folder")
    print(f"{'grid':>6}{'bytes at 2':>12}{'together':>10}{'difference at 120 bytes':>25}", flush=True)
    for grid in GRIDS:
        maps = [io.resize_area(pixels, grid, grid) for pixels in pictures]
        found = np.array([ladder(cells, STEPS[grid]) for cells in maps])
        each = np.mean([rung[rung[:, 1] <= MOST, 0].min(initial=999) for rung in found])
        at = np.mean([rung[rung[:, 0] <= BYTES, 1].min(initial=99) for rung in found])
        print(f"{grid:>6}{each:>12.1f}{together(found):>10.1f}{at:>25.2f}", flush=True)
        fitted = []
        times = []
        for cells in maps:
            start = time.perf_counter()
            made = Colormap.fit(cells, BYTES)
            half = time.perf_counter()
            Colormap.from_bytes(made.to_bytes())
            times.append((half - start, time.perf_counter() - half))
            fitted.append(difference(cells, made.cells))
        fit, decode = (1000 * median(column) for column in zip(*times, strict=True))
        apart = np.mean(fitted)
        print(f"{grid:>6} fitted to {BYTES} bytes: {apart:.2f}, {fit:.0f} ms; decoded: {decode:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
