"""Samplers and noise levels of recipes, step by step against diffusers and, where it is installed, k-diffusion."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from codec.decoders.sd15.regenerate import timestep_samplers
from codec.decoders.sd15.regenerate.noise_levels import TrainingLevels, make_levels
from codec.decoders.sd15.regenerate.samplers import SAMPLERS

TRAINING = TrainingLevels.of_sd1()
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "linspace"}
WEIGHTS = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)) / 3
START = torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(1))


def predict(x):
    """A network of one layer: the noise in scaled latents."""
    return torch.tanh(torch.einsum("ab,nbhw->nahw", WEIGHTS, x))


def denoise(x, sigma):
    return x - sigma * predict(x / (sigma**2 + 1) ** 0.5)


def run(name, levels, noises=None):
    """Return the latents after each step of our sampler."""
    draws = iter(noises if noises is not None else [])
    steps = SAMPLERS[name](denoise, START * levels[0], levels, lambda: next(draws), name.endswith("_a"))
    return [x for x, _ in steps]


def run_diffusers(scheduler, start, scale=lambda index: 1.0, generator=None):
    """Return the latents after each call of a diffusers scheduler, divided by a scale."""
    x = start
    out = []
    for index, t in enumerate(scheduler.timesteps):
        eps = predict(scheduler.scale_model_input(x, t))
        extra = {} if generator is None else {"generator": generator}
        x = scheduler.step(eps, t, x, return_dict=False, **extra)[0]
        out.append(x / scale(index))
    return out


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize(("name", "class_name"), [("euler", "EulerDiscreteScheduler"), ("lms", "LMSDiscreteScheduler")])
def test_one_evaluation_a_step_equals_diffusers(name, class_name, steps):
    import diffusers

    scheduler = getattr(diffusers, class_name)(**BETAS, use_karras_sigmas=True)
    scheduler.set_timesteps(steps)
    ours = run(name, scheduler.sigmas)
    for a, b in zip(ours, run_diffusers(scheduler, START * scheduler.sigmas[0]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_euler_ancestral_equals_diffusers(steps):
    from diffusers import EulerAncestralDiscreteScheduler

    scheduler = EulerAncestralDiscreteScheduler(**BETAS)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(3)
    noises = [torch.randn(START.shape, generator=generator) for _ in range(steps)]
    theirs = run_diffusers(scheduler, START * scheduler.sigmas[0], generator=torch.Generator().manual_seed(3))
    for a, b in zip(run("euler_a", scheduler.sigmas, noises), theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_heun_equals_diffusers(steps):
    from diffusers import HeunDiscreteScheduler

    scheduler = HeunDiscreteScheduler(**BETAS, use_karras_sigmas=True)
    scheduler.set_timesteps(steps)
    levels = torch.cat([scheduler.sigmas[:1], scheduler.sigmas[1::2]])[: steps + 1]
    theirs = run_diffusers(scheduler, START * levels[0])
    after_steps = [*theirs[1::2], theirs[-1]][:steps] if steps > 1 else theirs
    for a, b in zip(run("heun", levels), after_steps, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("steps", [2, 7, 20])
def test_dpmpp_2m_equals_diffusers(steps):
    """In diffusers its latents are scaled to a variance of 1."""
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(**BETAS, use_karras_sigmas=True)
    scheduler.set_timesteps(steps)
    levels = scheduler.sigmas
    theirs = run_diffusers(
        scheduler, START * levels[0] / (levels[0] ** 2 + 1) ** 0.5, lambda i: 1 / (levels[i + 1] ** 2 + 1) ** 0.5
    )
    ours = run("dpmpp_2m", levels)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("steps", [2, 7])
def test_dpm2_equals_diffusers(steps):
    """Its levels between two steps are those of the nearest training steps."""
    from diffusers import KDPM2DiscreteScheduler

    scheduler = KDPM2DiscreteScheduler(**BETAS, use_karras_sigmas=True)
    scheduler.set_timesteps(steps)
    levels = make_levels("euler", "karras", steps, TRAINING)
    theirs = run_diffusers(scheduler, START * levels[0])
    for a, b in zip(run("dpm2", levels)[:-1], theirs[1::2], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


@pytest.mark.parametrize("steps", [2, 5, 20])
@pytest.mark.parametrize("name", ["ddim", "plms"])
def test_timestep_samplers_equal_diffusers(name, steps):
    """Diffusers' schedulers, with the training steps that the web UI visits."""
    from diffusers import DDIMScheduler

    visited = timestep_samplers.training_steps(steps)
    scheduler = DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False)
    alphas = scheduler.alphas_cumprod
    ours = [x for x, _ in getattr(timestep_samplers, name)(lambda x, t: predict(x), START, visited, alphas)]
    assert len(ours) == len(visited) - 1
    x = START
    old = []
    for index, following in zip(range(len(visited) - 1, 0, -1), ours, strict=True):
        t, previous = visited[index], visited[index - 1]
        scheduler.num_inference_steps, scheduler.config.num_train_timesteps = 1, t - previous
        noise = predict(x)
        old.append(noise)
        if name == "plms" and len(old) == 1:
            noise = (noise + predict(scheduler.step(noise, t, x, return_dict=False)[0])) / 2
        elif name == "plms":
            weights = {2: (3, -1), 3: (23, -16, 5)}.get(len(old), (55, -59, 37, -9))
            noise = sum(w * e for w, e in zip(weights, reversed(old), strict=False)) / sum(weights)
        x = scheduler.step(noise, t, x, return_dict=False)[0]
        np.testing.assert_allclose(following, x, atol=1e-4)


