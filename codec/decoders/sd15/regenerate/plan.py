"""What a recipe asks for, and the loop that follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from codec.bitstream.settings import SCHEDULES
from codec.decoders.diffusion import prompt_weights
from codec.decoders.diffusion.denoise import NotFiniteError, OnDenoised
from codec.decoders.diffusion.noise import initial_noise, noise_stream
from codec.decoders.diffusion.schedulers import Prediction
from codec.decoders.sd15.regenerate import timestep_samplers
from codec.decoders.sd15.regenerate.noise_levels import TrainingLevels, make_levels
from codec.decoders.sd15.regenerate.samplers import SAMPLERS, Noise, Steps
from codec.errors import CodecError
from codec.layers import Layers

_TIMESTEP_SAMPLERS: Final = {"ddim": timestep_samplers.ddim, "pndm": timestep_samplers.plms}
_SOURCES: Final = {"cuda": "a1111", "cpu": "torch"}  # names in noise.py
Predict = Callable[[Tensor, Tensor], Tensor]
"""Returns the UNet's output, with guidance, for its input and a training step."""

_WITHOUT: Final = "decode from the layers with --preset quality"
_MAX_PIXELS: Final = 1536 * 1536


@dataclass(frozen=True)
class RecipePlan:
    """A recipe with its settings, complete.

    tool: "a1111" or "comfyui"; noise: a source in noise.py; sampler: without its schedule; width, height: in pixels
    noise_delta: what is added to the seed for the sampler's noise
    """

    tool: str
    noise: str
    steps: int
    guidance: float
    sampler: str
    schedule: str
    clip_skip: int
    half_alphas: bool
    seed: int
    noise_delta: int
    width: int
    height: int

    @property
    def is_guided(self) -> bool:
        """Whether the negative prompt has an effect."""
        return self.guidance != 1

    @property
    def uses_timesteps(self) -> bool:
        """Whether the sampler visits training steps instead of noise levels."""
        return self.tool == "a1111" and self.sampler in _TIMESTEP_SAMPLERS

    def count_steps(self) -> int:
        """Return the number of steps that are reported."""
        return len(timestep_samplers.training_steps(self.steps)) - 1 if self.uses_timesteps else self.steps


def make_plan(layers: Layers, seed: int | None) -> RecipePlan | None:
    """Return the plan of a file's recipe; None if it has none, or no prompt.

    Raises CodecError for a recipe that cannot be followed.
    """
    recipe, settings = layers.recipe, layers.settings
    if recipe is None or layers.semantic is None:
        return None
    if settings is None or settings.steps is None or settings.sampler is None or settings.guidance is None:
        raise CodecError(f"the file's recipe lacks steps, sampler or guidance: {_WITHOUT}")
    schedule = next((name for name in SCHEDULES if settings.sampler.endswith(f"_{name}")), "")
    sampler = settings.sampler.removesuffix(f"_{schedule}")
    if recipe.tool == "comfyui" and sampler == "ddim":
        sampler = "euler"  # the same steps
    is_known = sampler in SAMPLERS or (recipe.tool == "a1111" and sampler in _TIMESTEP_SAMPLERS and not schedule)
    if not is_known or schedule == "beta":
        raise CodecError(f"the recipe's sampler {settings.sampler} cannot be repeated: {_WITHOUT}")
    width, height = settings.size or (layers.width, layers.height)
    if width % 8 or height % 8 or min(width, height) < 64 or width * height > _MAX_PIXELS:
        raise CodecError(f"the recipe's size {width} x {height} cannot be repeated: {_WITHOUT}")
    return RecipePlan(
        recipe.tool,
        _SOURCES[recipe.noise],
        settings.steps,
        settings.guidance if recipe.guidance is None else recipe.guidance / 100,
        sampler,
        schedule,
        recipe.clip_skip,
        recipe.half_alphas,
        next(value for value in (seed, layers.seed, 0) if value is not None),
        recipe.noise_delta,
        width,
        height,
    )


def encode_prompts(plan: RecipePlan, tokenizer: Any, encoder: Any, texts: list[str]) -> list[Tensor]:
    """Return the text embeddings of prompt and negative prompt, which may differ in length."""
    return [prompt_weights.encode(tokenizer, encoder, text, plan.tool, plan.clip_skip) for text in texts]


