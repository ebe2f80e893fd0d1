"""The probability model of a stroke's next symbol: its end, or the next turn.

A decision tree tests the last eight turns, nearby drawn cells, the nearby border of the lattice, the heading, and
statistics of this stroke and of earlier ones. Each leaf holds fixed frequencies. The tree is trained
(codec/training/stroke_tables.py) and part of the format.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

from codec.bitstream import tables
from codec.structure.chain_code import STEPS

END: Final = 0  # the symbol that ends a stroke; symbols 1..7 are turns of -3..3 eighths of a circle
SYMBOL_COUNT: Final = 8
HISTORY_LENGTH: Final = 8  # turns that the tree looks back at
MARGIN: Final = 13  # width of the margin around the lattice, in cells, so that every tested cell has an index
EMPTY, DRAWN, OUTSIDE = 0, 1, 2  # states of a cell

# The tree's tests are numbered; each constant is the first number of its kind. Test 8 * i + turn, with i in 0..7, is
# true if `TurnHistory.turns[i]` equals turn.
DIAGONAL_TEST: Final = 64  # the heading is diagonal
HEADING_TESTS: Final = 65  # the heading is 0..7, 8 tests
DRAWN_TESTS: Final = 73  # a cell of the neighborhood is drawn, 49 tests
COVERED_TEST: Final = 122  # the current cell was drawn before
OUTSIDE_TESTS: Final = 123  # a cell of the neighborhood is outside the lattice, 49 tests
AHEAD_TESTS: Final = 172  # a cell straight ahead is drawn, from the 5th up to one of `AHEAD_ENDS`
FEATURE_TESTS: Final = 174  # a feature reaches a threshold; see `COMPARISONS`
AHEAD_ENDS: Final = 9, 13
_CELL_AHEAD: Final = 24  # index in the neighborhood of the cell ahead

THRESHOLDS: Final = (  # of each feature, in the order of `SketchContext.features`
    (2, 3, 4, 5, 6, 8, 11, 16, 24, 36, 54, 80),  # points of this stroke
    (-1, 0, 1, 2, 3, 4, 6, 8),  # net turn of this stroke
    (8, 9, 10, 12, 14, 16, 20, 24, 30),  # straight steps since the last turn
    (-1, 0, 1),  # that number, minus the straight steps before that turn
    (-1, 0, 1),  # that number, minus the straight steps before the second-last turn
    (45, 50, 55, 60, 65, 70, 75),  # percentage of straight steps in the earlier strokes
    (8, 10, 12, 14, 17, 20, 25, 30),  # average points of the earlier strokes
    (1, 2, 4, 8, 16, 32, 64, 128),  # number of earlier strokes
    (60, 75, 90, 110, 130),  # columns of the lattice
)
COMPARISONS: Final = tuple((feature, threshold) for feature, row in enumerate(THRESHOLDS) for threshold in row)
TEST_COUNT: Final = FEATURE_TESTS + len(COMPARISONS)

_NO_TURN: Final = 7  # in `TurnHistory.turns`: before the first turn
_NO_RUN: Final = 1 << 16  # longer than any run of straight steps


class TurnHistory:
    """The turns of a stroke so far, mirrored so that the last turn (straight steps excluded) goes left.

    `turns`: the last 8 turns, newest first, as 0..6 for -3..3 eighths of a circle, or 7 if there were fewer.
    `mirrored`: whether left and right are swapped. `net_turn`: the sum of all turns. `run`, `previous_run`,
    `earlier_run`: straight steps since the last turn, before it, and before the second-last turn. `straight_steps`: the
    total.
    """

    __slots__ = ("turns", "mirrored", "net_turn", "run", "previous_run", "earlier_run", "straight_steps")

    def __init__(self) -> None:
        self.turns = [_NO_TURN] * HISTORY_LENGTH
        self.mirrored = False
        self.net_turn = 0
        self.run = 0
        self.previous_run = self.earlier_run = _NO_RUN
        self.straight_steps = 0

    def append(self, turn: int) -> None:
        """Add a step after a turn of -3..3 eighths, positive to the left (not mirrored)."""
        if turn == 0:
            self.run += 1
            self.straight_steps += 1
            self.turns = [3, *self.turns[:-1]]
            return
        if self.mirrored != (turn < 0):
            self.mirrored = turn < 0
            self.net_turn = -self.net_turn
            self.turns = [past if past == _NO_TURN else 6 - past for past in self.turns]
        self.net_turn += abs(turn)
        self.earlier_run, self.previous_run, self.run = self.previous_run, self.run, 0
        self.turns = [3 + abs(turn), *self.turns[:-1]]


class Context(NamedTuple):
    """The input of the tree's tests."""

    cells: bytearray  # states of the lattice's cells and the margin, row by row
    cell: int  # index of the current cell in `cells`
    neighborhood: Sequence[int]  # offsets in `cells` of the 49 cells nearby, see `neighborhoods`
    turns: Sequence[int]  # `TurnHistory.turns`
    heading: int  # 0..7, see `chain_code.STEPS`
    features: Sequence[int]  # in the order of `THRESHOLDS`


