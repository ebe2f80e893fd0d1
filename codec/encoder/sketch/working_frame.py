"""The working frame: the picture at the size that edge detectors work on."""

from __future__ import annotations

from typing import Final

import numpy as np

WORKING_SIDE: Final = 512  # pixels on the longer side


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of the working frame: 512 on the longer side, the other in proportion, at least 1."""
    scale = WORKING_SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def to_working_size(pixels: np.ndarray) -> np.ndarray:
    """Resize (H, W, 3) uint8 to the working frame, (h, w, 3) uint8: area means to shrink, bilinear to enlarge."""
    import cv2

    height, width = working_size(*pixels.shape[:2])
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=method))
