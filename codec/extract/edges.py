"""Edge detectors by name: picture -> soft edge strength."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

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


def detect(pixels: np.ndarray, name: str = "canny") -> np.ndarray:
    """Soft edge strength of a picture.

    pixels: (H, W, 3) uint8 sRGB. name: a key of DETECTORS, else UnknownName.
    Returns (h, w) float32 in 0..1 at the working scale.
    """
    try:
        detector = DETECTORS[name]
    except KeyError:
        raise UnknownName(f"no edge detector {name!r}; there are: {', '.join(DETECTORS)}") from None
    return detector(to_working_size(pixels))


# Scales in pixels of the working frame: the finest places an edge, the coarser ones vouch for it.
_SCALES = (1.0, 1.5, 2.5, 4.0)
_NOISE = 4.0  # variance in Lab units below which a neighbourhood counts as flat


def canny(pixels: np.ndarray) -> np.ndarray:
    """Multi-scale colour gradient that discounts texture.

    At each scale the gradient is the larger eigenvalue of the Lab structure tensor (Di Zenzo 1986)
    and is weighted by the share of the local variance that a straight edge explains: near 0.64 at a
    lone step, near 0 in texture of the same contrast.
    pixels: (h, w, 3) uint8. Returns (h, w) float32 in 0..1.
    """
    import cv2

    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    power = (lab * lab).sum(2)
    total = np.zeros(pixels.shape[:2], np.float32)
    for scale in _SCALES:
        mean = cv2.GaussianBlur(lab, (0, 0), scale)
        variance = np.maximum(cv2.GaussianBlur(power, (0, 0), scale) - (mean * mean).sum(2), 0)
        dx = cv2.Sobel(mean, cv2.CV_32F, 1, 0, scale=1 / 8)
        dy = cv2.Sobel(mean, cv2.CV_32F, 0, 1, scale=1 / 8)
        xx, yy, xy = (dx * dx).sum(2), (dy * dy).sum(2), (dx * dy).sum(2)
        step = scale * scale * ((xx + yy) / 2 + np.sqrt((xx - yy) ** 2 / 4 + xy * xy))
        total += np.log1p(np.sqrt(step)) * step / (variance + _NOISE)
    return np.clip(total / (len(_SCALES) * 1.5), 0, 1)


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


DETECTORS: Mapping[str, Detector] = MappingProxyType({"canny": canny, "lineart": lineart})
