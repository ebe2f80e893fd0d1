"""DDIM and PLMS as AUTOMATIC1111's web UI has them since version 1.6: over training steps, without the very first.

DDIM: Song, Meng, Ermon (2021), eta = 0; PLMS: Liu et al. (2022).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from torch import Tensor

from codec.decoders.sd15.regenerate.samplers import Steps

Epsilon = Callable[[Tensor, int], Tensor]
"""Returns the predicted noise in latents at a training step."""

_ADAMS_BASHFORTH: Final = ((1.0,), (1.5, -0.5), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))


def training_steps(steps: int, last: int = 999) -> list[int]:
    """Return the training steps, ascending; the first is not visited."""
    return [min(step + 1, last) for step in range(0, last + 1, (last + 1) // steps)]


def ddim(epsilon: Epsilon, x: Tensor, visited: list[int], alphas: Tensor) -> Steps:
    """DDIM without added noise."""
    for index in range(len(visited) - 1, 0, -1):
        noise = epsilon(x, visited[index])
        x, clean = _step(x, noise, alphas[visited[index]], alphas[visited[index - 1]])
        yield x, clean


def plms(epsilon: Epsilon, x: Tensor, visited: list[int], alphas: Tensor) -> Steps:
    """Pseudo linear multistep: the first step is the improved Euler method, later ones use up to four predictions."""
    noises: deque[Tensor] = deque(maxlen=4)  # newest first
    for index in range(len(visited) - 1, 0, -1):
        alpha, following = alphas[visited[index]], alphas[visited[index - 1]]
        noise = epsilon(x, visited[index])
        noises.appendleft(noise)
        if len(noises) == 1:
            predicted, _ = _step(x, noise, alpha, following)
            used = (noise + epsilon(predicted, visited[index - 1])) / 2
        else:
            weights = _ADAMS_BASHFORTH[len(noises) - 1]
            used = sum((weight * old for weight, old in zip(weights, noises, strict=True)), 0 * noise)
        x, clean = _step(x, used, alpha, following)
        yield x, clean


def _step(x: Tensor, noise: Tensor, alpha: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
    """Return the latents at the level of `following`, and the predicted clean latents."""
    alpha, following = alpha.to(x), following.to(x)
    clean = (x - (1 - alpha) ** 0.5 * noise) / alpha**0.5
    return following**0.5 * clean + (1 - following) ** 0.5 * noise, clean
