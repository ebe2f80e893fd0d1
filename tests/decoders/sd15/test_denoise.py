"""Our loop against diffusers' pipelines: the same latents, with every scheduler, to 1e-4."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.decoders.sd15 import conditions, model_paths, networks, schedulers, text_encoder
from codec.decoders.sd15.denoise import (
    Conditioning,
    InpaintConstraint,
    combine_adapters,
    denoise,
    initial_noise,
    preview_latents,
)
from codec.decoders.sd15.device import Device
from codec.decoders.sd15.options import Options
from tests import samples, tiny

tiny.prepare()
CPU = Device("cpu", torch.float32)
SIZE = 64
TEXT, NEGATIVE = "the red hill under a blue sky", "blurry"
NOISE = initial_noise(7, SIZE, SIZE)
LAYERS = samples.example()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base():
    return tiny.models() / "sd15"


@pytest.fixture(scope="module")
def unet(base):
    return networks.load_unet(base, None, CPU)


@pytest.fixture(scope="module")
def prompts(base):
    return text_encoder.encode(networks.load_tokenizer(base), networks.load_text_encoder(base, CPU), [NEGATIVE, TEXT])


@pytest.fixture(scope="module")
def adapters(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILAYER_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = {name: model_paths.locate_model(name, Options(models=tiny.models())) for name in tiny.ADAPTERS}
        return {name: networks.load_adapter(place, CPU) for name, place in found.items()}


@pytest.fixture(scope="module")
def plain(base):
    from diffusers import StableDiffusionPipeline

    return quiet(StableDiffusionPipeline.from_pretrained(base, local_files_only=True))


@pytest.fixture(scope="module")
def pictures():
    """What the three adapters see: (1, C, 64, 64)."""
    seen = {
        "sketch-adapter": conditions.render_sketch(LAYERS.structure, SIZE, SIZE, 8),
        "openpose-adapter": conditions.render_pose(samples.pose(), SIZE, SIZE),
        "color-adapter": conditions.render_colors(LAYERS.texture, SIZE, SIZE),
    }
    return {name: torch.from_numpy(np.moveaxis(picture, 2, 0).copy())[None] for name, picture in seen.items()}


def quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def ours(unet, name, prompts, steps=4, guidance=7.5, **more):
    scheduler = schedulers.make_scheduler(name)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(3)
    return denoise(unet, scheduler, prompts, NOISE, guidance=guidance, generator=generator, **more)


def theirs(pipeline, name, steps=4, guidance=7.5, **more):
    # built their way: from the hub's file, as a user of diffusers changes schedulers
    kind = type(schedulers.make_scheduler(name))
    karras = {"use_karras_sigmas": True} if name.endswith("karras") else {}
    pipeline.scheduler = kind.from_config({**tiny.SCHEDULER, **karras})
    result = pipeline(
        TEXT, negative_prompt=NEGATIVE, num_inference_steps=steps, guidance_scale=guidance, height=SIZE, width=SIZE,
        latents=torch.from_numpy(NOISE)[None].clone(), generator=torch.Generator().manual_seed(3),
        output_type="latent", **more,
    )  # fmt: skip
    return result.images[0].numpy()


# the same as diffusers


@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
def test_prompt_only_equals_the_pipeline(unet, plain, prompts, name):
    got, wanted = ours(unet, name, prompts)[-1], theirs(plain, name)
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("name", ["pndm", "dpmpp_2m_karras", "lcm"])
def test_without_guidance_it_equals_the_pipeline(unet, plain, prompts, name):
    got, wanted = ours(unet, name, prompts[1:], guidance=1)[-1], theirs(plain, name, guidance=1)
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("name", ["pndm", "ddim", "dpmpp_2m_karras", "unipc", "euler", "lcm"])
@pytest.mark.parametrize("structure", ["sketch-adapter", "openpose-adapter"])
def test_two_adapters_equal_the_adapter_pipeline(adapters, unet, plain, prompts, pictures, name, structure):
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline

    names, weights = [structure, "color-adapter"], [0.9, 0.7]
    nets = [adapters[one] for one in names]
    given = [(net, pictures[one], weight) for net, one, weight in zip(nets, names, weights, strict=True)]
    parts = {key: value for key, value in plain.components.items() if key not in ("image_encoder", "safety_checker")}
    pipeline = quiet(StableDiffusionAdapterPipeline(
        **parts, safety_checker=None, adapter=MultiAdapter(nets), requires_safety_checker=False,
    ))  # fmt: skip
    images = [pictures[one] for one in names]
    wanted = theirs(pipeline, name, image=images, adapter_conditioning_scale=weights)
    got = ours(unet, name, prompts, conditioning=Conditioning(combine_adapters(given)))[-1]
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert np.abs(got - ours(unet, name, prompts)[-1]).max() > 1e-3  # and they do something


@pytest.mark.parametrize("name", ["pndm", "dpmpp_2m_karras"])
def test_a_controlnet_equals_its_pipeline(base, unet, plain, prompts, pictures, name):
    from diffusers import StableDiffusionControlNetPipeline

    net = networks.load_controlnet(tiny.models() / "controlnet-scribble", CPU)
    lines = pictures["sketch-adapter"].expand(-1, 3, -1, -1)
    parts = {key: value for key, value in plain.components.items() if key != "safety_checker"}
    pipeline = quiet(StableDiffusionControlNetPipeline(
        **parts, safety_checker=None, controlnet=net, requires_safety_checker=False,
    ))  # fmt: skip
    wanted = theirs(pipeline, name, image=lines, controlnet_conditioning_scale=0.8)
    got = ours(unet, name, prompts, conditioning=Conditioning(controlnets=[(net, lines, 0.8)]))[-1]
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert np.abs(got - ours(unet, name, prompts)[-1]).max() > 1e-3


def test_a_merged_lora_equals_the_loaded_one(base, prompts):
    from diffusers import StableDiffusionPipeline

    folder = tiny.models() / "lcm-lora"
    merged = networks.load_unet(base, folder, CPU)
    pipeline = quiet(StableDiffusionPipeline.from_pretrained(base, local_files_only=True))
    pipeline.load_lora_weights(folder, weight_name="pytorch_lora_weights.safetensors", local_files_only=True)
    got = ours(merged, "lcm", prompts[1:], guidance=1)[-1]
    np.testing.assert_allclose(got, theirs(pipeline, "lcm", guidance=1), atol=1e-4)
    plain = networks.load_unet(base, None, CPU)
    assert np.abs(got - ours(plain, "lcm", prompts[1:], guidance=1)[-1]).max() > 1e-3


# what diffusers has not


def test_start_noise_is_the_same_everywhere():
    """Philox 4x64 with key 7, numpy's ziggurat: if this changes, every picture of every file does."""
    assert initial_noise(7, 512, 768).shape == (4, 96, 64)
    np.testing.assert_allclose(NOISE[0, 0, :4], [-0.293339, 1.703831, 1.539192, 0.636754], atol=1e-6)
    assert NOISE.dtype == np.float32
    assert abs(initial_noise(1, 512, 512).std() - 1) < 0.02
    np.testing.assert_array_equal(initial_noise(-1, 64, 64), initial_noise(2**128 - 1, 64, 64))


