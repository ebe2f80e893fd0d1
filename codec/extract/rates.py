"""What strokes cost, in bits: read off the models that will code them."""
from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from codec import strokes
from codec.rangecoder import TOTAL, Bit, Number

STROKE_BITS, LINK_BITS = 28.0, 0.8  # about what a stroke and each of its points cost, all told
FIRST_BITS, END_BITS = 3.0, 5.0  # of which the first direction, and the end
NO_TURNS = 2 * 25 + 2 * 5 + 2  # the history of a chain that has not turned yet, see turn_bits


def stroke_bits(points: np.ndarray) -> np.ndarray:
    """About what strokes of so many points will cost, in bits."""
    return STROKE_BITS + LINK_BITS * np.asarray(points, np.float64)


@functools.cache
def turn_bits() -> np.ndarray:
    """Bits of a turn of -2..2 eighths, at the models' first probabilities and away from other lines.

    (2, 125, 5) float32, by: is the heading diagonal, the three turns before it (each plus 2, the
    newest times 25, the next times 5, the oldest), the turn plus 2.
    """
    models, chart = strokes.Models(), strokes.Chart(strokes.MIN_CELLS, strokes.MIN_CELLS)
    bits = np.empty((2, 125, 5), np.float32)
    for heading, past, turn in np.ndindex(bits.shape):
        meter = _Meter()
        history = (past // 25 - 2, past // 5 % 5 - 2, past % 5 - 2)
        strokes.turn(meter, models, chart, (4, 4), heading, history, (heading + turn - 2) % 8)
        bits[heading, past, turn] = meter.bits
    return bits


class _Meter:
    """A coder that adds up what its symbols would cost; models do not learn from it."""

    def __init__(self) -> None:
        self.bits = 0.0

    def uniform(self, total: int, value: int = 0) -> int:
        self.bits += float(np.log2(total))
        return value

    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        self.bits += float(np.log2(sum(weights) / weights[index]))
        return index

    def bit(self, model: Bit, value: int = 0) -> int:
        self.bits += float(np.log2(TOTAL / (model.p if value else TOTAL - model.p)))
        return value

    def number(self, model: Number, value: int = 0) -> int:
        raise NotImplementedError("strokes hold no such numbers")
