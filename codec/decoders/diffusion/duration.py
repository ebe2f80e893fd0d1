"""Estimated duration of a decode on a CPU, from measured forward passes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from codec.decoders.diffusion.base_options import ResolvedOptions

_MEASURED_THREADS: Final = 2
_MAX_USEFUL_THREADS: Final = 16


@dataclass(frozen=True)
class PassSeconds:
    """Seconds of one forward pass of each network in float32 with torch and two threads, at size x size pixels.

    text: of all text encoders, for both prompts
    """

    size: int
    unet: float
    controlnet: float
    adapter: float
    vae: float
    text: float


def estimate_minutes(
    seconds: PassSeconds,
    resolved: ResolvedOptions,
    size: int,
    *,
    adapters: int,
    controlled: float,
    threads: int | None = None,
) -> float:
    """Return the minutes that a decode is expected to take on a CPU.

    size: the picture's, as the side of a square; adapters: number of T2I-Adapters; controlled: the fraction of the
    steps that a ControlNet guides; threads: that torch uses; None: the number of cores. More than 16 threads are
    assumed not to help.
    """
    passes = resolved.evaluations * (2 if resolved.is_guided else 1)
    total = seconds.text + seconds.vae + seconds.adapter * adapters
    total += passes * (seconds.unet + seconds.controlnet * controlled)
    speedup = min(threads or os.cpu_count() or 1, _MAX_USEFUL_THREADS) / _MEASURED_THREADS
    return total * (size / seconds.size) ** 2 / speedup / 60
