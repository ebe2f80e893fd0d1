"""What strokes cost, in bits: read off the models that will code them."""

from __future__ import annotations

import functools

import numpy as np

from codec.structure.chain_code import STEPS
from codec.structure.sketch_payload import SketchContext
from codec.structure.turn_model import DRAWN, END, TurnHistory

START_BITS, FIRST_BITS, END_BITS, GOES_ON_BITS = 9.5, 2.2, 3.6, 0.1  # about what these cost
OVERHEAD_BITS = START_BITS + FIRST_BITS + END_BITS  # of a stroke
STROKE_BITS, LINK_BITS = 16.0, 1.05  # and a stroke and each of its points, all told
NO_TURNS = 2 * 25 + 2 * 5 + 2  # the history of a chain that has not turned yet, see turn_bits
_POINTS = 10  # as long a stroke as any
_EARLIER = 20, 400, 220  # strokes, points, straight steps: a sketch as any


def stroke_bits(points: np.ndarray) -> np.ndarray:
    """About what strokes of so many points will cost, in bits."""
    return STROKE_BITS + LINK_BITS * np.asarray(points, np.float64)


def link_bits(chains: list[np.ndarray]) -> np.ndarray:
    """What each link of some chains costs, in bits, away from other lines: a turn much, straight on little.

    chains: (M, 2) int arrays of (x, y) cells, M >= 2. Returns (links of all chains,).
    """
    steps = np.concatenate([np.diff(chain, axis=0) for chain in chains])
    owner = np.repeat(np.arange(len(chains)), [len(chain) - 1 for chain in chains])
    heading = _HEADINGS[steps[:, 1] + 1, steps[:, 0] + 1]
    turn = (np.diff(heading, prepend=heading[:1]) + 4) % 8 - 4
    first = np.diff(owner, prepend=-1) > 0
    turn[first] = 0
    near = np.clip(turn, -2, 2)
    past = np.full(len(turn), 0)
    for back, weight in ((1, 25), (2, 5), (3, 1)):
        same = np.zeros(len(turn), bool)
        same[back:] = owner[back:] == owner[:-back]
        past += weight * (np.where(same, np.roll(near, back), 0) + 2)
    before = np.roll(heading, 1)
    return np.where(first, 0, turn_bits()[before & 1, past, near + 2] + GOES_ON_BITS)


_HEADINGS = np.zeros((3, 3), int)
for _index, (_x, _y) in enumerate(STEPS):
    _HEADINGS[_y + 1, _x + 1] = _index


@functools.cache
def turn_bits() -> np.ndarray:
    """Bits of a turn of -2..2 eighths where no other line is near and the stroke goes on.

    (2, 125, 5) float32, by: is the heading diagonal, the three turns before it (each plus 2, the
    newest times 25, the next times 5, the oldest), the turn plus 2.
    """
    bits = np.empty((2, 125, 5), np.float32)
    for diagonal, past in np.ndindex(bits.shape[:2]):
        turns = [past % 5 - 2, past // 5 % 5 - 2, past // 25 - 2]  # oldest first
        odds = _odds(diagonal, turns)
        bits[diagonal, past] = -np.log2([odds[4 + turn] / (sum(odds) - odds[END]) for turn in range(-2, 3)])
    return bits


def _odds(heading: int, turns: list[int]) -> list[int]:
    """END and the turns -3..3 at the end of a chain that runs straight into these turns."""
    context = SketchContext(64, 64)
    headings = [heading]
    for turn in reversed(turns):
        headings.insert(0, (headings[0] - turn) % 8)
    x = y = 32
    for direction in reversed(headings):  # back along the chain; its last cell is not drawn yet
        x, y = x - STEPS[direction][0], y - STEPS[direction][1]
        context.cells[context.cell_index(x, y)] = DRAWN
    context.stroke_count, context.point_count, context.straight_steps = _EARLIER
    history = TurnHistory()
    for turn in (0, 0, 0, 0, 0, *turns):
        history.append(turn)
    odds = list(context.frequencies(context.cell_index(32, 32), heading, history, _POINTS))
    return [odds[END], *reversed(odds[1:])] if history.mirrored else odds
