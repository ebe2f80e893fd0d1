"""The working frame: the picture at the scale that edge detectors see."""

from __future__ import annotations

from typing import Final

import numpy as np

WORKING_SIDE: Final = 512  # pixels on the longer side


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of the working frame: 512 on the longer side, the other in proportion, at least 1."""
    scale = WORKING_SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def to_working_size(pixels: np.ndarray) -> np.ndarray:
    """Resize a picture to the working frame, (H, W, 3) uint8 -> (h, w, 3) uint8: area mean down, bilinear up."""
    import cv2

    height, width = working_size(*pixels.shape[:2])
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=method))
