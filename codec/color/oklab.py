"""Conversion between sRGB and Oklab (Ottosson 2020).

Distances in Oklab approximate perceived differences, and lightness is separate from hue and chroma, which suits a
transform codec. The conversion to Oklab uses floats, since only encoders need it. The conversion back uses only
integers, so that a file decodes to the same colors on every machine.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

ONE: Final = 1 << 14  # represents 1.0 in integer values of L, a and b

TO_LMS: Final = np.array(  # from linear sRGB
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB: Final = np.array(  # from cube roots of LMS
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# the inverses of both matrices, in units of 1/16,384
_FROM_LAB: Final = np.array([[16384, 6494, 3536], [16384, -1730, -1046], [16384, -1466, -21160]], np.int64)
_FROM_LMS: Final = np.array([[66793, -54194, 3784], [-20782, 42758, -5592], [-69, -11525, 27978]], np.int64)


def from_srgb(cells: np.ndarray) -> np.ndarray:
    """Convert (..., 3) uint8 sRGB to (..., 3) float64 L, a, b: L in 0..1, a and b within about 0.4 of 0."""
    linear = _to_linear(cells.astype(np.float64) / 255)
    lab: np.ndarray = np.cbrt(linear @ TO_LMS.T) @ TO_LAB.T
    return lab


def to_srgb(lab: np.ndarray) -> np.ndarray:
    """Convert (..., 3) int64 L, a, b in units of 1/`ONE` to (..., 3) uint8 sRGB, clipped to the gamut."""
    roots = (np.clip(lab, -2 * ONE, 2 * ONE) @ _FROM_LAB.T + 8192) >> 14
    cubes = roots**3 >> 26  # 1.0 is now 65,536
    linear = (cubes @ _FROM_LMS.T + 8192) >> 14
    srgb: np.ndarray = np.searchsorted(_thresholds(), linear, side="right").astype(np.uint8)
    return srgb


def _to_linear(encoded: np.ndarray) -> np.ndarray:
    """Invert the sRGB transfer function (IEC 61966-2-1), 0..1 to 0..1."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@functools.cache
def _thresholds() -> np.ndarray:
    """Return the smallest linear value, in units of 1/65,536, of each sRGB level 1..255: (255,) int64.

    The powers are computed in floats, but none is so close to an integer that two math libraries could round it up
    differently; a test checks this.
    """
    linear = _to_linear((np.arange(255) + 0.5) / 255)
    thresholds: np.ndarray = np.ceil(linear * 65536).astype(np.int64)
    return thresholds