@torch.inference_mode()
def generate(
    plan: RecipePlan, unet: Any, prompts: list[Tensor], prediction: Prediction, on_denoised: OnDenoised | None = None
) -> list[np.ndarray]:
    """Run all steps; return the noise and the latents after each step, (4, h, w) float32 each.

    prompts: embeddings of the prompt and, if guidance is not 1, of the negative prompt
    Exceptions raised by `on_denoised` end the loop. Raises NotFiniteError if the UNet overflows.
    """
    training = TrainingLevels.of_sd1(plan.half_alphas)
    noise = torch.from_numpy(initial_noise(plan.seed, plan.width, plan.height, plan.noise))[None].to(unet.device)
    predict = _guided(unet, prompts, plan.guidance)
    steps = (_timestep_steps if plan.uses_timesteps else _level_steps)(plan, training, predict, noise, prediction)
    trajectory = [_to_array(noise)]
    for latents, clean in steps:
        trajectory.append(_to_array(latents))
        if on_denoised is not None:
            on_denoised(len(trajectory) - 1, plan.count_steps(), _to_array(clean))
    return trajectory


def _guided(unet: Any, prompts: list[Tensor], guidance: float) -> Predict:
    """Return the UNet with guidance. Both prompts are run one by one, as their lengths may differ."""
    embeddings = [prompt.to(unet.device, unet.dtype) for prompt in prompts]

    def predict(x: Tensor, t: Tensor) -> Tensor:
        outputs: list[Tensor] = [
            unet(x.to(unet.dtype), t, encoder_hidden_states=embedding, return_dict=False)[0].float()
            for embedding in embeddings
        ]
        if not all(output.isfinite().all() for output in outputs):
            raise NotFiniteError
        return outputs[0] if guidance == 1 else outputs[1] + guidance * (outputs[0] - outputs[1])

    return predict


def _level_steps(
    plan: RecipePlan, training: TrainingLevels, predict: Predict, noise: Tensor, prediction: Prediction
) -> Steps:
    """Return the steps of a sampler over noise levels."""
    is_comfyui = plan.tool == "comfyui"
    levels = make_levels(plan.sampler, plan.schedule, plan.steps, training)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        scale = 1 / (sigma**2 + 1) ** 0.5
        output = predict(x * scale, training.time(sigma, is_rounded=is_comfyui).to(x.device))
        if prediction.kind == "v_prediction":
            return x * scale**2 - output * sigma * scale
        return x - output * sigma

    is_highest = is_comfyui and bool(levels[0] >= training.sigmas[-1] * (1 - 1e-5))
    start = noise * ((1 + levels[0] ** 2) ** 0.5 if is_highest else levels[0])
    is_ancestral = plan.sampler.endswith("_a")
    return SAMPLERS[plan.sampler](denoise, start, levels, _sampler_noise(plan, noise), is_ancestral)


def _timestep_steps(
    plan: RecipePlan, training: TrainingLevels, predict: Predict, noise: Tensor, prediction: Prediction
) -> Steps:
    """Return the steps of a sampler over training steps."""

    def epsilon(x: Tensor, step: int) -> Tensor:
        output = predict(x, torch.tensor(float(step), device=x.device))
        if prediction.kind == "v_prediction":
            alpha = training.alphas[step].to(x)
            return alpha**0.5 * output + (1 - alpha) ** 0.5 * x
        return output

    visited = timestep_samplers.training_steps(plan.steps)
    return _TIMESTEP_SAMPLERS[plan.sampler](epsilon, noise, visited, training.alphas)


def _sampler_noise(plan: RecipePlan, like: Tensor) -> Noise:
    """Return a function that gives the noise that ancestral samplers add.

    The web UI's comes from the generator of the initial noise, or with a delta from a new one. ComfyUI's comes from the
    GPU, where it starts with the same seed.
    """
    source = "a1111" if plan.tool == "comfyui" else plan.noise
    stream = noise_stream(plan.seed + plan.noise_delta, plan.width, plan.height, source)
    if plan.tool == "a1111" and not plan.noise_delta:
        next(stream)
    return lambda: torch.from_numpy(next(stream))[None].to(like)


def _to_array(x: Tensor) -> np.ndarray:
    array: np.ndarray = x[0].to("cpu", torch.float32, copy=True).numpy()
    return array
