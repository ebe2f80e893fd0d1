"""Turn a picture into a sketch: detect edges, trace curves, fit chains, rank strokes, and cut to the budget."""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.encoder.sketch.bit_cost import STROKE_BITS, stroke_bits
from codec.encoder.sketch.chain_fitting import Lattice, fit_chains
from codec.encoder.sketch.edges import detect
from codec.encoder.sketch.ranking import rank_chains
from codec.encoder.sketch.thinning import thin
from codec.encoder.sketch.trace import trace_curve_sets
from codec.encoder.sketch.visibility import edge_weights
from codec.encoder.sketch.working_frame import working_size
from codec.errors import BudgetTooSmall
from codec.structure.sketch import Sketch
from codec.structure.sketch_payload import MAX_CELLS, MIN_CELLS, order_strokes

_MIN_PITCH, _MAX_PITCH = 3.4, 8.0  # of the lattice, in pixels of the working frame
_TYPICAL_PITCH: Final = 5.0  # for the estimate of the bits that a picture's strokes need
_MISS_BITS: Final = 0.35  # cost of a missed pixel at 200 bytes, see chain_fitting.py
_MISS_FACTORS: Final = (0.7, 1.3)  # of the miss cost: coarse and close fits, `rank_chains` chooses
_CANDIDATE_RATIO: Final = 2.5  # curves are fitted until their estimated bits are this many times the budget
_QUICK_CANDIDATE_RATIO: Final = 1.8
_MAX_FILLERS: Final = 6  # strokes that are tried in the remaining bytes once the next stroke does not fit


def edge_map(pixels: np.ndarray, edges: str = "contours") -> np.ndarray:
    """Return the thin edge map that a sketch approximates.

    pixels: (H, W, 3) uint8 sRGB. edges: name of a detector, else UnknownName is raised.
    Returns (h, w) bool in the working frame (512 pixels on the longer side).
    """
    return thin(detect(pixels, edges))


def extract_sketch(
    pixels: np.ndarray, max_bytes: int, *, edges: str = "contours", by_visibility: bool = False
) -> Sketch:
    """Return the strokes that describe a picture best in `max_bytes`.

    pixels: (H, W, 3) uint8 sRGB, sides 1..4096. edges: name of a detector. by_visibility: weight edges by how much they
    add to what the colors already show (`visibility.edge_weights`), not equally. Returns a Sketch with a payload of at
    most `max_bytes`, most important stroke first; it has no strokes if the picture has no edges or no stroke fits.
    Raises UnknownName, or BudgetTooSmall if not even an empty sketch fits; see also `edges.detect`.
    """
    height, width = pixels.shape[:2]
    reference = thin(detect(pixels, edges))
    weights = edge_weights(reference, pixels) if by_visibility else reference.astype(np.float32)
    return fit_strokes(weights, height, width, max_bytes, quick=by_visibility)


def fit_sketch(strength: np.ndarray, height: int, width: int, max_bytes: int) -> Sketch:
    """Return the sketch of a soft edge map. All edge pixels have the same weight, as in the F-measure.

    strength: (h, w) float32 in 0..1 in the working frame. height, width: of the picture. For the result and the errors,
    see `extract_sketch`.
    """
    return fit_strokes(thin(strength).astype(np.float32), height, width, max_bytes)


