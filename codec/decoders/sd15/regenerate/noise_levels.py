"""The noise levels (sigmas) that samplers visit, as in k-diffusion, AUTOMATIC1111's web UI and ComfyUI.

sigma = sqrt((1 - a) / a) for the cumulated product a of DDPM's alphas; log sigma is linear between training steps.
Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

_BETA_START: Final = 0.00085
_BETA_END: Final = 0.012
_TRAINING_STEPS: Final = 1000
_KARRAS_RHO: Final = 7.0
# samplers for which the tools drop the last level but one
DISCARDING: Final = ("dpm2", "dpm2_a")


@dataclass(frozen=True, eq=False)
class TrainingLevels:
    """The noise levels of the training steps, ascending. alphas, sigmas, log_sigmas: (1000,) float32 or float16."""

    alphas: Tensor
    sigmas: Tensor
    log_sigmas: Tensor

    @classmethod
    def of_sd1(cls, half: bool = False) -> TrainingLevels:
        """Return those of Stable Diffusion 1, from `alphas` on in half precision if `half`."""
        betas = np.linspace(_BETA_START**0.5, _BETA_END**0.5, _TRAINING_STEPS, dtype=np.float64) ** 2
        alphas = torch.from_numpy(np.cumprod(1 - betas)).to(torch.float32)
        alphas = alphas.half() if half else alphas
        sigmas = ((1 - alphas) / alphas) ** 0.5
        return cls(alphas, sigmas, sigmas.log())

    def sigma(self, t: Tensor) -> Tensor:
        """Return the levels at training steps, which may lie between whole ones."""
        low, high, share = t.floor().long(), t.ceil().long(), t.frac()
        return ((1 - share) * self.log_sigmas[low] + share * self.log_sigmas[high]).exp()

    def time(self, sigma: Tensor, is_rounded: bool) -> Tensor:
        """Return the training step of a level, () float32; a whole one if `is_rounded`, as in ComfyUI."""
        distances = sigma.log() - self.log_sigmas
        if is_rounded:
            return distances.abs().argmin().float()
        low = distances.ge(0).cumsum(0).argmax().clamp(max=len(self.log_sigmas) - 2)
        log_low, log_high = self.log_sigmas[low], self.log_sigmas[low + 1]
        share = ((log_low - sigma.log()) / (log_low - log_high)).clamp(0, 1)
        return (1 - share) * low + share * (low + 1)


def make_levels(sampler: str, schedule: str, steps: int, training: TrainingLevels) -> Tensor:
    """Return the levels that a sampler visits, (steps + 1,) float32, descending to 0.

    sampler: without schedule; schedule: "", "karras", "exponential", "sgm_uniform" or "simple"
    """
    count = steps + (sampler in DISCARDING)
    lowest, highest = training.sigmas[0].item(), training.sigmas[-1].item()
    last = len(training.sigmas) - 1
    if schedule == "karras":
        ramp = torch.linspace(0, 1, count)
        low, high = lowest ** (1 / _KARRAS_RHO), highest ** (1 / _KARRAS_RHO)
        levels = (high + ramp * (low - high)) ** _KARRAS_RHO
    elif schedule == "exponential":
        levels = torch.linspace(math.log(highest), math.log(lowest), count).exp()
    elif schedule == "sgm_uniform":
        levels = training.sigma(torch.linspace(last, 0, count + 1)[:-1])
    elif schedule == "simple":
        stride = len(training.sigmas) / count
        levels = training.sigmas[[-(1 + int(index * stride)) for index in range(count)]].float()
    else:
        levels = training.sigma(torch.linspace(last, 0, count))
    levels = torch.cat([levels.float(), torch.zeros(1)])
    return torch.cat([levels[:-2], levels[-1:]]) if sampler in DISCARDING else levels
