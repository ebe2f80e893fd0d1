"""Thin soft edge strength to a one-pixel-wide edge map."""

from __future__ import annotations

from typing import Final

import numpy as np

HIGH_THRESHOLD: Final = 0.3  # of edge strength, for hysteresis
LOW_THRESHOLD: Final = 0.15
MIN_LENGTH: Final = 10  # pixels of a connected piece of an edge

# Offsets (dy, dx) of the eight neighbors, clockwise from north. Bit i of a neighborhood code is neighbor i.
_NEIGHBORS: Final = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def thin(
    strength: np.ndarray, high: float = HIGH_THRESHOLD, low: float = LOW_THRESHOLD, min_length: int = MIN_LENGTH
) -> np.ndarray:
    """Return the thin edge map of a soft one, by non-maximum suppression, hysteresis and thinning.

    strength: (h, w) float32 in 0..1. A ridge pixel above `low` stays if its 8-connected piece reaches `high` (Canny's
    hysteresis) and the piece's skeleton has at least `min_length` pixels.
    Returns (h, w) bool.
    """
    import cv2

    ridges = suppress_non_maxima(strength)
    count, labels = cv2.connectedComponents((ridges > low).view(np.uint8), connectivity=8)
    is_strong = np.zeros(count, bool)
    is_strong[labels[ridges > high]] = True
    is_strong[0] = False  # the background
    skeleton = skeletonize(is_strong[labels])
    count, labels, stats, _ = cv2.connectedComponentsWithStats(skeleton.view(np.uint8), connectivity=8)
    is_long = stats[:, cv2.CC_STAT_AREA] >= min_length
    is_long[0] = False
    return np.asarray(is_long[labels])


def suppress_non_maxima(strength: np.ndarray) -> np.ndarray:
    """Set the strength to zero wherever a neighbor across the ridge is stronger.

    The direction across is the eigenvector of the smoothed map's Hessian with the most negative eigenvalue (Steger
    1998), so gradient maps and line maps are treated in the same way.
    strength: (h, w) float32. Returns (h, w) float32.
    """
    import cv2

    smooth = cv2.GaussianBlur(strength, (0, 0), 1.5)
    xx = cv2.Sobel(smooth, cv2.CV_32F, 2, 0)
    yy = cv2.Sobel(smooth, cv2.CV_32F, 0, 2)
    xy = cv2.Sobel(smooth, cv2.CV_32F, 1, 1)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)  # of the axis with the largest curvature, along the ridge
    step_x, step_y = -np.sin(angle), np.cos(angle)
    height, width = strength.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    fine = cv2.GaussianBlur(strength, (0, 0), 0.7)
    ahead = cv2.remap(fine, x + step_x, y + step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    behind = cv2.remap(fine, x - step_x, y - step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    is_maximum = fine * np.float32(1.0001) >= np.maximum(ahead, behind)
    spread = np.sqrt((xx - yy) ** 2 / 4 + xy * xy)
    down, up = spread - (xx + yy) / 2, spread + (xx + yy) / 2  # downward curvature across, upward along the ridge
    is_crest = down > 0.25 * np.maximum(up, 0) + 1e-4  # excludes the foot of a ridge, where ties are frequent
    return np.where(is_maximum & is_crest, strength, np.float32(0))


def skeletonize(mask: np.ndarray) -> np.ndarray:
    """Return the 8-connected skeleton of a mask.

    Guo and Hall's parallel thinning (1989) is followed by the removal of the corner pixels of staircases, so that the
    inner pixels of a curve have exactly two neighbors.
    mask: (h, w) bool. Returns (h, w) bool.
    """
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), np.uint8)
    padded[1:-1, 1:-1] = mask
    flat = padded.ravel()
    offsets = np.array([dy * (width + 2) + dx for dy, dx in _NEIGHBORS])
    pixels = np.flatnonzero(flat)
    changed = True
    while changed:
        changed = False
        for table in _guo_hall_tables():
            deleted = table[_neighborhood_codes(flat, pixels, offsets)]
            if deleted.any():
                flat[pixels[deleted]] = 0
                pixels = pixels[~deleted]
                changed = True
    is_corner = _corner_table()
    row, col = np.divmod(pixels, width + 2)
    for parity in range(
        4
    ):  # pixels with the same parities of row and column do not touch, so they are deleted together
        candidates = pixels[(row % 2) * 2 + col % 2 == parity]
        flat[candidates[is_corner[_neighborhood_codes(flat, candidates, offsets)]]] = 0
    return padded[1:-1, 1:-1].astype(bool)


def _neighborhood_codes(flat: np.ndarray, pixels: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the neighborhood code of each pixel, 0..255. Pixels are flat indices."""
    codes = np.zeros(len(pixels), np.intp)
    for bit, offset in enumerate(offsets):
        codes |= flat[pixels + offset].astype(np.intp) << bit
    return codes


def _neighbor_bits() -> list[np.ndarray]:
    """Return for each neighbor whether it is set in each of the 256 codes."""
    codes = np.arange(256)
    return [(codes >> i & 1).astype(bool) for i in range(8)]


def _crossing_counts() -> np.ndarray:
    """Return for each code the number of 8-connected pieces that the neighbors form."""
    n, ne, e, se, s, sw, w, nw = _neighbor_bits()
    quadrants = ((n, ne, e), (e, se, s), (s, sw, w), (w, nw, n))
    return np.asarray(np.sum([~a & (b | c) for a, b, c in quadrants], axis=0, dtype=int))


def _guo_hall_tables() -> tuple[np.ndarray, np.ndarray]:
    """Return which codes each of the two sub-iterations deletes: 256 bool each."""
    n, ne, e, se, s, sw, w, nw = _neighbor_bits()
    pairs_a = np.sum([a | b for a, b in ((nw, n), (ne, e), (se, s), (sw, w))], axis=0, dtype=int)
    pairs_b = np.sum([a | b for a, b in ((n, ne), (e, se), (s, sw), (w, nw))], axis=0, dtype=int)
    pairs = np.minimum(pairs_a, pairs_b)
    is_simple = (_crossing_counts() == 1) & (pairs >= 2) & (pairs <= 3)
    return is_simple & ~((n | ne | ~se) & e), is_simple & ~((s | sw | ~nw) & w)


def _corner_table() -> np.ndarray:
    """Return for each code whether the pixel is a corner that can be deleted without breaking its curve.

    Such pixels have two or more neighbors, at least two of them at right angles, all in one 8-connected piece.
    """
    n, ne, e, se, s, sw, w, nw = _neighbor_bits()
    is_corner = (n & e & ~sw) | (e & s & ~nw) | (s & w & ~ne) | (w & n & ~se)
    return np.asarray(is_corner & (_crossing_counts() == 1))
