"""Antialiased lines and dots in numpy, to render sketches and poses."""

from __future__ import annotations

import numpy as np


def draw_polyline(coverage: np.ndarray, points: np.ndarray, thickness: float) -> None:
    """Draw a polyline with round caps and joins into a coverage map, in place.

    `coverage`: (H, W) float32 in 0..1, where 1 is fully covered; each pixel keeps its maximum. `points`: (N, 2) of
    x, y in pixels, N >= 1, with pixel centers at .5. `thickness`: in pixels; a line thinner than 1 px is drawn
    1 px wide and fainter.
    """
    radius = max(thickness, 1.0) / 2
    opacity = min(thickness, 1.0)
    ends = points[1:] if len(points) > 1 else points
    for a, b in zip(points[: len(ends)], ends, strict=True):
        _draw_segment(coverage, a, b, radius, opacity)


def _draw_segment(coverage: np.ndarray, a: np.ndarray, b: np.ndarray, radius: float, opacity: float) -> None:
    height, width = coverage.shape
    margin = radius + 1
    left = max(int(min(a[0], b[0]) - margin), 0)
    right = min(int(max(a[0], b[0]) + margin) + 1, width)
    top = max(int(min(a[1], b[1]) - margin), 0)
    bottom = min(int(max(a[1], b[1]) + margin) + 1, height)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - a[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - a[1])
    dx, dy = np.float32(b[0] - a[0]), np.float32(b[1] - a[1])
    squared_length = dx * dx + dy * dy
    along = np.clip((x * dx + y * dy) / squared_length, 0, 1) if squared_length > 0 else np.float32(0)
    distance = np.hypot(x - along * dx, y - along * dy)
    covered = np.clip(np.float32(radius + 0.5) - distance, 0, 1) * np.float32(opacity)
    patch = coverage[top:bottom, left:right]
    np.maximum(patch, covered, out=patch)


def blend(canvas: np.ndarray, coverage: np.ndarray, color: tuple[int, int, int]) -> None:
    """Blend a color into a canvas in place. `canvas`: (H, W, 3) float32 in 0..255. `coverage`: (H, W) in 0..1."""
    canvas += coverage[..., None] * (np.array(color, np.float32) - canvas)


def to_uint8(canvas: np.ndarray) -> np.ndarray:
    """Round a float32 canvas in 0..255 to uint8."""
    rounded: np.ndarray = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return rounded
