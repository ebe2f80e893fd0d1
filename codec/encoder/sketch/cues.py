"""Cues for an edge: how strong a color step is, how well it explains its surroundings, whether it
goes on as a line, and how busy the neighborhood is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SCALES = (1, 2, 4, 8)  # standard deviations in pixels; a coarse scale vouches for what a fine one places
_NOISE = 4.0  # Lab units squared: variance below which a neighborhood counts as flat
_KNEE = 8.0  # Lab units squared: where a step counts as half strong
_ORIENTATIONS = 8
_LINE = 10  # half length, in pixels at half size, over which a line is followed


def cues(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """The cues of a picture in a fixed order: 4 for each scale, then 4 of business, then 3 of lines.

    pixels: (h, w, 3) uint8 sRGB. Yields (h, w) float32 maps, each about 0..5.
    """
    import cv2

    size = pixels.shape[1::-1]
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    channels = np.concatenate([lab, (lab * lab).sum(2, keepdims=True)], 2)
    business, tangents = [], None
    for scale in SCALES:
        factor = max(1, scale // 2)
        step, explained, tensor = _gradient(_shrink(channels, factor), scale / factor)
        strength = np.log1p(np.sqrt(step))
        for cue in (strength, explained, strength * explained, strength - strength.mean()):
            yield cv2.resize(cue, size, interpolation=cv2.INTER_LINEAR)
        if factor == 1:
            strong = step / (step + _KNEE)
            small = _shrink(strong, 4)
            business += [np.log1p(10 * cv2.GaussianBlur(small, (0, 0), sigma)) for sigma in (2, 6)]
            tangents = strong, tensor
    for cue in business:
        yield cv2.resize(cue, size, interpolation=cv2.INTER_LINEAR)
    assert tangents is not None
    for cue in _lines(*tangents):
        yield cv2.resize(cue, size, interpolation=cv2.INTER_LINEAR)


def _shrink(image: np.ndarray, factor: int) -> np.ndarray:
    import cv2

    if factor == 1:
        return image
    height, width = image.shape[:2]
    size = -(-width // factor), -(-height // factor)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _gradient(channels: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The color step at one scale: (squared step, share of variance it explains, 2-angle vector).

    channels: (h, w, 4) float32: L, a, b and the sum of their squares. The step is the larger
    eigenvalue of the structure tensor of Gaussian derivatives (Di Zenzo 1986). A lone straight step
    explains 0.64 of the variance under the Gaussian, texture of the same contrast little.
    The vector points at twice the angle of the edge's tangent.
    """
    import cv2

    mean = cv2.GaussianBlur(channels, (0, 0), sigma)
    variance = np.maximum(mean[..., 3] - (mean[..., :3] ** 2).sum(2), 0)
    dx = cv2.Sobel(mean[..., :3], cv2.CV_32F, 1, 0, scale=1 / 8)
    dy = cv2.Sobel(mean[..., :3], cv2.CV_32F, 0, 1, scale=1 / 8)
    xx, yy, xy = (dx * dx).sum(2), (dy * dy).sum(2), (dx * dy).sum(2)
    spread = np.sqrt((xx - yy) ** 2 / 4 + xy * xy)
    step = np.float32(sigma * sigma) * ((xx + yy) / 2 + spread)
    double = np.maximum(2 * spread, 1e-6)
    return step, step / (variance + _NOISE), ((yy - xx) / double, -2 * xy / double)


def _lines(strong: np.ndarray, tangent: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How much edge of one orientation lies along a line through each pixel, its share of the edge
    of all orientations there, and their product; at half size."""
    import cv2

    cosine, sine = tangent
    best = total = _shrink(np.zeros_like(strong), 2)
    for k in range(_ORIENTATIONS):
        angle = np.pi * k / _ORIENTATIONS
        agrees = np.maximum(cosine * np.float32(np.cos(2 * angle)) + sine * np.float32(np.sin(2 * angle)), 0) ** 2
        along = cv2.filter2D(_shrink(strong * agrees, 2), -1, _line_kernel(angle), borderType=cv2.BORDER_REFLECT)
        best, total = np.maximum(best, along), total + along
    followed, share = np.log1p(10 * best), best / (total + np.float32(0.02))
    return followed, share, followed * share


def _line_kernel(angle: float) -> np.ndarray:
    """A Gaussian ridge through the center, sum 1."""
    y, x = np.mgrid[-_LINE : _LINE + 1, -_LINE : _LINE + 1].astype(np.float32)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * (along / (_LINE / 2)) ** 2 - 0.5 * (across / 0.6) ** 2)
    return (kernel / kernel.sum()).astype(np.float32)
