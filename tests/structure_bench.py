"""Our sketch beside bitmaps of the same edges: `python -m tests.structure_bench DIR [--plot FILE.png]`

For every picture of a folder the thin edge map that a sketch approximates (long side 512), and the
same map on grids of 256 and 128 cells (a cell is set where any of its pixels is, then thinned
again). F is the boundary F-measure against the full thin map at 2 px of 512; a coarse bitmap is
drawn for it as lines between neighboring cells. Printed, as means:

1. bytes of each bitmap, lossless, in JBIG2, JPEG XL, WebP and PNG, without any file's headers (JBIG2:
   the arithmetic-coded data of a generic region, the best of its templates), and of the sketch that
   reaches the same F, or of all our strokes where none does;
2. F at a budget of bytes: our sketch, and JBIG2 with the coarse bitmap's longest curves, as many as
   fit; and what JBIG2 takes for the cells of our own strokes;
3. milliseconds to decode a sketch of 450 bytes, beside what others take for the 512 bitmap: the
   median of the first five pictures.
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

from codec.bench import lossless_codecs
from codec.bench.layer_comparison import bitmap as bitmap_of
from codec.encoder.sketch.edges import detect
from codec.encoder.sketch.f_measure import f_measure, rasterize
from codec.encoder.sketch.fit_sketch import fit_sketch
from codec.encoder.sketch.thinning import skeletonize, thin
from codec.encoder.sketch.trace import trace
from codec.errors import ImageError
from codec.images import io
from codec.structure.sketch import Sketch
from tests import jbig2, plot

BUDGETS = (100, 200, 300, 400, 600, 1000)
GRIDS = (256, 128)
PICTURES = (lossless_codecs.JXL, lossless_codecs.WEBP, lossless_codecs.PNG)
_PLENTY = 60_000  # bytes: no sketch of ours takes so many
_DECODED = 450  # bytes of the sketch whose decoding is timed
_RUNS = 5
_TIMED = 5  # pictures whose decoding is timed


@dataclass
class Found:
    """What one picture gave: by side of the bitmap its F, and bytes by format; by budget F, and JBIG2's bytes
    for the very strokes of our sketch; milliseconds."""

    bitmap_f: dict[int, float] = field(default_factory=dict)
    bytes: dict[int, dict[str, float]] = field(default_factory=dict)
    ladder: dict[str, list[float]] = field(default_factory=dict)
    same: list[float] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)


def coarse(edges: np.ndarray, side: int) -> np.ndarray:
    """The thin map on a grid with `side` cells along its long side, thinned again: (rows, cols) bool."""
    height, width = edges.shape
    rows, cols = (max(1, round(size * side / max(edges.shape))) for size in edges.shape)
    y, x = np.nonzero(edges)
    out = np.zeros((rows, cols), bool)
    out[y * rows // height, x * cols // width] = True
    return skeletonize(out)


def lines(bitmap: np.ndarray, height: int, width: int) -> np.ndarray:
    """The bitmap drawn larger: lines of one pixel between the centers of neighboring cells, (height, width) bool."""
    rows, cols = bitmap.shape
    padded = np.pad(bitmap, 1)
    y, x = np.nonzero(bitmap)
    ends = [np.stack([x, y, x, y], 1)]
    for dx, dy in ((1, 0), (0, 1), (1, 1), (-1, 1)):
        joined = padded[y + 1 + dy, x + 1 + dx]
        if dx and dy:  # not across a corner that two straight steps already go round
            joined = joined & ~padded[y + 1 + dy, x + 1] & ~padded[y + 1, x + 1 + dx]
        ends.append(np.stack([x, y, x + dx, y + dy], 1)[joined])
    points = (np.concatenate(ends).reshape(-1, 2, 2) + 0.5) * (width / cols, height / rows)
    return rasterize(list(points), height, width)


def pruned(bitmap: np.ndarray, reference: np.ndarray) -> list[float]:
    """F at each of `BUDGETS` of the longest curves of a bitmap that JBIG2 codes in as many bytes."""
    pieces = sorted((piece.points.astype(int) for piece in trace(bitmap)), key=len, reverse=True)
    first = np.full(bitmap.shape, len(pieces))  # the first piece that has a cell; what no piece has goes last
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
        out.append(f_measure(lines(part(low), *reference.shape), reference).f)
    return out


def same_f(
    goal: float, sketches: list[Sketch], judge: Callable[[Sketch], float], reached: list[float]
) -> tuple[int, float]:
    """The fewest bytes whose sketch reaches F `goal`, found by cutting the first of `sketches` that does,
    and its F; of the last one if none does. `reached`: F of each."""
    enough = next((number for number, f in enumerate(reached) if f >= goal), len(sketches) - 1)
    whole, best = sketches[enough], reached[enough]
    low, high = 0, len(whole.to_bytes())
    while best >= goal and high - low > 4:
        middle = (low + high) // 2
        f = judge(whole.cut(middle))
        if f >= goal:
            high, best = middle, f
        else:
            low = middle
    return high, best


def measure(pixels: np.ndarray, timed: bool = True) -> Found:
    """Everything about one picture, (H, W, 3) uint8; decoding is timed if `timed`."""
    found = Found()
    strength = detect(pixels)
    reference = thin(strength)

    def draw(budget: int) -> Sketch:
        return fit_sketch(strength, *pixels.shape[:2], budget)

    def judge(sketch: Sketch) -> float:
        return f_measure(sketch, reference).f

    sketches = [draw(budget) for budget in (*BUDGETS, _PLENTY)]
    reached = [judge(sketch) for sketch in sketches]
    found.ladder["Trilayer"] = reached[:-1]
    found.same = [float(jbig2.smallest(bitmap_of(sketch))) for sketch in sketches[:-1]]
    full = max(reference.shape)
    found.bitmap_f[full] = 1.0
    found.bytes[full] = {**_sizes(reference), "Trilayer": len(sketches[-1].to_bytes()), "F": reached[-1]}
    for side in GRIDS:
        bitmap = coarse(reference, side)
        goal = found.bitmap_f[side] = f_measure(lines(bitmap, *reference.shape), reference).f
        size, f = same_f(goal, sketches, judge, reached)
        found.bytes[side] = {**_sizes(bitmap), "Trilayer": size, "F": f}
        found.ladder[f"JBIG2, {side} cells, pruned"] = pruned(bitmap, reference)
    if timed:
        found.times = times(sketches[BUDGETS.index(600)].cut(_DECODED), reference)
    return found


def _sizes(bitmap: np.ndarray) -> dict[str, float]:
    sizes = {"JBIG2": float(jbig2.smallest(bitmap))}
    return sizes | {rival.name: rival.size(bitmap) or float("nan") for rival in PICTURES}


def times(sketch: Sketch, reference: np.ndarray) -> dict[str, float]:
    """Milliseconds, the median of some runs: our payload to curves at two sizes, others' files to pixels."""
    out, payload = {}, sketch.to_bytes()
    for side in (512, 4096):
        size = f"{side} x {side}"
        out[f"Trilayer, curves at {size}"] = _timed(lambda n=side: Sketch.from_bytes(payload).polylines(n, n))
        out[f"Trilayer, drawn at {size}"] = _timed(lambda n=side: Sketch.from_bytes(payload).render(n, n))
    for rival in (lossless_codecs.WEBP, lossless_codecs.PNG):
        file = rival.pack(reference)
        assert file is not None
        out[f"{rival.name}, 512 bitmap"] = _timed(lambda data=file: io.load(data))
    file = lossless_codecs.JXL.pack(reference)
    if file is not None:
        import imagecodecs

        out["JPEG XL, 512 bitmap"] = _timed(lambda: imagecodecs.jpegxl_decode(file, numthreads=1))
    return out


