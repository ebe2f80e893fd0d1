"""The discrete cosine transform of a colormap (DCT-II, Ahmed, Natarajan, Rao 1974), its basis in whole numbers."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from codec.color import oklab

BASIS: Final = 1 << 13  # 1.0 in the integer transform


@functools.cache
def basis(size: int) -> np.ndarray:
    """The orthonormal DCT-II: (size, size) int64 in units of 1/`BASIS`, a frequency a row.

    Cosines are floats, but none of these comes near a half, so their rounding is safe (a test
    keeps that true).
    """
    frequency, position = np.mgrid[:size, :size]
    waves = np.cos(np.pi * (2 * position + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
    waves[0] = np.sqrt(1 / size)
    return np.rint(waves * BASIS).astype(np.int64)


def frequencies(cells: np.ndarray) -> np.ndarray:
    """(rows, cols, 3) uint8 sRGB cells -> (3, rows, cols) float64 coefficients of L, a and b in Oklab."""
    rows, cols = cells.shape[:2]
    lab = np.moveaxis(oklab.from_srgb(cells), 2, 0) * oklab.ONE
    return (basis(rows) / BASIS) @ lab @ (basis(cols) / BASIS).T
