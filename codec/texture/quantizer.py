"""The quantizer of a colormap: step sizes, and the range of levels."""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.color import oklab

# The step of a and b for each step index, eight per octave, in units of 1/oklab.ONE.
STEPS: Final = tuple(m << octave >> 3 for octave in range(8) for m in (256, 279, 304, 332, 362, 395, 431, 470))
# The step of L for each ratio index, in quarters of the step of a and b. For the same visible difference (CIEDE2000), a
# and b change less than L, so they need a finer step.
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
    """Return the number of levels of L's DC coefficient, from black to just above white."""
    return 2 + 4 * oklab.ONE * max(rows, cols) // (RATIOS[ratio] * STEPS[step])
