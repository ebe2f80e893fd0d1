"""The quantizer of a colormap: step sizes, and the values that levels can take."""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.color import oklab

# The step of a and b for each step index, eight per octave, in units of 1/oklab.ONE.
STEPS: Final = tuple(m << octave >> 3 for octave in range(8) for m in (256, 279, 304, 332, 362, 395, 431, 470))
# The step of L for each ratio index, in quarters of the step of a and b. Oklab's a and b span a fraction of
# the range of L for the same visible difference (CIEDE2000), so they need the finer step.
RATIOS: Final = (8, 10, 12, 16)
_RATIO_OCTAVES: Final = (0, 3, 5, 8)  # the step of L relative to that of ratio 0, in eighths of an octave
MAX_LEVEL: Final = 32767  # the largest magnitude of a level


def quarter_steps(step: int, ratio: int) -> np.ndarray:
    """Return four times the steps of L, a and b: (3,) int64."""
    return np.array([RATIOS[ratio], 4, 4], np.int64) * STEPS[step]


def log_steps(step: int, ratio: int) -> tuple[int, int, int]:
    """Return the logarithms of the steps of L, a and b, in eighths of an octave, up to a constant per channel."""
    return step + _RATIO_OCTAVES[ratio], step, step


def dequantize(levels: np.ndarray, step: int, ratio: int) -> np.ndarray:
    """Return the coefficients of (3, rows, cols) int64 levels, in units of 1/`oklab.ONE`, rounded down."""
    return np.asarray(levels * quarter_steps(step, ratio)[:, None, None] // 4)


def dc_levels(rows: int, cols: int, step: int, ratio: int) -> int:
    """Return the number of levels that the DC coefficient of L can have, from black to just above white."""
    return 2 + 4 * oklab.ONE * max(rows, cols) // (RATIOS[ratio] * STEPS[step])
