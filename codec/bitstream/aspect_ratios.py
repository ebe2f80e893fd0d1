"""The common aspect ratios of pictures, which headers code with few bits. Part of the format."""

from __future__ import annotations

from typing import Final

COMMON_ASPECTS: Final = ((1, 1), (3, 2), (2, 3), (4, 3), (3, 4), (16, 9), (9, 16))  # width : height
ASPECT_WEIGHTS: Final = (40, 4, 4, 4, 4, 4, 3, 1)  # frequencies of the common aspect ratios, and of any other
