"""Edge cues: strength of a color step, its share of the local variance, continuation as a line, and clutter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

SCALES: Final = (1, 2, 4, 8)  # standard deviations in pixels: coarse scales confirm edges, fine scales locate them
_FLAT_VARIANCE: Final = 4.0  # squared Lab units; a neighborhood of less variance counts as flat
_HALF_STRENGTH: Final = 8.0  # squared Lab units at which the strength of a step is 0.5
_CLUTTER_SIGMAS: Final = (2, 6)  # pixels at a quarter of the resolution
_ORIENTATIONS: Final = 8
_LINE_REACH: Final = 10  # half length of line kernels, in pixels at half resolution


class _Gradient(NamedTuple):
    """Color gradients at one scale, (h, w) float32 each."""

    squared_step: np.ndarray  # squared strength of the color step
    explained: np.ndarray  # share of the local variance that the step explains
    tangent: tuple[np.ndarray, np.ndarray]  # unit vector at twice the angle of the edge's tangent


def cues(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the cues of a picture in a fixed order: 4 for each scale, then 4 of clutter, then 3 of lines.

    pixels: (h, w, 3) uint8 sRGB. Yields (h, w) float32 maps with values of about 0..5.
    """
    import cv2

    size = pixels.shape[1::-1]

    def enlarge(cue: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(cue, size, interpolation=cv2.INTER_LINEAR))

    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    channels = np.concatenate([lab, (lab * lab).sum(2, keepdims=True)], 2)
    clutter: list[np.ndarray] = []
    lines: tuple[np.ndarray, ...] = ()
    for scale in SCALES:
        factor = max(1, scale // 2)
        gradient = _gradient(_shrink(channels, factor), scale / factor)
        strength = np.log1p(np.sqrt(gradient.squared_step))
        explained = gradient.explained
        for cue in (strength, explained, strength * explained, strength - strength.mean()):
            yield enlarge(cue)
        if factor == 1:  # the last scale at full resolution is used
            strong = gradient.squared_step / (gradient.squared_step + _HALF_STRENGTH)
            small = _shrink(strong, 4)
            clutter += [np.log1p(10 * cv2.GaussianBlur(small, (0, 0), sigma)) for sigma in _CLUTTER_SIGMAS]
            lines = strong, *gradient.tangent
    for cue in clutter:
        yield enlarge(cue)
    for cue in _line_cues(*lines):
        yield enlarge(cue)


def _shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Shrink by an integer factor, area mean, sides rounded up."""
    import cv2

    if factor == 1:
        return image
    height, width = image.shape[:2]
    size = -(-width // factor), -(-height // factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _gradient(channels: np.ndarray, sigma: float) -> _Gradient:
    """Return the color gradients at one scale.

    channels: (h, w, 4) float32: L, a, b and the sum of their squares. The step is the larger eigenvalue of the
    structure tensor of Gaussian derivatives (Di Zenzo 1986). An isolated straight step explains 0.64 of the variance
    under the Gaussian; texture of the same contrast explains little.
    """
    import cv2

    mean = cv2.GaussianBlur(channels, (0, 0), sigma)
    variance = np.maximum(mean[..., 3] - (mean[..., :3] ** 2).sum(2), 0)
    dx = cv2.Sobel(mean[..., :3], cv2.CV_32F, 1, 0, scale=1 / 8)
    dy = cv2.Sobel(mean[..., :3], cv2.CV_32F, 0, 1, scale=1 / 8)
    xx, yy, xy = (dx * dx).sum(2), (dy * dy).sum(2), (dx * dy).sum(2)
    spread = np.sqrt((xx - yy) ** 2 / 4 + xy * xy)
    squared_step = np.float32(sigma * sigma) * ((xx + yy) / 2 + spread)
    length = np.maximum(2 * spread, 1e-6)
    return _Gradient(squared_step, squared_step / (variance + _FLAT_VARIANCE), ((yy - xx) / length, -2 * xy / length))


def _line_cues(strong: np.ndarray, cosine: np.ndarray, sine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the strength of edges along the best line through each pixel, its share of all lines, and their product.

    strong: edge strength in 0..1. cosine, sine: of twice the tangent's angle. Returned maps have half the resolution.
    """
    import cv2

    best = total = _shrink(np.zeros_like(strong), 2)
    for k in range(_ORIENTATIONS):
        angle = np.pi * k / _ORIENTATIONS
        agreement = np.maximum(cosine * np.float32(np.cos(2 * angle)) + sine * np.float32(np.sin(2 * angle)), 0) ** 2
        kernel = _line_kernel(angle)
        along = cv2.filter2D(_shrink(strong * agreement, 2), -1, kernel, borderType=cv2.BORDER_REFLECT)
        best, total = np.maximum(best, along), total + along
    continuation, share = np.log1p(10 * best), best / (total + np.float32(0.02))
    return continuation, share, continuation * share


def _line_kernel(angle: float) -> np.ndarray:
    """Return a Gaussian ridge through the center, with sum 1."""
    y, x = np.mgrid[-_LINE_REACH : _LINE_REACH + 1, -_LINE_REACH : _LINE_REACH + 1].astype(np.float32)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * (along / (_LINE_REACH / 2)) ** 2 - 0.5 * (across / 0.6) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)
