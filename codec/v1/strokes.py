"""The payload of a sketch: strokes as starts and turns, entropy coded.

A stroke is coded as a start and a turn for each step (Freeman 1974), with adaptive binary models
of each turn given the last three, the length, and the cells already drawn around. The models
start from the integer table `stroke_priors.npy`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Final

from codec import tables
from codec.chain import DIRECTION, STEPS, Point, Stroke
from codec.errors import Corrupt
from codec.rangecoder import Bit, Coder

MIN_CELLS, MAX_CELLS = 8, 1024  # of the lattice, a side
MAX_STROKES: Final = 4096
MAX_POINTS: Final = 32768  # of all strokes: bounds the time a hostile file can take

_MIRROR: Final = (0, 4, 2, 6, 1, 5, 3, 7)  # three looks, left and right exchanged

Lattice = tuple[int, int, tuple[Stroke, ...]]  # columns, rows, strokes


class Models:
    """The adaptive bits, each started from its trained probability."""

    def __init__(self) -> None:
        self.groups: list[dict[int, Bit]] = [_Bits(group) for group in _priors()]

    @property
    def stop(self) -> Bit:
        """No more strokes?"""
        return self.groups[0][0]

    @property
    def on_line(self) -> Bit:
        """Does a stroke start on a cell already covered?"""
        return self.groups[0][1]

    @property
    def first(self) -> dict[int, Bit]:
        """The first direction: a binary tree."""
        return self.groups[1]

    @property
    def end(self) -> dict[int, Bit]:
        """Does a stroke end here? By length, line under it, line ahead."""
        return self.groups[2]

    @property
    def turn(self) -> dict[int, Bit]:
        """Straight on? Which side? How far? By the last turns and the lines around."""
        return self.groups[3]


class _Bits(dict[int, Bit]):
    """A group of bits, each made when it is first needed: a sketch meets few of thousands."""

    def __init__(self, priors: list[tuple[int, int]]) -> None:
        super().__init__()
        self._priors = priors

    def __missing__(self, index: int) -> Bit:
        return self.setdefault(index, Bit(*self._priors[index]))


SHAPE: Final = (2, 8, 32, 2 * 125 * 8 * 8)  # how many bits of each group the table holds


@functools.cache
def _priors() -> list[list[tuple[int, int]]]:
    """Probability and confidence of each bit, by group."""
    pairs = tables.load("v1/stroke_priors.npy")
    groups = []
    for count in SHAPE:
        groups.append(pairs[:count])
        pairs = pairs[count:]
    return groups


Watch = Callable[[int, Models], None]


def syntax(coder: Coder, given: Lattice | None, models: Models | None = None, watch: Watch | None = None) -> Lattice:
    """The payload after its kind; codes what is `given`, or reads it where nothing is.

    `watch` is called wherever the payload could end, with the number of strokes so far.
    Raises `Corrupt` for more strokes or points than a sketch holds, and strokes that leave it.
    """
    models = models or Models()
    cols = rows = _side(coder, given[0] if given else None)
    if not coder.bit(Bit(49152), int(given is not None and given[0] == given[1])):
        rows = _side(coder, given[1] if given else None)
    chart = Chart(cols, rows)
    strokes: list[Stroke] = []
    points = 0
    while True:
        if watch:
            watch(len(strokes), models)
        if coder.bit(models.stop, int(given is not None and len(strokes) == len(given[2]))):
            return cols, rows, tuple(strokes)
        stroke = _stroke(coder, models, chart, given[2][len(strokes)] if given else None)
        strokes.append(stroke)
        points += len(stroke)
        if len(strokes) > MAX_STROKES or points > MAX_POINTS:
            raise Corrupt("the sketch has too many strokes or points", ("structure",))


def _side(coder: Coder, cells: int | None) -> int:
    return MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, (cells or MIN_CELLS) - MIN_CELLS)


class Chart:
    """Which cells strokes have covered so far; a rim of two cells makes every look legal."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = cols, rows
        self.pitch = cols + 4
        self.cells = bytearray(self.pitch * (rows + 4))
        self.covered: list[Point] = []  # in the order of drawing
        self.index: dict[Point, int] = {}
        self.steps = [y * self.pitch + x for x, y in STEPS]

    def at(self, point: Point) -> int:
        return (point[1] + 2) * self.pitch + point[0] + 2

    def cover(self, point: Point) -> None:
        if point not in self.index:
            self.index[point] = len(self.covered)
            self.covered.append(point)
            self.cells[self.at(point)] = 1


