"""The texture layer: a coarse map of colours.

A grid of 4 to 32 cells a side in Oklab, one discrete cosine transform over the whole grid (Ahmed,
Natarajan, Rao 1974), one quantiser step. Coefficients go from low frequency to high, the three
channels together, each with adaptive binary models chosen by the size that its frequency, the
step and its coded neighbours let expect. A cell that a person painted is a spot: its own colour,
stored beside the transform, so that one stroke of the brush neither vanishes in the quantiser nor
stirs the other cells. Decoding is integer arithmetic throughout.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from codec import oklab
from codec.errors import BudgetTooSmall, Corrupt, InvalidLayer
from codec.rangecoder import Bit, Coder, Decoder, Encoder, Number

MIN_CELLS, MAX_CELLS = 4, 32  # a side
STEPS: Final = tuple(m << octave >> 3 for octave in range(8) for m in (256, 279, 304, 332, 362, 395, 431, 470))
MAX_LEVEL: Final = 32767

Spot = tuple[int, tuple[int, int, int]]

_BRIGHTEST: Final = 63  # of a spot's colour
_NO_SPOT: Final = 60000  # of 65,536
_KINDS: Final = (1, 15)  # reserved (so that no bytes at all is no layer), this one
_BASIS: Final = 1 << 13  # 1.0 in the integer transform
_ROUNDING: Final = 0.34  # an encoder rounds up from .66: what that saves in bytes buys a finer step


@dataclass(frozen=True, slots=True)
class Colormap:
    """A grid of colours, as the quantised coefficients that a file holds.

    `rows`, `cols`: 4..32. `step`: index 0..63 into `STEPS`, eight to an octave, 0 the finest.
    `levels`: 3 * rows * cols integers in -32767..32767, the channels L, a, b one after the other, each
    row by row from the lowest vertical frequency. `spots`: cells with a colour of their own, by rising
    index (row by row), each (index, (r, g, b)) with sRGB in 0..63. Raises `InvalidLayer` for
    anything else.
    """

    rows: int
    cols: int
    step: int
    levels: tuple[int, ...]
    spots: tuple[Spot, ...] = ()

    def __post_init__(self) -> None:
        if not all(MIN_CELLS <= side <= MAX_CELLS for side in (self.rows, self.cols)):
            raise InvalidLayer(f"a colormap has {MIN_CELLS} to {MAX_CELLS} cells a side")
        if not 0 <= self.step < len(STEPS) or len(self.levels) != 3 * self.rows * self.cols:
            raise InvalidLayer("a colormap needs a step of 0..63 and three levels for each cell")
        if not all(-MAX_LEVEL <= level <= MAX_LEVEL for level in self.levels):
            raise InvalidLayer(f"a colormap's levels are within {MAX_LEVEL}")
        if not 0 <= self.levels[0] < _brightest(self.rows, self.cols, self.step):
            raise InvalidLayer("a colormap is neither darker than black nor brighter than white")
        places = [-1, *(place for place, _ in self.spots), self.rows * self.cols]
        if any(a >= b for a, b in zip(places, places[1:], strict=False)):
            raise InvalidLayer("a colormap's spots are cells of it, by rising index")
        if not all(0 <= value <= _BRIGHTEST for _, colour in self.spots for value in colour):
            raise InvalidLayer(f"a spot's colour is three numbers of 0..{_BRIGHTEST}")

    @classmethod
    def from_cells(cls, cells: np.ndarray, step: int = 24) -> Colormap:
        """Quantise (rows, cols, 3) uint8 sRGB cells, 4..32 a side, with the step of that index."""
        cells = np.asarray(cells)
        if cells.ndim != 3 or cells.shape[2] != 3 or cells.dtype != np.uint8:
            raise InvalidLayer("a colormap's cells are (rows, cols, 3) uint8")
        rows, cols = cells.shape[:2]
        if not all(MIN_CELLS <= side <= MAX_CELLS for side in (rows, cols)):
            raise InvalidLayer(f"a colormap has {MIN_CELLS} to {MAX_CELLS} cells a side")
        if not 0 <= step < len(STEPS):
            raise InvalidLayer(f"a colormap's step is one of 0..{len(STEPS) - 1}")
        lab = np.moveaxis(oklab.from_srgb(cells), 2, 0) * oklab.ONE
        scaled = (_basis(rows) / _BASIS) @ lab @ (_basis(cols) / _BASIS).T / _steps(step)
        rounding = np.full(scaled.shape, _ROUNDING)
        rounding[:, 0, 0] = 0.5
        levels = (np.sign(scaled) * np.floor(np.abs(scaled) + rounding)).astype(int)
        levels[0, 0, 0] = min(max(levels[0, 0, 0], 0), _brightest(rows, cols, step) - 1)
        return cls(rows, cols, step, tuple(levels.ravel().tolist()))

    @classmethod
    def fit(cls, cells: np.ndarray, max_bytes: int) -> Colormap:
        """Quantise cells as finely as a payload of `max_bytes` allows.

        Raises `BudgetTooSmall` if even the coarsest step takes more.
        """
        low, high = 0, len(STEPS) - 1
        best = cls.from_cells(cells, high)
        if len(best.to_bytes()) > max_bytes:
            raise BudgetTooSmall(f"the colours need {len(best.to_bytes())} bytes, {max_bytes} are left for them")
        while low < high:
            middle = (low + high) // 2
            tried = cls.from_cells(cells, middle)
            if len(tried.to_bytes()) <= max_bytes:
                best, high = tried, middle
            else:
                low = middle + 1
        return best

    @property
    def cells(self) -> np.ndarray:
        """The colours: (rows, cols, 3) uint8 sRGB."""
        shape = (3, self.rows, self.cols)
        values = np.array(self.levels, np.int64).reshape(shape) * _steps(self.step)
        half = _BASIS * _BASIS // 2
        lab = (_basis(self.rows).T @ values @ _basis(self.cols) + half) // (_BASIS * _BASIS)
        colours = oklab.to_srgb(np.moveaxis(lab, 0, 2))
        for place, colour in self.spots:
            colours[divmod(place, self.cols)] = _widen(colour)
        return colours

    def repaint(self, cells: np.ndarray) -> Colormap:
        """With other cells, (rows, cols, 3) uint8: those that differ become spots, the rest stays.

        Where most of the map changes, or its grid does, it is transformed anew at the same step.
        """
        cells = np.asarray(cells)
        old = self.cells
        if cells.shape != old.shape or cells.dtype != old.dtype:
            return Colormap.from_cells(cells, self.step)
        changed = np.flatnonzero((cells != old).any(2))
        if not len(changed):
            return self
        if len(changed) > len(old.reshape(-1, 3)) // 4:
            return Colormap.from_cells(cells, self.step)
        spots = dict(self.spots)
        for place in changed.tolist():
            spots[place] = _narrow(cells.reshape(-1, 3)[place])
        return replace(self, spots=tuple(sorted(spots.items())))

    def refill(self, cells: np.ndarray) -> Colormap:
        """With other cells, transformed anew at the same step: for smooth changes of many cells."""
        return self if np.array_equal(cells, self.cells) else Colormap.from_cells(cells, self.step)

    def render(self, width: int, height: int) -> np.ndarray:
        """The cells as blocks, nearest neighbour: (height, width, 3) uint8 sRGB."""
        rows = np.arange(height) * self.rows // height
        cols = np.arange(width) * self.cols // width
        return self.cells[rows[:, None], cols[None, :]]

    def to_bytes(self) -> bytes:
        """The payload."""
        coder = Encoder()
        coder.choice(_KINDS, 1)
        syntax(coder, self)
        return coder.finish()

    @classmethod
    def from_bytes(cls, payload: bytes) -> Colormap:
        """The colormap of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        coder = Decoder(payload)
        if not coder.choice(_KINDS):
            raise Corrupt("the texture layer has a kind this reader does not know", ("texture",))
        try:
            colormap = syntax(coder, None)
        except InvalidLayer as error:
            raise Corrupt(str(error), ("texture",)) from None
        if colormap.to_bytes() != payload:
            raise Corrupt("the texture layer's bytes are not in their one form", ("texture",))
        return colormap


