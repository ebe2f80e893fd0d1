"""sRGB <-> Oklab (Ottosson 2020), the way back in integers.

Oklab's distances are near what people see, and its lightness is apart from its color, which
is what a transform codec wants. Coding goes there in floats, since only an encoder does;
decoding comes back in integers alone, so that a file has the same colors on every machine.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

ONE: Final = 1 << 14  # the integer that stands for 1.0 of L, a and b

TO_LMS: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# the inverses of both, in 16,384ths
_FROM_LAB: Final = np.array([[16384, 6494, 3536], [16384, -1730, -1046], [16384, -1466, -21160]], np.int64)
_FROM_LMS: Final = np.array([[66793, -54194, 3784], [-20782, 42758, -5592], [-69, -11525, 27978]], np.int64)


def from_srgb(cells: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 sRGB -> (..., 3) float64 L, a, b; L in 0..1, a and b in about -0.4..0.4."""
    encoded = cells.astype(np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T


def to_srgb(lab: np.ndarray) -> np.ndarray:
    """(..., 3) int64 L, a, b in units of 1/`ONE` -> (..., 3) uint8 sRGB, clipped to the gamut."""
    roots = (np.clip(lab, -2 * ONE, 2 * ONE) @ _FROM_LAB.T + 8192) >> 14
    cubes = roots**3 >> 26  # 1.0 is now 65,536
    linear = (cubes @ _FROM_LMS.T + 8192) >> 14
    return np.searchsorted(_thresholds(), linear, side="right").astype(np.uint8)


@functools.cache
def _thresholds() -> np.ndarray:
    """The smallest linear value, in 65,536ths, of each sRGB level 1..255.

    Powers are floats, but none of these comes near a half, so their rounding is safe
    (a test keeps that true).
    """
    encoded = (np.arange(255) + 0.5) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.ceil(linear * 65536).astype(np.int64)
