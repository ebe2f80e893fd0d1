"""The detail's networks in integer arithmetic: synthesis, and the context model of the entropy coder.

Weights are 8-bit integers, activations are integers in units of 1/1024. Matrix products run in float64 for speed. All
sums stay far below 2^53 (checked when the weights are loaded), so every product is exact in any order of additions, and
the results are the same on every machine. FORMAT.md specifies the arithmetic.

The synthesis adds a linear lapped transform (Tran, Liang, Tu, "Lapped transform via time-domain pre- and
post-filtering", 2003) and a small convolutional network. The context model is an autoregressive model over slices of
channels and a checkerboard of cells (He et al., "Checkerboard context model", 2021; Minnen, Singh, "Channel-wise
autoregressive entropy models", 2020).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np

from codec.bitstream import tables
from codec.texture.detail_grid import PIXELS_PER_CELL

ACTIVATION_BITS: Final = 10  # fractional bits of latents and activations
RESIDUAL_BITS: Final = 14  # fractional bits of the residual, where 1.0 is the whole range of a color channel
OVERLAP_BITS: Final = 12  # fractional bits of the lapped transform's weights
MAX_ACTIVATION: Final = 1 << 20  # activations are clipped to 0..MAX_ACTIVATION, other values to +-MAX_ACTIVATION
SLICES: Final = (4, 4, 8, 8, 16)  # channels of each slice, from coarse to fine
CHANNELS: Final = sum(SLICES)
SLICE_STARTS: Final = tuple(sum(SLICES[:index]) for index in range(len(SLICES)))
QUALITIES: Final = 64
ANCHORS: Final = 8  # qualities for which context biases are stored; for qualities between, they are interpolated
QUALITIES_PER_ANCHOR: Final = 9
SCALES: Final = 38  # number of Laplace distributions, each 1.19 times as wide as the one before
LOG_SCALE_STEP: Final = 176  # between the natural logarithms of two neighboring scales, in 1/1024
MIN_LOG_SCALE: Final = -3068  # natural logarithm of the smallest scale, 0.05, in 1/1024
WEIGHTS: Final = "texture/detail_net.safetensors"

_MAX_SUM: Final = 1 << 52
_MAX_SHIFT: Final = 20


@dataclass(frozen=True)
class IntegerConvolution:
    """A convolution with stride 1 and zero padding, in integers that are stored as float64.

    `weights`: (outputs, inputs, size, size), size 1 or 3; `bias`: (outputs,) in units of the sums; `shift`: (outputs,),
    the fractional bits of each output's weights.
    """

    weights: np.ndarray
    bias: np.ndarray
    shift: np.ndarray

    def sums(self, x: np.ndarray) -> np.ndarray:
        """Return the sums without bias and shift: (inputs, h, w) -> (outputs, h, w)."""
        outputs, inputs, size, _ = self.weights.shape
        height, width = x.shape[1:]
        if size == 1:
            columns = x.reshape(inputs, -1)
        else:
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
            columns = windows.transpose(0, 3, 4, 1, 2).reshape(9 * inputs, -1)
        return np.asarray((self.weights.reshape(outputs, -1) @ columns).reshape(outputs, height, width))

    def __call__(self, x: np.ndarray, extra_bits: int = 0) -> np.ndarray:
        """Return the rounded outputs, with `extra_bits` more fractional bits than activations have."""
        return rounded_shift(self.sums(x) + self.bias[:, None, None], self.shift - extra_bits)


def rounded_shift(sums: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return (channels, h, w) divided by 2^shift of each channel, rounded to the nearest integer, halves up."""
    return np.asarray(np.floor(sums * np.exp2(-shift)[:, None, None] + 0.5))


def relu(x: np.ndarray) -> np.ndarray:
    """Return the values clipped to 0..MAX_ACTIVATION."""
    return np.asarray(np.clip(x, 0, MAX_ACTIVATION))


