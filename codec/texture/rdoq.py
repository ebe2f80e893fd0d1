"""Rate-distortion optimized quantization of a colormap. For encoders only; uses floats.

The cost is the sum of the cells' CIEDE2000 differences plus lambda times the bits. Near a cell's color, the squared
difference is a quadratic form (ciede2000.py), so the change in distortion from changing a level by one can be computed
for all levels at once; rates come from the context model (context_model.py). Each round applies only a fraction of the
useful changes, because every change affects the gains of the others.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from codec.color import ciede2000, oklab
from codec.errors import InvalidLayer
from codec.texture import coding_plan, context_model, dct
from codec.texture.colormap import Colormap, check_grid
from codec.texture.context_model import bucket
from codec.texture.quantizer import MAX_LEVEL, RATIOS, STEPS, dc_levels, log_steps, quarter_steps

DEFAULT_STEP: Final = 24
DEFAULT_RATIO: Final = 2
DEFAULT_ROUNDS: Final = 24
PREVIEW_ROUNDS: Final = 2  # enough to estimate rate and distortion
LAMBDA: Final = 2.0  # CIEDE2000 difference of one cell per bit at step 32; proportional to the step size

_REFERENCE_STEP: Final = 32
_HEADER_BITS: Final = 26  # approximate number of bits before the levels
_FINAL_RATE: Final = 0.8  # bits after all rounds, as a fraction of those after PREVIEW_ROUNDS
_STEPS_PER_HALVING: Final = 9  # increase of the step index that halves the bits
_MIN_DIFFERENCE: Final = 0.5  # lower bound of differences where they are inverted to weights
_CONTEXT_FACTOR: Final = 1.15  # accounts for the effect of a change on the bits of later levels
_TAIL_BITS: Final = 2.0  # extra bits of a new last nonzero level, for the zeros before it
_SIGN_BITS: Final = 0.95
_MIN_GAIN: Final = 1e-6  # smallest decrease of the cost that counts
_DEAD_ZONE: Final = 0.38  # rounding offset of magnitudes below 1
_ROUNDING: Final = 0.44  # rounding offset of larger magnitudes

BUCKETS: Final = np.array([bucket(size) for size in range(MAX_LEVEL + 2)])  # bucket of each magnitude


class Quantized(NamedTuple):
    """A colormap, with estimates of the mean CIEDE2000 difference of its cells and of the bits of its levels."""

    colormap: Colormap
    difference: float
    bits: float


def quantize(cells: np.ndarray, step: int = DEFAULT_STEP, ratio: int = DEFAULT_RATIO) -> Colormap:
    """Return a colormap of (rows, cols, 3) uint8 sRGB cells, 2..64 a side, at one step size.

    `step`: index 0..63 into `quantizer.STEPS`. `ratio`: index 0..3 into `quantizer.RATIOS`. Raises `InvalidLayer` if
    the shape, the type or an index is invalid.
    """
    return RDOQuantizer(cells).quantize(step, ratio).colormap


def lagrange_multiplier(step: int) -> float:
    """Return the usual lambda of a step, relative to that of step 32: it grows with the step size."""
    return float(2 ** ((step - _REFERENCE_STEP) / 8))


def step_for_rate(step: int, bits: float, target_bits: float) -> int:
    """Return the step index that is expected to take `target_bits` when `step` takes `bits`."""
    coarser = round(_STEPS_PER_HALVING * math.log2(max(bits, 1) / max(target_bits, 1)))
    return min(max(step + coarser, 0), len(STEPS) - 1)


class RDOQuantizer:
    """The rate-distortion optimized quantizer of one grid of cells, (rows, cols, 3) uint8 sRGB.

    Raises `InvalidLayer` for cells of another shape or dtype.
    """

    def __init__(self, cells: np.ndarray) -> None:
        cells = np.asarray(cells)
        if cells.ndim != 3 or cells.shape[2] != 3 or cells.dtype != np.uint8:
            raise InvalidLayer("the cells of a colormap must be (rows, cols, 3) uint8")
        self.rows, self.cols = cells.shape[:2]
        check_grid(self.rows, self.cols)
        self.cells = cells
        self.metric = ciede2000.metric(oklab.from_srgb(cells)) / oklab.ONE**2  # (rows, cols, 3, 3)
        self._scan = coding_plan.plan(self.rows, self.cols).scan
        self._coefficients = self._to_scan_order(dct.forward(cells))
        self._vertical, self._horizontal = dct.float_basis(self.rows), dct.float_basis(self.cols)

    def quantize(
        self, step: int, ratio: int = DEFAULT_RATIO, rounds: int = DEFAULT_ROUNDS, lmbda: float = LAMBDA
    ) -> Quantized:
        """Return the colormap for a step and a ratio. With 0 rounds, coefficients are only rounded with a dead zone."""
        if not (0 <= step < len(STEPS) and 0 <= ratio < len(RATIOS)):
            raise InvalidLayer(f"the step must be in 0..{len(STEPS) - 1} and the ratio in 0..{len(RATIOS) - 1}")
        levels = self.optimize_levels(step, ratio, rounds, lmbda)
        bits = _level_bits(_bucket_bits(levels, self.rows, self.cols, log_steps(step, ratio)), np.abs(levels)).ravel()
        nonzero = np.flatnonzero(levels.ravel())
        steps, exact = self.scaled_coefficients(step, ratio)
        difference = float(self._differences(levels, exact, steps)[0].mean())
        total = float(bits[1 : nonzero[-1] + 1].sum()) if len(nonzero) else 0.0
        return Quantized(self.to_colormap(levels, step, ratio), difference, total)

    def estimate_step(self, bits: float) -> int:
        """Return approximately the finest step whose payload takes at most this many bits."""
        step = 28
        for _ in range(4):
            estimate = _FINAL_RATE * self.quantize(step, DEFAULT_RATIO, PREVIEW_ROUNDS).bits
            previous, step = step, step_for_rate(step, estimate, bits - _HEADER_BITS)
            if previous == step:
                break
        return step

    def optimize_levels(self, step: int, ratio: int, rounds: int = PREVIEW_ROUNDS, lmbda: float = LAMBDA) -> np.ndarray:
        """Return levels after some rounds of optimization: (positions, 3) int64 in scan order."""
        steps, exact = self.scaled_coefficients(step, ratio)
        max_dc = dc_levels(self.rows, self.cols, step, ratio) - 1
        levels = self._round_with_dead_zone(exact, max_dc)
        lmbda *= lagrange_multiplier(step)
        for number in range(rounds):
            if number % 2 == 0:
                bucket_bits = _bucket_bits(levels, self.rows, self.cols, log_steps(step, ratio))
            change, delta_cost = self._best_changes(levels, exact, steps, lmbda, bucket_bits)
            if not 0 < levels[0, 0] + change[0, 0] < max_dc:
                delta_cost[0, 0] = 0
            useful = np.flatnonzero(delta_cost.ravel() < -_MIN_GAIN)
            if not len(useful):
                break
            count = max(1, len(useful) // (10 if number < rounds * 2 // 3 else 6))
            best = useful[np.argsort(delta_cost.ravel()[useful])[:count]]
            levels.ravel()[best] += change.ravel()[best]
        return levels

    def scaled_coefficients(self, step: int, ratio: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps of L, a and b, and the coefficients divided by them: (positions, 3) in scan order."""
        steps = quarter_steps(step, ratio) / 4
        return steps, self._coefficients / steps

    def basis_functions(self) -> np.ndarray:
        """Return the basis function of each coefficient, in scan order: (positions, cells) float32."""
        products = np.einsum("ry,cx->rcyx", self._vertical, self._horizontal).reshape(self.rows * self.cols, -1)
        return np.asarray(products[self._scan].astype(np.float32))

    def to_colormap(self, levels: np.ndarray, step: int, ratio: int) -> Colormap:
        """Return the colormap of (positions, 3) levels in scan order."""
        by_cell = np.zeros((3, len(levels)), np.int64)
        by_cell[:, self._scan] = levels.T
        return Colormap(self.rows, self.cols, step, tuple(by_cell.ravel().tolist()), (), ratio)

    def _to_scan_order(self, by_cell: np.ndarray) -> np.ndarray:
        return np.asarray(by_cell.reshape(3, -1)[:, self._scan].T.copy())

    def _round_with_dead_zone(self, exact: np.ndarray, max_dc: int) -> np.ndarray:
        offset = np.where(np.abs(exact) < 1, _DEAD_ZONE, _ROUNDING)
        levels = np.trunc(exact + np.sign(exact) * offset).astype(np.int64)
        levels[0] = np.rint(exact[0])
        levels[0, 0] = min(max(levels[0, 0], 0), max_dc)
        return np.asarray(np.clip(levels, -MAX_LEVEL, MAX_LEVEL))

    def _differences(self, levels: np.ndarray, exact: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each cell's difference, (rows, cols), and half the gradient of its square: (3, rows, cols)."""
        error = np.zeros((3, levels.shape[0]))
        error[:, self._scan] = ((levels - exact) * steps).T
        error = self._vertical.T @ error.reshape(3, self.rows, self.cols) @ self._horizontal
        half_gradient = np.einsum("rcij,jrc->irc", self.metric, error)
        return np.sqrt(np.maximum((error * half_gradient).sum(0), 0)), half_gradient

    def _best_changes(
        self, levels: np.ndarray, exact: np.ndarray, steps: np.ndarray, lmbda: float, bucket_bits: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return for each level the better change, -1 or 1, and the change in cost that it makes.

        Both are 0 for levels that no change improves.
        """
        difference, half_gradient = self._differences(levels, exact, steps)
        weight = 0.5 / np.maximum(difference, _MIN_DIFFERENCE)
        slope = 2 * steps * self._to_scan_order(self._vertical @ (weight * half_gradient) @ self._horizontal.T)
        diagonal = np.moveaxis(np.diagonal(self.metric, axis1=2, axis2=3), 2, 0)
        curvature = self._to_scan_order(self._vertical**2 @ (weight * diagonal) @ (self._horizontal**2).T)
        size = np.abs(levels)
        outward = np.where(levels != 0, np.sign(levels), -np.sign(slope)).astype(np.int64)
        old_bits = _level_bits(bucket_bits, size)
        nonzero = np.flatnonzero(levels.any(1))
        beyond = np.arange(len(levels)) > (nonzero[-1] if len(nonzero) else 0)
        change, delta_cost = np.zeros(levels.shape, np.int64), np.zeros(levels.shape)
        for direction in (-1, 1):
            new_bits = _level_bits(bucket_bits, np.maximum(size + direction, 0))
            bits = _CONTEXT_FACTOR * (new_bits - old_bits) + _TAIL_BITS * beyond[:, None]
            bits[0, 0] = 0
            cost = slope * outward * direction + steps**2 * curvature + lmbda * bits
            better = (cost < delta_cost) & (size + direction >= 0) & (size + direction <= MAX_LEVEL)
            change[better], delta_cost[better] = (outward * direction)[better], cost[better]
        return change, delta_cost


def bits_from_logits(logits: np.ndarray) -> np.ndarray:
    """Return the bits of each bucket, (..., MAX_BUCKET + 1), for network outputs in nats, (..., OUTPUTS)."""
    stop, go = np.logaddexp(0, -logits) / np.log(2), np.logaddexp(0, logits) / np.log(2)
    extra = BUCKETS[-1] + 1 - stop.shape[-1]
    stop = np.concatenate([stop, np.repeat(stop[..., -1:], extra, -1)], -1)
    go = np.concatenate([np.zeros_like(go[..., :1]), go, np.repeat(go[..., -1:], extra - 1, -1)], -1)
    return np.asarray(stop + go.cumsum(-1))


def offset_bits(buckets: np.ndarray) -> np.ndarray:
    """Return the bits that code a magnitude within its bucket."""
    return np.asarray(np.maximum(buckets - 2, 0))


def _bucket_bits(levels: np.ndarray, rows: int, cols: int, steps: tuple[int, int, int]) -> np.ndarray:
    """Return the bits of each bucket at each position and channel, with these levels as context."""
    return bits_from_logits(context_model.logits(levels, rows, cols, steps) / 256)


def _level_bits(bucket_bits: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the bits of levels of these magnitudes: bucket, offset and sign."""
    buckets = BUCKETS[size]
    bits = np.take_along_axis(bucket_bits, buckets[..., None], -1)[..., 0]
    return np.asarray(bits + offset_bits(buckets) + _SIGN_BITS * (size > 0))
