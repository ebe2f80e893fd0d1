"""Picture -> sketch: detect edges, trace curves, fit chains, put first what matters most, cut."""
from __future__ import annotations

import numpy as np

from codec.errors import BudgetTooSmall
from codec.extract.edges import detect, working_size
from codec.extract.fit import Lattice, fit, stroke_bits
from codec.extract.metrics import f_measure
from codec.extract.order import order
from codec.extract.thinning import thin
from codec.extract.trace import curves
from codec.strokes import MAX_CELLS, MIN_CELLS
from codec.structure import Sketch

HIGH, LOW = 0.3, 0.15  # hysteresis thresholds on edge strength
SHORTEST = 10  # pixels of the smallest piece of an edge
_PITCHES = (3.6, 4.5, 5.6, 7.0)  # lattice pitches in pixels of the working frame
_PLENTY = 2.5  # how many times the budget the strokes to choose from may cost


def edge_map(pixels: np.ndarray, edges: str = "canny") -> np.ndarray:
    """The thin edge map that a sketch approximates.

    pixels: (H, W, 3) uint8 sRGB. edges: detector name, else UnknownName.
    Returns (h, w) bool at the working scale (long side 512).
    """
    return thin(detect(pixels, edges), HIGH, LOW, SHORTEST)


def sketch(pixels: np.ndarray, max_bytes: int, *, edges: str = "canny") -> Sketch:
    """The strokes that tell most about a picture in `max_bytes`.

    pixels: (H, W, 3) uint8 sRGB, sides 1..4096. edges: detector name.
    Returns a Sketch whose to_bytes() is at most `max_bytes` long, most important stroke first; it
    has no strokes where the picture has no edges or the budget holds none.
    Raises UnknownName, or BudgetTooSmall if not even an empty sketch fits.
    """
    height, width = pixels.shape[:2]
    strength = detect(pixels, edges)
    reference = thin(strength, HIGH, LOW, SHORTEST)
    weights = importance(strength, reference)
    found = _foremost(curves(reference), weights, max_bytes)
    best, best_f = Sketch(*_cells(height, width, _PITCHES[0]), ()), 0.0
    for pitch in _PITCHES if found else ():
        candidate = _fitted(found, *_cells(height, width, pitch), weights)
        f = f_measure(_first(candidate, max_bytes), reference).f
        if f > best_f:
            best, best_f = candidate, f
    best = _cut(best, max_bytes)
    if len(best.to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even a sketch without strokes")
    return best


def importance(strength: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What covering each edge pixel is worth: 0 off the thin map, else by strength and, mildly, by
    closeness to the centre. strength: (h, w) float32; reference: (h, w) bool. (h, w) float32."""
    height, width = reference.shape
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    centre = np.exp(-0.5 * (x * x + y * y))
    return np.where(reference, strength * (0.8 + 0.2 * centre), 0).astype(np.float32)


def _cells(height: int, width: int, pitch: float) -> tuple[int, int]:
    """(columns, rows) of the lattice of about this pitch, its cells as square as the limits allow."""
    cols = min(max(round(working_size(height, width)[1] / pitch), MIN_CELLS), MAX_CELLS)
    return cols, min(max(round(cols * height / width), MIN_CELLS), MAX_CELLS)


def _foremost(found: list[np.ndarray], weights: np.ndarray, max_bytes: int) -> list[np.ndarray]:
    """The curves worth fitting: those of most weight for their cost, `_PLENTY` times the budget."""
    sizes = np.array([len(curve) for curve in found])
    worth = np.array([weights[tuple(np.round(curve).astype(int).T[::-1])].sum() for curve in found])
    bits = stroke_bits(sizes / _PITCHES[-1])
    ranking = np.argsort(-worth / bits, kind="stable")
    enough = int(np.searchsorted(np.cumsum(bits[ranking]), 8 * _PLENTY * max_bytes)) + 1
    return [found[i] for i in ranking[:enough]]


def _fitted(found: list[np.ndarray], cols: int, rows: int, weights: np.ndarray) -> Sketch:
    """All strokes on one lattice, most important first."""
    height, width = weights.shape
    lattice = Lattice(cols, rows, width, height)
    chains = [chain for chain in fit(found, lattice) if len(chain) > 1]
    strokes = [tuple((x, y) for x, y in chains[i].tolist()) for i in order(chains, lattice, weights)]
    return Sketch(cols, rows, tuple(strokes))


def _first(sketch: Sketch, max_bytes: float) -> Sketch:
    """The strokes that take about `max_bytes`, by estimate."""
    bits = np.cumsum(stroke_bits(np.array([len(stroke) for stroke in sketch.strokes])))
    return Sketch(sketch.cols, sketch.rows, sketch.strokes[: int(np.searchsorted(bits, 8 * max_bytes))])


def _cut(sketch: Sketch, max_bytes: int) -> Sketch:
    """`sketch.cut(max_bytes)`, without coding many strokes that will not stay."""
    share = 1.1
    while True:
        part = _first(sketch, share * max_bytes)
        if len(part.strokes) == len(sketch.strokes) or len(part.to_bytes()) > max_bytes:
            return part.cut(max_bytes)
        share *= 1.3