@functools.lru_cache(maxsize=16)
def neighborhoods(pitch: int) -> tuple[tuple[int, ...], ...]:
    """Return the offsets of 49 nearby cells in an array with rows of `pitch`, at index 2 * heading + mirrored.

    The cells reach 3 to either side, 2 back and 4 ahead. For a diagonal heading, they extend 2 cells back and 4 ahead
    along each of the two axes next to it.
    """
    return tuple(
        tuple(_offset(pitch, heading, mirrored, side, ahead) for side in range(-3, 4) for ahead in range(-2, 5))
        for heading in range(8)
        for mirrored in (False, True)
    )


def _offset(pitch: int, heading: int, mirrored: bool, side: int, ahead: int) -> int:
    """Return the offset of the cell that is `ahead` in front and `side` to the left (mirrored: to the right)."""
    if heading & 1:
        right, left = STEPS[heading - 1], STEPS[(heading + 1) % 8]
        p, q = (side + 1, ahead) if mirrored else (ahead, side + 1)
        x, y = p * right[0] + q * left[0], p * right[1] + q * left[1]
    else:
        front, left = STEPS[heading], STEPS[(heading + 2) % 8]
        q = -side if mirrored else side
        x, y = ahead * front[0] + q * left[0], ahead * front[1] + q * left[1]
    return y * pitch + x


def frequencies(context: Context) -> tuple[int, ...]:
    """Return the frequencies of END and of the turns -3..3, mirrored as in the history; their sum is 4,096."""
    return _leaves()[find_leaf(context)]


def find_leaf(context: Context) -> int:
    """Return the index of the leaf that a context belongs to."""
    cells, cell, neighborhood, turns, _, features = context
    tree = _tree()
    node = 0
    while node >= 0:
        test, if_true, if_false = tree[node]
        # the most frequent tests are inlined from `evaluate` for speed
        if test < DIAGONAL_TEST:
            result = turns[test >> 3] == test & 7
        elif DRAWN_TESTS <= test < COVERED_TEST:
            result = cells[cell + neighborhood[test - DRAWN_TESTS]] == DRAWN
        elif test >= FEATURE_TESTS:
            feature, threshold = COMPARISONS[test - FEATURE_TESTS]
            result = features[feature] >= threshold
        else:
            result = evaluate(test, context)
        node = if_true if result else if_false
    return -1 - node


def evaluate(test: int, context: Context) -> bool:
    """Return the result of one of the tree's tests, by its number."""
    cells, cell, neighborhood, turns, heading, features = context
    if test < DIAGONAL_TEST:
        return turns[test >> 3] == test & 7
    if test == DIAGONAL_TEST:
        return heading & 1 > 0
    if test < DRAWN_TESTS:
        return heading == test - HEADING_TESTS
    if test < COVERED_TEST:
        return cells[cell + neighborhood[test - DRAWN_TESTS]] == DRAWN
    if test == COVERED_TEST:
        return cells[cell] == DRAWN
    if test < AHEAD_TESTS:
        return cells[cell + neighborhood[test - OUTSIDE_TESTS]] == OUTSIDE
    if test < FEATURE_TESTS:
        step = neighborhood[_CELL_AHEAD]
        return DRAWN in cells[cell + 5 * step : cell + AHEAD_ENDS[test - AHEAD_TESTS] * step : step]
    feature, threshold = COMPARISONS[test - FEATURE_TESTS]
    return features[feature] >= threshold


@functools.cache
def _tree() -> list[tuple[int, int, int]]:
    """Return the nodes (test, node if true, node if false); a negative node n is the leaf -1 - n."""
    return [(int(test), int(yes), int(no)) for test, yes, no in tables.load_array("structure/stroke_tree.npy")]


@functools.cache
def _leaves() -> list[tuple[int, ...]]:
    """Return the frequencies of each leaf."""
    return [tuple(int(f) for f in row) for row in tables.load_array("structure/stroke_leaves.npy")]
