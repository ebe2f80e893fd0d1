"""Operations on color cells, (rows, cols, 3) uint8 sRGB: inpainting, resampling, color adjustment."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from codec.color import oklab

_WALL_FLOW: Final = 1e-3  # conductance of a wall cell, relative to that of a free cell


def coverage(mask: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Return the share of each cell that the mask covers, (rows, cols) float64 in 0..1.

    `mask`: (height, width) bool. On a grid finer than the mask, a cell is one pixel.
    """
    top = np.arange(rows) * mask.shape[0] // rows
    left = np.arange(cols) * mask.shape[1] // cols
    bottom = np.maximum((np.arange(rows) + 1) * mask.shape[0] // rows, top + 1)
    right = np.maximum((np.arange(cols) + 1) * mask.shape[1] // cols, left + 1)
    integral = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    covered = integral[bottom][:, right] - integral[top][:, right] - integral[bottom][:, left] + integral[top][:, left]
    return np.asarray(covered / ((bottom - top)[:, None] * (right - left)[None, :]))


def inpaint_cells(cells: np.ndarray, holes: np.ndarray, walls: np.ndarray | None = None) -> np.ndarray:
    """Return the cells with the holes filled from their surroundings.

    The holes are filled ring by ring from the outside, then smoothed by diffusion. `holes`: (rows, cols) bool. `walls`:
    (rows, cols) bool, cells that block diffusion almost completely, such as those under a line. The cells are returned
    unchanged if all or none are holes.
    """
    if holes.all() or not holes.any():
        return cells
    values = np.where(holes[..., None], 0.0, cells.astype(np.float64))
    flow = np.ones((*holes.shape, 1)) if walls is None else np.where(walls & holes, _WALL_FLOW, 1.0)[..., None]
    known = ~holes
    while not known.all():
        weight = known[..., None] * flow
        total, count = _neighbor_sum(values * weight), _neighbor_sum(weight)
        ring = ~known & (count[..., 0] > 0)
        values[ring] = (total / np.maximum(count, _WALL_FLOW))[ring]
        known |= ring
    count = _neighbor_sum(flow)
    for _ in range(2 * max(holes.shape)):
        values[holes] = (_neighbor_sum(values * flow) / count)[holes]
    return np.rint(values).astype(np.uint8)


def resample_cells(cells: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Return the cells on another grid: area mean to fewer cells, linear interpolation to more."""
    resampled = _resample_axis(_resample_axis(cells.astype(np.float64), rows, 0), cols, 1)
    return np.asarray(np.rint(resampled), np.uint8)


def adjust_cells(cells: np.ndarray, hue: float, saturation: float, brightness: float) -> np.ndarray:
    """Return the cells with changed hue, saturation and brightness. In Oklab, a rotation of hue keeps the lightness.

    `hue`: degrees. `saturation`: -1 for gray, 0 for no change, 1 for twice as much. `brightness`: added to a
    lightness of 0..1. Colors outside sRGB are clipped.
    """
    if not (hue or saturation or brightness):
        return cells
    lab = oklab.from_srgb(cells)
    rotation = np.exp(1j * math.radians(hue)) * (1 + saturation)
    chroma = (lab[..., 1] + 1j * lab[..., 2]) * rotation
    adjusted = np.stack([np.clip(lab[..., 0] + brightness, 0, 1), chroma.real, chroma.imag], axis=-1)
    return oklab.to_srgb(np.rint(adjusted * oklab.ONE).astype(np.int64))


def _resample_axis(values: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Resample one axis to `count` samples: area mean down, linear interpolation between centers up."""
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


def _neighbor_sum(values: np.ndarray) -> np.ndarray:
    """Return the sum of each cell's four neighbors, (rows, cols, channels); outside the grid counts as 0."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    return np.asarray(padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:])
