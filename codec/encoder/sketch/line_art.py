"""Black-and-white drawings: their lines by the middle, whatever their width, and filled shapes by the outline."""

from __future__ import annotations

import numpy as np

_PAPER = 28  # levels of gray that are still the paper's
_TINT = 48  # levels between a pixel's colors that are still gray
_THICKEST = 15  # pixels at the working scale, odd: what is wider is a filled shape, not a line


def is_drawing(pixels: np.ndarray) -> bool:
    """Is this dark lines on light paper, or light ones on dark, rather than a photo? (H, W, 3) uint8."""
    import cv2

    tinted = np.ptp(pixels.reshape(-1, 3).astype(np.int16), axis=1) > _TINT
    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.int16)
    counts = np.bincount(light.ravel(), minlength=256)
    paper = int(np.convolve(counts, np.ones(9), "same").argmax())
    away = light - paper
    apart = np.abs(away) > _PAPER
    ink = away[apart]
    if not ink.size:
        return False
    one_sided = max((ink < 0).mean(), (ink > 0).mean()) > 0.95
    return bool(tinted.mean() < 0.03 and 0.0005 < apart.mean() < 0.4 and one_sided)


def drawing(pixels: np.ndarray) -> np.ndarray:
    """The lines of a drawing, as soft edge strength.

    Ink and paper are told apart by Otsu's threshold (1979), the rarer of the two being ink.
    pixels: (h, w, 3) uint8 at the working scale. Returns (h, w) float32 in 0..1.
    """
    import cv2

    from codec.encoder.sketch.thinning import skeletonize

    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if np.ptp(light) < _PAPER:
        return np.zeros(light.shape, np.float32)
    _, bright = cv2.threshold(light, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = bright if bright.mean() < 0.5 else 1 - bright
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THICKEST, _THICKEST))
    shapes = cv2.morphologyEx(ink, cv2.MORPH_OPEN, disc)
    rim = cv2.morphologyEx(shapes, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) & ink
    around = cv2.dilate(shapes, np.ones((3, 3), np.uint8))
    thin = skeletonize((ink > around) | (rim > 0))
    soft = cv2.GaussianBlur(thin.astype(np.float32), (0, 0), 1.0)
    return np.clip(soft * 2.5, 0, 1)