def fit_strokes(weights: np.ndarray, height: int, width: int, max_bytes: int, *, quick: bool = False) -> Sketch:
    """Return the sketch of a thin edge map with weighted pixels.

    weights: (h, w) float32 in the working frame, the gain of covering each pixel, 0 off the edges. quick: try fewer
    curves, which takes a tenth less time and hardly changes the gain. For the other arguments, see `fit_sketch`.
    """
    candidate_ratio = _QUICK_CANDIDATE_RATIO if quick else _CANDIDATE_RATIO
    curve_sets = trace_curve_sets(weights > 0)
    ranked = rank_strokes(weights, curve_sets, height, width, max_bytes, candidate_ratio=candidate_ratio)
    if len(Sketch(ranked.cols, ranked.rows, ()).to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even a sketch without strokes: allow more")
    return _fill_budget(ranked, max_bytes)


def rank_strokes(
    weights: np.ndarray,
    curve_sets: list[list[np.ndarray]],
    height: int,
    width: int,
    max_bytes: int,
    refinement: float = 1.0,
    *,
    candidate_ratio: float = _CANDIDATE_RATIO,
) -> Sketch:
    """Return more strokes than fit into `max_bytes`, most important first.

    weights: as for `fit_strokes`. curve_sets: alternative sets of curves along the edges, one for each way of joining
    them (`trace.JOININGS`).
    height, width: of the picture. refinement: multiplies the number of lattice cells on each side. candidate_ratio:
    curves are fitted until their estimated bits are this many times the budget.
    """
    cols, rows = _lattice_shape(height, width, _lattice_pitch(curve_sets[0], max_bytes) / refinement)
    lattice = Lattice(cols, rows, weights.shape[1], weights.shape[0])
    candidate_bytes = candidate_ratio * max_bytes
    curves = {
        curve.tobytes(): curve for curves in curve_sets for curve in _best_curves(curves, weights, candidate_bytes)
    }
    miss_bits = float(np.clip(_MISS_BITS * (max_bytes / 200) ** 0.5, 0.8 * _MISS_BITS, 1.6 * _MISS_BITS))
    costs = np.repeat([factor * miss_bits for factor in _MISS_FACTORS], len(curves))
    fitted = fit_chains([*curves.values()] * len(_MISS_FACTORS), lattice, costs)
    chains = {chain.tobytes(): chain for chain in fitted if len(chain) > 1}
    ranked = rank_chains([*chains.values()], lattice, weights, 8 * max_bytes)
    return Sketch(cols, rows, tuple(tuple((x, y) for x, y in chain.tolist()) for chain in ranked))


def estimated_prefix(sketch: Sketch, max_bytes: float) -> Sketch:
    """Return the longest prefix of the strokes that is estimated to fit, ordered by `order_strokes`."""
    bits = np.cumsum(stroke_bits(np.array([len(stroke) for stroke in sketch.strokes])))
    return _prefix(sketch, int(np.searchsorted(bits, 8 * max_bytes)))


def _lattice_pitch(curves: list[np.ndarray], max_bytes: int) -> float:
    """Return the lattice pitch, in pixels of the working frame: coarser if more strokes share the budget.

    The coefficients were fitted to generated pictures. Trying a second, finer lattice gains .004 F in twice the time.
    """
    ratio = _estimated_bits(curves, _TYPICAL_PITCH).sum() / (8 * max(max_bytes, 1))
    return float(np.clip(3.3 + 1.25 * np.log2(max(ratio, 0.5)), _MIN_PITCH, _MAX_PITCH))


def _estimated_bits(curves: list[np.ndarray], pitch: float) -> np.ndarray:
    """Estimate the bits of each curve on a lattice of this pitch."""
    return stroke_bits(np.array([len(curve) for curve in curves]) / pitch)


def _lattice_shape(height: int, width: int, pitch: float) -> tuple[int, int]:
    """Return (columns, rows) of a lattice of about this pitch, with cells as square as the limits allow."""
    cols = min(max(round(working_size(height, width)[1] / pitch), MIN_CELLS), MAX_CELLS)
    return cols, min(max(round(cols * height / width), MIN_CELLS), MAX_CELLS)


def _best_curves(curves: list[np.ndarray], weights: np.ndarray, max_bytes: float) -> list[np.ndarray]:
    """Return the curves with the largest weight per bit, as many as are estimated to fit into `max_bytes`."""
    bits = _estimated_bits(curves, _MAX_PITCH)
    gain = np.array([weights[tuple(np.round(curve).astype(int).T[::-1])].sum() for curve in curves])
    order = np.argsort(-gain / bits, kind="stable")
    count = int(np.searchsorted(np.cumsum(bits[order]), 8 * max_bytes)) + 1
    return [curves[i] for i in order[:count]]


def _prefix(sketch: Sketch, count: int) -> Sketch:
    """Return the first `count` strokes, ordered by `order_strokes`."""
    return Sketch(sketch.cols, sketch.rows, order_strokes(sketch.strokes[:count], sketch.cols, sketch.rows))


def _fill_budget(sketch: Sketch, max_bytes: int) -> Sketch:
    """Return the longest prefix of the strokes that fits, plus any of the next few strokes that fit into the rest.

    The number of strokes is found by interpolation search, since the size is roughly proportional to it.
    """
    low, high = 0, len(sketch.strokes)  # `low` strokes fit, more than `high` do not
    best = _prefix(sketch, 0)
    count = len(estimated_prefix(sketch, max_bytes).strokes)
    while low < high:
        candidate = _prefix(sketch, count)
        size = len(candidate.to_bytes())
        if size <= max_bytes:
            best, low = candidate, count
        else:
            high = count - 1
        estimate = round(count * max_bytes / max(size, 1))
        count = min(max(estimate, low + 1), high)
    for stroke in sketch.strokes[low + 1 :][:_MAX_FILLERS]:
        if 8 * (max_bytes - len(best.to_bytes())) < STROKE_BITS:
            break
        candidate = Sketch(sketch.cols, sketch.rows, (*best.strokes, stroke))
        if len(candidate.to_bytes()) <= max_bytes:
            best = candidate
    return best
