"""The texture layer: a coarse map of colours.

A grid of 4 to 32 cells a side in Oklab, one discrete cosine transform over the whole grid (Ahmed,
Natarajan, Rao 1974), one quantiser step. Coefficients go from low frequency to high, the three
channels together, each with adaptive binary models chosen by the size that its frequency, the
step and its coded neighbours let expect (coefficients.py). A cell that a person painted is a spot: its own colour,
stored beside the transform, so that one stroke of the brush neither vanishes in the quantiser nor
stirs the other cells. Decoding is integer arithmetic throughout.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from codec import oklab
from codec.coefficients import (
    BRIGHTEST,
    MAX_CELLS,
    MAX_LEVEL,
    MIN_CELLS,
    STEPS,
    Coefficients,
    Spot,
    brightest,
    quantise,
    syntax,
)
from codec.errors import BudgetTooSmall, Corrupt, InvalidLayer
from codec.rangecoder import Decoder, Encoder
from codec.v1 import coefficients as coefficients1

_KINDS: Final = (1, 15)  # reserved (so that no bytes at all is no layer), this one
_BASIS: Final = 1 << 13  # 1.0 in the integer transform


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
        if not 0 <= self.levels[0] < brightest(self.rows, self.cols, self.step):
            raise InvalidLayer("a colormap is neither darker than black nor brighter than white")
        places = [-1, *(place for place, _ in self.spots), self.rows * self.cols]
        if any(a >= b for a, b in zip(places, places[1:], strict=False)):
            raise InvalidLayer("a colormap's spots are cells of it, by rising index")
        if not all(0 <= value <= BRIGHTEST for _, colour in self.spots for value in colour):
            raise InvalidLayer(f"a spot's colour is three numbers of 0..{BRIGHTEST}")

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
        return cls(rows, cols, step, quantise(scaled, step))

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

    def to_bytes(self, version: int = 2) -> bytes:
        """The payload in that version of the format."""
        coder = Encoder()
        coder.choice(_KINDS, 1)
        fields = (self.rows, self.cols, self.step, self.levels, self.spots)
        if version == 1:
            coefficients1.syntax(coder, coefficients1.Coefficients(*fields))
        else:
            syntax(coder, Coefficients(*fields))
        return coder.finish()

    @classmethod
    def from_bytes(cls, payload: bytes, version: int = 2) -> Colormap:
        """The colormap of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        coder = Decoder(payload)
        if not coder.choice(_KINDS):
            raise Corrupt("the texture layer has a kind this reader does not know", ("texture",))
        try:
            colormap = cls(*(coefficients1.syntax(coder, None) if version == 1 else syntax(coder, None)))
        except InvalidLayer as error:
            raise Corrupt(str(error), ("texture",)) from None
        if colormap.to_bytes(version) != payload:
            raise Corrupt("the texture layer's bytes are not in their one form", ("texture",))
        return colormap


def _narrow(colour: np.ndarray) -> tuple[int, int, int]:
    r, g, b = ((int(value) * BRIGHTEST + 127) // 255 for value in colour)
    return r, g, b


def _widen(colour: tuple[int, int, int]) -> list[int]:
    return [(value * 255 + BRIGHTEST // 2) // BRIGHTEST for value in colour]


def _steps(step: int) -> np.ndarray:
    """The quantiser steps of L, a and b, to multiply (3, rows, cols) levels by.

    Oklab's a and b span a fraction of what L does for the same difference to the eye (CIEDE2000),
    so they take half its step.
    """
    return np.array([2 * STEPS[step], STEPS[step], STEPS[step]], np.int64)[:, None, None]


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
