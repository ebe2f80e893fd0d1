"""What comes next in a stroke, its end or which turn, is predicted by a decision tree.

It asks about the last eight turns, the lines and the border around, the heading, and some numbers of this stroke
and the ones before. Each leaf holds static frequencies. Tree and leaves are trained once
(training/strokes.py) and are part of the format.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

from codec.bitstream import tables
from codec.structure.chain_code import STEPS

END: Final = 0  # symbols: END, then turns of -3..3 eighths as 1..7
SYMBOLS: Final = 8
HISTORY: Final = 8  # turns that are looked at
RIM: Final = 13  # cells around the lattice, so that every look is legal
DRAWN, OUTSIDE = 1, 2  # what a cell is; else 0

# Its tests, by number: 8 q + v: turn q back is v (0..7); then heading diagonal; heading h; cell covered
# around (49, in the heading's own frame); covered here; a cell around outside the lattice (49); a line
# in the 5th to 8th cell ahead, or in the 5th to 12th; a fact is at least a threshold.
DIAGONAL, HEADING, AROUND, HERE, BEYOND, FAR, FACTS = 64, 65, 73, 122, 123, 172, 174
FAR_ENDS: Final = 9, 13
_AHEAD: Final = 24  # of the 49 cells around, the one ahead
THRESHOLDS: Final = (
    (2, 3, 4, 5, 6, 8, 11, 16, 24, 36, 54, 80),  # points of the stroke
    (-1, 0, 1, 2, 3, 4, 6, 8),  # the sum of its turns
    (8, 9, 10, 12, 14, 16, 20, 24, 30),  # straight steps since the last turn
    (-1, 0, 1),  # as against those before it
    (-1, 0, 1),  # and those before that
    (45, 50, 55, 60, 65, 70, 75),  # percent of the steps of earlier strokes that were straight
    (8, 10, 12, 14, 17, 20, 25, 30),  # points of a stroke, on average
    (1, 2, 4, 8, 16, 32, 64, 128),  # strokes
    (60, 75, 90, 110, 130),  # columns
)
COMPARED: Final = tuple((fact, least) for fact, row in enumerate(THRESHOLDS) for least in row)
TESTS: Final = FACTS + len(COMPARED)


class TurnHistory:
    """The turns of a stroke so far, mirrored so that the newest one that is not straight goes left (ccw)."""

    __slots__ = ("history", "mirrored", "net", "run", "before", "earlier", "straight")

    def __init__(self) -> None:
        self.history = [_NONE] * HISTORY  # the last turns, newest first, each as 0..6 for -3..3
        self.mirrored = False
        self.net = 0  # their sum
        self.run = 0  # steps straight on since the last turn; before that turn; before the one before it
        self.before = self.earlier = _NEVER
        self.straight = 0  # steps straight on in all

    def turn(self, turn: int) -> None:
        """A step more, after a turn of -3..3 eighths."""
        if turn == 0:
            self.run += 1
            self.straight += 1
            self.history = [3, *self.history[:-1]]
            return
        if self.mirrored != (turn < 0):
            self.mirrored = turn < 0
            self.net = -self.net
            self.history = [past if past == _NONE else 6 - past for past in self.history]
        self.net += abs(turn)
        self.earlier, self.before, self.run = self.before, self.run, 0
        self.history = [3 + abs(turn), *self.history[:-1]]


_NONE: Final = 7  # in the history: before the first turn
_NEVER: Final = 1 << 16  # longer than any run


@functools.lru_cache(maxsize=16)
def looks(pitch: int) -> tuple[tuple[int, ...], ...]:
    """For each heading and side, the offsets of the 49 cells around: 3 to each side, 2 back, 4 ahead.

    A diagonal heading looks along the two axes beside it instead: 2 back, 4 ahead on both.
    """
    out = []
    for heading in range(8):
        for mirrored in (False, True):
            out.append(tuple(_offset(pitch, heading, mirrored, a, b) for a in range(-3, 4) for b in range(-2, 5)))
    return tuple(out)


def _offset(pitch: int, heading: int, mirrored: bool, a: int, b: int) -> int:
    if heading & 1:
        right, left = STEPS[heading - 1], STEPS[(heading + 1) % 8]
        p, q = (a + 1, b) if mirrored else (b, a + 1)
        x, y = p * right[0] + q * left[0], p * right[1] + q * left[1]
    else:
        ahead, left = STEPS[heading], STEPS[(heading + 2) % 8]
        side = -a if mirrored else a
        x, y = b * ahead[0] + side * left[0], b * ahead[1] + side * left[1]
    return y * pitch + x


# What a test sees: cells, where, the offsets of the 49 cells around, the trail's history, heading, facts.
View = tuple[bytearray, int, Sequence[int], Sequence[int], int, Sequence[int]]


def odds(view: View) -> tuple[int, ...]:
    """How likely END and each turn are next, in 4,096ths."""
    return _leaves()[find(view)]


def passes(test: int, view: View) -> bool:
    """Does a position pass one of the tree's tests?"""
    cells, at, look, history, heading, facts = view
    if test < DIAGONAL:
        return history[test >> 3] == test & 7
    if test == DIAGONAL:
        return heading & 1 > 0
    if test < AROUND:
        return heading == test - HEADING
    if test < HERE:
        return cells[at + look[test - AROUND]] == DRAWN
    if test == HERE:
        return cells[at] == DRAWN
    if test < FAR:
        return cells[at + look[test - BEYOND]] == OUTSIDE
    if test < FACTS:
        step = look[_AHEAD]
        return DRAWN in cells[at + 5 * step : at + FAR_ENDS[test - FAR] * step : step]
    fact, least = COMPARED[test - FACTS]
    return facts[fact] >= least


def find(view: View) -> int:
    """The leaf for a position: walk down the tree."""
    cells, at, look, history, _, facts = view
    tree = _tree()
    node = 0
    while node >= 0:
        test, yes, no = tree[node]
        # the tests that are met most are told apart here, as `passes` would
        if test < DIAGONAL:
            hit = history[test >> 3] == test & 7
        elif AROUND <= test < HERE:
            hit = cells[at + look[test - AROUND]] == DRAWN
        elif test >= FACTS:
            fact, least = COMPARED[test - FACTS]
            hit = facts[fact] >= least
        else:
            hit = passes(test, view)
        node = yes if hit else no
    return -1 - node


@functools.cache
def _tree() -> list[tuple[int, int, int]]:
    """(test, node if so, node if not); a negative node is the leaf -1 - node."""
    return [(int(t), int(y), int(n)) for t, y, n in tables.load_array("structure/stroke_tree.npy")]


@functools.cache
def _leaves() -> list[tuple[int, ...]]:
    """The frequencies of END and the seven turns, of 4,096."""
    return [tuple(int(f) for f in row) for row in tables.load_array("structure/stroke_leaves.npy")]
