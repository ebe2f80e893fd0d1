"""The denoising loop equals diffusers' pipelines: the same latents to 1e-4, with every scheduler."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from codec.decoders.diffusion import conditions, network_files, schedulers, text_encoder
from codec.decoders.diffusion.denoise import (
    Conditioning,
    Control,
    InpaintConstraint,
    combine_adapters,
    denoise,
    preview_latents,
)
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.noise import initial_noise
from codec.decoders.sd15 import model_paths, networks
from tests import samples, tiny

CPU = Device("cpu", torch.float32)
SIZE = 64
TEXT, NEGATIVE = "the red hill under a blue sky", "blurry"
NOISE = initial_noise(7, SIZE, SIZE)
LAYERS = samples.example()
# enough for each scheduler to use its full order: four steps for PNDM, three for the two-step methods
STEPS = {"pndm": 4, "dpmpp_2m": 3, "dpmpp_2m_karras": 3, "unipc": 3}
DEFAULT_STEPS = 2


@pytest.fixture(scope="module")
def base():
    return tiny.models_dir() / "sd15"


@pytest.fixture(scope="module")
def unet(base):
    return networks.load_unet(base, None, CPU)


@pytest.fixture(scope="module")
def tokenizer(base):
    return networks.load_tokenizer(base)


@pytest.fixture(scope="module")
def encoder(base):
    return networks.load_text_encoder(base, CPU)


@pytest.fixture(scope="module")
def prompts(tokenizer, encoder):
    return text_encoder.encode(tokenizer, encoder, [NEGATIVE, TEXT])


@pytest.fixture(scope="module")
def adapters(make_options):
    paths = {name: model_paths.locate_model(name, make_options()) for name in tiny.ADAPTERS}
    return {name: network_files.load_adapter(path, CPU) for name, path in paths.items()}


@pytest.fixture(scope="module")
def diffusers_pipeline(base):
    from diffusers import StableDiffusionPipeline

    return quiet(StableDiffusionPipeline.from_pretrained(base, local_files_only=True))


@pytest.fixture(scope="module")
def pictures():
    """The conditioning picture of each adapter: (1, C, 64, 64)."""
    rendered = {
        "sketch-adapter": conditions.render_sketch(LAYERS.structure, SIZE, SIZE, 8),
        "openpose-adapter": conditions.render_pose(samples.pose(), SIZE, SIZE),
        "color-adapter": conditions.render_colors(LAYERS.texture, SIZE, SIZE),
    }
    return {name: torch.from_numpy(np.moveaxis(picture, 2, 0).copy())[None] for name, picture in rendered.items()}


@pytest.fixture(scope="module")
def unconditioned(unet, prompts):
    """Return a function: our trajectory for a scheduler, guided by the prompt alone; computed once for each."""
    return functools.cache(lambda name: our_trajectory(unet, name, prompts))


def quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def our_trajectory(unet, name, prompts, guidance=7.5, steps=None, **options):
    scheduler = schedulers.make_scheduler(name)
    scheduler.set_timesteps(steps or STEPS.get(name, DEFAULT_STEPS))
    generator = torch.Generator().manual_seed(3)
    return denoise(unet, scheduler, prompts, NOISE, guidance=guidance, generator=generator, **options)


def diffusers_latents(pipeline, name, guidance=7.5, **options):
    # made from the Hub's configuration, as users of diffusers change schedulers
    karras = {"use_karras_sigmas": True} if name.endswith("karras") else {}
    pipeline.scheduler = type(schedulers.make_scheduler(name)).from_config({**tiny.SCHEDULER, **karras})
    result = pipeline(
        TEXT, negative_prompt=NEGATIVE, num_inference_steps=STEPS.get(name, DEFAULT_STEPS), guidance_scale=guidance,
        height=SIZE, width=SIZE, latents=torch.from_numpy(NOISE)[None].clone(),
        generator=torch.Generator().manual_seed(3), output_type="latent", **options,
    )  # fmt: skip
    return result.images[0].numpy()


# --- equal to diffusers' pipelines --------------------------------------------------------------------


@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
def test_prompt_alone_equals_the_pipeline(diffusers_pipeline, unconditioned, name):
    latents, expected = unconditioned(name)[-1], diffusers_latents(diffusers_pipeline, name)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(latents, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["pndm", "dpmpp_2m_karras", "lcm"])
def test_without_guidance_equals_the_pipeline(unet, diffusers_pipeline, prompts, name):
    latents = our_trajectory(unet, name, prompts[1:], guidance=1)[-1]
    np.testing.assert_allclose(latents, diffusers_latents(diffusers_pipeline, name, guidance=1), atol=1e-4)


@pytest.mark.parametrize(
    ("structure", "name"),
    [
        *(("sketch-adapter", name) for name in ("pndm", "dpmpp_2m_karras", "lcm")),
        *(("openpose-adapter", name) for name in ("euler",)),
    ],
)
def test_two_adapters_equal_the_adapter_pipeline(
    adapters, unet, diffusers_pipeline, prompts, pictures, unconditioned, structure, name
):
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline

    names, weights = [structure, "color-adapter"], [0.9, 0.7]
    chosen = [adapters[adapter] for adapter in names]
    images = [pictures[adapter] for adapter in names]
    parts = {
        key: value
        for key, value in diffusers_pipeline.components.items()
        if key not in ("image_encoder", "safety_checker")
    }
    pipeline = quiet(StableDiffusionAdapterPipeline(
        **parts, safety_checker=None, adapter=MultiAdapter(chosen), requires_safety_checker=False,
    ))  # fmt: skip
    expected = diffusers_latents(pipeline, name, image=images, adapter_conditioning_scale=weights)
    features = combine_adapters(list(zip(chosen, images, weights, strict=True)))
    latents = our_trajectory(unet, name, prompts, conditioning=Conditioning(features))[-1]
    np.testing.assert_allclose(latents, expected, atol=1e-4)
    assert np.abs(latents - unconditioned(name)[-1]).max() > 1e-3  # the adapters have an effect


@pytest.mark.parametrize("strength", [0.5, 0.9])
@pytest.mark.parametrize("name", ["pndm", "ddim", "euler", "heun", "dpmpp_2m_karras", "unipc"])
def test_start_from_a_picture_equals_the_img2img_pipeline_with_adapters(
    monkeypatch, adapters, unet, diffusers_pipeline, prompts, pictures, name, strength
):
    """diffusers has no img2img pipeline with T2I-Adapters, so their features are added to its UNet's arguments."""
    from diffusers import StableDiffusionImg2ImgPipeline

    features = combine_adapters([(adapters["color-adapter"], pictures["color-adapter"], 0.7)])
    parts = diffusers_pipeline.components
    forward = parts["unet"].forward

    def with_features(*arguments, **options):
        added = [torch.cat([feature] * 2) for feature in features]
        return forward(*arguments, down_intrablock_additional_residuals=added, **options)

    monkeypatch.setattr(parts["unet"], "forward", with_features)
    pipeline = quiet(StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False))
    pipeline.scheduler = schedulers.make_scheduler(name)
    start = initial_noise(9, SIZE, SIZE)
    expected = pipeline(
        TEXT, torch.from_numpy(start)[None], strength, 4, negative_prompt=NEGATIVE, guidance_scale=7.5,
        generator=torch.Generator().manual_seed(3), output_type="latent",
    ).images[0]  # fmt: skip
    scheduler = schedulers.make_scheduler(name)
    scheduler.set_timesteps(4)
    noise = torch.randn((1, 4, SIZE // 8, SIZE // 8), generator=torch.Generator().manual_seed(3))[0].numpy()
    skipped = schedulers.skipped_evaluations(name, 4, strength)
    trajectory = denoise(
        unet, scheduler, prompts, noise, guidance=7.5, conditioning=Conditioning(features), start=start, skipped=skipped
    )
    assert len(trajectory) == 1 + schedulers.unet_evaluations(name, 4) - skipped
    np.testing.assert_allclose(trajectory[-1], expected, atol=1e-4)


@pytest.mark.parametrize("name", ["pndm", "dpmpp_2m_karras"])
def test_controlnet_equals_the_controlnet_pipeline(unet, diffusers_pipeline, prompts, pictures, unconditioned, name):
    from diffusers import StableDiffusionControlNetPipeline

    net = network_files.load_controlnet(tiny.models_dir() / "controlnet-scribble", CPU)
    lines = pictures["sketch-adapter"].expand(-1, 3, -1, -1)
    parts = {key: value for key, value in diffusers_pipeline.components.items() if key != "safety_checker"}
    pipeline = quiet(StableDiffusionControlNetPipeline(
        **parts, safety_checker=None, controlnet=net, requires_safety_checker=False,
    ))  # fmt: skip
    expected = diffusers_latents(pipeline, name, image=lines, controlnet_conditioning_scale=0.8)
    conditioning = Conditioning(controls=[Control(net, [lines], [0.8])])
    latents = our_trajectory(unet, name, prompts, conditioning=conditioning)[-1]
    np.testing.assert_allclose(latents, expected, atol=1e-4)
    assert np.abs(latents - unconditioned(name)[-1]).max() > 1e-3


def test_merged_lora_equals_the_lora_loaded_by_diffusers(base, unet, prompts):
    from diffusers import StableDiffusionPipeline

    folder = tiny.models_dir() / "lcm-lora"
    merged = networks.load_unet(base, folder, CPU)
    pipeline = quiet(StableDiffusionPipeline.from_pretrained(base, local_files_only=True))
    pipeline.load_lora_weights(folder, weight_name="pytorch_lora_weights.safetensors", local_files_only=True)
    latents = our_trajectory(merged, "lcm", prompts[1:], guidance=1)[-1]
    np.testing.assert_allclose(latents, diffusers_latents(pipeline, "lcm", guidance=1), atol=1e-4)
    assert np.abs(latents - our_trajectory(unet, "lcm", prompts[1:], guidance=1)[-1]).max() > 1e-3


# --- noise, prompts, conditioning ---------------------------------------------------------------------


def test_initial_noise_is_pinned():
    """Philox 4x64 and numpy's ziggurat: if this fails, every picture of every file changes."""
    assert initial_noise(7, 512, 768).shape == (4, 96, 64)
    np.testing.assert_allclose(NOISE[0, 0, :4], [-0.293339, 1.703831, 1.539192, 0.636754], atol=1e-6)
    assert NOISE.dtype == np.float32
    assert abs(initial_noise(1, 512, 512).std() - 1) < 0.02
    np.testing.assert_array_equal(initial_noise(-1, 64, 64), initial_noise(2**128 - 1, 64, 64))


@pytest.mark.parametrize("tokens", [0, 1, 75, 76, 150, 151])
def test_prompts_are_encoded_in_chunks_of_75_tokens(tokenizer, encoder, tokens):
    states = text_encoder.encode(tokenizer, encoder, ["", " ".join(["x"] * tokens)])
    chunks = max(-(-tokens // 75), 1)
    assert states.shape == (2, 77 * chunks, 32)
    alone = text_encoder.encode(tokenizer, encoder, [" ".join(["x"] * min(tokens, 75))])
    torch.testing.assert_close(states[1:, :77], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(states[:1, :77], states[:1, -77:], atol=0, rtol=0)  # the shorter prompt is padded


def test_conditioning_ends_at_its_fraction_of_the_steps(unet, prompts, adapters, pictures):
    features = combine_adapters([(adapters["sketch-adapter"], pictures["sketch-adapter"], 1.0)])
    run = functools.partial(our_trajectory, unet, "ddim", prompts, steps=4)
    never, always = run(), run(conditioning=Conditioning(features))
    np.testing.assert_array_equal(run(conditioning=Conditioning(features, end=0.0)), never)
    half = run(conditioning=Conditioning(features, end=0.5))
    np.testing.assert_array_equal(half[:3], always[:3])  # the initial latents and those after two of four steps
    assert not np.array_equal(half[3], always[3])


# --- inpainting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
@pytest.mark.parametrize("replays_trajectory", [True, False])
def test_latents_outside_the_mask_stay_bit_for_bit(unet, prompts, unconditioned, name, replays_trajectory):
    before = unconditioned(name)
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:5, 3:7] = True
    constraint = InpaintConstraint(mask, before[-1], before if replays_trajectory else ())
    after = our_trajectory(unet, name, prompts.flip(0), constraint=constraint)
    inside = mask[0, 0].numpy()
    for step in range(len(before)) if replays_trajectory else [-1]:
        np.testing.assert_array_equal(after[step][:, ~inside], before[step][:, ~inside])
    assert np.abs(after[-1] - before[-1])[:, inside].max() > 1e-2


@pytest.mark.parametrize("rows", [8, 4])
def test_inpainting_the_same_prompt_changes_nothing(unet, prompts, unconditioned, rows):
    """Of the whole picture, and of half of it: the replayed half is what would be computed."""
    before = unconditioned("ddim")
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., :rows] = True
    constraint = InpaintConstraint(mask, before[-1], before)
    np.testing.assert_array_equal(our_trajectory(unet, "ddim", prompts, constraint=constraint), before)


# --- progress -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
def test_latents_predicted_at_the_last_step_are_nearly_the_result(unet, prompts, name):
    reports = []
    result = our_trajectory(
        unet, name, prompts[1:], guidance=1, steps=4, on_denoised=lambda *report: reports.append(report)
    )[-1]
    assert [report[0] for report in reports] == list(range(1, len(reports) + 1))
    assert {report[1] for report in reports} == {len(reports)}
    assert np.abs(reports[-1][2] - result).mean() < 0.2 * np.abs(result).mean()


def test_exception_in_the_callback_ends_the_loop(unet, prompts):
    class Stop(Exception):
        pass

    def stop(index, total, latents):
        assert index == 1
        raise Stop

    with pytest.raises(Stop):
        our_trajectory(unet, "pndm", prompts, on_denoised=stop)


def test_preview_shows_the_brightness_of_the_latents():
    latents = np.zeros((4, 6, 9), np.float32)
    latents[0, :, 4:] = 3  # the first channel is mostly brightness
    picture = preview_latents(latents)
    assert (picture.shape, picture.dtype) == ((6, 9, 3), np.uint8)
    assert (picture[:, :4] == 128).all() and (picture[:, 4:] > 200).all()
