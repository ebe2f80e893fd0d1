"""How well strokes cover an edge map: the boundary F-measure of the edge detection benchmarks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Agreement(NamedTuple):
    """precision: share of drawn pixels near the reference; recall: share of reference pixels near a
    drawn one; f: their harmonic mean. All 0..1."""

    f: float
    precision: float
    recall: float


def rasterize(polylines: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """One-pixel lines through (N, 2) polylines of (x, y) pixels, pixel centers at .5: (height, width) bool."""
    import cv2

    drawn = np.zeros((height, width), np.uint8)
    lines = [np.round((np.asarray(p, np.float64) - 0.5) * 16).astype(np.int32) for p in polylines]
    if lines:
        cv2.polylines(drawn, lines, False, 1, 1, cv2.LINE_8, 4)
    return drawn.astype(bool)


def f_measure(drawn: object, reference: np.ndarray, tolerance: float = 2.0) -> Agreement:
    """Agreement of `drawn` with the thin map `reference` when points may be `tolerance` pixels off.

    drawn: a (h, w) bool map, or a Sketch (anything with polylines(width, height)), drawn one pixel
    wide at the reference's size. reference: (h, w) bool. Nothing against nothing counts as 1,
    nothing against something as 0.
    """
    height, width = reference.shape
    if not isinstance(drawn, np.ndarray):
        drawn = rasterize(drawn.polylines(width, height), height, width)  # type: ignore[attr-defined]
    if not drawn.any() or not reference.any():
        same = float(drawn.any() == reference.any())
        return Agreement(same, same, same)
    precision = float((_distance(reference)[drawn] <= tolerance).mean())
    recall = float((_distance(drawn)[reference] <= tolerance).mean())
    return Agreement(2 * precision * recall / max(precision + recall, 1e-9), precision, recall)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Euclidean distance of every pixel to the nearest set one, (h, w) float32."""
    import cv2

    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
