"""Compare sketches with bitmaps of the same edges: `python -m tests.structure_bench DIR [--plot FILE.png]`.

For every picture in a folder, the thin edge map that a sketch approximates is computed (512 pixels on the longer side),
and the same map on grids of 256 and 128 cells: a cell is set if any of its pixels is set, and the map is thinned again.
F is the boundary F-measure against the full thin map with a tolerance of 2 pixels; a coarse bitmap is drawn for it as
lines between neighboring cells. Three tables of means are printed:

1. the bytes of each bitmap, lossless, in JBIG2, JPEG XL, WebP and PNG, without file headers (JBIG2: the
   arithmetic-coded data of a generic region, by its best template), and of the sketch that reaches the same F, or of
   all strokes if none does;
2. F at some byte budgets: of the sketch, and of JBIG2 with as many of the coarse bitmap's longest curves as fit; and
   the bytes that JBIG2 takes for the cells of the sketch's strokes;
3. the milliseconds to decode a sketch of 450 bytes, and the other formats' bitmap of 512 pixels: the median of the
   first five pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from codec.bench import layer_comparison, lossless_codecs
from codec.encoder.sketch.edges import detect
from codec.encoder.sketch.f_measure import f_measure, rasterize
from codec.encoder.sketch.fit_sketch import fit_sketch
from codec.encoder.sketch.thinning import skeletonize, thin
from codec.encoder.sketch.trace import trace
from codec.images import io
from codec.structure.sketch import Sketch
from tests import jbig2, plot
from tests.pictures import load_folder

BUDGETS = (100, 200, 300, 400, 600, 1000)
GRIDS = (256, 128)
PICTURES = (lossless_codecs.JXL, lossless_codecs.WEBP, lossless_codecs.PNG)
_UNLIMITED = 60_000  # bytes; more than any sketch takes
_TIMED_BYTES = 450  # of the sketch whose decoding is timed
_TIMED_PICTURES = 5
_RUNS = 5  # of which the median is taken


@dataclass
class PictureResult:
    """The measurements of one picture.

    `bitmap_f`: F of the bitmap, by its longer side. `bytes`: by the bitmap's longer side and the format; "F" is that
    of the sketch. `f_by_budget`: F at each of `BUDGETS`, by method. `jbig2_bytes`: of the cells of the sketch at each
    budget. `milliseconds`: by what is decoded.
    """

    bitmap_f: dict[int, float] = field(default_factory=dict)
    bytes: dict[int, dict[str, float]] = field(default_factory=dict)
    f_by_budget: dict[str, list[float]] = field(default_factory=dict)
    jbig2_bytes: list[float] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)


def downsample(edges: np.ndarray, side: int) -> np.ndarray:
    """Return a thin map on a grid with `side` cells on the longer side, thinned again: (rows, cols) bool."""
    height, width = edges.shape
    rows, cols = (max(1, round(size * side / max(edges.shape))) for size in edges.shape)
    y, x = np.nonzero(edges)
    out = np.zeros((rows, cols), bool)
    out[y * rows // height, x * cols // width] = True
    return skeletonize(out)


def draw_bitmap(bitmap: np.ndarray, height: int, width: int) -> np.ndarray:
    """Draw a bitmap larger, as thin lines between the centers of neighboring cells: (height, width) bool."""
    rows, cols = bitmap.shape
    padded = np.pad(bitmap, 1)
    y, x = np.nonzero(bitmap)
    ends = [np.stack([x, y, x, y], 1)]
    for dx, dy in ((1, 0), (0, 1), (1, 1), (-1, 1)):
        joined = padded[y + 1 + dy, x + 1 + dx]
        if dx and dy:  # two straight steps already connect the cells around a corner
            joined = joined & ~padded[y + 1 + dy, x + 1] & ~padded[y + 1, x + 1 + dx]
        ends.append(np.stack([x, y, x + dx, y + dy], 1)[joined])
    points = (np.concatenate(ends).reshape(-1, 2, 2) + 0.5) * (width / cols, height / rows)
    return rasterize(list(points), height, width)


def pruned_f(bitmap: np.ndarray, reference: np.ndarray) -> list[float]:
    """Return F at each of `BUDGETS` of the longest curves of a bitmap that JBIG2 encodes in as many bytes."""
    pieces = sorted((piece.points.astype(int) for piece in trace(bitmap)), key=len, reverse=True)
    first = np.full(bitmap.shape, len(pieces))  # of each cell: its first piece; cells without one are drawn last
    for number in reversed(range(len(pieces))):
        x, y = pieces[number].T
        first[y, x] = number
    sizes: dict[int, int] = {}

    def part(count: int) -> np.ndarray:
        return bitmap & (first < count)

    def size(count: int) -> int:
        if count not in sizes:
            sizes[count] = min(len(jbig2.encode(part(count), form, typical=False)) for form in (1, 2))
        return sizes[count]

    out = []
    for budget in BUDGETS:
        low, high = 0, len(pieces) + 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if size(middle) <= budget else (low, middle - 1)
        out.append(f_measure(draw_bitmap(part(low), *reference.shape), reference).f)
    return out


def bytes_at_f(
    target: float, sketches: list[Sketch], measure_f: Callable[[Sketch], float], f_values: list[float]
) -> tuple[int, float]:
    """Return the fewest bytes of a sketch that reaches F `target`, and its F.

    `sketches`: by ascending size; `f_values`: their F. The first one that reaches the target is truncated as far as
    possible. If none does, the result is that of the last one.
    """
    index = next((number for number, f in enumerate(f_values) if f >= target), len(sketches) - 1)
    sketch, best_f = sketches[index], f_values[index]
    low, high = 0, len(sketch.to_bytes())
    while best_f >= target and high - low > 4:
        middle = (low + high) // 2
        f = measure_f(sketch.cut(middle))
        if f >= target:
            high, best_f = middle, f
        else:
            low = middle
    return high, best_f


def measure(pixels: np.ndarray, timed: bool = True) -> PictureResult:
    """Measure one picture, (H, W, 3) uint8; `timed`: including the decoding times."""
    result = PictureResult()
    strength = detect(pixels)
    reference = thin(strength)

    def measure_f(sketch: Sketch) -> float:
        return f_measure(sketch, reference).f

    sketches = [fit_sketch(strength, *pixels.shape[:2], budget) for budget in (*BUDGETS, _UNLIMITED)]
    f_values = [measure_f(sketch) for sketch in sketches]
    result.f_by_budget["Trilayer"] = f_values[:-1]
    result.jbig2_bytes = [float(jbig2.min_bytes(layer_comparison.lattice_bitmap(sketch))) for sketch in sketches[:-1]]
    full = max(reference.shape)
    result.bitmap_f[full] = 1.0
    result.bytes[full] = {**_bitmap_bytes(reference), "Trilayer": len(sketches[-1].to_bytes()), "F": f_values[-1]}
    for side in GRIDS:
        bitmap = downsample(reference, side)
        target = result.bitmap_f[side] = f_measure(draw_bitmap(bitmap, *reference.shape), reference).f
        size, f = bytes_at_f(target, sketches, measure_f, f_values)
        result.bytes[side] = {**_bitmap_bytes(bitmap), "Trilayer": size, "F": f}
        result.f_by_budget[f"JBIG2, {side} cells, pruned"] = pruned_f(bitmap, reference)
    if timed:
        result.milliseconds = decoding_times(sketches[BUDGETS.index(600)].cut(_TIMED_BYTES), reference)
    return result


def _bitmap_bytes(bitmap: np.ndarray) -> dict[str, float]:
    sizes = {"JBIG2": float(jbig2.min_bytes(bitmap))}
    return sizes | {codec.name: codec.compressed_size(bitmap) or float("nan") for codec in PICTURES}


def decoding_times(sketch: Sketch, reference: np.ndarray) -> dict[str, float]:
    """Return the milliseconds from a sketch's payload to curves and pixels, and from other formats' files to pixels."""
    out, payload = {}, sketch.to_bytes()
    for side in (512, 4096):
        size = f"{side} x {side}"
        out[f"Trilayer, curves at {size}"] = _median_ms(lambda n=side: Sketch.from_bytes(payload).polylines(n, n))
        out[f"Trilayer, drawn at {size}"] = _median_ms(lambda n=side: Sketch.from_bytes(payload).render(n, n))
    for codec in (lossless_codecs.WEBP, lossless_codecs.PNG):
        file = codec.compress(reference)
        assert file is not None
        out[f"{codec.name}, 512 bitmap"] = _median_ms(lambda data=file: io.load(data))
    file = lossless_codecs.JXL.compress(reference)
    if file is not None:
        import imagecodecs

        out["JPEG XL, 512 bitmap"] = _median_ms(lambda: imagecodecs.jpegxl_decode(file, numthreads=1))
    return out


def _median_ms(function: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds)


def report(results: list[PictureResult]) -> str:
    """Return the three tables in Markdown."""
    formats = ("JBIG2", *(codec.name for codec in PICTURES))
    lines = [f"| bitmap of {len(results)} pictures | F | " + " | ".join(formats) + " | Trilayer | at F |"]
    lines.append("|---" * (len(formats) + 4) + "|")
    for side in results[0].bytes:
        rows = [result.bytes[side] for result in results]
        cells = [f"{_mean(row[name] for row in rows):.0f}" for name in (*formats, "Trilayer")]
        bitmap_f = _mean(result.bitmap_f[side] for result in results)
        cells.append(f"{_mean(row['F'] for row in rows):.3f}")
        lines.append(f"| {side} | {bitmap_f:.3f} | " + " | ".join(cells) + " |")
    lines += ["", "| mean F at bytes | " + " | ".join(map(str, BUDGETS)) + " |", "|---" * (len(BUDGETS) + 1) + "|"]
    for name, means in mean_f_by_budget(results).items():
        lines.append(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    sizes = (f"{mean:.0f}" for mean in mean_jbig2_bytes(results))
    lines.append("| bytes of JBIG2 for Trilayer's strokes | " + " | ".join(sizes) + " |")
    lines += ["", "| decode | ms |", "|---|---|"]
    timed = [result.milliseconds for result in results if result.milliseconds]
    lines += [f"| {name} | {median(times[name] for times in timed):.1f} |" for name in timed[0]]
    return "\n".join(lines)


def mean_f_by_budget(results: list[PictureResult]) -> dict[str, list[float]]:
    """Return the mean F at each of `BUDGETS`, by method."""
    return {
        name: [_mean(result.f_by_budget[name][i] for result in results) for i in range(len(BUDGETS))]
        for name in results[0].f_by_budget
    }


def mean_jbig2_bytes(results: list[PictureResult]) -> list[float]:
    """Return the mean bytes of JBIG2 for the cells of the sketch at each of `BUDGETS`."""
    return [_mean(result.jbig2_bytes[i] for result in results) for i in range(len(BUDGETS))]


def _mean(values: Iterator[float]) -> float:
    return float(np.mean([*values]))


def main() -> None:
    """Measure the pictures of a folder and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw F over bytes")
    options = parser.parse_args()
    results, start = [], time.perf_counter()
    for name, pixels in load_folder(options.folder):
        results.append(measure(pixels, timed=len(results) < _TIMED_PICTURES))
        print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr, flush=True)
    if not results:
        parser.error(f"{options.folder} has no picture")
    print(report(results))
    for name, remedy in lossless_codecs.missing_packages(PICTURES).items():
        print(f"\n{name} is not installed: {remedy}")
    if options.plot:
        curves = {name: list(zip(BUDGETS, means, strict=True)) for name, means in mean_f_by_budget(results).items()}
        f_values = mean_f_by_budget(results)["Trilayer"]
        curves["JBIG2, our strokes"] = list(zip(mean_jbig2_bytes(results), f_values, strict=True))
        plot.chart(options.plot, ("bytes", 1000), ("F against the thin edge map, 2 px", 1), curves)


if __name__ == "__main__":
    main()
