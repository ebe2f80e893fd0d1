"""The payload of a sketch: entropy-coded chain codes. Every prefix that holds the lattice is also a valid payload.

A stroke is coded as a start, a first direction, and a turn for each further step (Freeman 1974); turn_model.py predicts
the turns and the end. Starts are grouped into runs. Within a run they ascend in a fixed order of the cells, so that
only the gap to the previous start is coded.

There is neither a stroke count nor an end mark. A decoder keeps the strokes that do not depend on bytes after the end.
A sketch can therefore be shortened by truncating its payload.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from codec.bitstream import tables
from codec.bitstream.aspect_ratios import ASPECT_WEIGHTS, COMMON_ASPECTS
from codec.bitstream.range_coder import BitModel, Coder, Encoder, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt
from codec.structure import turn_model
from codec.structure.chain_code import DIRECTION, STEPS, Point, Stroke
from codec.structure.turn_model import DRAWN, EMPTY, END, MARGIN, OUTSIDE, Context, TurnHistory

MIN_CELLS, MAX_CELLS = 8, 1024  # of the lattice, on each side
MAX_STROKES: Final = 4096
MAX_POINTS: Final = 32768  # of all strokes together, which bounds the decoding time of hostile files

_COMMON_COLS: Final = range(32, 160)
_P_COMMON_COLS: Final = 62000  # of 65,536

# indices into `SketchContext.models` and the rows of stroke_starts.npy
_NEW_RUN: Final = 0
_GAP_LENGTH: Final = 1
_GAP_TOP: Final = 17
_DIRECTION: Final = 33
START_MODEL_COUNT: Final = _DIRECTION + 6 * 8
_LENGTH_CONTEXTS: Final = 16
_MAX_GAP_LENGTH: Final = 20  # bits
_FIRST_RUN_STROKES: Final = 4  # assumed number of strokes per run before the first run has ended


class SketchFields(NamedTuple):
    """The content of a payload; see `Sketch`."""

    cols: int
    rows: int
    strokes: tuple[Stroke, ...]


def encode(coder: Encoder, sketch: SketchFields) -> bytes:
    """Return the shortest payload that decodes to exactly these strokes; `coder` has encoded the layer's kind."""
    _code_lattice(coder, sketch.cols, sketch.rows)
    context = SketchContext(sketch.cols, sketch.rows)
    for stroke in sketch.strokes:
        code_stroke(coder, context, stroke)
    for payload, remainder in coder.terminations():
        if not sketch_continues(remainder, context):
            return payload
    raise AssertionError("every message of a range coder has a termination")


def decode(coder: PrefixDecoder) -> SketchFields:
    """Return the complete strokes of a payload; `coder` has decoded the layer's kind.

    Raises `Corrupt` for a payload without a complete lattice, for more strokes or points than a sketch holds, and for
    strokes that leave the lattice.
    """
    try:
        cols, rows = _code_lattice(coder)
    except PrefixEnd:
        raise Corrupt("the sketch ends before its first stroke", ("structure",)) from None
    context = SketchContext(cols, rows)
    strokes: list[Stroke] = []
    try:
        while True:
            strokes.append(code_stroke(coder, context))
            if len(strokes) > MAX_STROKES or context.point_count > MAX_POINTS:
                raise Corrupt("the sketch has too many strokes or points", ("structure",))
    except PrefixEnd:
        return SketchFields(cols, rows, tuple(strokes))


def sketch_continues(remainder: PrefixDecoder, context: SketchContext) -> bool:
    """Return whether a decoder finds another stroke, valid or not, in the bits that fill the last byte."""
    try:
        code_stroke(remainder, context.copy())
    except PrefixEnd:
        return False
    except Corrupt:
        pass
    return True


def _code_lattice(coder: Coder, cols: int = MIN_CELLS, rows: int = MIN_CELLS) -> tuple[int, int]:
    """Code the lattice's columns and rows."""
    if coder.bit(BitModel(_P_COMMON_COLS), int(cols in _COMMON_COLS)):
        cols = _COMMON_COLS.start + coder.uniform(len(_COMMON_COLS), cols - _COMMON_COLS.start)
    else:
        cols = MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, cols - MIN_CELLS)
    common_rows = [_rows_for_aspect(cols, aspect) for aspect in COMMON_ASPECTS]
    aspect = coder.choice(ASPECT_WEIGHTS, common_rows.index(rows) if rows in common_rows else len(common_rows))
    if aspect < len(common_rows):
        return cols, common_rows[aspect]
    return cols, MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, rows - MIN_CELLS)


