"""The small picture: base colors enlarged by cubic interpolation, plus the detail's residual, in integer arithmetic."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from codec.texture.detail_network import RESIDUAL_BITS

_WEIGHT_BITS: Final = 12  # fractional bits of an interpolation weight
_MATRIX_BITS: Final = 16
# Full-range YCbCr of JPEG (ITU-T T.871), rounded to 1/65,536, with each row of Cb and Cr summing to 0.
_RGB_TO_YCBCR: Final = np.array([[19595, 38470, 7471], [-11058, -21710, 32768], [32768, -27439, -5329]], np.int64)
_YCBCR_TO_RGB: Final = np.array([[65536, 0, 91881], [65536, -22553, -46802], [65536, 116130, 0]], np.int64)


def to_ycbcr(srgb: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) uint8 sRGB as (3, h, w) int64 YCbCr, where 1.0 == 2^14 and Cb and Cr are around 0."""
    scaled = np.moveaxis(srgb.astype(np.int64) @ _RGB_TO_YCBCR.T, 2, 0)
    divisor = 255 << (_MATRIX_BITS - RESIDUAL_BITS)
    return np.asarray((scaled + divisor // 2) // divisor)


def to_srgb(ycbcr: np.ndarray) -> np.ndarray:
    """Return (3, h, w) int64 YCbCr, 1.0 == 2^14, as (h, w, 3) uint8 sRGB, clipped."""
    rgb = np.moveaxis(ycbcr, 0, 2) @ _YCBCR_TO_RGB.T
    bits = _MATRIX_BITS + RESIDUAL_BITS
    return np.asarray(np.clip((rgb * 255 + (1 << (bits - 1))) >> bits, 0, 255).astype(np.uint8))


def enlarge(cells: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return (rows, cols, 3) uint8 sRGB cells, enlarged: (3, height, width) int64 YCbCr, 1.0 == 2^14.

    The interpolation is cubic (Catmull and Rom 1974); the outermost cells are repeated beyond the border.
    """
    down, across = interpolation_weights(height, cells.shape[0]), interpolation_weights(width, cells.shape[1])
    sums = down @ to_ycbcr(cells) @ across.T
    return np.asarray((sums + (1 << (2 * _WEIGHT_BITS - 1))) >> (2 * _WEIGHT_BITS))


@functools.lru_cache(maxsize=32)
def interpolation_weights(outputs: int, inputs: int) -> np.ndarray:
    """Return the interpolation weights along one axis: (outputs, inputs) int64; each row sums to 2^12."""
    weights = np.zeros((outputs, inputs), np.int64)
    one = 2 * outputs
    for output in range(outputs):
        # the output's center lies t / one cells beyond the center of cell `left`
        left, t = divmod((2 * output + 1) * inputs - outputs, one)
        u = one - t
        twice_kernel = [  # in units of 1 / one^3
            -t * u * u,
            3 * t**3 - 5 * t * t * one + 2 * one**3,
            3 * u**3 - 5 * u * u * one + 2 * one**3,
            -t * t * u,
        ]
        divisor = 2 * one**3
        kernel = [((value << (_WEIGHT_BITS + 1)) + divisor) // (2 * divisor) for value in twice_kernel]
        kernel[1 if t <= u else 2] += (1 << _WEIGHT_BITS) - sum(kernel)
        for step, weight in enumerate(kernel, -1):
            weights[output, min(max(left + step, 0), inputs - 1)] += weight
    return weights
