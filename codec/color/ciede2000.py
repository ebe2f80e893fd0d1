"""The difference that people see between colors: CIEDE2000 (Sharma, Wu, Dalal 2005)."""

from __future__ import annotations

import numpy as np

from codec.color import oklab

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65


def cielab(lab: np.ndarray) -> np.ndarray:
    """(..., 3) Oklab -> (..., 3) CIE L*, a*, b*."""
    linear = (lab @ np.linalg.inv(oklab.TO_LAB).T) ** 3 @ np.linalg.inv(oklab.TO_LMS).T
    ratio = linear @ _TO_XYZ.T / _WHITE
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIEDE2000 between (..., 3) CIELAB colors: (...)."""
    light, a, b = np.moveaxis(np.stack([one, other]), -1, 0)
    chroma = np.hypot(a, b).mean(0) ** 7
    a = a * (1.5 - 0.5 * np.sqrt(chroma / (chroma + 25.0**7)))
    chroma, hue = np.hypot(a, b), np.arctan2(b, a)
    gray = chroma.prod(0) == 0
    turn = np.where(gray, 0, (hue[1] - hue[0] + np.pi) % (2 * np.pi) - np.pi)
    mean_light, mean_chroma = light.mean(0), chroma.mean(0)
    mean_hue = np.where(gray, hue.sum(0), hue[0] + turn / 2)
    t = (
        1 - 0.17 * np.cos(mean_hue - np.pi / 6) + 0.24 * np.cos(2 * mean_hue)
        + 0.32 * np.cos(3 * mean_hue + np.radians(6)) - 0.20 * np.cos(4 * mean_hue - np.radians(63))
    )  # fmt: skip
    middle = (mean_light - 50) ** 2
    by_light = (light[1] - light[0]) / (1 + 0.015 * middle / np.sqrt(20 + middle))
    by_chroma = (chroma[1] - chroma[0]) / (1 + 0.045 * mean_chroma)
    by_hue = 2 * np.sqrt(chroma.prod(0)) * np.sin(turn / 2) / (1 + 0.015 * mean_chroma * t)
    blue = ((np.degrees(mean_hue) % 360 - 275) / 25) ** 2
    power = mean_chroma**7
    twist = -2 * np.sqrt(power / (power + 25.0**7)) * np.sin(np.radians(60) * np.exp(-blue))
    return np.sqrt(np.maximum(by_light**2 + by_chroma**2 + by_hue**2 + twist * by_chroma * by_hue, 0))


def metric(lab: np.ndarray) -> np.ndarray:
    """Of (..., 3) Oklab colors: (..., 3, 3), the squared difference that a small step d makes is d' m d."""
    near, unit = 2e-3, np.eye(3)

    def squared(step: np.ndarray) -> np.ndarray:
        return (difference(cielab(lab - near * step), cielab(lab + near * step)) / (2 * near)) ** 2

    out = np.zeros((*lab.shape, 3))
    for i in range(3):
        out[..., i, i] = squared(unit[i])
        for j in range(i):
            out[..., i, j] = out[..., j, i] = (squared(unit[i] + unit[j]) - squared(unit[i] - unit[j])) / 4
    return out
