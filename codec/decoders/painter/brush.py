"""Brushwork: a smooth picture is broken into dabs of paint that follow its forms.

Nothing here adds colors: pixels only look for theirs a little way off, the pixels of one dab in
the same direction. So gradients turn into strokes, flat areas stay flat, and what a line parts
stays apart, for no pixel looks farther than to the nearest line.
"""

from __future__ import annotations

import cv2
import numpy as np

STRIDE = 1.5  # pixels between two looks along a bristle
BRISTLE = 1 / 60  # of the diagonal: half the length of a bristle's trace
SWELL = 1 / 250  # of the diagonal: standard deviation of a dab's width
CONTRAST = 0.16  # step of color, from cell to cell, that is worth tightening
TORN = 0.5  # colors further apart than about that would be torn to shreds
LIVELY = 0.4  # range of colors, over three cells, at which dabs have their full size


def direction(picture: np.ndarray, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y of unit vectors along the forms of a picture.

    The structure tensor's minor axis (Foerstner, Guelch 1987), of colors and lines together.
    picture: (height, width, 3) float32 in 0..1; lines, x, y: (height, width) float32.
    """
    sigma = max(0.5, 0.02 * diagonal(lines))
    stack = np.dstack([picture, 0.5 * cv2.GaussianBlur(lines, (0, 0), max(0.5, sigma / 3))])
    gx = cv2.Sobel(stack, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(stack, cv2.CV_32F, 0, 1)
    even = cv2.GaussianBlur((gx * gx - gy * gy).sum(2), (0, 0), sigma) - 1e-5  # flat: level
    odd = cv2.GaussianBlur((2 * gx * gy).sum(2), (0, 0), sigma)
    angle = (np.arctan2(odd, even) + np.pi) / 2
    return np.cos(angle), np.sin(angle)


def bristles(along: tuple[np.ndarray, np.ndarray], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Smear noise along a field of directions (Cabral, Leedom 1993).

    Returns dabs (height, width, 2), broad, and grain (height, width), fine; both float32 of
    mean 0 and standard deviation 1.
    """
    height, width = along[0].shape
    noise = random.standard_normal((height, width, 3), np.float32)
    swell = max(0.5, SWELL * diagonal(noise))
    noise[..., :2] = cv2.GaussianBlur(noise[..., :2], (0, 0), swell)
    total = smear(noise, along, BRISTLE * diagonal(noise))
    total[..., 2] = cv2.GaussianBlur(total[..., 2], (0, 0), 0.7)
    total -= total.mean((0, 1))
    total /= np.maximum(total.std((0, 1)), 1e-6)
    return total[..., :2], total[..., 2]


def smear(noise: np.ndarray, along: tuple[np.ndarray, np.ndarray], reach: float) -> np.ndarray:
    """The sum of what lies up to `reach` pixels before and behind, along the field of directions."""
    total = noise.copy()
    for sign in (-STRIDE, STRIDE):
        x, y = _home(*noise.shape[:2])
        for _ in range(max(1, round(reach / STRIDE))):
            step = [_look(field, x, y, cv2.INTER_NEAREST) for field in along]
            x += sign * step[0]
            y += sign * step[1]
            total += _look(noise, x, y, cv2.INTER_LINEAR)
    return total


def tighten(flat: np.ndarray, room: np.ndarray, cell: float) -> np.ndarray:
    """Narrow the blur between areas of different color, as wide as a cell of the colormap.

    Every pixel takes the color found farther from the middle of the blur. flat: (height,
    width, 3) float32 in 0..1; room: (height, width) float32, pixels to the nearest line; cell:
    pixels a side.
    """
    sigma, reach = max(0.5, 0.15 * cell), 0.19 * cell
    for _ in range(2):
        gx, gy = _gradient(cv2.GaussianBlur(flat, (0, 0), sigma))
        steep = np.sqrt((gx * gx + gy * gy).sum(2))
        up_x, up_y = _gradient(cv2.GaussianBlur(steep, (0, 0), 0.7 * sigma))
        norm = np.hypot(up_x, up_y) + CONTRAST / cell / 2 / sigma
        share = -np.minimum(reach, 0.7 * room) / norm
        flat = _shift(flat, share * up_x, share * up_y)
    return flat


def dab(
    flat: np.ndarray, dabs: np.ndarray, room: np.ndarray, cell: float, busy: np.ndarray, size: float = 1.0
) -> np.ndarray:
    """Break gradients into dabs: larger ones for larger cells, fainter ones where it is calm.

    Arguments as above; dabs: as `bristles` returns them; busy: (height, width) float32, 0..1;
    size: factor of the dabs' reach.
    """
    around = np.ones((2 * round(cell) + 1,) * 2, np.uint8)
    span = (cv2.dilate(flat, around) - cv2.erode(flat, around)).max(2)
    lively = np.clip(span / LIVELY, 0.3, 1.0) * np.clip(1.6 - span / TORN, 0.15, 1.0)
    lively = cv2.blur(lively, around.shape)
    reach = size * 0.066 * np.sqrt(cell * diagonal(flat)) * lively * (0.65 + 0.35 * busy)
    toward = np.tanh(2 * dabs) * np.minimum(reach, 0.7 * room)[..., None]
    return _shift(flat, toward[..., 0], toward[..., 1])


def diagonal(picture: np.ndarray) -> float:
    """The length of a picture's diagonal in pixels."""
    return float(np.hypot(*picture.shape[:2]))


def _gradient(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (
        cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=1 / 8),
    )


def _home(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


def _shift(field: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    x, y = _home(*field.shape[:2])
    return _look(field, x + dx.astype(np.float32), y + dy.astype(np.float32), cv2.INTER_LINEAR)


def _look(field: np.ndarray, x: np.ndarray, y: np.ndarray, how: int) -> np.ndarray:
    return cv2.remap(field, x, y, how, borderMode=cv2.BORDER_REFLECT)
