"""The payload of a sketch: strokes as starts, directions and turns, entropy coded; any first part of it is one too.

A stroke is coded as a start and a turn for each step (Freeman 1974). What comes next (the end, or which
turn) is predicted by a decision tree from the last eight turns, the lines drawn around, the heading
and the length; its leaves hold static frequencies, trained once (training/strokes.py). Starts go in
runs: within a run they rise in a fixed order of the cells, so that only the gap to the last one is coded.

There is no count and no end mark. A payload simply ends, and a reader keeps the strokes that do not depend
on what might have followed: so a sketch is cut by cutting its bytes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Final

from codec.bitstream import tables
from codec.bitstream.range_coder import BitModel, Coder, Encoder, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt
from codec.structure import turn_model
from codec.structure.chain_code import DIRECTION, STEPS, Point, Stroke
from codec.structure.turn_model import DRAWN, END, OUTSIDE, RIM, TurnHistory

MIN_CELLS, MAX_CELLS = 8, 1024  # of the lattice, a side
MAX_STROKES: Final = 4096
MAX_POINTS: Final = 32768  # of all strokes: bounds the time a hostile file can take

COMMON: Final = 32, 128  # the usual numbers of columns: from, how many
SHAPES: Final = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))  # and the usual shapes
_USUAL: Final = (40, 4, 4, 4, 4, 4, 3, 1)  # how usual; the last: rows are given

Lattice = tuple[int, int, tuple[Stroke, ...]]  # columns, rows, strokes


def encode(coder: Encoder, given: Lattice) -> bytes:
    """End a payload with a sketch: the fewest bytes that decode to these strokes and no more."""
    cols, rows = _sides(coder, given)
    state = State(cols, rows)
    for stroke in given[2]:
        _stroke(coder, state, stroke)
    for payload, rest in coder.terminations():
        if not rest or _nothing_follows(rest, state):
            return payload
    raise AssertionError("a range coder can always be ended")


def decode(coder: PrefixDecoder) -> Lattice:
    """The whole strokes of a payload after its kind. Raises `Corrupt` for one without a lattice,
    more strokes or points than a sketch holds, and strokes that leave it."""
    try:
        cols, rows = _sides(coder, None)
    except PrefixEnd:
        raise Corrupt("the sketch is cut off before it begins", ("structure",)) from None
    state = State(cols, rows)
    strokes: list[Stroke] = []
    points = 0
    try:
        while True:
            strokes.append(_stroke(coder, state, None))
            points += len(strokes[-1])
            if len(strokes) > MAX_STROKES or points > MAX_POINTS:
                raise Corrupt("the sketch has too many strokes or points", ("structure",))
    except PrefixEnd:
        return cols, rows, tuple(strokes)


def _nothing_follows(rest: PrefixDecoder, state: State) -> bool:
    """Would a reader find no further stroke in what the last byte holds beyond the last one?"""
    try:
        _stroke(rest, state.copy(), None)
    except PrefixEnd:
        return True
    except Corrupt:
        pass
    return False


def _sides(coder: Coder, given: Lattice | None) -> Point:
    first, count = COMMON
    cols, rows = given[:2] if given else (MIN_CELLS, MIN_CELLS)
    if coder.bit(BitModel(62000), int(first <= cols < first + count)):
        cols = first + coder.uniform(count, cols - first)
    else:
        cols = MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, cols - MIN_CELLS)
    usual = [shaped(cols, shape) for shape in SHAPES]
    shape = coder.choice(_USUAL, usual.index(rows) if rows in usual else len(SHAPES))
    if shape < len(SHAPES):
        return cols, usual[shape]
    return cols, MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, rows - MIN_CELLS)


def shaped(cols: int, shape: Point) -> int:
    """The rows that a lattice of `cols` columns has if it is as wide to high as `shape`."""
    rows = (2 * cols * shape[1] + shape[0]) // (2 * shape[0])
    return min(max(rows, MIN_CELLS), MAX_CELLS)


class State:
    """What coder and decoder know: the cells covered so far, and where the run of starts is."""

    def __init__(self, cols: int, rows: int) -> None:
        self._begin(cols, rows, [BitModel(p, n) for p, n in _start_priors()])

    def _begin(self, cols: int, rows: int, models: list[BitModel]) -> None:
        self.cols, self.rows = cols, rows
        self.pitch = cols + 2 * RIM
        self.cells = bytearray([OUTSIDE]) * (self.pitch * (rows + 2 * RIM))
        for row in range(rows):
            self.cells[self.at(0, row) : self.at(cols, row)] = bytes(cols)
        self.rank = _spread(rows)
        self.looks = turn_model.looks(self.pitch)
        self.last = -1  # the place of the last start in its run
        self.count, self.before = 0, 4  # strokes in this run; and in the one before, at a guess
        self.models = models
        self.strokes = self.points = self.straight = 0  # so far: their points, and steps straight on

    @classmethod
    def untrained(cls, cols: int, rows: int) -> State:
        """A state for the training of its own models."""
        state = cls.__new__(cls)
        state._begin(cols, rows, [])
        return state

    def copy(self) -> State:
        """A state to try something on."""
        other = State.__new__(State)
        other.__dict__.update(self.__dict__)
        other.cells = bytearray(self.cells)
        other.models = [BitModel(bit.p, bit.count) for bit in self.models]
        return other

    def odds(self, at: int, heading: int, trail: TurnHistory, points: int) -> Sequence[int]:
        """How likely END and each turn are next, in 4,096ths, at the end of a stroke of so many points."""
        look = self.looks[heading * 2 + trail.mirrored]
        return turn_model.odds((self.cells, at, look, trail.history, heading, self.facts(trail, points)))

    def facts(self, trail: TurnHistory, points: int) -> tuple[int, ...]:
        """The numbers that the tree's tests compare, see links.py."""
        return (
            points,
            trail.net,
            trail.run,
            trail.run - trail.before,
            trail.run - trail.earlier,
            100 * (self.straight + 6) // (self.points - 2 * self.strokes + 10),  # percent of steps straight on
            (self.points + 40) // (self.strokes + 2),  # points a stroke
            self.strokes,
            self.cols,
        )

    def at(self, x: int, y: int) -> int:
        """Where a cell is among `cells`."""
        return (y + RIM) * self.pitch + x + RIM


