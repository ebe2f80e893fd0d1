"""The noise schedulers of Stable Diffusion, by name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any, Final

from codec.bitstream.settings import SCHEDULES


@dataclass(frozen=True)
class Prediction:
    """What the UNet was trained to predict: "epsilon" (noise) or "v_prediction" (Salimans, Ho 2022).

    zero_snr: whether the last training step was pure noise (Lin et al. 2023)
    """

    kind: str = "epsilon"
    zero_snr: bool = False


@dataclass(frozen=True)
class _Scheduler:
    """class_name: in diffusers; arguments: in addition to those all schedulers share."""

    class_name: str
    arguments: dict[str, Any] = field(default_factory=dict)


_SCHEDULERS: Final = {
    "pndm": _Scheduler("PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": False}),
    "ddim": _Scheduler("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "euler": _Scheduler("EulerDiscreteScheduler"),
    "euler_a": _Scheduler("EulerAncestralDiscreteScheduler"),
    "heun": _Scheduler("HeunDiscreteScheduler"),
    "dpmpp_2m": _Scheduler("DPMSolverMultistepScheduler"),
    "dpmpp_2m_karras": _Scheduler("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": _Scheduler("UniPCMultistepScheduler"),
    "lcm": _Scheduler("LCMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
}
SCHEDULERS: Final = tuple(_SCHEDULERS)

# the noise levels that Stable Diffusion 1.5 and XL were trained with, as in their scheduler_config.json
_TRAINING_NOISE: Final = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}


def make_scheduler(name: str, prediction: Prediction | None = None, spacing: str | None = None) -> Any:
    """Return a new diffusers scheduler, equal to its class's `from_config` of the Hub's scheduler_config.json.

    `prediction`: of the UNet; None: the noise. `spacing`: `timestep_spacing` in that file; None: not set.
    """
    import diffusers

    scheduler = _SCHEDULERS[name]
    scheduler_class = getattr(diffusers, scheduler.class_name)
    arguments: dict[str, Any] = {**_TRAINING_NOISE, **scheduler.arguments}
    if spacing is not None:
        arguments["timestep_spacing"] = spacing
    if prediction is not None:
        arguments["prediction_type"] = prediction.kind
        if prediction.zero_snr and "rescale_betas_zero_snr" in inspect.signature(scheduler_class).parameters:
            arguments |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return scheduler_class(**arguments)


def unet_evaluations(name: str, steps: int) -> int:
    """Return how often a scheduler evaluates the UNet: Heun's method twice a step but the last, PNDM once more."""
    extra = {"heun": steps - 1, "pndm": min(steps - 1, 1)}
    return steps + extra.get(name, 0)


def skipped_evaluations(name: str, steps: int, strength: float | None) -> int:
    """Return how many evaluations are left out if a decode starts from a picture at this strength; None: none.

    As in diffusers' img2img pipelines: of `steps`, the last int(steps * strength) are run, but at least one.
    """
    if strength is None:
        return 0
    return (steps - max(int(steps * strength), 1)) * (2 if name == "heun" else 1)


def closest_scheduler(sampler: str | None) -> str | None:
    """Return the scheduler for a file's sampler, if need be without its noise schedule; None if there is none."""
    if sampler is None or sampler in SCHEDULERS:
        return sampler
    for schedule in SCHEDULES:
        if sampler.endswith(f"_{schedule}"):
            method = sampler.removesuffix(f"_{schedule}")
            return method if method in SCHEDULERS else None
    return None
