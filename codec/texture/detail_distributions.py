"""The probability of each level of a detail: tables of Laplace distributions in integers."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from codec.bitstream.range_coder import TOTAL
from codec.texture.detail_network import SCALES, detail_network

REACH: Final = 24  # offsets of up to REACH - 1 from the predicted level have their own symbols
SYMBOLS: Final = 2 * REACH + 1
MEAN_FRACTIONS: Final = 16  # a mean is given in sixteenths of a level


@functools.cache
def cumulative_tables() -> list[list[list[int]]]:
    """Return the cumulative frequencies, by scale and by mean: SYMBOLS + 1 ascending integers from 0 to 65,536.

    The second index is the mean minus the predicted level, in sixteenths, plus 8. Symbol s is the offset s - REACH
    from the predicted level; the first and the last symbol also stand for all larger offsets.
    """
    return [_scale_tables(int(decay)) for decay in detail_network().decays[:SCALES]]


def _scale_tables(decay: int) -> list[list[int]]:
    """Return the tables of one scale; `decay` is exp(-1 / (16 * scale)) in units of 2^-32."""
    tails = [1 << 32]  # exp(-x / scale) at x = 0, 1, 2, ... sixteenths, in units of 2^-32
    for _ in range(MEAN_FRACTIONS * (REACH + 1)):
        tails.append(tails[-1] * decay >> 32)
    tail = np.array(tails, np.int64)
    # the upper ends of all symbols but the last, in sixteenths from the predicted level
    ends = MEAN_FRACTIONS * np.arange(-REACH, REACH) + MEAN_FRACTIONS // 2
    rows = []
    for fraction in range(MEAN_FRACTIONS):
        x = ends - (fraction - MEAN_FRACTIONS // 2)
        below = np.where(x >= 0, (1 << 33) - tail[np.abs(x)], tail[np.abs(x)])  # probability in units of 2^-33
        sums = (below * (TOTAL - SYMBOLS) >> 33) + np.arange(1, SYMBOLS)
        rows.append([0, *sums.tolist(), TOTAL])
    return rows


@functools.cache
def symbol_bits() -> np.ndarray:
    """Return the cost of each symbol in bits: (SCALES, MEAN_FRACTIONS, SYMBOLS) float32, for encoders."""
    return np.asarray(np.log2(TOTAL) - np.log2(np.diff(np.array(cumulative_tables()), axis=-1)), np.float32)
