"""Soft edge strength -> one-pixel-wide edge map."""

from __future__ import annotations

import numpy as np

# Offsets of the eight neighbors, clockwise from north; bit i of a neighbor code is neighbor i.
_NEIGHBORS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def thin(strength: np.ndarray, high: float, low: float, shortest: int = 10) -> np.ndarray:
    """The thin edge map of a soft one: ridges, hysteresis, skeleton, small pieces dropped.

    strength: (h, w) float32 in 0..1. A ridge pixel above `low` stays when its 8-connected piece
    reaches `high` (Canny's hysteresis) and its skeleton has at least `shortest` pixels.
    Returns (h, w) bool.
    """
    import cv2

    ridge = suppress_non_maxima(strength)
    count, labels = cv2.connectedComponents((ridge > low).view(np.uint8), connectivity=8)
    keep = np.zeros(count, bool)
    keep[labels[ridge > high]] = True
    keep[0] = False
    skeleton = skeletonize(keep[labels])
    count, labels, stats, _ = cv2.connectedComponentsWithStats(skeleton.view(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= shortest
    keep[0] = False
    return keep[labels]


def suppress_non_maxima(strength: np.ndarray) -> np.ndarray:
    """Zero wherever a neighbor across the ridge is stronger.

    The direction across is the eigenvector of the smoothed map's Hessian with the most negative
    eigenvalue (Steger 1998), so it serves gradient maps and line maps alike.
    strength: (h, w) float32. Returns (h, w) float32.
    """
    import cv2

    smooth = cv2.GaussianBlur(strength, (0, 0), 1.5)
    xx = cv2.Sobel(smooth, cv2.CV_32F, 2, 0)
    yy = cv2.Sobel(smooth, cv2.CV_32F, 0, 2)
    xy = cv2.Sobel(smooth, cv2.CV_32F, 1, 1)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)  # of the axis that curves up most: along the ridge
    step_x, step_y = -np.sin(angle), np.cos(angle)
    height, width = strength.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    fine = cv2.GaussianBlur(strength, (0, 0), 0.7)
    ahead = cv2.remap(fine, x + step_x, y + step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    behind = cv2.remap(fine, x - step_x, y - step_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    highest = fine * np.float32(1.0001) >= np.maximum(ahead, behind)
    spread = np.sqrt((xx - yy) ** 2 / 4 + xy * xy)
    down, up = spread - (xx + yy) / 2, spread + (xx + yy) / 2  # how much it curves down across, up along
    crest = down > 0.25 * np.maximum(up, 0) + 1e-4  # not so at the foot of a ridge, where ties abound
    return np.where(highest & crest, strength, np.float32(0))


def skeletonize(mask: np.ndarray) -> np.ndarray:
    """The 8-connected skeleton of a mask: Guo and Hall's parallel thinning (1989), then the corner
    pixels of staircases, so that a curve's inner pixels have exactly two neighbors.

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
            gone = table[_codes(flat, pixels, offsets)]
            if gone.any():
                flat[pixels[gone]] = 0
                pixels = pixels[~gone]
                changed = True
    corner = _corner_table()
    row, col = np.divmod(pixels, width + 2)
    for field in range(4):  # no two pixels of one field touch, so a field goes at once
        of_field = pixels[(row % 2) * 2 + col % 2 == field]
        flat[of_field[corner[_codes(flat, of_field, offsets)]]] = 0
    return padded[1:-1, 1:-1].astype(bool)


def _codes(flat: np.ndarray, pixels: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The neighbor code 0..255 of each pixel, all pixels being flat indices."""
    code = np.zeros(len(pixels), np.intp)
    for bit, offset in enumerate(offsets):
        code |= flat[pixels + offset].astype(np.intp) << bit
    return code


def _bits() -> list[np.ndarray]:
    code = np.arange(256)
    return [(code >> i & 1).astype(bool) for i in range(8)]


def _guo_hall_tables() -> tuple[np.ndarray, np.ndarray]:
    """Which neighbor codes each of the two sub-iterations deletes: 256 bool each."""
    n, ne, e, se, s, sw, w, nw = _bits()
    crossings = sum((~a & (b | c)).astype(int) for a, b, c in ((n, ne, e), (e, se, s), (s, sw, w), (w, nw, n)))
    pairs_a = sum((a | b).astype(int) for a, b in ((nw, n), (ne, e), (se, s), (sw, w)))
    pairs_b = sum((a | b).astype(int) for a, b in ((n, ne), (e, se), (s, sw), (w, nw)))
    pairs = np.minimum(pairs_a, pairs_b)
    simple = (crossings == 1) & (pairs >= 2) & (pairs <= 3)
    return simple & ~((n | ne | ~se) & e), simple & ~((s | sw | ~nw) & w)


def _corner_table() -> np.ndarray:
    """Codes of a pixel that can go without breaking its curve: two or more neighbors, at least two
    of them at right angles, all in one 8-connected piece."""
    n, ne, e, se, s, sw, w, nw = _bits()
    crossings = sum((~a & (b | c)).astype(int) for a, b, c in ((n, ne, e), (e, se, s), (s, sw, w), (w, nw, n)))
    corner = (n & e & ~sw) | (e & s & ~nw) | (s & w & ~ne) | (w & n & ~se)
    return corner & (crossings == 1)