def pixel_shuffle(x: np.ndarray, size: int) -> np.ndarray:
    """Return (c * size * size, h, w) rearranged to (c, h * size, w * size), as PyTorch's `pixel_shuffle` does."""
    channels, height, width = x.shape[0] // size**2, *x.shape[1:]
    parts = x.reshape(channels, size, size, height, width)
    return parts.transpose(0, 3, 1, 4, 2).reshape(channels, height * size, width * size)


class DetailNetwork:
    """All networks and tables of the detail. Use `detail_network` to load them."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        """`tensors`: the arrays of the weights file, by name. Raises `ValueError` if sums could become inexact."""
        self._convolutions: dict[str, IntegerConvolution] = {}
        for key in tensors:
            name, _, part = key.rpartition(".")
            if part != "weight":
                continue
            weights, bias, shift = (
                tensors[f"{name}.{array}"].astype(np.float64) for array in ("weight", "bias", "shift")
            )
            largest = np.abs(weights).sum((1, 2, 3)).max() * MAX_ACTIVATION + np.abs(bias).max()
            if largest >= _MAX_SUM or not 0 <= shift.min() <= shift.max() <= _MAX_SHIFT:
                raise ValueError(f"the sums of {name} may become too large to be exact: train with smaller weights")
            self._convolutions[name] = IntegerConvolution(weights, bias, shift)
        self.steps = tensors["steps"].astype(np.int64)  # (QUALITIES, CHANNELS) latent of level 1, in 1/1024
        self.gains = tensors["gains"].astype(np.int64)  # (QUALITIES, CHANNELS) level of latent 1.0, in 1/1024
        self.log_gains = tensors["widths"].astype(np.int64)  # (QUALITIES, CHANNELS) natural logarithms, in 1/1024
        self.decays = tensors["decay"].astype(np.int64)  # (SCALES,) exp(-1 / (16 * scale)) in units of 2^-32
        # of each slice: (2, ANCHORS, hidden units) biases of both passes
        self._biases = [tensors[f"slices.{index}.starts"].astype(np.int64) for index in range(len(SLICES))]
        # (8, 8) post-filter for the 8 pixels around a border between cells
        self._border = tensors["mixing"].astype(np.float64)

    def residual(self, levels: np.ndarray, quality: int) -> np.ndarray:
        """Return the residual of (CHANNELS, h, w) levels, to add to the base colors: (3, 8 h, 8 w) int64 YCbCr, 1.0 ==
        2^14.

        The synthesis of no levels is subtracted, so zero levels give exactly zero.
        """
        rows, cols = levels.shape[1:]
        return np.asarray(self._synthesis(self._latents(levels, quality)) - self._zero_synthesis(rows, cols))

    def context_sums(self, index: int, levels: np.ndarray, quality: int) -> np.ndarray:
        """Return the sums of slice `index`'s hidden units over earlier slices, for both passes: (2, hidden units, h,
        w).

        `levels`: (CHANNELS, h, w); only those of earlier slices are used.
        """
        biases = self._interpolated_biases(index, quality)[:, :, None, None].astype(np.float64)
        if index == 0:
            return np.broadcast_to(biases, (*biases.shape[:2], *levels.shape[1:]))
        latents = self._latents(levels[: SLICE_STARTS[index]], quality)
        return np.asarray(biases + self._convolutions[f"slices.{index}.before"].sums(latents))

    def predict(
        self, index: int, is_second: bool, context_sums: np.ndarray, own: np.ndarray, quality: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the means, in 1/16 of a level, and the indices of the scales: (channels of the slice, h, w) int64.

        `context_sums`: the result of the method of this name for this slice and pass. `own`: the slice's levels from
        the first pass, 0 elsewhere; used in the second pass only.
        """
        channels = slice(SLICE_STARTS[index], SLICE_STARTS[index] + SLICES[index])
        near, sums = self._convolutions[f"slices.{index}.near"], context_sums[int(is_second)]
        if is_second:
            sums = sums + near.sums(_clipped(own * self.steps[quality, channels, None, None]).astype(np.float64))
        hidden = relu(rounded_shift(sums, near.shift))
        hidden = relu(self._convolutions[f"slices.{index}.hidden"](hidden))
        outputs = _clipped(self._convolutions[f"slices.{index}.last"](hidden)).astype(np.int64)
        means, log_scales = outputs[: SLICES[index]], outputs[SLICES[index] :]
        means = (means * self.gains[quality, channels, None, None] + (1 << 15)) >> 16
        log_scales = log_scales + self.log_gains[quality, channels, None, None]
        scales = (log_scales - MIN_LOG_SCALE + LOG_SCALE_STEP // 2) // LOG_SCALE_STEP
        return means, np.clip(scales, 0, SCALES - 1)

    def _latents(self, levels: np.ndarray, quality: int) -> np.ndarray:
        """Return (channels, h, w) levels times their steps, clipped: float64 integers in 1/1024."""
        return _clipped(levels.astype(np.int64) * self.steps[quality, : len(levels), None, None]).astype(np.float64)

    @functools.lru_cache(maxsize=8)  # noqa: B019  (there is one network, which lives as long as the process)
    def _zero_synthesis(self, rows: int, cols: int) -> np.ndarray:
        return self._synthesis(np.zeros((CHANNELS, rows, cols)))

    def _synthesis(self, latents: np.ndarray) -> np.ndarray:
        """Return the synthesis of the latents, without subtracting that of zeros: (3, 8 h, 8 w) int64, 1.0 == 2^14."""
        conv = self._convolutions
        a = relu(conv["first"](latents))
        a = relu(a + conv["wide2"](relu(conv["wide1"](a))))
        b = relu(pixel_shuffle(conv["up1"](a), 2))
        b = relu(b + conv["middle2"](relu(conv["middle1"](b))))
        c = relu(pixel_shuffle(conv["up2"](b), 2))
        c = relu(c + conv["narrow"](c))
        extra_bits = RESIDUAL_BITS - ACTIVATION_BITS
        blocks = _clipped(pixel_shuffle(conv["line"](latents, extra_bits), PIXELS_PER_CELL))
        down, across = self._overlap(blocks.shape[1]), self._overlap(blocks.shape[2])
        lapped = np.floor(down @ blocks @ across.T / (1 << 2 * OVERLAP_BITS) + 0.5)
        nonlinear = pixel_shuffle(conv["last"](c, extra_bits), 2)
        return np.asarray(_clipped(nonlinear + lapped).astype(np.int64))

    @functools.lru_cache(maxsize=16)  # noqa: B019
    def _overlap(self, size: int) -> np.ndarray:
        """Return the post-filter of the lapped transform along one axis: (size, size) integers, 1.0 == 2^12."""
        matrix = np.eye(size) * (1 << OVERLAP_BITS)
        half = PIXELS_PER_CELL // 2
        for border in range(PIXELS_PER_CELL, size, PIXELS_PER_CELL):
            near = slice(border - half, border + half)
            matrix[near, near] = self._border
        return matrix

    def _interpolated_biases(self, index: int, quality: int) -> np.ndarray:
        """Return the biases of both passes, between those of the two nearest anchors: (2, hidden units) int64."""
        anchor, remainder = divmod(quality, QUALITIES_PER_ANCHOR)
        biases = self._biases[index]
        upper = biases[:, min(anchor + 1, ANCHORS - 1)]
        weighted = (QUALITIES_PER_ANCHOR - remainder) * biases[:, anchor] + remainder * upper
        return np.asarray(weighted // QUALITIES_PER_ANCHOR)


@functools.cache
def detail_network() -> DetailNetwork:
    """Load the networks once. Raises `ModelMissing` if the file is absent or damaged."""
    return DetailNetwork(tables.load_tensors(WEIGHTS))


def _clipped(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(x, -MAX_ACTIVATION, MAX_ACTIVATION))
