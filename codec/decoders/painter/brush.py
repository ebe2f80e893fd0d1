"""Brushwork: displaces the pixels of a smooth picture in dabs of paint that follow its contours.

Each pixel takes the color of a nearby pixel; all pixels of a dab are displaced in the same direction. This turns
gradients into strokes and leaves flat areas unchanged. Colors on two sides of a line do not mix, because no
displacement is longer than the distance to the nearest line.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

LIC_STEP: Final = 1.5  # pixels between two samples of a line integral
LIC_RADIUS: Final = 1 / 60  # half the length of a line integral, as a fraction of the diagonal
DAB_SIGMA: Final = 1 / 250  # standard deviation of a dab's width, as a fraction of the diagonal
WARP_CONTRAST: Final = 0.16  # transitions are sharpened above this color difference between cells
MAX_DAB_CONTRAST: Final = 0.5  # color difference above which dabs shrink, since they would fray the edge
FULL_DAB_CONTRAST: Final = 0.4  # color difference over three cells at which dabs have full size


def stroke_direction(picture: np.ndarray, ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors along the picture's contours, as x and y, (height, width) float32 each.

    They are the minor axes of the structure tensor (Foerstner, Guelch 1987) of colors and lines together.
    picture: (height, width, 3) float32 in 0..1; ink: (height, width) float32.
    """
    sigma = max(0.5, 0.02 * diagonal(ink))
    channels = np.dstack([picture, 0.5 * cv2.GaussianBlur(ink, (0, 0), max(0.5, sigma / 3))])
    gx = cv2.Sobel(channels, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(channels, cv2.CV_32F, 0, 1)
    # the small constant makes the direction horizontal where the picture is flat
    cosine = cv2.GaussianBlur((gx * gx - gy * gy).sum(2), (0, 0), sigma) - 1e-5
    sine = cv2.GaussianBlur((2 * gx * gy).sum(2), (0, 0), sigma)
    angle = (np.arctan2(sine, cosine) + np.pi) / 2
    return np.cos(angle), np.sin(angle)


def stroke_noise(
    direction: tuple[np.ndarray, np.ndarray], random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return noise smeared along `direction`: wide dabs, (height, width, 2), and fine grain, (height, width).

    Both are float32 with mean 0 and standard deviation 1.
    """
    height, width = direction[0].shape
    noise = random.standard_normal((height, width, 3), np.float32)
    sigma = max(0.5, DAB_SIGMA * diagonal(noise))
    noise[..., :2] = cv2.GaussianBlur(noise[..., :2], (0, 0), sigma)
    strokes = line_integral(noise, direction, LIC_RADIUS * diagonal(noise))
    strokes[..., 2] = cv2.GaussianBlur(strokes[..., 2], (0, 0), 0.7)
    strokes -= strokes.mean((0, 1))
    strokes /= np.maximum(strokes.std((0, 1)), 1e-6)
    return strokes[..., :2], strokes[..., 2]


def line_integral(noise: np.ndarray, direction: tuple[np.ndarray, np.ndarray], radius: float) -> np.ndarray:
    """Return the line integral convolution of noise (Cabral, Leedom 1993), up to `radius` pixels both ways."""
    total = noise.copy()
    for step in (-LIC_STEP, LIC_STEP):
        x, y = _identity_grid(*noise.shape[:2])
        for _ in range(max(1, round(radius / LIC_STEP))):
            dx, dy = (_remap(component, x, y, cv2.INTER_NEAREST) for component in direction)
            x += step * dx
            y += step * dy
            total += _remap(noise, x, y, cv2.INTER_LINEAR)
    return total


def sharpen_transitions(colors: np.ndarray, line_distance: np.ndarray, cell: float) -> np.ndarray:
    """Narrow the transitions between areas of different color, which are as wide as a cell of the colormap.

    Every pixel takes a color from farther away from the middle of the transition (warp sharpening, Arad, Gotsman
    1999). colors: (height, width, 3) float32 in 0..1; line_distance: (height, width) float32, pixels to the
    nearest line; cell: side of a cell in pixels.
    """
    sigma, max_shift = max(0.5, 0.15 * cell), 0.19 * cell
    for _ in range(2):
        gx, gy = _gradient(cv2.GaussianBlur(colors, (0, 0), sigma))
        steepness = np.sqrt((gx * gx + gy * gy).sum(2))
        uphill_x, uphill_y = _gradient(cv2.GaussianBlur(steepness, (0, 0), 0.7 * sigma))
        norm = np.hypot(uphill_x, uphill_y) + WARP_CONTRAST / cell / 2 / sigma
        scale = -np.minimum(max_shift, 0.7 * line_distance) / norm
        colors = _displace(colors, scale * uphill_x, scale * uphill_y)
    return colors


def apply_dabs(
    colors: np.ndarray,
    dabs: np.ndarray,
    line_distance: np.ndarray,
    cell: float,
    line_density: np.ndarray,
    size: float = 1.0,
) -> np.ndarray:
    """Break gradients into dabs: larger ones for larger cells, smaller ones where there are few lines.

    colors, line_distance, cell: as for `sharpen_transitions`; dabs: the wide dabs of `stroke_noise`; line_density:
    (height, width) float32 in 0..1; size: factor of the displacement.
    """
    window = np.ones((2 * round(cell) + 1,) * 2, np.uint8)
    contrast = (cv2.dilate(colors, window) - cv2.erode(colors, window)).max(2)
    strength = np.clip(contrast / FULL_DAB_CONTRAST, 0.3, 1.0) * np.clip(1.6 - contrast / MAX_DAB_CONTRAST, 0.15, 1.0)
    strength = cv2.blur(strength, window.shape)
    max_shift = size * 0.066 * np.sqrt(cell * diagonal(colors)) * strength * (0.65 + 0.35 * line_density)
    shift = np.tanh(2 * dabs) * np.minimum(max_shift, 0.7 * line_distance)[..., None]
    return _displace(colors, shift[..., 0], shift[..., 1])


def diagonal(picture: np.ndarray) -> float:
    """Return the length of a picture's diagonal in pixels."""
    return float(np.hypot(*picture.shape[:2]))


def _gradient(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (
        cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=1 / 8),
    )


def _identity_grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and the y of every pixel, (height, width) float32."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


def _displace(field: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Return a field whose pixel (x, y) has the value of the field at (x + dx, y + dy)."""
    x, y = _identity_grid(*field.shape[:2])
    return _remap(field, x + dx.astype(np.float32), y + dy.astype(np.float32), cv2.INTER_LINEAR)


def _remap(field: np.ndarray, x: np.ndarray, y: np.ndarray, interpolation: int) -> np.ndarray:
    return np.asarray(cv2.remap(field, x, y, interpolation, borderMode=cv2.BORDER_REFLECT))
