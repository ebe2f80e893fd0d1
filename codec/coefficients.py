"""The payload of a colormap: quantised DCT coefficients and spots, entropy coded.

Coefficients go from low frequency to high, the three channels together. Each level has adaptive
binary models, chosen by the size that its frequency and the step let expect, and by the levels
around it that are already coded. The models start from the integer table `colour_priors.npy`.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np

from codec import oklab, tables
from codec.errors import Corrupt
from codec.rangecoder import TOTAL, Bit, Coder, Number

MIN_CELLS, MAX_CELLS = 4, 32  # a side
STEPS: Final = tuple(m << octave >> 3 for octave in range(8) for m in (256, 279, 304, 332, 362, 395, 431, 470))
BRIGHTEST: Final = 63  # of a spot's colour
MAX_LEVEL: Final = 32767

_NO_SPOT: Final = 60000  # of 65,536
_TRADE: Final = 0.18  # squared steps of error that a bit is worth to the encoder

Spot = tuple[int, tuple[int, int, int]]


class Coefficients(NamedTuple):
    """What a payload holds: see `texture.Colormap`, whose fields these are."""

    rows: int
    cols: int
    step: int
    levels: tuple[int, ...]
    spots: tuple[Spot, ...] = ()


def brightest(rows: int, cols: int, step: int) -> int:
    """How many levels the mean lightness can have."""
    return 2 + oklab.ONE * max(rows, cols) // (2 * STEPS[step])


_SIZES: Final = 14  # classes of expected size, half an octave each
_ACTIVITIES: Final = (0, 1, 2, 3, 3, 4, 4, 4, 5)  # of twice the left and upper neighbour and the diagonal
_LEVEL_OF: Final = (64, 48, 48)  # how large L, a and b are at frequency 1, in eighths of an octave


class Models:
    """The adaptive bits, each started from its trained probability."""

    def __init__(self) -> None:
        self.bits = [Bit(p, n, 200) for p, n in _priors()]
        self.rest = Number(15)


@functools.cache
def _priors() -> list[tuple[int, int]]:
    return tables.load("v1/colour_priors.npy")


def syntax(coder: Coder, given: Coefficients | None, models: Models | None = None) -> Coefficients:
    """The payload after its kind; codes what is `given`, or reads it where nothing is."""
    models = models or Models()
    sides = MAX_CELLS - MIN_CELLS + 1
    rows = cols = MIN_CELLS + coder.uniform(sides, given.rows - MIN_CELLS if given else 0)
    if not coder.bit(Bit(49152), int(given is not None and given.rows == given.cols)):
        cols = MIN_CELLS + coder.uniform(sides, given.cols - MIN_CELLS if given else 0)
    step = coder.uniform(len(STEPS), given.step if given else 0)
    source = given.levels if given else None
    levels = [0] * (3 * rows * cols)
    levels[0] = coder.uniform(brightest(rows, cols, step), source[0] if source else 0)
    scan = _scan(rows, cols)
    for channel in (1, 2):
        at = channel * rows * cols
        levels[at] = _signed(coder, models.rest, source[at] if source else 0)
    last = 0
    if source:
        last = max((i for i, p in enumerate(scan, 1) if any(source[p.at :: rows * cols])), default=0)
    for place in scan[: coder.uniform(rows * cols, last)]:
        for channel in range(3):
            at = channel * rows * cols + place.at
            context = _context(levels, channel, rows * cols, place, step)
            levels[at] = _level(coder, models, context, source[at] if source else 0)
    return Coefficients(rows, cols, step, tuple(levels), _spots(coder, rows * cols, given))


def _spots(coder: Coder, cells: int, given: Coefficients | None) -> tuple[Spot, ...]:
    """Each the gap to the last one and, unless it has that one's colour, its own."""
    out: list[Spot] = []
    more, same, gap = Bit(_NO_SPOT), Bit(), Number(10)
    while not coder.bit(more, int(given is not None and len(out) == len(given.spots))):
        wanted = given.spots[len(out)] if given else (0, (0, 0, 0))
        place, colour = out[-1] if out else (-1, None)
        place += 1 + coder.number(gap, max(wanted[0] - place - 1, 0))
        if place >= cells:
            raise Corrupt("a colour lies outside the map", ("texture",))
        if colour is None or not coder.bit(same, int(wanted[1] == colour)):
            r, g, b = (coder.uniform(BRIGHTEST + 1, value) for value in wanted[1])
            colour = (r, g, b)
        out.append((place, colour))
    return tuple(out)


