"""The payload of a colormap: quantized DCT coefficients and spots, entropy coded; any first part of it is one too.

First the grid, the step and the mean color, then spots, then the other coefficients from low frequency
to high, L, a and b of each in turn. How likely each level is, says a small network (spectrum.py).

There is no count and no end mark. A payload simply ends, and what does not depend on what might have
followed is read; all other coefficients are 0. So a map is made coarser by cutting its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from codec.bitstream.range_coder import BitModel, Coder, Encoder, ExpGolombModel, PrefixDecoder, PrefixEnd
from codec.color import oklab
from codec.errors import Corrupt
from codec.texture.context_model import STOPS, CoefficientContext, plan

MIN_CELLS, MAX_CELLS = 2, 64  # a side
STEPS: Final = tuple(m << octave >> 3 for octave in range(8) for m in (256, 279, 304, 332, 362, 395, 431, 470))
RATIOS: Final = (8, 10, 12, 16)  # quarters of the step of a and b that the step of L has
OCTAVES: Final = (0, 3, 5, 8)  # how much larger than the first, in eighths of an octave
BRIGHTEST: Final = 63  # of a spot's color
MAX_LEVEL: Final = 32767

_SIDES: Final = (8, 10, 12, 14, 16, 20, 24, 32, 48, 64)  # the usual cells on the longer side
_SIDE: Final = (20, 6, 8, 6, 24, 10, 12, 10, 2, 2, 4)  # how usual; the last: any
_SHAPES: Final = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))  # and the usual shapes, w:h
_SHAPE: Final = (40, 4, 4, 4, 4, 4, 3, 1)
_STEP: Final = tuple(2 + max(20 - abs(step - 28), 0) for step in range(len(STEPS)))
_RATIO: Final = (16, 16, 16, 16)
_NO_SPOT: Final = 60000  # of 65,536

Spot = tuple[int, tuple[int, int, int]]


class Coefficients(NamedTuple):
    """What a payload holds: see `texture.Colormap`, whose fields these are."""

    rows: int
    cols: int
    step: int
    levels: tuple[int, ...]
    spots: tuple[Spot, ...] = ()
    ratio: int = 0


def brightest(rows: int, cols: int, step: int, ratio: int = 0) -> int:
    """How many levels the mean lightness can have."""
    return 2 + 4 * oklab.ONE * max(rows, cols) // (RATIOS[ratio] * STEPS[step])


def octaves(step: int, ratio: int) -> tuple[int, int, int]:
    """The steps of L, a and b, in eighths of an octave, as a `CoefficientContext` wants them."""
    return step + OCTAVES[ratio], step, step


def head_bits(rows: int, cols: int, step: int, ratio: int) -> float:
    """What kind, grid, step, ratio and mean lightness take, and that no spot follows."""
    meter = _Meter()
    _frame(meter, Coefficients(rows, cols, step, (), (), ratio))
    return meter.bits + math.log2(brightest(rows, cols, step, ratio) * 16 / 15 * 65536 / _NO_SPOT)


def encode(coder: Encoder, given: Coefficients) -> bytes:
    """End a payload with a colormap: the fewest bytes that decode to these levels and no others."""
    _frame(coder, given)
    levels = _in_order(given)
    spectrum = _mean(coder, given, levels)
    for _ in _spots(coder, given.rows * given.cols, given.spots):
        pass
    count = max((index + 1 for index, level in enumerate(levels) if level), default=0)
    _coded(coder, spectrum, levels[:count])
    for payload, rest in coder.terminations():
        if not rest or _nothing_follows(rest, spectrum.copy(), max(count, 3)):
            return payload
    raise AssertionError("a range coder can always be ended")


def decode(coder: PrefixDecoder) -> Coefficients:
    """What a payload says after its kind.

    Raises `Corrupt` for one that ends before the mean color does, and for spots outside the grid and
    levels that are too large.
    """
    spots: list[Spot] = []
    try:
        frame = _frame(coder, None)
        spectrum = _mean(coder, frame, None)
    except PrefixEnd:
        raise Corrupt("the texture layer is cut off before it begins", ("texture",)) from None
    try:
        for spot in _spots(coder, frame.rows * frame.cols, None):
            spots.append(spot)
        for _ in _rest(coder, spectrum, 3):
            pass
    except PrefixEnd:
        pass
    by_cell = np.zeros_like(spectrum.levels)
    by_cell[spectrum.plan.order] = spectrum.levels
    return frame._replace(levels=tuple(by_cell.T.ravel().tolist()), spots=tuple(spots))


class _Meter(Encoder):
    """Only counts what a frame would take."""

    def __init__(self) -> None:
        super().__init__()
        self.bits = 0.0

    def _encode(self, start: int, size: int, total: int) -> None:
        self.bits += math.log2(total / size)


def _in_order(given: Coefficients) -> list[int]:
    """The levels as they are coded: by rising frequency, L, a and b of each in turn."""
    by_cell = np.array(given.levels, np.int64).reshape(3, -1).T
    return by_cell[plan(given.rows, given.cols).order].ravel().tolist()


def _nothing_follows(rest: PrefixDecoder, spectrum: CoefficientContext, start: int) -> bool:
    """Would a reader find no further level but 0 in what the last byte holds beyond the last one?"""
    try:
        return not any(_rest(rest, spectrum, start))
    except PrefixEnd:
        return True
    except Corrupt:
        return False


def _frame(coder: Coder, given: Coefficients | None) -> Coefficients:
    """Grid and step."""
    rows, cols, step, ratio = (given.rows, given.cols, given.step, given.ratio) if given else (2, 2, 0, 0)
    longer, wide = max(rows, cols), cols >= rows
    side = coder.choice(_SIDE, _SIDES.index(longer) if longer in _SIDES else len(_SIDES))
    if side < len(_SIDES):
        longer = _SIDES[side]
    else:
        longer = MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, longer - MIN_CELLS)
    usual = [_shaped(longer, shape) for shape in _SHAPES]
    shape = coder.choice(_SHAPE, usual.index((rows, cols)) if (rows, cols) in usual else len(_SHAPES))
    if shape < len(_SHAPES):
        rows, cols = usual[shape]
    else:
        wide = bool(coder.uniform(2, int(wide)))
        shorter = MIN_CELLS + coder.uniform(longer - MIN_CELLS + 1, min(rows, cols) - MIN_CELLS)
        rows, cols = (shorter, longer) if wide else (longer, shorter)
    step = coder.choice(_STEP, step)
    return Coefficients(rows, cols, step, (), (), coder.choice(_RATIO, ratio))


def _shaped(longer: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a grid with so many cells on its longer side that is as wide to high as `shape`."""
    most, least = max(shape), min(shape)
    shorter = max((2 * longer * least + most) // (2 * most), MIN_CELLS)
    return (shorter, longer) if shape[0] >= shape[1] else (longer, shorter)


def _mean(coder: Coder, frame: Coefficients, levels: list[int] | None) -> CoefficientContext:
    rows, cols, step, ratio = frame.rows, frame.cols, frame.step, frame.ratio
    spectrum = CoefficientContext(rows, cols, octaves(step, ratio))
    spectrum.put(0, 0, coder.uniform(brightest(rows, cols, step, ratio), levels[0] if levels else 0))
    for index in (1, 2):
        _level(coder, spectrum, index, levels[index] if levels else None)
    return spectrum


def _spots(coder: Coder, cells: int, given: tuple[Spot, ...] | None) -> Iterator[Spot]:
    """Each the gap to the last one and, unless it has that one's color, its own."""
    more, same, gap = BitModel(_NO_SPOT), BitModel(), ExpGolombModel(12)
    place, color, count = -1, None, 0
    while not coder.bit(more, int(given is not None and count == len(given))):
        wanted = given[count] if given else (0, (0, 0, 0))
        place += 1 + coder.number(gap, max(wanted[0] - place - 1, 0))
        if place >= cells:
            raise Corrupt("a color lies outside the map", ("texture",))
        if color is None or not coder.bit(same, int(wanted[1] == color)):
            r, g, b = (coder.uniform(BRIGHTEST + 1, value) for value in wanted[1])
            color = (r, g, b)
        count += 1
        yield place, color


def _level(coder: Coder, spectrum: CoefficientContext, index: int, given: int | None) -> int:
    """The level of a place and channel: its bucket of sizes, where in it, then its sign."""
    place, channel = divmod(index, 3)
    wanted = bucket(abs(given or 0))
    chances = spectrum.stops(place, channel)
    found = 0
    while found < LARGEST and not coder.bernoulli(chances[min(found, STOPS - 1)], int(found == wanted)):
        found += 1
    size = found
    if found > 2:
        first = (1 << found - 2) + 1
        size = first + coder.uniform(1 << found - 2, max(abs(given or 0) - first, 0))
    if size > MAX_LEVEL:
        raise Corrupt("a level of the texture layer is too large", ("texture",))
    level = size
    if size and not coder.bernoulli(spectrum.positive(place, channel, size), int((given or 0) > 0)):
        level = -size
    spectrum.put(place, channel, level)
    return level


def _coded(coder: Encoder, spectrum: CoefficientContext, levels: list[int]) -> None:
    """Code all levels after the mean's, to the last that is not 0: as `_level` one by one, runs of zeros at once."""
    index = 3
    for filled in [at for at in range(3, len(levels)) if levels[at]]:
        while index <= filled:
            places = (filled - index) // 3
            if places > 1 and index % 3 == 0:
                for chance in spectrum.zeros(index // 3, places):
                    coder.bernoulli(chance, 1)
                index += 3 * places
            else:
                _level(coder, spectrum, index, levels[index])
                index += 1


def _rest(coder: PrefixDecoder, spectrum: CoefficientContext, index: int) -> Iterator[int]:
    """Read all levels from an index on -> those that were read one by one; the others are 0.

    Where most are 0, so many places at once are taken to be as the run of zeros lets expect.
    """
    run = 0  # of zeros, half of the one before it counted in
    while index < spectrum.levels.size:
        place, channel = divmod(index, 3)
        if run >= 6 and channel == 0:
            chances = spectrum.zeros(place, min(run // 2, spectrum.places - place))
            zeros = coder.leading_ones(chances)
            index, run = index + zeros, run + zeros
            if zeros == len(chances):
                continue
        level = _level(coder, spectrum, index, None)
        index, run = index + 1, run // 2 if level else run + 1
        yield level


def bucket(size: int) -> int:
    """0, 1, 2, then 3 for 3 and 4, 4 for 5 to 8, and so on to `LARGEST`."""
    return size if size < 3 else 1 + (size - 1).bit_length()


LARGEST: Final = bucket(MAX_LEVEL)
