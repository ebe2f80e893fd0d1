"""The boundary F-measure of edge detection benchmarks: how well strokes cover an edge map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codec.structure.sketch import Sketch


class FMeasure(NamedTuple):
    """FMeasure of drawn pixels with reference pixels, all values in 0..1.

    precision: share of drawn pixels near a reference pixel. recall: share of reference pixels near a drawn pixel.
    f: their harmonic mean.
    """

    f: float
    precision: float
    recall: float


def rasterize(polylines: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Draw (N, 2) polylines of (x, y) one pixel wide, pixel centers at .5: (height, width) bool."""
    import cv2

    drawn = np.zeros((height, width), np.uint8)
    lines = [np.round((np.asarray(p, np.float64) - 0.5) * 16).astype(np.int32) for p in polylines]
    if lines:
        cv2.polylines(drawn, lines, False, 1, 1, cv2.LINE_8, 4)
    return drawn.astype(bool)


def f_measure(drawn: np.ndarray | Sketch, reference: np.ndarray, tolerance: float = 2.0) -> FMeasure:
    """Return the agreement of `drawn` with the thin map `reference` within `tolerance` pixels.

    drawn: a (h, w) bool map, or a sketch, which is drawn one pixel wide at the reference's size.
    reference: (h, w) bool.
    Two empty maps have an agreement of 1; an empty map and a nonempty one have 0.
    """
    height, width = reference.shape
    if isinstance(drawn, Sketch):
        drawn = rasterize(drawn.polylines(width, height), height, width)
    if not drawn.any() or not reference.any():
        agreement = float(drawn.any() == reference.any())
        return FMeasure(agreement, agreement, agreement)
    precision = float((_distance(reference)[drawn] <= tolerance).mean())
    recall = float((_distance(drawn)[reference] <= tolerance).mean())
    return FMeasure(2 * precision * recall / max(precision + recall, 1e-9), precision, recall)


def _distance(mask: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of every pixel to the nearest set pixel, (h, w) float32."""
    import cv2

    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
