"""The edge detectors by name. Each computes the soft edge strength of a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from codec.encoder.sketch import annotators
from codec.encoder.sketch.cues import cues
from codec.encoder.sketch.drawing import drawing
from codec.encoder.sketch.working_frame import to_working_size
from codec.errors import UnknownName

Detector = Callable[[np.ndarray], np.ndarray]


def detect(pixels: np.ndarray, name: str = "contours") -> np.ndarray:
    """Return the soft edge strength of a picture.

    pixels: (H, W, 3) uint8 sRGB. name: a key of DETECTORS, or "auto" for the best detector whose weights are installed.
    Returns (h, w) float32 in 0..1 in the working frame (512 pixels on the longer side).
    Raises UnknownName; "pidinet" and "hed" also raise ModelMissing and OutOfMemory.
    """
    if name == "auto":
        name = annotators.best_edge_detector()
    if name not in DETECTORS:
        raise UnknownName(f"unknown edge detector {name!r:.60}: choose one of auto, {', '.join(DETECTORS)}")
    return DETECTORS[name](to_working_size(pixels))


# Coefficients of a logistic regression of the cues on HED's soft maps (codec/training/cue_weights.py). On held-out
# pictures the edges reach F = .754 at a tolerance of 2 px. Four coefficients for each scale, then clutter, then lines.
_BIAS: Final = -4.358
_COEFFICIENTS: Final = (
    *(1.729, 0.573, -0.765, -0.770),
    *(-0.917, -2.771, 1.006, 1.132),
    *(0.163, -0.759, 0.335, -0.155),
    *(0.071, 0.938, -0.531, 0.174),
    *(-0.333, -1.045, 1.068, -0.165),
    *(2.571, 0.690, -2.134),
)


def canny(pixels: np.ndarray) -> np.ndarray:
    """Return multi-scale color gradients that favor contours over texture.

    This is a logistic combination of a few cues (cues.py), as in Pb (Martin, Fowlkes and Malik 2004); the strength
    approximates the probability that a person would draw a contour there.
    pixels: (h, w, 3) uint8. Returns (h, w) float32 in 0..1.
    """
    logit = np.full(pixels.shape[:2], _BIAS, np.float32)
    for coefficient, cue in zip(_COEFFICIENTS, cues(pixels), strict=True):
        logit += np.float32(coefficient) * cue
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def lineart(pixels: np.ndarray) -> np.ndarray:
    """Return the dark lines of a drawing: differences of Gaussians, as in XDoG (Winnemoeller 2012).

    A line gives a single ridge along its center, whereas gradients give one on either side.
    pixels: (h, w, 3) uint8. Returns (h, w) float32 in 0..1.
    """
    import cv2

    lightness = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    darkness = np.zeros_like(lightness)
    for scale in (1.0, 1.6, 2.5):
        difference = cv2.GaussianBlur(lightness, (0, 0), 1.6 * scale) - cv2.GaussianBlur(lightness, (0, 0), scale)
        darkness = np.maximum(darkness, difference)
    return np.asarray(np.clip(1 - np.exp(-12 * np.maximum(darkness - 0.01, 0)), 0, 1), np.float32)


def _contours(pixels: np.ndarray) -> np.ndarray:
    from codec.encoder.sketch.contours import contours  # torch takes a second to import

    return contours(pixels)


DETECTORS: Final[Mapping[str, Detector]] = MappingProxyType(
    {
        "contours": _contours,
        "canny": canny,
        "lineart": lineart,
        "drawing": drawing,
        "pidinet": lambda pixels: annotators.pidinet(pixels),
        "hed": lambda pixels: annotators.hed(pixels),
    }
)
