"""Picture -> sketch: detect edges, trace curves, fit chains, put first what matters most, cut."""
from __future__ import annotations

import numpy as np

from codec.errors import BudgetTooSmall
from codec.extract.edges import detect, working_size
from codec.extract.fit import Lattice, fit
from codec.extract.metrics import f_measure
from codec.extract.order import order
from codec.extract.thinning import thin
from codec.extract.trace import curves
from codec.structure import Sketch

HIGH, LOW = 0.3, 0.15  # hysteresis thresholds on edge strength
SHORTEST = 10  # pixels of the smallest piece of an edge
_PITCHES = (3.6, 4.5, 5.6, 7.0)  # lattice pitches in pixels of the working frame
_SIDE = (8, 1024)  # cells a side that a sketch may have


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
    strength = detect(pixels, edges)
    reference = thin(strength, HIGH, LOW, SHORTEST)
    found = curves(reference)
    weights = importance(strength, reference)
    best, best_f = None, -1.0
    for pitch in _PITCHES:
        lattice = _lattice(pixels.shape[0], pixels.shape[1], pitch)
        candidate = _on_lattice(found, lattice, weights).cut(max_bytes)
        f = f_measure(candidate, reference).f
        if f > best_f:
            best, best_f = candidate, f
        if not found:
            break
    assert best is not None
    if len(best.to_bytes()) > max_bytes:
        raise BudgetTooSmall(f"{max_bytes} bytes do not hold even a sketch without strokes")
    return best


def importance(strength: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What covering each edge pixel is worth: 0 off the thin map, else by strength and, mildly, by
    closeness to the centre. strength: (h, w) float32; reference: (h, w) bool. (h, w) float32."""
    height, width = reference.shape
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    centre = np.exp(-0.5 * (x * x + y * y))
    return np.where(reference, (0.5 + strength) * (0.7 + 0.3 * centre), 0).astype(np.float32)


def _lattice(height: int, width: int, pitch: float) -> Lattice:
    """The lattice of about this pitch, its cells as square as whole cells and the limits allow."""
    frame_height, frame_width = working_size(height, width)
    cols = min(max(round(frame_width / pitch), _SIDE[0]), _SIDE[1])
    rows = min(max(round(cols * height / width), _SIDE[0]), _SIDE[1])
    return Lattice(cols, rows, frame_width, frame_height)


def _on_lattice(found: list[np.ndarray], lattice: Lattice, weights: np.ndarray) -> Sketch:
    chains = [chain for chain in fit(found, lattice) if len(chain) > 1]
    strokes = [tuple(map(tuple, chains[i].tolist())) for i in order(chains, lattice, weights)]
    return Sketch(lattice.cols, lattice.rows, tuple(strokes))
