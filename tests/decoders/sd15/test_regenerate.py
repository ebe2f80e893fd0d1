"""Pictures made again from their recipes, with tiny networks, against diffusers' pipelines."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import Settings
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.noise import cuda_noise, initial_noise
from codec.decoders.diffusion.schedulers import Prediction
from codec.decoders.sd15 import networks
from codec.decoders.sd15.pipeline import StableDiffusion
from codec.decoders.sd15.regenerate.plan import encode_prompts, generate, make_plan
from codec.errors import Cancelled, CodecError, ModelMissing
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests import samples, tiny

pytestmark = pytest.mark.usefixtures("shared_networks")
CPU = Device("cpu", torch.float32)
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "linspace"}
WEB_UI = Recipe("a1111", "cuda", checkpoint="sha256:6ce0161689")
COMFYUI = Recipe("comfyui", "cpu")


def make_layers(recipe, sampler, prompt=("a red hill", "blurry"), **changes):
    settings = Settings(4, 7.0, sampler, "v1-5-pruned-emaonly")
    return Layers(64, 72, Prompt(*prompt), seed=5, settings=settings, recipe=recipe, **changes)


@pytest.fixture
def decoder(make_options):
    """A decoder that follows the file, without options of its own."""
    options = replace(make_options(steps=None), scheduler=None, follow=True)
    return StableDiffusion(options)


@pytest.mark.parametrize(
    ("recipe", "sampler", "class_name", "options", "scale"),
    [
        (WEB_UI, "euler_karras", "EulerDiscreteScheduler", {}, 1),
        (WEB_UI, "heun_karras", "HeunDiscreteScheduler", {}, 1),
        (WEB_UI, "lms_karras", "LMSDiscreteScheduler", {}, 1),
        (COMFYUI, "dpmpp_2m_karras", "DPMSolverMultistepScheduler", {}, 1),
        (replace(WEB_UI, noise="cpu"), "euler_exponential", "EulerDiscreteScheduler", {"exponential": True}, 1),
    ],
    ids=["euler", "heun", "lms", "comfyui dpm++ 2m", "euler, exponential, cpu noise"],
)
def test_picture_equals_that_of_diffusers_with_the_tool_s_noise(decoder, recipe, sampler, class_name, options, scale):
    """Where diffusers has the tool's sampler exactly: noise levels, training steps between whole ones, and scaling."""
    import diffusers

    schedule = {"use_exponential_sigmas" if options else "use_karras_sigmas": True}
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(tiny.models_dir() / "sd15", local_files_only=True)
    pipe.scheduler = getattr(diffusers, class_name)(**BETAS, **schedule)
    pipe.set_progress_bar_config(disable=True)
    noise = initial_noise(5, 64, 72, "a1111" if recipe.noise == "cuda" else "torch")
    expected = pipe(
        "a red hill", 72, 64, num_inference_steps=4, guidance_scale=7.0, negative_prompt="blurry",
        latents=torch.from_numpy(noise)[None], output_type="np",
    ).images[0]  # fmt: skip
    picture = decoder.decode(make_layers(recipe, sampler))
    assert np.abs(picture / 255 - expected).max() < 1.1 / 255


@functools.cache
def run_latents(layers):
    """Return the latents after each step."""
    plan = make_plan(layers, None)
    base = tiny.models_dir() / "sd15"
    tokenizer, encoder = networks.load_tokenizer(base), networks.load_text_encoder(base, CPU)
    prompts = encode_prompts(plan, tokenizer, encoder, [layers.semantic.text, layers.semantic.negative])
    return generate(plan, networks.load_unet(base, None, CPU), prompts, Prediction())