@pytest.mark.parametrize("tokens", [0, 1, 75, 76, 150, 151])
def test_prompts_are_read_in_chunks_of_75(base, tokens):
    tokenizer, encoder = networks.load_tokenizer(base), networks.load_text_encoder(base, CPU)
    read = text_encoder.encode(tokenizer, encoder, ["", " ".join(["x"] * tokens)])
    chunks = max(-(-tokens // 75), 1)
    assert read.shape == (2, 77 * chunks, 32)
    alone = text_encoder.encode(tokenizer, encoder, [" ".join(["x"] * min(tokens, 75))])
    torch.testing.assert_close(read[1:, :77], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(read[:1, :77], read[:1, -77:], atol=0, rtol=0)  # the shorter one is padded


@pytest.mark.parametrize(("until", "same_as"), [(0.0, None), (0.5, None), (1.0, 1.0)])
def test_hints_end_when_told(unet, prompts, adapters, pictures, until, same_as):
    hints = combine_adapters([(adapters["sketch-adapter"], pictures["sketch-adapter"], 1.0)])
    got = ours(unet, "ddim", prompts, conditioning=Conditioning(hints, end=until))
    never, always = ours(unet, "ddim", prompts), ours(unet, "ddim", prompts, conditioning=Conditioning(hints))
    if until == 0:
        np.testing.assert_array_equal(got, never)
    elif until == 1:
        np.testing.assert_array_equal(got, always)
    else:
        np.testing.assert_array_equal(got[:3], always[:3])  # the start and two of four steps
        assert not np.array_equal(got[3], always[3])


@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
@pytest.mark.parametrize("replayed", [True, False])
def test_what_is_held_stays_bit_by_bit(unet, prompts, name, replayed):
    before = ours(unet, name, prompts)
    mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:5, 3:7] = True
    held = InpaintConstraint(mask, before[-1], before if replayed else ())
    after = ours(unet, name, prompts.flip(0), constraint=held)
    inside = mask[0, 0].numpy()
    for step in range(len(before)) if replayed else [-1]:
        np.testing.assert_array_equal(after[step][:, ~inside], before[step][:, ~inside])
    assert np.abs(after[-1] - before[-1])[:, inside].max() > 1e-2


def test_holding_nothing_and_holding_what_would_come_anyway(unet, prompts):
    before = ours(unet, "ddim", prompts)
    everything = InpaintConstraint(torch.ones(1, 1, 8, 8, dtype=torch.bool), before[-1], before)
    np.testing.assert_array_equal(ours(unet, "ddim", prompts, constraint=everything), before)
    half = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    half[..., :4] = True
    np.testing.assert_array_equal(ours(unet, "ddim", prompts, constraint=InpaintConstraint(half, before[-1], before)), before)


def test_watching_foresees_the_end(unet, prompts):
    """The latents foreseen at the last step are nearly the result, with every kind of scheduler."""
    for name in schedulers.SCHEDULERS:
        seen = []
        end = ours(unet, name, prompts, steps=10, on_denoised=lambda *step, seen=seen: seen.append(step))[-1]
        assert [step[0] for step in seen] == list(range(1, len(seen) + 1))
        assert {step[1] for step in seen} == {len(seen)}
        assert np.abs(seen[-1][2] - end).mean() < 0.2 * np.abs(end).mean(), name


def test_an_exception_in_the_watch_ends_the_loop(unet, prompts):
    class Enough(Exception):
        pass

    def watch(index, total, latents):
        assert index == 1
        raise Enough

    with pytest.raises(Enough):
        ours(unet, "pndm", prompts, on_denoised=watch)


def test_previews_are_pictures_of_the_latents():
    latents = np.zeros((4, 6, 9), np.float32)
    latents[0, :, 4:] = 3  # the first channel is brightness, mostly
    shown = preview_latents(latents)
    assert (shown.shape, shown.dtype) == ((6, 9, 3), np.uint8)
    assert (shown[:, :4] == 128).all() and (shown[:, 4:] > 200).all()
