"""Search for the levels of a picture's detail: round the latents, then improve distortion plus rate step by step.

Each round computes, for all levels at once, the slope and the curvature of the distortion and the bits of a change by
one. Of the changes that lower distortion plus rate, the best are applied. The distortion is 1 - MS-SSIM (Wang,
Simoncelli, Bovik 2003, without its finest scale) of the luma at twice the small picture's size, plus squared errors of
luma and chroma.
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from codec.encoder.colormap import detail_model
from codec.encoder.colormap.detail_model import laplace_bits
from codec.images.io import resize_area
from codec.texture.detail import MAX_DETAIL_LEVEL
from codec.texture.detail_grid import PIXELS_PER_CELL
from codec.texture.detail_network import QUALITIES, QUALITIES_PER_ANCHOR, RESIDUAL_BITS
from codec.texture.small_picture import enlarge

ROUNDS: Final = 6
MIN_WEIGHT, OCTAVES = 3.0, 5.0  # weight of the distortion, in 1000 bits: at quality 0, and by how many octaves it rises
LUMA_WEIGHT, CHROMA_WEIGHT = 10.0, 25.0  # of squared errors (of values in 0..1) against 1 - MS-SSIM
CELL_LUMA_WEIGHT, CELL_CHROMA_WEIGHT = 50.0, 100.0  # of squared errors of the mean colors of cells
SCALE_WEIGHTS: Final = (0.0448 + 0.2856, 0.3001, 0.2363, 0.1333)  # exponents of MS-SSIM from the second scale on
YCBCR: Final = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_APPLIED: Final = 0.4  # share of the useful changes that the first round applies; the last round applies 0.16
_CONTEXT_COST: Final = 1.15  # accounts for the bits of the levels that are predicted from a changed one


class LevelSearch:
    """The search for the levels of one picture with given base colors."""

    def __init__(self, pixels: np.ndarray, base_cells: np.ndarray, rows: int, cols: int) -> None:
        """`pixels`: (H, W, 3), `base_cells`: (r, c, 3), both uint8 sRGB. `rows`, `cols`: the detail's grid."""
        self._codec = detail_model.load_codec()
        height, width = PIXELS_PER_CELL * rows, PIXELS_PER_CELL * cols
        with torch.no_grad():
            self._small = _to_ycbcr(resize_area(pixels, width, height))
            self._ms_ssim = MsSsim(_to_ycbcr(resize_area(pixels, 2 * width, 2 * height))[:, 0])
            base = torch.from_numpy(enlarge(base_cells, height, width) / 2.0**RESIDUAL_BITS).float()[None]
            residual = (self._small - base).contiguous(memory_format=torch.channels_last)
            self._latents = self._codec.analysis(residual)
            self._offset = base - self._codec.synthesis.picture(torch.zeros_like(self._latents))
        self._up, self._across = lanczos_matrix(2 * height, height), lanczos_matrix(2 * width, width)

    @torch.no_grad()
    def best_quality(self, max_bits: float) -> int:
        """Return the highest quality at which the rounded latents take at most `max_bits`; 0 if there is none."""
        low, high = 0, QUALITIES
        while high - low > 1:
            middle = (low + high) // 2
            exact, log_gains, anchors = self._scaled_latents(middle)
            levels = exact.round()
            means, scales = self._codec.predict(levels, log_gains, anchors)
            if float(laplace_bits(levels - means, scales).sum()) <= max_bits:
                low = middle
            else:
                high = middle
        return low

    def descend(self, quality: int, max_bits: float, rounds: int = ROUNDS) -> np.ndarray:
        """Return levels of about `max_bits` at a quality: (40, rows, cols) int16."""
        with torch.no_grad():
            exact, log_gains, anchors = self._scaled_latents(quality)
        weight = MIN_WEIGHT * 2 ** (OCTAVES * quality / (QUALITIES - 1))
        bit_cost = 0.001 * 128**2 / (self._small.shape[2] * self._small.shape[3])  # cost of a bit, as in training
        multiplier = 1.0  # of that cost; adapted to bring the rate to `max_bits`
        levels = exact.round()
        best: tuple[float, Tensor] | None = None
        for number in range(rounds + 1):
            with torch.no_grad():
                means, scales = self._codec.predict(levels, log_gains, anchors)
                bits = laplace_bits(levels - means, scales)
                increase = laplace_bits(levels + 1 - means, scales) - bits
                decrease = laplace_bits(levels - 1 - means, scales) - bits
            with torch.enable_grad():
                variable = levels.clone().requires_grad_()
                loss = weight * self._distortion(variable, log_gains)
                used_bits, score = float(bits.sum()), float(loss.detach())
                if used_bits <= max_bits and (best is None or score < best[0]):
                    best = score, levels
                if number == rounds:
                    break
                (slope,) = torch.autograd.grad(loss, variable)
            multiplier = min(max(multiplier * (1 + 1.5 * (used_bits / max_bits - 1)), 0.3), 4.0)
            # the slope is about 0 at the exact latents, so its value at the rounded ones gives the curvature
            offset = levels - exact
            curvature = ((slope * offset).sum((2, 3)) / (offset * offset).sum((2, 3)).clamp(min=1e-3))[..., None, None]
            curvature = curvature.clamp(min=float(curvature.mean()) * 0.3)
            up = slope + curvature / 2 + multiplier * _CONTEXT_COST * bit_cost * increase
            down = -slope + curvature / 2 + multiplier * _CONTEXT_COST * bit_cost * decrease
            change = torch.minimum(up, down)
            useful = int((change < 0).sum())
            if useful:
                count = max(1, int(useful * _APPLIED * (1 - 0.6 * number / rounds)))
                limit = change.flatten().kthvalue(count).values
                levels = levels + torch.where(change <= limit, torch.where(up < down, 1.0, -1.0), 0.0)
        levels = best[1] if best else levels
        return np.asarray(levels[0].clamp(-MAX_DETAIL_LEVEL, MAX_DETAIL_LEVEL).numpy().astype(np.int16))

    def _scaled_latents(self, quality: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return the unrounded levels, the logarithms of the gains and the anchors' weights."""
        anchors = self._codec.anchor_weights(torch.tensor([quality / QUALITIES_PER_ANCHOR]))
        log_gains = self._codec.log_gains(anchors)
        return self._latents * log_gains.exp(), log_gains, anchors

    def _distortion(self, levels: Tensor, log_gains: Tensor) -> Tensor:
        latents = (levels * (-log_gains).exp()).contiguous(memory_format=torch.channels_last)
        decoded = self._offset + self._codec.synthesis.picture(latents)
        structure = 1 - self._ms_ssim(self._up @ decoded[:, 0] @ self._across.T)
        return torch.sum(structure + color_error(decoded - self._small))


def color_error(difference: Tensor) -> Tensor:
    """Return the weighted squared error of YCbCr pixels and of the mean colors of cells, (n,).

    `difference`: (n, 3, h, w), with sides that are multiples of the side of a cell.
    """
    squared = (difference**2).mean((2, 3))
    cells = (F.avg_pool2d(difference, PIXELS_PER_CELL) ** 2).mean((2, 3))
    luma = LUMA_WEIGHT * squared[:, 0] + CELL_LUMA_WEIGHT * cells[:, 0]
    chroma = CHROMA_WEIGHT * squared[:, 1:] + CELL_CHROMA_WEIGHT * cells[:, 1:]
    return luma + chroma.sum(1)


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Return the MS-SSIM, without its first scale, of luma (n, h, w) in 0..1: (n,)."""
    return MsSsim(b)(a)


class MsSsim:
    """The MS-SSIM to given pictures, whose statistics are computed once."""

    def __init__(self, target: Tensor) -> None:
        """`target`: luma, (n, h, w) in 0..1."""
        self._scales: list[_Scale] = []
        for _ in SCALE_WEIGHTS:
            down, across = (gaussian_matrix(side, 2 if side >= 64 else 1) for side in target.shape[-2:])
            mean, square = down @ torch.stack([target, target * target]) @ across.T
            self._scales.append(_Scale(target, down, across, mean, square))
            target = F.avg_pool2d(target, 2)

    def __call__(self, a: Tensor) -> Tensor:
        """Return the MS-SSIM, without its first scale, of luma (n, h, w) in 0..1: (n,)."""
        product: Tensor = torch.ones(len(a))
        for number, (b, down, across, mean_b, bb) in enumerate(self._scales):
            mean_a, aa, ab = down @ torch.stack([a, a * a, a * b]) @ across.T
            contrast = (2 * (ab - mean_a * mean_b) + 9e-4) / (aa - mean_a * mean_a + bb - mean_b * mean_b + 9e-4)
            score = contrast.mean((-1, -2))
            if number == len(SCALE_WEIGHTS) - 1:
                luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a * mean_a + mean_b * mean_b + 1e-4)
                score = score * luminance.mean((-1, -2))
            product = product * score.clamp(min=1e-3) ** SCALE_WEIGHTS[number]
            a = F.avg_pool2d(a, 2)
        return product


class _Scale(NamedTuple):
    """A picture at one scale, the window means of it and its square, and the weights of these means."""

    picture: Tensor
    down: Tensor
    across: Tensor
    mean: Tensor
    square: Tensor


@functools.lru_cache(maxsize=64)
def lanczos_matrix(outputs: int, inputs: int, lobes: int = 3) -> Tensor:
    """Return the weights of Lanczos interpolation, (outputs, inputs), with Pillow's treatment of edges."""
    center = (torch.arange(outputs) + 0.5) * inputs / outputs - 0.5
    x = center[:, None] - torch.arange(inputs)
    kernel = torch.where(x.abs() < lobes, torch.sinc(x) * torch.sinc(x / lobes), torch.zeros(()))
    return kernel / kernel.sum(1, keepdim=True)


@functools.lru_cache(maxsize=64)
def gaussian_matrix(size: int, stride: int) -> Tensor:
    """Return Gaussian window means (11 taps, sigma 1.5), (size / stride, size), mirrored at the edges."""
    window = torch.exp(-((torch.arange(11) - 5.0) ** 2) / 4.5)
    window /= window.sum()
    matrix = torch.zeros(size, size)
    period = 2 * size - 2
    for row in range(size):
        for tap in range(11):
            index = abs(row + tap - 5) % period
            matrix[row, min(index, period - index)] += window[tap]
    return matrix[stride // 2 :: stride]


def _to_ycbcr(pixels: np.ndarray) -> Tensor:
    """Return (H, W, 3) uint8 sRGB as (1, 3, H, W) float32 YCbCr, where 1.0 is the whole range."""
    return torch.from_numpy(pixels.astype(np.float32) @ (YCBCR.T / np.float32(255))).permute(2, 0, 1)[None]