def _timed(work: Callable[[], object]) -> float:
    took = []
    for _ in range(_RUNS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return 1000 * median(took)


def pictures(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and pixels of every picture in a folder, by name."""
    for path in sorted(folder.iterdir()):
        try:
            yield path.name, io.load(path).pixels
        except ImageError:
            continue


def report(found: list[Found]) -> str:
    """The three tables, Markdown."""
    formats = ("JBIG2", *(rival.name for rival in PICTURES))
    out = [f"| bitmap of {len(found)} pictures | F | " + " | ".join(formats) + " | Trilayer | at F |"]
    out.append("|---" * (len(formats) + 4) + "|")
    for side in found[0].bytes:
        rows = [item.bytes[side] for item in found]
        cells = [f"{_mean(row[name] for row in rows):.0f}" for name in (*formats, "Trilayer")]
        own = _mean(item.bitmap_f[side] for item in found)
        out.append(f"| {side} | {own:.3f} | " + " | ".join(cells) + f" | {_mean(row['F'] for row in rows):.3f} |")
    out += ["", "| mean F at bytes | " + " | ".join(map(str, BUDGETS)) + " |", "|---" * (len(BUDGETS) + 1) + "|"]
    for name, means in ladders(found).items():
        out.append(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    same = (f"{_mean(item.same[rung] for item in found):.0f}" for rung in range(len(BUDGETS)))
    out.append("| bytes of JBIG2 for Trilayer's strokes | " + " | ".join(same) + " |")
    out += ["", "| decode | ms |", "|---|---|"]
    out += [f"| {name} | {median(item.times[name] for item in found if item.times):.1f} |" for name in found[0].times]
    return "\n".join(out)


def ladders(found: list[Found]) -> dict[str, list[float]]:
    """Mean F at each budget, by method."""
    rungs = range(len(BUDGETS))
    return {name: [_mean(item.ladder[name][i] for item in found) for i in rungs] for name in found[0].ladder}


def _mean(values: Iterator[float]) -> float:
    return float(np.mean([*values]))


def main() -> None:
    """Measure a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw F over bytes")
    options = parser.parse_args()
    found, start = [], time.perf_counter()
    for name, pixels in pictures(options.folder):
        found.append(measure(pixels, timed=len(found) < _TIMED))
        print(f"{time.perf_counter() - start:6.1f} s  {name}", file=sys.stderr, flush=True)
    if not found:
        parser.error(f"{options.folder} has no picture")
    print(report(found))
    for name, remedy in lossless_codecs.missing(PICTURES).items():
        print(f"\n{name} is not installed: {remedy}")
    if options.plot:
        curves = {name: list(zip(BUDGETS, means, strict=True)) for name, means in ladders(found).items()}
        same = [_mean(item.same[rung] for item in found) for rung in range(len(BUDGETS))]
        curves["JBIG2, our strokes"] = list(zip(same, ladders(found)["Trilayer"], strict=True))
        plot.chart(options.plot, ("bytes", 1000), ("F against the thin edge map, 2 px", 1), curves)


if __name__ == "__main__":
    main()
