"""Plain figures of the people in a pose, painted over a picture.

Limbs and torso are capsules, the head is a disk. A figure is a darkened version of the colors that it covers, or a
lightened version where they are dark, so that it is visible. Lengths are relative to the person's torso.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from codec.structure.pose import UNITS, Pose
from codec.structure.pose_payload import Person

if TYPE_CHECKING:
    from codec.structure.sketch import Sketch

# pairs of keypoints (codec.structure.pose.KEYPOINTS), and the thickness in torso lengths
CAPSULES: Final = (
    (1, 2, 0.28), (1, 5, 0.28), (2, 3, 0.24), (3, 4, 0.19), (5, 6, 0.24), (6, 7, 0.19), (1, 8, 0.42), (1, 11, 0.42),
    (2, 8, 0.34), (5, 11, 0.34), (8, 11, 0.4), (8, 9, 0.34), (9, 10, 0.25), (11, 12, 0.34), (12, 13, 0.25),
    (1, 0, 0.22),
)  # fmt: skip
HEAD: Final = (0, 14, 15, 16, 17)  # nose, eyes, ears
HEAD_DIAMETER: Final = 0.5  # in torso lengths
TORSOS: Final = (
    (1, 8, 1.0),
    (1, 11, 1.0),
    (2, 5, 1.4),
    (8, 9, 1.1),
    (2, 3, 1.7),
)  # pairs of keypoints, and the torso's length divided by their distance
MAX_TORSO: Final = 0.5  # of the picture's longer side
DARK: Final = 0.42  # mean of the covered colors below which a figure is lightened
CONTRAST: Final = 0.55  # how far a figure is darkened towards black, or lightened towards white
_SUBPIXEL_BITS: Final = 4


def paint_figures(painting: np.ndarray, structure: Sketch | Pose | None) -> np.ndarray:
    """Return the painting, (h, w, 3) float32 in 0..1, with a figure for each person; unchanged if there is no pose."""
    if not isinstance(structure, Pose):
        return painting
    height, width = painting.shape[:2]
    ground = cv2.GaussianBlur(painting, (0, 0), max(0.5, 0.02 * float(np.hypot(height, width))))
    for person in structure.persons:
        coverage = _coverage(person, height, width)[..., None]
        if not coverage.any():
            continue
        mean = float((ground * coverage).sum() / (3 * coverage.sum()))
        color = ground * (1 - CONTRAST) + (CONTRAST if mean < DARK else 0.0)
        painting = painting + (color - painting) * coverage
    return np.asarray(painting)


def _coverage(person: Person, height: int, width: int) -> np.ndarray:
    """Return how much of each pixel the figure covers: (height, width) float32 in 0..1."""
    size = np.array([width, height])
    points = [None if joint is None else (np.array(joint) + 0.5) / UNITS * size for joint in person]
    torso = _torso_length(points, max(height, width))
    canvas = np.zeros((height, width), np.uint8)
    for a, b, thickness in CAPSULES:
        start, end = points[a], points[b]
        if start is not None and end is not None:
            line = max(1, round(thickness * torso))
            cv2.line(canvas, _fixed(start), _fixed(end), 255, line, cv2.LINE_AA, _SUBPIXEL_BITS)
    visible = [point for point in (points[joint] for joint in HEAD) if point is not None]
    if visible:
        radius = max(1, round(HEAD_DIAMETER * torso / 2 * (1 << _SUBPIXEL_BITS)))
        cv2.circle(canvas, _fixed(np.mean(visible, 0)), radius, 255, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
    return np.asarray(canvas.astype(np.float32) / 255)


def _torso_length(points: list[np.ndarray | None], longer_side: int) -> float:
    """Return the length from neck to hip in pixels, estimated from the pairs of joints that are visible."""
    lengths = []
    for a, b, factor in TORSOS:
        start, end = points[a], points[b]
        if start is not None and end is not None:
            lengths.append(factor * float(np.hypot(*(end - start))))
    length = float(np.median(lengths)) if lengths else 0.15 * longer_side
    return min(length, MAX_TORSO * longer_side)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """Return a point in OpenCV's fixed-point coordinates."""
    x, y = np.round((point - 0.5) * (1 << _SUBPIXEL_BITS)).astype(int)
    return int(x), int(y)
