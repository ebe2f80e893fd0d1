"""Edge detectors by name: picture -> soft edge strength."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from codec.encoder.sketch.cues import cues
from codec.encoder.sketch.line_art import drawing
from codec.errors import UnknownName

WORKING_SIDE = 512  # pixels of the long side that detectors see
Detector = Callable[[np.ndarray], np.ndarray]


def working_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the working frame: long side 512, the other in proportion, at least 1."""
    scale = WORKING_SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def to_working_size(pixels: np.ndarray) -> np.ndarray:
    """The picture at the working scale, (H, W, 3) uint8 -> (h, w, 3) uint8: area mean down, linear up."""
    import cv2

    height, width = working_size(*pixels.shape[:2])
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=method)


def detect(pixels: np.ndarray, name: str = "contours") -> np.ndarray:
    """Soft edge strength of a picture.

    pixels: (H, W, 3) uint8 sRGB. name: a key of DETECTORS, one of LEARNED, or "auto" for the best
    whose weights are here. Returns (h, w) float32 in 0..1 at the working scale.
    Raises UnknownName; for those of LEARNED ModelMissing or OutOfMemory.
    """
    from codec.encoder.sketch import annotators

    detectors = {
        **DETECTORS,
        "pidinet": annotators.pidinet,
        "hed": annotators.hed,
    }
    if name == "auto":
        name = annotators.best()
    if name not in detectors:
        raise UnknownName(f"no edge detector {name!r}; there are: auto, {', '.join(detectors)}, openpose for people")
    return detectors[name](to_working_size(pixels))


# A logistic regression of the cues on HED's soft maps of free pictures (codec/training/cue_weights.py), .754 F at
# 2 px on pictures left out. Four coefficients for each scale, then business, then lines.
_BIAS = -4.358
_COEFFICIENTS = (
    *(1.729, 0.573, -0.765, -0.770),
    *(-0.917, -2.771, 1.006, 1.132),
    *(0.163, -0.759, 0.335, -0.155),
    *(0.071, 0.938, -0.531, 0.174),
    *(-0.333, -1.045, 1.068, -0.165),
    *(2.571, 0.690, -2.134),
)


def canny(pixels: np.ndarray) -> np.ndarray:
    """Multi-scale color gradient that prefers contours to texture.

    A logistic combination of a few cues (cues.py), as in Pb (Martin, Fowlkes and Malik 2004); the
    strength is about the probability that a person would draw a contour there.
    pixels: (h, w, 3) uint8. Returns (h, w) float32 in 0..1.
    """
    total = np.full(pixels.shape[:2], _BIAS, np.float32)
    for coefficient, cue in zip(_COEFFICIENTS, cues(pixels), strict=True):
        total += np.float32(coefficient) * cue
    return 1 / (1 + np.exp(-np.clip(total, -30, 30)))


def _contours(pixels: np.ndarray) -> np.ndarray:
    from codec.encoder.sketch.contours import contours  # torch takes a second to import

    return contours(pixels)


def lineart(pixels: np.ndarray) -> np.ndarray:
    """Dark lines of a drawing: the difference of two Gaussians, as in XDoG (Winnemoeller 2012).

    A line gives one stroke down its middle, where a gradient would give one on either side.
    pixels: (h, w, 3) uint8. Returns (h, w) float32 in 0..1.
    """
    import cv2

    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    best = np.zeros_like(light)
    for scale in (1.0, 1.6, 2.5):
        darker = cv2.GaussianBlur(light, (0, 0), 1.6 * scale) - cv2.GaussianBlur(light, (0, 0), scale)
        best = np.maximum(best, darker)
    return np.clip(1 - np.exp(-12 * np.maximum(best - 0.01, 0)), 0, 1).astype(np.float32)


DETECTORS: Mapping[str, Detector] = MappingProxyType(
    {"contours": _contours, "canny": canny, "lineart": lineart, "drawing": drawing}
)
LEARNED = ("pidinet", "hed")  # by networks (annotators.py), whose weights have to be here; best first
