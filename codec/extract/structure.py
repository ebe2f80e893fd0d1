"""Picture -> sketch: detect edges, trace curves, fit chains, put first what matters most, cut."""
from __future__ import annotations

import numpy as np

from codec.errors import BudgetTooSmall
from codec.extract.edges import detect, working_size
from codec.extract.fit import Lattice, fit
from codec.extract.order import order
from codec.extract.rates import STROKE_BITS, stroke_bits
from codec.extract.thinning import thin
from codec.extract.trace import curves
from codec.strokes import MAX_CELLS, MIN_CELLS
from codec.structure import Sketch

HIGH, LOW = 0.35, 0.2  # hysteresis thresholds on edge strength
SHORTEST = 10  # pixels of the smallest piece of an edge
_PITCHES = 3.4, 8.0  # finest and coarsest lattice pitch in pixels of the working frame
_FILLERS = 6  # strokes tried in what bytes the first one too many has left
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
    found = curves(reference)
    cols, rows = _cells(height, width, _pitch(found, max_bytes))
    if len(Sketch(cols, rows, ()).to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even a sketch without strokes")
    return _cut(_fitted(_foremost(found, weights, max_bytes), cols, rows, weights), max_bytes)


def importance(strength: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What covering each edge pixel is worth: 0 off the thin map, else by strength and, mildly, by
    closeness to the centre. strength: (h, w) float32; reference: (h, w) bool. (h, w) float32."""
    height, width = reference.shape
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    centre = np.exp(-0.5 * (x * x + y * y))
    return np.where(reference, strength * (0.8 + 0.2 * centre), 0).astype(np.float32)


def _pitch(found: list[np.ndarray], max_bytes: int) -> float:
    """The lattice pitch, in working pixels, that suits a budget: the more strokes there are to share
    it, the coarser. Measured on generated pictures; within .002 F of trying every pitch."""
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


def _fitted(found: list[np.ndarray], cols: int, rows: int, weights: np.ndarray) -> Sketch:
    """All strokes on one lattice, most important first."""
    height, width = weights.shape
    lattice = Lattice(cols, rows, width, height)
    chains = [chain for chain in fit(found, lattice) if len(chain) > 1]
    strokes = [tuple((x, y) for x, y in chains[i].tolist()) for i in order(chains, lattice, weights)]
    return Sketch(cols, rows, tuple(strokes))


def _leading(sketch: Sketch, max_bytes: float) -> Sketch:
    """The first strokes, those that take about `max_bytes` by estimate."""
    bits = np.cumsum(stroke_bits(np.array([len(stroke) for stroke in sketch.strokes])))
    return Sketch(sketch.cols, sketch.rows, sketch.strokes[: int(np.searchsorted(bits, 8 * max_bytes))])


def _cut(sketch: Sketch, max_bytes: int) -> Sketch:
    """The longest first part of the strokes that fits, then whichever of the next few still do."""
    share = 1.1  # of the budget, by estimate: spares coding many strokes that will not stay
    part = _leading(sketch, share * max_bytes)
    while len(part.strokes) < len(sketch.strokes) and len(part.to_bytes()) <= max_bytes:
        share *= 1.3
        part = _leading(sketch, share * max_bytes)
    part = part.cut(max_bytes)
    for stroke in sketch.strokes[len(part.strokes) + 1 :][:_FILLERS]:
        left = max_bytes - len(part.to_bytes())
        if 8 * left < STROKE_BITS:
            break
        more = Sketch(sketch.cols, sketch.rows, (*part.strokes, stroke))
        part = more if len(more.to_bytes()) <= max_bytes else part
    return part
