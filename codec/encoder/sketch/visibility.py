"""The visibility of strokes: the weight of each pixel of an edge map, for the ranking of strokes.

The most visible strokes follow strong contrast and add what coarse colors lack: an eye or a mouth ranks higher than the
folds of a curtain.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from codec.encoder.sketch.working_frame import to_working_size

_CONTRAST_RADIUS: Final = 3  # pixels of the working frame
_COARSE_CELLS: Final = 12  # on the longer side of the coarse colors, which the decoder always has
_MIN_WEIGHT, _MAX_WEIGHT = 0.15, 3.0  # relative to the mean over the edge map


def edge_weights(edges: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return the weight of each edge pixel: (h, w) float32, 0 off the edges, with a mean of about 1 on them.

    It grows with the contrast within 3 pixels and with the difference from 12 coarse cells, both in CIELAB.
    edges: (h, w) bool, a thin edge map in the working frame; pixels: (H, W, 3) uint8 sRGB.
    """
    weights = edges.astype(np.float32)
    if not edges.any():
        return weights
    lab = cv2.cvtColor(to_working_size(pixels).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    visibility = np.sqrt(_contrast(lab) * _difference_from_coarse(lab))[edges]
    weights[edges] = np.clip(visibility / max(float(visibility.mean()), 1e-6), _MIN_WEIGHT, _MAX_WEIGHT)
    return weights


def _contrast(lab: np.ndarray) -> np.ndarray:
    """Return the largest color difference near each pixel: (h, w, 3) -> (h, w)."""
    window = np.ones((2 * _CONTRAST_RADIUS + 1,) * 2, np.uint8)
    return np.asarray(np.linalg.norm(cv2.dilate(lab, window) - cv2.erode(lab, window), axis=2))


def _difference_from_coarse(lab: np.ndarray) -> np.ndarray:
    """Return the color difference from an interpolated map of coarse cells: (h, w, 3) -> (h, w)."""
    height, width = lab.shape[:2]
    scale = _COARSE_CELLS / max(height, width)
    cells = cv2.resize(lab, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.linalg.norm(lab - coarse, axis=2))
