"""Color cells, (rows, cols, 3) uint8 sRGB: filled, resampled, shifted. The inside of edit.py."""

from __future__ import annotations

import math

import numpy as np

from codec.color import oklab


def coverage(mask: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """How much of each cell the mask covers: (rows, cols) float in 0..1; a cell has 1 pixel or more."""
    y = np.arange(rows) * mask.shape[0] // rows
    x = np.arange(cols) * mask.shape[1] // cols
    bottom = np.maximum((np.arange(rows) + 1) * mask.shape[0] // rows, y + 1)
    right = np.maximum((np.arange(cols) + 1) * mask.shape[1] // cols, x + 1)
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    covered = sums[bottom][:, right] - sums[y][:, right] - sums[bottom][:, x] + sums[y][:, x]
    return covered / ((bottom - y)[:, None] * (right - x)[None, :])


def filled(cells: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The cells with `holes` (rows, cols) bool filled by what is around: ring by ring inward, then smoothed inside."""
    if holes.all() or not holes.any():
        return cells
    values = np.where(holes[..., None], 0.0, cells.astype(np.float64))
    known = ~holes
    while not known.all():
        total, count = _neighbors(values * known[..., None]), _neighbors(known[..., None].astype(float))
        ring = ~known & (count[..., 0] > 0)
        values[ring] = (total / np.maximum(count, 1))[ring]
        known |= ring
    count = _neighbors(np.ones((*holes.shape, 1)))
    for _ in range(2 * max(holes.shape)):
        values[holes] = (_neighbors(values) / count)[holes]
    return np.rint(values).astype(np.uint8)


def resampled(cells: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """The same colors in another grid: the mean of what a larger cell covers, a smooth run between smaller ones."""
    return np.rint(_along(_along(cells.astype(np.float64), rows, 0), cols, 1)).astype(np.uint8)


def shifted(cells: np.ndarray, hue: float, saturation: float, brightness: float) -> np.ndarray:
    """The cells in another hue, turned by degrees, with so much more saturation and brightness.

    `saturation`: -1 for gray, 0 as it is, 1 for twice as much; `brightness`: added to a lightness of 0..1.
    In Oklab, so that a hue keeps its lightness; what no screen shows is clipped.
    """
    if not (hue or saturation or brightness):
        return cells
    lab = oklab.from_srgb(cells)
    turn = np.exp(1j * math.radians(hue)) * (1 + saturation)
    color = (lab[..., 1] + 1j * lab[..., 2]) * turn
    made = np.stack([np.clip(lab[..., 0] + brightness, 0, 1), color.real, color.imag], axis=-1)
    return oklab.to_srgb(np.rint(made * oklab.ONE).astype(np.int64))


def _along(values: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Resampled along one axis: each new cell is the mean of the old ones under it, or lies between two of them."""
    old = values.shape[axis]
    if count == old:
        return values
    edges = np.arange(count + 1) * old / count
    if count < old:
        place = np.arange(old)
        weights = np.clip(np.minimum(edges[1:, None], place + 1) - np.maximum(edges[:-1, None], place), 0, 1)
    else:
        center = np.clip((edges[:-1] + edges[1:]) / 2 - 0.5, 0, old - 1)
        weights = np.maximum(1 - np.abs(center[:, None] - np.arange(old)), 0)
    return np.moveaxis(np.tensordot(weights / weights.sum(1, keepdims=True), values, (1, axis)), 0, axis)


def _neighbors(values: np.ndarray) -> np.ndarray:
    """The sum of the four neighbors; outside counts nothing."""
    around = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    return around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