def _stroke(coder: Coder, models: Models, chart: Chart, stroke: Stroke | None) -> Stroke:
    x, y = _start(coder, models, chart, stroke[0] if stroke else None)
    chart.cover((x, y))
    out = [(x, y)]
    heading = -1
    history = (0, 0, 0)  # the last turns, newest first, within -2..2
    while True:
        step = None
        if stroke and len(out) < len(stroke):
            step = DIRECTION[stroke[len(out)][0] - x, stroke[len(out)][1] - y]
        if heading < 0:
            heading = _first(coder, models, step)
        else:
            if _ends(coder, models, chart, out, heading, bool(stroke) and step is None):
                break
            turned = turn(coder, models, chart, (x, y), heading, history, step)
            heading = (heading + turned) % 8
            history = (min(max(turned, -2), 2), *history[:2])
        if len(out) > 1:
            chart.cover((x, y))
        x, y = x + STEPS[heading][0], y + STEPS[heading][1]
        if not (0 <= x < chart.cols and 0 <= y < chart.rows) or len(out) >= MAX_POINTS:
            raise Corrupt("a stroke leaves the sketch", ("structure",))
        out.append((x, y))
    chart.cover((x, y))
    return tuple(out)


def _start(coder: Coder, models: Models, chart: Chart, start: Point | None) -> Point:
    """A stroke begins on a cell already covered (a junction), or anywhere."""
    if chart.covered:
        known = chart.index.get(start, -1) if start else -1
        if coder.bit(models.on_line, int(known >= 0)):
            return chart.covered[coder.uniform(len(chart.covered), max(known, 0))]
    return (
        coder.uniform(chart.cols, start[0] if start else 0),
        coder.uniform(chart.rows, start[1] if start else 0),
    )


def _first(coder: Coder, models: Models, step: int | None) -> int:
    node = 1
    for shift in (2, 1, 0):
        node = node * 2 + coder.bit(models.first[node], (step or 0) >> shift & 1)
    return node - 8


def _ends(coder: Coder, models: Models, chart: Chart, out: Sequence[Point], heading: int, last: bool) -> bool:
    """Does the stroke end at the last point of `out`? By its length, and the lines it meets."""
    length = min(len(out) - 2, 3) if len(out) < 6 else min(2 + len(out).bit_length(), 7)
    at = chart.at(out[-1])
    meets = chart.cells[at]
    ahead = any(chart.cells[at + chart.steps[(heading + turn) % 8]] for turn in (-1, 0, 1))
    return bool(coder.bit(models.end[length * 4 + meets * 2 + ahead], int(last)))


def turn(
    coder: Coder,
    models: Models,
    chart: Chart,
    point: Point,
    heading: int,
    history: tuple[int, int, int],
    step: int | None,
) -> int:
    """A turn of -3..3 eighths, coded as straight? side? by more than 1? by more than 2?

    The context is mirrored so that the newest turn there was goes to the positive side.
    """
    mirrored = next((turn < 0 for turn in history if turn), False)
    sign = -1 if mirrored else 1
    turn = 0 if step is None else sign * ((step - heading + 4) % 8 - 4)
    a, b, c = (sign * turn + 2 for turn in history)
    at = chart.at(point)
    around = [chart.cells[at + chart.steps[(heading + side) % 8]] for side in (-1, 0, 1)]
    lines = around[0] + around[1] * 2 + around[2] * 4
    lines = _MIRROR[lines] if mirrored else lines
    context = (((heading & 1) * 125 + a * 25 + b * 5 + c) * 8 + lines) * 8
    bits = models.turn
    if coder.bit(bits[context], int(turn == 0)):
        return 0
    side = 1 if coder.bit(bits[context + 1], int(turn > 0)) else -1
    shape = context + (2 if side > 0 else 4)
    if coder.bit(bits[shape], int(abs(turn) == 1)):
        return sign * side
    return sign * side * (2 if coder.bit(bits[shape + 1], int(abs(turn) == 2)) else 3)
