"""Reports of the denoising loop's steps, with previews and the time that remains."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from codec.decoders.base import StepReporter
from codec.decoders.diffusion.denoise import OnDenoised


def step_reports(reporter: StepReporter, preview: Callable[[np.ndarray], np.ndarray]) -> OnDenoised:
    """Return a function that reports each step of a loop that starts now; `preview`: makes a picture of latents."""
    started_at = time.monotonic()

    def report(index: int, total: int, latents: np.ndarray) -> None:
        remaining = (time.monotonic() - started_at) / index * (total - index)
        reporter.step(f"step {index} of {total}{_remaining_time(remaining)}", preview(latents))

    return report


def _remaining_time(seconds: float) -> str:
    if seconds < 5:
        return ""
    return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"
