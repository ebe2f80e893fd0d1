"""What a hand adds to flat colours: ink along the lines, the grain of a brush, paper.

All lengths are in shares of the picture's diagonal, so that a picture looks the same at
every working size. Polylines are (N, 2) of x, y in units of the whole picture (0..1).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SUPERSAMPLE = 3
LINE_WIDTH = 1 / 330  # of the diagonal: about 2.2 pixels at 512 x 512
TAPER = 1 / 18  # length over which a stroke swells from its tip
BRUSH_LENGTH = 1 / 30  # length of a bristle's trace


def ink(polylines: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Draw lines like pen strokes: thin and faint at the tips, the first ones the strongest.

    Returns (height, width) float32, 0 without ink to 1.
    """
    tall, wide = height * SUPERSAMPLE, width * SUPERSAMPLE
    diagonal = float(np.hypot(tall, wide))
    sheet = np.zeros((tall, wide), np.uint8)
    fraction = 4  # bits of a pixel that cv2 is given
    unit = np.array([wide, tall]) * (1 << fraction)
    for rank in reversed(range(len(polylines))):  # the important ones on top
        line = polylines[rank].astype(np.float64)
        steps = np.hypot(*((line[1:] - line[:-1]) * [wide, tall]).T)
        middle = np.cumsum(steps) - steps / 2
        swell = np.minimum(middle, steps.sum() - middle) / (TAPER * diagonal)
        swell = np.clip(swell, 0.0, 1.0)
        weight = 0.75 + 0.25 / (1 + rank / max(1, len(polylines) / 4))
        points = np.round(line * unit - (1 << fraction) / 2).astype(np.int32)
        tones = np.round(255 * weight * (0.35 + 0.65 * swell)).astype(int).tolist()
        widths = LINE_WIDTH * diagonal * weight * (0.5 + 0.5 * swell)
        widths = np.maximum(1, np.round(widths)).astype(int).tolist()
        for i, (tone, thickness) in enumerate(zip(tones, widths, strict=True)):
            ends = points[i].tolist(), points[i + 1].tolist()
            cv2.line(sheet, *ends, tone, thickness, cv2.LINE_AA, fraction)
    small = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


def direction(picture: np.ndarray, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors x, y (height, width) float32 along the forms of the picture.

    The structure tensor's minor axis (Foerstner 1987) of colours and lines together, smoothed.
    """
    height, width = lines.shape
    sigma = 0.02 * float(np.hypot(height, width))
    stack = np.dstack([picture, 0.5 * cv2.GaussianBlur(lines, (0, 0), max(0.5, sigma / 3))])
    gx = cv2.Sobel(stack, cv2.CV_32F, 1, 0)
    gy = cv2.Sobel(stack, cv2.CV_32F, 0, 1)
    even = (gx * gx - gy * gy).sum(2)
    odd = (2 * gx * gy).sum(2)
    even = cv2.GaussianBlur(even, (0, 0), max(0.5, sigma)) - 1e-5  # flat areas: level strokes
    odd = cv2.GaussianBlur(odd, (0, 0), max(0.5, sigma))
    angle = np.arctan2(odd, even) / 2 + np.pi / 2
    return np.cos(angle), np.sin(angle)


def brush(along: tuple[np.ndarray, np.ndarray], random: np.random.Generator) -> np.ndarray:
    """Smear white noise along a field of directions (Cabral, Leedom 1993).

    Returns (height, width) float32 of mean 0 and standard deviation 1.
    """
    height, width = along[0].shape
    noise = random.standard_normal((height, width), np.float32)
    reach = max(1.0, BRUSH_LENGTH / 2 * float(np.hypot(height, width)))
    stride = 1.5
    total = noise.copy()
    home_x, home_y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in (width, height)))
    for sign in (-stride, stride):
        x, y = home_x.copy(), home_y.copy()
        for _ in range(round(reach / stride)):
            step = [_look(field, x, y, cv2.INTER_NEAREST) for field in along]
            x += sign * step[0]
            y += sign * step[1]
            total += _look(noise, x, y, cv2.INTER_LINEAR)
    total = cv2.GaussianBlur(total, (0, 0), 0.7)
    return (total - total.mean()) / max(float(total.std()), 1e-6)


def _look(field: np.ndarray, x: np.ndarray, y: np.ndarray, how: int) -> np.ndarray:
    return cv2.remap(field, x, y, how, borderMode=cv2.BORDER_REFLECT)


def paper(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A sheet of warm white paper with a faint grain, (height, width, 3) float32 in 0..1."""
    grain = random.standard_normal((height, width), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.8) + cv2.GaussianBlur(grain, (0, 0), 3.0)
    tone = np.array([0.957, 0.945, 0.918], np.float32)
    return np.clip(tone + 0.006 * grain[..., None], 0.0, 1.0)
