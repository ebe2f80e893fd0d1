"""Edges of black-and-white drawings: the center line of lines of any width, and the outline of filled shapes."""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.encoder.sketch.thinning import skeletonize

_PAPER_TOLERANCE: Final = 28  # gray levels that still count as paper
_MAX_CHROMA: Final = 48  # difference between a pixel's channels that still counts as gray
_MAX_LINE_WIDTH: Final = 15  # pixels in the working frame, odd; anything wider is a filled shape


def is_drawing(pixels: np.ndarray) -> bool:
    """Return whether the picture has dark lines on light paper, or light lines on dark paper.

    pixels: (H, W, 3) uint8 sRGB.
    """
    import cv2

    is_colored = np.ptp(pixels.reshape(-1, 3).astype(np.int16), axis=1) > _MAX_CHROMA
    lightness = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.int16)
    counts = np.bincount(lightness.ravel(), minlength=256)
    paper = int(np.convolve(counts, np.ones(9), "same").argmax())
    contrast = lightness - paper
    is_ink = np.abs(contrast) > _PAPER_TOLERANCE
    ink = contrast[is_ink]
    if not ink.size:
        return False
    is_one_sided = max((ink < 0).mean(), (ink > 0).mean()) > 0.95
    return bool(is_colored.mean() < 0.03 and 0.0005 < is_ink.mean() < 0.4 and is_one_sided)


def drawing(pixels: np.ndarray) -> np.ndarray:
    """Return the lines of a drawing as soft edge strength.

    Ink and paper are separated by Otsu's threshold (1979); the less frequent of the two is the ink.
    pixels: (h, w, 3) uint8 in the working frame. Returns (h, w) float32 in 0..1.
    """
    import cv2

    lightness = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if np.ptp(lightness) < _PAPER_TOLERANCE:
        return np.zeros(lightness.shape, np.float32)
    _, bright = cv2.threshold(lightness, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = bright if bright.mean() < 0.5 else 1 - bright
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_MAX_LINE_WIDTH, _MAX_LINE_WIDTH))
    shapes = cv2.morphologyEx(ink, cv2.MORPH_OPEN, disc)
    outline = cv2.morphologyEx(shapes, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) & ink
    surroundings = cv2.dilate(shapes, np.ones((3, 3), np.uint8))
    thin = skeletonize((ink > surroundings) | (outline > 0))
    soft = cv2.GaussianBlur(thin.astype(np.float32), (0, 0), 1.0)
    return np.asarray(np.clip(soft * 2.5, 0, 1))