@pytest.mark.parametrize(
    ("recipe", "draws"),
    [
        (WEB_UI, lambda k: cuda_noise(5, (4, 9, 8), k + 1)),
        (replace(WEB_UI, noise_delta=31337), lambda k: cuda_noise(5 + 31337, (4, 9, 8), k)),
        (COMFYUI, lambda k: cuda_noise(5, (4, 9, 8), k)),
    ],
    ids=["web UI", "web UI with ENSD", "ComfyUI"],
)
def test_ancestral_samplers_add_the_tool_s_noise(monkeypatch, recipe, draws):
    """With networks that predict no noise, each step adds only the tool's own, from sigma to the next one."""
    from codec.decoders.sd15.regenerate import plan as plan_module

    monkeypatch.setattr(plan_module, "_guided", lambda *_: lambda x, t: torch.zeros_like(x))
    layers = make_layers(recipe, "euler_a")
    trajectory = generate(make_plan(layers, None), _Stub(), [], Prediction())
    levels = plan_module.make_levels("euler_a", "", 4, plan_module.TrainingLevels.of_sd1())
    for step in range(3):
        sigma, following = levels[step].item(), levels[step + 1].item()
        added = min(following, (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5)
        start = (
            trajectory[step] if step else trajectory[0] * ((1 + sigma**2) ** 0.5 if recipe.tool == "comfyui" else sigma)
        )
        np.testing.assert_allclose(trajectory[step + 1] - start, draws(step) * added, atol=0.04)


class _Stub:
    """A network of which only device and dtype are asked."""

    device = torch.device("cpu")
    dtype = torch.float32


@pytest.mark.parametrize("sampler", ["euler_a", "dpm2", "dpm2_a_karras", "dpmpp_2s_a_karras", "dpmpp_2m_sgm_uniform",
                                     "lms", "heun_simple", "ddim", "pndm"])  # fmt: skip
def test_every_sampler_gives_a_picture_and_counts_its_steps(decoder, sampler):
    steps = []
    picture = decoder.decode(make_layers(WEB_UI, sampler), on_step=steps.append)
    assert picture.shape == (72, 64, 3) and picture.std() > 1
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": "cpu"},
        {"clip_skip": 2},
        {"half_alphas": True},
        {"guidance": 433},
        {"noise_delta": 5},
        {"tool": "comfyui"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_field_has_an_effect(changes):
    layers = make_layers(WEB_UI, "euler_a", ("a (red:1.4) hill", "blurry"))
    other = replace(layers, recipe=replace(WEB_UI, **changes))
    assert np.abs(run_latents(layers)[-1] - run_latents(other)[-1]).max() > 1e-4


def test_prompts_of_different_lengths_are_not_padded(decoder):
    long = make_layers(WEB_UI, "euler", ("hill, " * 60, "blurry"))
    assert decoder.decode(long).shape == (72, 64, 3)
    plan = make_plan(long, None)
    base = tiny.models_dir() / "sd15"
    texts = [long.semantic.text, long.semantic.negative]
    prompts = encode_prompts(plan, networks.load_tokenizer(base), networks.load_text_encoder(base, CPU), texts)
    assert [len(prompt[0]) // 77 for prompt in prompts] == [4, 1]  # the tiny vocabulary knows few words


def test_layers_play_no_part_and_the_seed_may_change(decoder):
    layers = make_layers(WEB_UI, "euler")
    example = samples.example()
    with_layers = replace(layers, structure=example.structure, texture=example.texture)
    np.testing.assert_array_equal(decoder.decode(with_layers), decoder.decode(layers))
    assert not np.array_equal(decoder.decode(layers, seed=6), decoder.decode(layers))


def test_recipe_is_followed_only_with_the_file_s_settings(make_decoder, decoder):
    layers = make_layers(WEB_UI, "euler")
    plain = make_decoder(preset="quality", steps=4)
    np.testing.assert_array_equal(plain.decode(layers), plain.decode(replace(layers, recipe=None)))
    assert not np.array_equal(plain.decode(layers), decoder.decode(layers))


def test_picture_is_generated_at_its_size_and_resized(decoder):
    layers = replace(make_layers(WEB_UI, "euler"), width=100, height=50)
    layers = replace(layers, settings=replace(layers.settings, size=(128, 64)))
    assert decoder.decode(layers).shape == (50, 100, 3)
    assert decoder.decode_full(layers).latents.shape == (4, 8, 16)


def test_cancel_works_in_every_step(decoder):
    for last in (1, 2, 4):
        with pytest.raises(Cancelled):
            decoder.decode(make_layers(WEB_UI, "euler"), on_step=lambda step, last=last: step.index < last)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": None}, "lacks steps"),
        ({"settings": Settings(4, 7.0)}, "lacks steps"),
        ({"settings": Settings(4, 7.0, "dpmpp_sde_karras")}, "dpmpp_sde_karras cannot be repeated"),
        ({"settings": Settings(4, 7.0, "euler_beta")}, "euler_beta cannot be repeated"),
        ({"settings": Settings(4, 7.0, "ddim_karras")}, "ddim_karras cannot be repeated"),
        ({"width": 65}, "65 x 72 cannot be repeated"),
        ({"settings": Settings(4, 7.0, "euler", size=(2048, 2048))}, "2048 x 2048 cannot be repeated"),
    ],
)
def test_recipe_that_cannot_be_followed_is_one_clear_error(decoder, change, message):
    with pytest.raises(CodecError, match=f"{message}.*--preset quality"):
        decoder.decode(replace(make_layers(WEB_UI, "euler"), **change))


def test_missing_checkpoint_is_named(decoder):
    layers = make_layers(replace(WEB_UI, checkpoint="sha256:879db523c3"), "euler")
    layers = replace(layers, settings=replace(layers.settings, model="dreamshaper_8"))
    with pytest.raises(ModelMissing, match=r"dreamshaper_8 \(sha256:879db523c3\) is not here.*--checkpoint FILE"):
        decoder.decode(layers)
