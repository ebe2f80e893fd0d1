"""The orthonormal DCT-II of a colormap (Ahmed, Natarajan, Rao 1974), with an integer basis."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from codec.color import oklab

BASIS_ONE: Final = 1 << 13  # 1.0 in the integer basis


@functools.cache
def basis(size: int) -> np.ndarray:
    """Return the DCT-II basis: (size, size) int64 in units of 1/`BASIS_ONE`, one frequency per row.

    The cosines are computed in floats. No value is close enough to a rounding boundary for two math libraries
    to round it differently; a test checks this.
    """
    return np.asarray(np.rint(exact_basis(size) * BASIS_ONE).astype(np.int64))


def exact_basis(size: int) -> np.ndarray:
    """Return the DCT-II basis before rounding: (size, size) float64, one frequency per row."""
    frequency, position = np.mgrid[:size, :size]
    waves = np.cos(np.pi * (2 * position + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
    waves[0] = np.sqrt(1 / size)
    return np.asarray(waves)


def float_basis(size: int) -> np.ndarray:
    """Return the rounded basis as floats: (size, size) float64."""
    return np.asarray(basis(size) / BASIS_ONE)


def forward(cells: np.ndarray) -> np.ndarray:
    """Transform (rows, cols, 3) uint8 sRGB cells into (3, rows, cols) float64 coefficients of Oklab L, a and b.

    Coefficients are in units of 1/`oklab.ONE`.
    """
    rows, cols = cells.shape[:2]
    lab = np.moveaxis(oklab.from_srgb(cells), 2, 0) * oklab.ONE
    return np.asarray(float_basis(rows) @ lab @ float_basis(cols).T)


def inverse(coefficients: np.ndarray) -> np.ndarray:
    """Transform (3, rows, cols) int64 coefficients into (rows, cols, 3) uint8 sRGB cells, in integer arithmetic."""
    _, rows, cols = coefficients.shape
    square = BASIS_ONE * BASIS_ONE
    lab = (basis(rows).T @ coefficients @ basis(cols) + square // 2) // square
    return oklab.to_srgb(np.moveaxis(lab, 0, 2))
