"""The bits that strokes take: rough estimates, and the cost of each turn from the probability model."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from codec.structure.chain_code import STEPS
from codec.structure.sketch_payload import SketchContext
from codec.structure.turn_model import DRAWN, END, TurnHistory

# Typical bits of a stroke's start, first direction and end, and of the decision to continue after a point.
START_BITS: Final = 9.5
FIRST_BITS: Final = 2.2
END_BITS: Final = 3.6
CONTINUE_BITS: Final = 0.1
OVERHEAD_BITS: Final = START_BITS + FIRST_BITS + END_BITS  # of a stroke, in addition to its turns
# Linear estimate of a whole stroke: constant bits, and bits for each point.
STROKE_BITS: Final = 16.0
POINT_BITS: Final = 1.05

# A turn history is a number of 0..124: the last turn (plus 2) times 25, the one before times 5, the oldest. Turns are
# -2..2 eighths of a circle.
STRAIGHT_HISTORY: Final = 2 * 25 + 2 * 5 + 2
_TYPICAL_POINTS: Final = 10  # of the stroke so far
_TYPICAL_SKETCH: Final = (20, 400, 220)  # numbers of strokes, points and straight steps so far


def stroke_bits(points: np.ndarray) -> np.ndarray:
    """Estimate the bits of strokes with these numbers of points."""
    return STROKE_BITS + POINT_BITS * np.asarray(points, np.float64)


def link_bits(chains: list[np.ndarray]) -> np.ndarray:
    """Return the bits of each link of some chains, assuming that no other strokes are near.

    chains: (M, 2) int arrays of (x, y) cells, M >= 2. Returns (links of all chains,) float32.
    """
    steps = np.concatenate([np.diff(chain, axis=0) for chain in chains])
    owner = np.repeat(np.arange(len(chains)), [len(chain) - 1 for chain in chains])
    heading = _HEADINGS[steps[:, 1] + 1, steps[:, 0] + 1]
    turn = (np.diff(heading, prepend=heading[:1]) + 4) % 8 - 4
    is_first = np.diff(owner, prepend=-1) > 0
    turn[is_first] = 0
    clipped = np.clip(turn, -2, 2)
    history = np.full(len(turn), 0)
    for lag, weight in ((1, 25), (2, 5), (3, 1)):
        is_same_chain = np.zeros(len(turn), bool)
        is_same_chain[lag:] = owner[lag:] == owner[:-lag]
        history += weight * (np.where(is_same_chain, np.roll(clipped, lag), 0) + 2)
    previous = np.roll(heading, 1)
    return np.where(is_first, 0, turn_bits()[previous & 1, history, clipped + 2] + CONTINUE_BITS)


def _heading_table() -> np.ndarray:
    """Return the direction number of each step, by dy + 1 and dx + 1."""
    headings = np.zeros((3, 3), int)
    for number, (dx, dy) in enumerate(STEPS):
        headings[dy + 1, dx + 1] = number
    return headings


_HEADINGS: Final = _heading_table()


@functools.cache
def turn_bits() -> np.ndarray:
    """Return the bits of each turn, given that the stroke continues and no other stroke is near.

    (2, 125, 5) float32, by whether the heading is diagonal, the turn history, and the turn plus 2.
    """
    bits = np.empty((2, 125, 5), np.float32)
    for diagonal, history in np.ndindex(bits.shape[:2]):
        turns = [history % 5 - 2, history // 5 % 5 - 2, history // 25 - 2]  # oldest first
        frequencies = _turn_frequencies(diagonal, turns)
        total = sum(frequencies) - frequencies[END]
        bits[diagonal, history] = -np.log2([frequencies[4 + turn] / total for turn in range(-2, 3)])
    return bits


def _turn_frequencies(heading: int, turns: list[int]) -> list[int]:
    """Return the frequencies of END and of the turns -3..3 after a straight chain that ends with these turns."""
    context = SketchContext(64, 64)
    headings = [heading]
    for turn in reversed(turns):
        headings.insert(0, (headings[0] - turn) % 8)
    x = y = 32
    for direction in reversed(headings):  # backwards along the chain, whose last cell is not drawn yet
        x, y = x - STEPS[direction][0], y - STEPS[direction][1]
        context.cells[context.cell_index(x, y)] = DRAWN
    context.stroke_count, context.point_count, context.straight_steps = _TYPICAL_SKETCH
    history = TurnHistory()
    for turn in (0, 0, 0, 0, 0, *turns):
        history.append(turn)
    frequencies = list(context.frequencies(context.cell_index(32, 32), heading, history, _TYPICAL_POINTS))
    return [frequencies[END], *reversed(frequencies[1:])] if history.mirrored else frequencies
