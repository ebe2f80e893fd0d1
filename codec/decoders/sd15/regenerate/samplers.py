"""Samplers over noise levels, the algorithms of k-diffusion that AUTOMATIC1111's web UI and ComfyUI use.

Euler, Heun: Karras et al. (2022); DPM-Solver-2: Lu et al. (2022a); DPM-Solver++ 2S and 2M: Lu et al. (2022b); linear
multistep: Liu et al., PLMS (2022). Ancestral samplers go below the next level and add noise up to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor

Denoise = Callable[[Tensor, Tensor], Tensor]
"""Returns the predicted clean latents of noisy ones at a level, a () tensor."""
Noise = Callable[[], Tensor]
Steps = Iterator[tuple[Tensor, Tensor]]
"""The latents after each step, and the clean latents that were predicted in it."""

_LMS_ORDER: Final = 4


def euler(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, is_ancestral: bool) -> Steps:
    """Euler's method."""
    for sigma, following in zip(levels, levels[1:], strict=False):
        clean = denoise(x, sigma)
        target, added = _ancestral_levels(sigma, following) if is_ancestral else (following, None)
        x = x + (x - clean) / sigma * (target - sigma)
        yield (x := _add_noise(x, added, noise)), clean


def heun(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, is_ancestral: bool) -> Steps:
    """Heun's method; the last step is Euler's."""
    for sigma, following in zip(levels, levels[1:], strict=False):
        clean = denoise(x, sigma)
        slope = (x - clean) / sigma
        if following > 0:
            predicted = x + slope * (following - sigma)
            slope = (slope + (predicted - denoise(predicted, following)) / following) / 2
        x = x + slope * (following - sigma)
        yield x, clean


def dpm2(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, is_ancestral: bool) -> Steps:
    """DPM-Solver-2, with the middle level as geometric mean; the last step is Euler's."""
    for sigma, following in zip(levels, levels[1:], strict=False):
        clean = denoise(x, sigma)
        target, added = _ancestral_levels(sigma, following) if is_ancestral else (following, None)
        slope = (x - clean) / sigma
        if target > 0:
            middle = sigma.log().lerp(target.log(), 0.5).exp()
            halfway = x + slope * (middle - sigma)
            slope = (halfway - denoise(halfway, middle)) / middle
        x = x + slope * (target - sigma)
        yield (x := _add_noise(x, added, noise)), clean


def dpmpp_2s(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, is_ancestral: bool) -> Steps:
    """DPM-Solver++ 2S, ancestral; the last step is Euler's."""
    for sigma, following in zip(levels, levels[1:], strict=False):
        clean = used = denoise(x, sigma)
        target, added = _ancestral_levels(sigma, following)
        if target > 0:
            middle = (-(-sigma.log() + 0.5 * (sigma.log() - target.log()))).exp()
            used = denoise(_exponential_step(x, clean, sigma, middle), middle)
        x = _exponential_step(x, used, sigma, target)
        yield (x := _add_noise(x, added, noise)), clean


def dpmpp_2m(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, is_ancestral: bool) -> Steps:
    """DPM-Solver++ 2M; the first and the last step are of first order."""
    previous: tuple[Tensor, Tensor] | None = None  # the level before this one, and its prediction
    for sigma, following in zip(levels, levels[1:], strict=False):
        clean = used = denoise(x, sigma)
        if previous is not None and following > 0:
            ratio = (previous[0].log() - sigma.log()) / (sigma.log() - following.log())
            used = (1 + 1 / (2 * ratio)) * clean - 1 / (2 * ratio) * previous[1]
        x = _exponential_step(x, used, sigma, following)
        previous = sigma, clean
        yield x, clean


def lms(denoise: Denoise, x: Tensor, levels: Tensor, noise: Noise, is_ancestral: bool) -> Steps:
    """Linear multistep of order 4 (Adams-Bashforth with unequal steps)."""
    slopes: deque[Tensor] = deque(maxlen=_LMS_ORDER)  # newest first
    points = levels.double().numpy()
    for index, sigma in enumerate(levels[:-1]):
        clean = denoise(x, sigma)
        slopes.appendleft((x - clean) / sigma)
        weights = _multistep_weights(points, index, len(slopes))
        x = x + sum((weight * slope for weight, slope in zip(weights, slopes, strict=True)), torch.zeros_like(x))
        yield x, clean


SAMPLERS: Final = {
    "euler": euler, "euler_a": euler, "heun": heun, "dpm2": dpm2, "dpm2_a": dpm2, "dpmpp_2s_a": dpmpp_2s,
    "dpmpp_2m": dpmpp_2m, "lms": lms,
}  # fmt: skip


def _exponential_step(x: Tensor, clean: Tensor, sigma: Tensor, target: Tensor) -> Tensor:
    """Return the latents at the level `target` if the predicted clean latents stay the same on the way."""
    ratio = target / sigma
    return ratio * x + (1 - ratio) * clean


def _ancestral_levels(sigma: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Return the level to step down to, and the standard deviation of the noise to add, for eta = 1."""
    added = torch.minimum(following, (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
    return (following**2 - added**2) ** 0.5, added


def _add_noise(x: Tensor, added: Tensor | None, noise: Noise) -> Tensor:
    return x if added is None or added == 0 else x + noise() * added


def _multistep_weights(points: np.ndarray, index: int, order: int) -> list[float]:
    """Return the integrals of Lagrange's polynomials over the step at `index`, of the newest slope first."""
    weights = []
    for chosen in range(order):
        others = [points[index - other] for other in range(order) if other != chosen]
        basis = np.polynomial.Polynomial([1.0])
        for other in others:
            basis *= np.polynomial.Polynomial([-other, 1.0]) / (points[index - chosen] - other)
        integral = basis.integ()
        weights.append(float(integral(points[index + 1]) - integral(points[index])))
    return weights
