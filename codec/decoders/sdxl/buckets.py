"""The sizes that Stable Diffusion XL was trained at.

Podell et al., "SDXL" (2023), appendix I: sides are multiples of 64, the area is about 1024 x 1024 pixels, and the
longer side is at most four times the shorter one.
"""

from __future__ import annotations

import math
from typing import Final

_STEP: Final = 64
_MAX_ASPECT_RATIO: Final = 4.0


def nearest_bucket(width: int, height: int, size: int = 1024) -> tuple[int, int]:
    """Return the width and height of the training size whose aspect ratio is nearest to that of a picture.

    size: a multiple of 64; the area is at most size x size pixels
    """
    wanted = math.log(width / height)
    return min(_buckets(size), key=lambda bucket: (abs(math.log(bucket[0] / bucket[1]) - wanted), -math.prod(bucket)))


def _buckets(size: int) -> list[tuple[int, int]]:
    """Return all (width, height): for each side, the longest other side that keeps to the area."""
    pairs = [(side, size * size // side // _STEP * _STEP) for side in range(_STEP, 2 * size + 1, _STEP)]
    pairs += [(other, side) for side, other in pairs]
    return [pair for pair in pairs if min(pair) > 0 and max(pair) <= _MAX_ASPECT_RATIO * min(pair)]