@functools.cache
def _spread(rows: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The order in which a run visits the rows, and each row's place in it: by their number's bits
    in reverse, so that a run that is cut in the middle is spread over the whole picture."""
    bits = (rows - 1).bit_length()
    order = sorted(range(rows), key=lambda row: int(f"{row:0{bits}b}"[::-1], 2))
    place = sorted(range(rows), key=order.__getitem__)
    return tuple(order), tuple(place)


def place_of(cols: int, rows: int, start: Point) -> int:
    """The place of a cell in the order of a run."""
    return _spread(rows)[1][start[1]] * cols + start[0]


def _stroke(coder: Coder, state: State, stroke: Stroke | None) -> Stroke:
    x, y = _start(coder, state, stroke[0] if stroke else None)
    at = state.at(x, y)
    cells, cols, rows = state.cells, state.cols, state.rows
    step = DIRECTION[stroke[1][0] - x, stroke[1][1] - y] if stroke else 0
    heading = _first(coder, state, x, y, step)
    cells[at] = DRAWN
    trail = TurnHistory()
    out = [(x, y)]
    while True:
        x, y = x + STEPS[heading][0], y + STEPS[heading][1]
        if not (0 <= x < cols and 0 <= y < rows) or len(out) >= MAX_POINTS:
            raise Corrupt("a stroke leaves the sketch", ("structure",))
        out.append((x, y))
        at = state.at(x, y)
        symbol = END
        if stroke and len(out) < len(stroke):
            following = stroke[len(out)]
            turn = (DIRECTION[following[0] - x, following[1] - y] - heading + 4) % 8 - 4
            symbol = 4 - turn if trail.mirrored else 4 + turn
        symbol = coder.choice(state.odds(at, heading, trail, len(out)), symbol)
        cells[at] = DRAWN
        if symbol == END:
            break
        turn = 4 - symbol if trail.mirrored else symbol - 4
        heading = (heading + turn) % 8
        trail.turn(turn)
    state.strokes += 1
    state.points += len(out)
    state.straight += trail.straight
    return tuple(out)


def _start(coder: Coder, state: State, start: Point | None) -> Point:
    """The next start of a run lies at or after the last one's place; a new run begins anywhere."""
    models, cells = state.models, state.cols * state.rows
    place = place_of(state.cols, state.rows, start) if start else 0
    if state.last >= 0 and coder.bit(models[0], int(place < state.last)):
        state.last, state.before, state.count = -1, max(state.count, 1), 0
    origin = max(state.last, 0)
    usual = (cells // (2 * state.before)).bit_length()
    place = origin + _gap(coder, models, usual, place - origin)
    if place >= cells:
        raise Corrupt("a stroke starts outside the sketch", ("structure",))
    state.last = place
    state.count += 1
    row, column = divmod(place, state.cols)
    return column, state.rank[0][row]


def _gap(coder: Coder, models: Sequence[BitModel], usual: int, gap: int) -> int:
    """A whole number, Exp-Golomb coded: its length in bits as against the usual one, then its bits."""
    wanted = (gap + 1).bit_length() - 1
    length = 0
    while length < 20:
        relative = min(max(length - usual + 10, 0), 15)
        if coder.bit(models[1 + relative], int(length == wanted)):
            break
        length += 1
    coded = 1
    for shift in range(length - 1, -1, -1):
        bit = (gap + 1) >> shift & 1
        if coded == 1:
            bit = coder.bit(models[17 + min(max(length - usual + 10, 0), 15)], bit)
        else:
            bit = coder.uniform(2, bit)
        coded = coded << 1 | bit
    return coded - 1


STARTS: Final = 1 + 16 + 16 + 48  # bits: new run, the gap's length, the bit below its first, first direction


def _first(coder: Coder, state: State, x: int, y: int, step: int) -> int:
    """The first direction, by whether a stroke starts on a line, or at which side of the picture."""
    sides = (state.cells[state.at(x, y)] == DRAWN, x == 0, x == state.cols - 1, y == 0, y == state.rows - 1, True)
    place = sides.index(True)
    node = 1
    for shift in (2, 1, 0):
        node = node * 2 + coder.bit(state.models[33 + 8 * place + node - 1], step >> shift & 1)
    return node - 8


@functools.cache
def _start_priors() -> list[tuple[int, int]]:
    return tables.load_priors("structure/stroke_starts.npy")


def arrange(strokes: Iterable[Stroke], cols: int, rows: int, first: int = 8) -> tuple[Stroke, ...]:
    """An order that costs less: strokes, most important first, in runs, each in the order that starts are
    cheap in. The first run has `first` strokes or more, each other one twice as many as the one before, also the
    last: a short one at the end would be dear. A stroke starts at its upper end."""
    left = [stroke if stroke[0][::-1] <= stroke[-1][::-1] else stroke[::-1] for stroke in strokes]
    runs = max((len(left) // first + 1).bit_length() - 1, 1)
    ends = [len(left) * (2**run - 1) // (2**runs - 1) for run in range(runs + 1)]
    out: list[Stroke] = []
    for begin, end in itertools.pairwise(ends):
        out += sorted(left[begin:end], key=lambda stroke: place_of(cols, rows, stroke[0]))
    return tuple(out)