def _level(coder: Coder, models: Models, context: int, level: int) -> int:
    size = abs(level)
    if coder.bit(models.bits[context], int(size == 0)):
        return 0
    if coder.bit(models.bits[context + 1], int(size == 1)):
        size = 1
    elif coder.bit(models.bits[context + 2], int(size == 2)):
        size = 2
    else:
        size = 3 + coder.number(models.rest, max(size - 3, 0))
    return size if coder.uniform(2, int(level < 0)) == 0 else -size


def _signed(coder: Coder, model: Number, value: int) -> int:
    size = coder.number(model, abs(value))
    return -size if size and coder.uniform(2, int(value < 0)) else size


def _context(levels: list[int], channel: int, cells: int, place: Place, step: int) -> int:
    """Which models code a level: by channel, expected size, and the levels around."""
    at = channel * cells
    activity = sum(weight * min(abs(levels[at + index]), 9) for weight, index in place.neighbours)
    if channel:
        activity += 2 * min(abs(levels[at - cells + place.at]), 2)
    expected = min(max((place.size + _LEVEL_OF[channel] - step) // 4, 0), _SIZES - 1)
    return ((bool(channel) * _SIZES + expected) * 6 + _ACTIVITIES[min(activity // 2, 8)]) * 3


class Place(NamedTuple):
    """A frequency: the size to expect there, its index, its neighbours' (weight, index)."""

    size: int
    at: int
    neighbours: tuple[tuple[int, int], ...]


@functools.cache
def _scan(rows: int, cols: int) -> tuple[Place, ...]:
    """Frequencies but the mean, from low to high.

    Frequency is in half cycles across the picture, whatever its grid. The size is in eighths of an
    octave and falls as frequency^-1.25. `(v**4).bit_length() - 1` is the whole part of 4 log2 v.
    """
    places = []
    for row in range(rows):
        for col in range(cols):
            squared = row * row + col * col
            if squared:
                around = [(2, row, col - 1), (2, row - 1, col), (1, row - 1, col - 1)]
                near = tuple((w, r * cols + c) for w, r, c in around if r >= 0 and c >= 0 and r + c > 0)
                size = _log(rows * cols) - 5 * _log(squared) // 4
                places.append((squared, row, Place(size, row * cols + col, near)))
    return tuple(place for _, _, place in sorted(places))


def _log(value: int) -> int:
    return (value**4).bit_length() - 1


def quantise(scaled: np.ndarray, step: int) -> tuple[int, ...]:
    """Levels for (3, rows, cols) coefficients in units of their quantiser steps, as `syntax` orders them.

    Each is rounded up or down, or to 0, by error and by what it costs in bits just there: rate-distortion
    optimised quantisation. An encoder's choice, in floats; a decoder never runs it.
    """
    _, rows, cols = scaled.shape
    values = scaled.ravel()
    levels = [0] * len(values)
    for channel in range(3):
        levels[channel * rows * cols] = round(float(values[channel * rows * cols]))
    levels[0] = min(max(levels[0], 0), brightest(rows, cols, step) - 1)
    models = Models()
    for place in _scan(rows, cols):
        for channel in range(3):
            at = channel * rows * cols + place.at
            context = _context(levels, channel, rows * cols, place, step)
            size = abs(float(values[at]))
            tried = {0, int(size), int(size) + 1}
            best = min(tried, key=lambda level: (size - level) ** 2 + _TRADE * _cost(models, context, level))
            levels[at] = best if values[at] > 0 else -best
            for which in range(min(best, 2) + 1):
                models.bits[context + which].update(int(best == which))
    return tuple(levels)


def _cost(models: Models, context: int, level: int) -> float:
    """Bits for a level of that size, sign included."""
    bits = 0.0
    for which in range(min(level, 2) + 1):
        p = models.bits[context + which].p / TOTAL
        bits -= math.log2(p if level == which else 1 - p)
    return bits + (level > 0) + (2 * math.log2(level - 1) + 1 if level > 2 else 0)