def _rows_for_aspect(cols: int, aspect: tuple[int, int]) -> int:
    """Return the rows of a lattice of `cols` columns and square cells for a picture of this width : height."""
    width, height = aspect
    return min(max((2 * cols * height + width) // (2 * width), MIN_CELLS), MAX_CELLS)


class SketchContext:
    """The state that encoder and decoder share: the cells drawn so far, the current run, and statistics.

    `cells`: states of all cells, row by row with a margin. `last_index`: scan index of the run's last start, -1 for
    none. `run_strokes`, `previous_run_strokes`: number of strokes in this run and in the one before. `stroke_count`,
    `point_count`, `straight_steps`: of all complete strokes. `models`: adaptive models of the starts.
    """

    def __init__(self, cols: int, rows: int, models: list[BitModel] | None = None) -> None:
        self.cols, self.rows = cols, rows
        self.pitch = cols + 2 * MARGIN
        self.cells = bytearray([OUTSIDE]) * (self.pitch * (rows + 2 * MARGIN))
        for row in range(rows):
            self.cells[self.cell_index(0, row) : self.cell_index(cols, row)] = bytes([EMPTY]) * cols
        self.neighborhoods = turn_model.neighborhoods(self.pitch)
        self.last_index = -1
        self.run_strokes, self.previous_run_strokes = 0, _FIRST_RUN_STROKES
        self.stroke_count = self.point_count = self.straight_steps = 0
        self.models = [BitModel(p, count) for p, count in _start_priors()] if models is None else models

    def copy(self) -> SketchContext:
        """Return an independent copy."""
        duplicate = copy.copy(self)
        duplicate.cells = bytearray(self.cells)
        duplicate.models = [BitModel(model.p, model.count) for model in self.models]
        return duplicate

    def frequencies(self, index: int, heading: int, history: TurnHistory, points: int) -> Sequence[int]:
        """Return the frequencies of END and of each turn at the end of a stroke.

        `index`: of its last cell. `heading`: direction of its last step. `points`: its number of points so far.
        """
        neighborhood = self.neighborhoods[heading * 2 + history.mirrored]
        features = self.features(history, points)
        return turn_model.frequencies(Context(self.cells, index, neighborhood, history.turns, heading, features))

    def features(self, history: TurnHistory, points: int) -> tuple[int, ...]:
        """Return the numbers that the tree compares with `turn_model.THRESHOLDS`."""
        return (
            points,
            history.net_turn,
            history.run,
            history.run - history.previous_run,
            history.run - history.earlier_run,
            100 * (self.straight_steps + 6) // (self.point_count - 2 * self.stroke_count + 10),
            (self.point_count + 40) // (self.stroke_count + 2),
            self.stroke_count,
            self.cols,
        )

    def cell_index(self, x: int, y: int) -> int:
        """Return the index in `cells` of a cell of the lattice."""
        return (y + MARGIN) * self.pitch + x + MARGIN

    def end_stroke(self, points: int, history: TurnHistory) -> None:
        """Add a complete stroke to the statistics."""
        self.stroke_count += 1
        self.point_count += points
        self.straight_steps += history.straight_steps


@functools.cache
def _row_order(rows: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the order in which a run visits the rows, and the rank of each row in that order.

    Rows are ordered by their bit-reversed numbers, so that the strokes of a truncated run are spread over the whole
    picture.
    """
    bits = (rows - 1).bit_length()
    order = sorted(range(rows), key=lambda row: int(f"{row:0{bits}b}"[::-1], 2))
    ranks = sorted(range(rows), key=order.__getitem__)
    return tuple(order), tuple(ranks)


def scan_index(cols: int, rows: int, cell: Point) -> int:
    """Return the index of a cell in the order in which a run visits the cells."""
    return _row_order(rows)[1][cell[1]] * cols + cell[0]


def code_stroke(coder: Coder, context: SketchContext, stroke: Stroke | None = None) -> Stroke:
    """Code a stroke: encode `stroke`, or decode one if it is None. Update the context.

    Raises `Corrupt` for a decoded stroke that leaves the lattice or has more points than a sketch holds.
    """
    x, y = _code_start(coder, context, stroke)
    heading = _code_first_direction(coder, context, (x, y), stroke)
    context.cells[context.cell_index(x, y)] = DRAWN
    history = TurnHistory()
    points = [(x, y)]
    while True:
        x, y = x + STEPS[heading][0], y + STEPS[heading][1]
        if not (0 <= x < context.cols and 0 <= y < context.rows) or len(points) >= MAX_POINTS:
            raise Corrupt("a stroke leaves the lattice of the sketch", ("structure",))
        points.append((x, y))
        index = context.cell_index(x, y)
        symbol = _next_symbol(stroke, len(points), heading, history.mirrored) if stroke else END
        symbol = coder.choice(context.frequencies(index, heading, history, len(points)), symbol)
        context.cells[index] = DRAWN
        if symbol == END:
            break
        turn = 4 - symbol if history.mirrored else symbol - 4
        heading = (heading + turn) % 8
        history.append(turn)
    context.end_stroke(len(points), history)
    return tuple(points)


def _next_symbol(stroke: Stroke, points: int, heading: int, mirrored: bool) -> int:
    """Return the symbol after the first `points` points of a stroke. heading: of the step to the last of them."""
    if points == len(stroke):
        return END
    turn = (_direction(stroke[points - 1], stroke[points]) - heading + 4) % 8 - 4
    return 4 - turn if mirrored else 4 + turn


def _direction(a: Point, b: Point) -> int:
    return DIRECTION[b[0] - a[0], b[1] - a[1]]


def _code_start(coder: Coder, context: SketchContext, stroke: Stroke | None) -> Point:
    """Code the first cell of a stroke, which is at or after the previous start in scan order, or begins a new run."""
    cells = context.cols * context.rows
    index = scan_index(context.cols, context.rows, stroke[0]) if stroke else 0
    if context.last_index >= 0 and coder.bit(context.models[_NEW_RUN], int(index < context.last_index)):
        context.last_index = -1
        context.previous_run_strokes, context.run_strokes = max(context.run_strokes, 1), 0
    origin = max(context.last_index, 0)
    expected_length = (cells // (2 * context.previous_run_strokes)).bit_length()
    index = origin + _code_gap(coder, context.models, expected_length, index - origin)
    if index >= cells:
        raise Corrupt("a stroke starts outside the lattice of the sketch", ("structure",))
    context.last_index = index
    context.run_strokes += 1
    rank, x = divmod(index, context.cols)
    return x, _row_order(context.rows)[0][rank]


def _code_gap(coder: Coder, models: Sequence[BitModel], expected_length: int, gap: int) -> int:
    """Code an integer by an Exp-Golomb code whose models depend on its length minus `expected_length`, in bits."""

    def relative(length: int) -> int:
        return min(max(length - expected_length + 10, 0), _LENGTH_CONTEXTS - 1)

    gap_length = (gap + 1).bit_length() - 1
    length = 0
    while length < _MAX_GAP_LENGTH and not coder.bit(models[_GAP_LENGTH + relative(length)], int(length == gap_length)):
        length += 1
    coded = 1
    for shift in range(length - 1, -1, -1):
        bit = (gap + 1) >> shift & 1
        bit = coder.bit(models[_GAP_TOP + relative(length)], bit) if coded == 1 else coder.uniform(2, bit)
        coded = coded << 1 | bit
    return coded - 1


def _code_first_direction(coder: Coder, context: SketchContext, start: Point, stroke: Stroke | None) -> int:
    """Code the direction of a stroke's first step by a binary tree of models, chosen by the place of the start."""
    x, y = start
    direction = _direction(stroke[0], stroke[1]) if stroke else 0
    covered = context.cells[context.cell_index(x, y)] == DRAWN
    places = (covered, x == 0, x == context.cols - 1, y == 0, y == context.rows - 1, True)
    first_model = _DIRECTION + 8 * places.index(True) - 1
    node = 1
    for shift in (2, 1, 0):
        node = node * 2 + coder.bit(context.models[first_model + node], direction >> shift & 1)
    return node - 8


@functools.cache
def _start_priors() -> list[tuple[int, int]]:
    return tables.load_priors("structure/stroke_starts.npy")


def order_strokes(strokes: Iterable[Stroke], cols: int, rows: int, first_run: int = 8) -> tuple[Stroke, ...]:
    """Return strokes in an order that takes fewer bytes but keeps the most important ones in front.

    `strokes`: most important first. They are divided into runs, the first of at least `first_run` strokes and each
    further one twice as long as the one before, and each run is sorted by scan order. The lengths are chosen so that
    the last run is complete, since a short last run takes more bytes. Strokes are reversed if needed to start at their
    upper end.
    """
    upright = [stroke if stroke[0][::-1] <= stroke[-1][::-1] else stroke[::-1] for stroke in strokes]
    run_count = max((len(upright) // first_run + 1).bit_length() - 1, 1)
    ends = [len(upright) * (2**run - 1) // (2**run_count - 1) for run in range(run_count + 1)]
    arranged: list[Stroke] = []
    for begin, end in itertools.pairwise(ends):
        arranged += sorted(upright[begin:end], key=lambda stroke: scan_index(cols, rows, stroke[0]))
    return tuple(arranged)