def _narrow(colour: np.ndarray) -> tuple[int, int, int]:
    r, g, b = ((int(value) * _BRIGHTEST + 127) // 255 for value in colour)
    return r, g, b


def _widen(colour: tuple[int, int, int]) -> list[int]:
    return [(value * 255 + _BRIGHTEST // 2) // _BRIGHTEST for value in colour]


def _steps(step: int) -> np.ndarray:
    """The quantiser steps of L, a and b, to multiply (3, rows, cols) levels by.

    Oklab's a and b span a fraction of what L does for the same difference to the eye (CIEDE2000),
    so they take half its step.
    """
    return np.array([2 * STEPS[step], STEPS[step], STEPS[step]], np.int64)[:, None, None]


def _brightest(rows: int, cols: int, step: int) -> int:
    """How many levels the mean lightness can have."""
    return 2 + oklab.ONE * max(rows, cols) // (2 * STEPS[step])


@functools.cache
def _basis(size: int) -> np.ndarray:
    """The orthonormal DCT-II: (size, size) int64 in units of 1/`_BASIS`, a frequency a row.

    Cosines are floats, but none of these comes near a half, so their rounding is safe (a test
    keeps that true).
    """
    frequency, position = np.mgrid[:size, :size]
    waves = np.cos(np.pi * (2 * position + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
    waves[0] = np.sqrt(1 / size)
    return np.rint(waves * _BASIS).astype(np.int64)


# --- the payload -------------------------------------------------------------------------------

_SIZES: Final = 14  # classes of expected size, half an octave each
_ACTIVITIES: Final = (0, 1, 2, 3, 3, 4, 4, 4, 5)  # of twice the left and upper neighbour and the diagonal
_SHAPE: Final = 2 * _SIZES * 6 * 3  # lightness or colour, size, activity; zero? one? two?
_LEVEL_OF: Final = (64, 48, 48)  # how large L, a and b are at frequency 1, in eighths of an octave


class Models:
    """The adaptive bits, each started from its trained probability."""

    def __init__(self) -> None:
        self.bits = [Bit(p, n, 200) for p, n in _priors()]
        self.rest = Number(15)


@functools.cache
def _priors() -> list[tuple[int, int]]:
    path = Path(__file__).with_name("colour_priors.npy")
    if not path.exists():
        return [(32768, 0)] * _SHAPE
    return [(int(p), int(n)) for p, n in np.load(path, allow_pickle=False)]


def syntax(coder: Coder, given: Colormap | None, models: Models | None = None) -> Colormap:
    """The payload after its kind; codes what is `given`, or reads it where nothing is."""
    models = models or Models()
    sides = MAX_CELLS - MIN_CELLS + 1
    rows = cols = MIN_CELLS + coder.uniform(sides, given.rows - MIN_CELLS if given else 0)
    if not coder.bit(Bit(49152), int(given is not None and given.rows == given.cols)):
        cols = MIN_CELLS + coder.uniform(sides, given.cols - MIN_CELLS if given else 0)
    step = coder.uniform(len(STEPS), given.step if given else 0)
    source = given.levels if given else None
    levels = [0] * (3 * rows * cols)
    levels[0] = coder.uniform(_brightest(rows, cols, step), source[0] if source else 0)
    scan = _scan(rows, cols)
    for channel in (1, 2):
        at = channel * rows * cols
        levels[at] = _signed(coder, models.rest, source[at] if source else 0)
    last = 0
    if source:
        last = max((i for i, (_, p, _) in enumerate(scan, 1) if any(source[p :: rows * cols])), default=0)
    for size, place, neighbours in scan[: coder.uniform(rows * cols, last)]:
        for channel in range(3):
            at = channel * rows * cols
            activity = sum(w * min(abs(levels[at + n]), 9) for w, n in neighbours)
            if channel:
                activity += 2 * min(abs(levels[place + (channel - 1) * rows * cols]), 2)
            expected = min(max((size + _LEVEL_OF[channel] - step) // 4, 0), _SIZES - 1)
            context = ((bool(channel) * _SIZES + expected) * 6 + _ACTIVITIES[min(activity // 2, 8)]) * 3
            levels[at + place] = _level(coder, models, context, source[at + place] if source else 0)
    return Colormap(rows, cols, step, tuple(levels), _spots(coder, rows * cols, given))


def _spots(coder: Coder, cells: int, given: Colormap | None) -> tuple[Spot, ...]:
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
            r, g, b = (coder.uniform(_BRIGHTEST + 1, value) for value in wanted[1])
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


Place = tuple[int, int, tuple[tuple[int, int], ...]]


@functools.cache
def _scan(rows: int, cols: int) -> tuple[Place, ...]:
    """Frequencies but the mean from low to high: (expected size, index, weighted neighbours).

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
                places.append((squared, row, (size, row * cols + col, near)))
    return tuple(place for _, _, place in sorted(places))


def _log(value: int) -> int:
    return (value**4).bit_length() - 1