# --- noise levels -------------------------------------------------------------------------------------


def test_normal_levels_are_the_well_known_ones():
    """Those of Stable Diffusion 1 for 20 steps, as k-diffusion's get_sigmas gives them."""
    expected = [
        *(14.6146, 10.7468, 8.0815, 6.2049, 4.8557, 3.8654, 3.1238, 2.5572, 2.1157, 1.7648),
        *(1.4805, 1.2458, 1.0481, 0.8784, 0.7297, 0.5964, 0.4736, 0.3555, 0.2322, 0.0292, 0),
    ]
    np.testing.assert_allclose(make_levels("euler", "", 20, TRAINING), expected, atol=2e-4)


@pytest.mark.parametrize(
    ("schedule", "option"), [("karras", "use_karras_sigmas"), ("exponential", "use_exponential_sigmas")]
)
@pytest.mark.parametrize("steps", [2, 5, 30])
def test_karras_and_exponential_levels_equal_diffusers(schedule, option, steps):
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler(**BETAS, **{option: True})
    scheduler.set_timesteps(steps)
    levels = make_levels("euler", schedule, steps, TRAINING)
    np.testing.assert_allclose(levels, scheduler.sigmas, rtol=1e-4)
    times = [TRAINING.time(sigma, is_rounded=False) for sigma in levels[:-1]]
    np.testing.assert_allclose(times, scheduler.timesteps, atol=0.02)
    whole = [TRAINING.time(sigma, is_rounded=True) for sigma in levels[:-1]]
    np.testing.assert_allclose(whole, scheduler.timesteps, atol=0.55)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("schedule", ["", "karras", "exponential", "sgm_uniform", "simple"])
def test_levels_descend_to_zero(schedule, half):
    training = TrainingLevels.of_sd1(half)
    for sampler in ("euler", "dpm2"):
        for steps in (1, 2, 9, 150, 255):
            levels = make_levels(sampler, schedule, steps, training)
            assert levels.shape == (steps + 1,) and levels[-1] == 0 and levels.dtype == torch.float32
            assert (levels[:-1] > levels[1:]).all() and abs(levels[0] - 14.6146) < 0.02


def test_rounded_levels_are_near_the_exact_ones():
    half = TrainingLevels.of_sd1(half=True)
    assert half.sigmas.dtype == torch.float16 and not torch.equal(half.sigmas.float(), TRAINING.sigmas)
    np.testing.assert_allclose(half.sigmas[100:].float(), TRAINING.sigmas[100:], rtol=0.01)


# --- k-diffusion --------------------------------------------------------------------------------------

K_NAMES = {
    "euler": "euler", "euler_a": "euler_ancestral", "heun": "heun", "dpm2": "dpm_2", "dpm2_a": "dpm_2_ancestral",
    "dpmpp_2s_a": "dpmpp_2s_ancestral", "dpmpp_2m": "dpmpp_2m", "lms": "lms",
}  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("k_diffusion") is None, reason="k-diffusion is not installed")
@pytest.mark.parametrize("steps", [1, 2, 20])
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_equal_k_diffusion(name, steps):
    from k_diffusion import sampling

    levels = make_levels(name, "karras", steps, TRAINING)
    noises = torch.randn(steps, *START.shape, generator=torch.Generator().manual_seed(3))
    draws = iter(noises)
    options = {"noise_sampler": lambda *_: next(draws)} if name.endswith("_a") else {}
    theirs: list[torch.Tensor] = []
    sample = getattr(sampling, f"sample_{K_NAMES[name]}")
    final = sample(
        lambda x, sigma: denoise(x, sigma[0]), START * levels[0], levels, disable=True,
        callback=lambda info: theirs.append(info["x"]), **options,
    )  # fmt: skip
    for a, b in zip(run(name, levels, noises), [*theirs[1:], final], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
