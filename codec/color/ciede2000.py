"""The perceptual color difference CIEDE2000 (Sharma, Wu and Dalal 2005)."""

from __future__ import annotations

import numpy as np

from codec.color import oklab

_LINEAR_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_METRIC_STEP = 2e-3  # of the central differences, in Oklab units


def cielab(lab: np.ndarray) -> np.ndarray:
    """Convert (..., 3) Oklab to (..., 3) CIE L* (0..100), a*, b* (about -128..127), white point D65."""
    linear = (lab @ np.linalg.inv(oklab.TO_LAB).T) ** 3 @ np.linalg.inv(oklab.TO_LMS).T
    ratio = linear @ _LINEAR_TO_XYZ.T / _WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the CIEDE2000 differences of (..., 3) CIE L*a*b* colors: (...). Names follow the paper's symbols."""
    lightness, a_star, b_star = np.moveaxis(np.stack([a, b]), -1, 0)
    mean_chroma_7 = np.hypot(a_star, b_star).mean(0) ** 7
    a_prime = a_star * (1.5 - 0.5 * np.sqrt(mean_chroma_7 / (mean_chroma_7 + 25.0**7)))
    chroma, hue = np.hypot(a_prime, b_star), np.arctan2(b_star, a_prime)
    achromatic = chroma.prod(0) == 0
    delta_hue = np.where(achromatic, 0, (hue[1] - hue[0] + np.pi) % (2 * np.pi) - np.pi)
    mean_lightness, mean_chroma = lightness.mean(0), chroma.mean(0)
    mean_hue = np.where(achromatic, hue.sum(0), hue[0] + delta_hue / 2)
    t = (
        1 - 0.17 * np.cos(mean_hue - np.pi / 6) + 0.24 * np.cos(2 * mean_hue)
        + 0.32 * np.cos(3 * mean_hue + np.radians(6)) - 0.20 * np.cos(4 * mean_hue - np.radians(63))
    )  # fmt: skip
    lightness_50 = (mean_lightness - 50) ** 2
    delta_l = (lightness[1] - lightness[0]) / (1 + 0.015 * lightness_50 / np.sqrt(20 + lightness_50))
    delta_c = (chroma[1] - chroma[0]) / (1 + 0.045 * mean_chroma)
    delta_h = 2 * np.sqrt(chroma.prod(0)) * np.sin(delta_hue / 2) / (1 + 0.015 * mean_chroma * t)
    blueness = ((np.degrees(mean_hue) % 360 - 275) / 25) ** 2
    power = mean_chroma**7
    rotation = -2 * np.sqrt(power / (power + 25.0**7)) * np.sin(np.radians(60) * np.exp(-blueness))
    squared = delta_l**2 + delta_c**2 + delta_h**2 + rotation * delta_c * delta_h
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def metric(lab: np.ndarray) -> np.ndarray:
    """Return the local metric tensor at (..., 3) Oklab colors, (..., 3, 3) float64.

    For the metric M of a color, a small step d changes the color by about sqrt(d' M d). The entries are estimated by
    central differences.
    """
    axes = np.eye(3)

    def squared_difference(direction: np.ndarray) -> np.ndarray:
        step = _METRIC_STEP * direction
        return (difference(cielab(lab - step), cielab(lab + step)) / (2 * _METRIC_STEP)) ** 2

    out = np.zeros((*lab.shape, 3))
    for i in range(3):
        out[..., i, i] = squared_difference(axes[i])
        for j in range(i):
            mixed = squared_difference(axes[i] + axes[j]) - squared_difference(axes[i] - axes[j])
            out[..., i, j] = out[..., j, i] = mixed / 4
    return out
