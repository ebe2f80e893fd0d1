"""Picture -> sketch: detect edges, trace curves, fit chains, put first what matters most, cut."""

from __future__ import annotations

import numpy as np

from codec.encoder.sketch.bit_cost import STROKE_BITS, stroke_bits
from codec.encoder.sketch.chain_fitting import Lattice, fit
from codec.encoder.sketch.edges import detect, working_size
from codec.encoder.sketch.ranking import order
from codec.encoder.sketch.thinning import thin
from codec.encoder.sketch.trace import ways
from codec.errors import BudgetTooSmall
from codec.structure.sketch import Sketch
from codec.structure.sketch_payload import MAX_CELLS, MIN_CELLS, arrange

HIGH, LOW = 0.3, 0.15  # hysteresis thresholds on edge strength
SHORTEST = 10  # pixels of the smallest piece of an edge
_PITCHES = 3.4, 8.0  # finest and coarsest lattice pitch in pixels of the working frame
_MISS = 0.35  # bits that a pixel is worth at 200 bytes
_EXACT = (0.7, 1.3)  # times that, what a miss costs: each curve is fitted with both
_FILLERS = 6  # strokes tried in what bytes the first one too many has left
_PLENTY = 2.5  # how many times the budget the strokes to choose from may cost


def edge_map(pixels: np.ndarray, edges: str = "contours") -> np.ndarray:
    """The thin edge map that a sketch approximates.

    pixels: (H, W, 3) uint8 sRGB. edges: detector name, else UnknownName.
    Returns (h, w) bool at the working scale (long side 512).
    """
    return thin(detect(pixels, edges), HIGH, LOW, SHORTEST)


def sketch(pixels: np.ndarray, max_bytes: int, *, edges: str = "contours") -> Sketch:
    """The strokes that tell most about a picture in `max_bytes`.

    pixels: (H, W, 3) uint8 sRGB, sides 1..4096. edges: detector name.
    Returns a Sketch whose to_bytes() is at most `max_bytes` long, most important stroke first; it
    has no strokes where the picture has no edges or the budget holds none.
    Raises UnknownName, or BudgetTooSmall if not even an empty sketch fits.
    """
    height, width = pixels.shape[:2]
    return drawn(detect(pixels, edges), height, width, max_bytes)


def drawn(strength: np.ndarray, height: int, width: int, max_bytes: int) -> Sketch:
    """The sketch of a soft edge map.

    strength: (h, w) float32 in 0..1 at the working scale; height, width: of the picture. Returns and
    raises as `sketch`.
    """
    reference = thin(strength, HIGH, LOW, SHORTEST)
    ordered = candidates(reference, ways(reference), height, width, max_bytes)
    if len(Sketch(ordered.cols, ordered.rows, ()).to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even a sketch without strokes")
    return _cut(ordered, max_bytes)


def candidates(
    reference: np.ndarray, found: list[list[np.ndarray]], height: int, width: int, max_bytes: int, finer: float = 1.0
) -> Sketch:
    """More strokes than `max_bytes` hold, on a lattice that suits these; most important first.

    found: the edge map's curves, in one way or more. finer: than that lattice, so many times.
    """
    weights = reference.astype(np.float32)  # each pixel alike: what F counts
    cols, rows = _cells(height, width, _pitch(found[0], max_bytes) / finer)
    foremost = {curve.tobytes(): curve for way in found for curve in _foremost(way, weights, max_bytes)}
    miss = float(np.clip(_MISS * (max_bytes / 200) ** 0.5, 0.8 * _MISS, 1.6 * _MISS))  # the fewer bytes, the less exact
    return _fitted([*foremost.values()], cols, rows, weights, miss, max_bytes)


def _pitch(found: list[np.ndarray], max_bytes: int) -> float:
    """The lattice pitch, in working pixels, that suits a budget: the more strokes there are to share
    it, the coarser. Measured on generated pictures; to try a finer lattice, too, gains .004 F for twice the time."""
    needed = _bits(found, 5.0).sum() / (8 * max(max_bytes, 1))
    return float(np.clip(3.3 + 1.25 * np.log2(max(needed, 0.5)), *_PITCHES))


def _bits(found: list[np.ndarray], pitch: float) -> np.ndarray:
    """About what each curve will cost on a lattice of this pitch."""
    return stroke_bits(np.array([len(curve) for curve in found]) / pitch)


def _cells(height: int, width: int, pitch: float) -> tuple[int, int]:
    """(columns, rows) of the lattice of about this pitch, its cells as square as the limits allow."""
    cols = min(max(round(working_size(height, width)[1] / pitch), MIN_CELLS), MAX_CELLS)
    return cols, min(max(round(cols * height / width), MIN_CELLS), MAX_CELLS)


def _foremost(found: list[np.ndarray], weights: np.ndarray, max_bytes: int) -> list[np.ndarray]:
    """The curves worth fitting: those of most weight for their cost, `_PLENTY` times the budget."""
    bits = _bits(found, _PITCHES[1])
    worth = np.array([weights[tuple(np.round(curve).astype(int).T[::-1])].sum() for curve in found])
    ranking = np.argsort(-worth / bits, kind="stable")
    enough = int(np.searchsorted(np.cumsum(bits[ranking]), 8 * _PLENTY * max_bytes)) + 1
    return [found[i] for i in ranking[:enough]]


def _fitted(found: list[np.ndarray], cols: int, rows: int, weights: np.ndarray, miss: float, max_bytes: int) -> Sketch:
    """All strokes on one lattice, most important first. Each curve is fitted loosely and closely, and the order
    takes what pays more."""
    height, width = weights.shape
    lattice = Lattice(cols, rows, width, height)
    fitted = {chain.tobytes(): chain for exact in _EXACT for chain in fit(found, lattice, exact * miss)}
    chains = [chain for chain in fitted.values() if len(chain) > 1]
    strokes = [tuple((x, y) for x, y in chain.tolist()) for chain in order(chains, lattice, weights, 8 * max_bytes)]
    return Sketch(cols, rows, tuple(strokes))


def leading(sketch: Sketch, max_bytes: float) -> Sketch:
    """The first strokes, those that take about `max_bytes` by estimate, in the order that is cheap to code."""
    bits = np.cumsum(stroke_bits(np.array([len(stroke) for stroke in sketch.strokes])))
    return _first(sketch, int(np.searchsorted(bits, 8 * max_bytes)))


def _first(sketch: Sketch, count: int) -> Sketch:
    return Sketch(sketch.cols, sketch.rows, arrange(sketch.strokes[:count], sketch.cols, sketch.rows))


def _cut(sketch: Sketch, max_bytes: int) -> Sketch:
    """The most strokes from the front that fit, then whichever of the next few still do."""
    low, high = 0, len(sketch.strokes)  # `low` strokes fit
    best = _first(sketch, 0)
    tried = len(leading(sketch, max_bytes).strokes)
    while low < high:
        part = _first(sketch, tried)
        size = len(part.to_bytes())
        if size <= max_bytes:
            best, low = part, tried
        else:
            high = tried - 1
        guess = round(tried * max_bytes / max(size, 1))  # bytes grow about as the strokes do
        tried = min(max(guess, low + 1), high)
    for stroke in sketch.strokes[low + 1 :][:_FILLERS]:
        if 8 * (max_bytes - len(best.to_bytes())) < STROKE_BITS:
            break
        more = Sketch(sketch.cols, sketch.rows, (*best.strokes, stroke))
        best = more if len(more.to_bytes()) <= max_bytes else best
    return best
