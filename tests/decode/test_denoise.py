"""Our loop against diffusers' pipelines: the same latents, with every scheduler, to 1e-4."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from codec.decode import conditions, networks, presets, textencoder
from codec.decode.denoise import Hints, adapt, denoise, start_noise
from codec.decode.networks import Device
from tests import samples, tiny

tiny.prepare()
CPU = Device("cpu", torch.float32)
SIZE = 64
TEXT, NEGATIVE = "the red hill under a blue sky", "blurry"
NOISE = start_noise(7, SIZE, SIZE)
LAYERS = samples.example()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def root():
    return tiny.converted()


@pytest.fixture(scope="module")
def base(root):
    return root / "sd15"


@pytest.fixture(scope="module")
def unet(base):
    return networks.unet(base, None, CPU)


@pytest.fixture(scope="module")
def prompts(base):
    return textencoder.encode(networks.tokenizer(base), networks.text_encoder(base, CPU), [NEGATIVE, TEXT])


@pytest.fixture(scope="module")
def plain(base):
    from diffusers import StableDiffusionPipeline

    return quiet(StableDiffusionPipeline.from_pretrained(base, local_files_only=True))


@pytest.fixture(scope="module")
def pictures():
    """What the three adapters see: (1, C, 64, 64)."""
    seen = {
        "sketch-adapter": conditions.sketch(LAYERS.structure, SIZE, SIZE, 8),
        "openpose-adapter": conditions.pose(samples.pose(), SIZE, SIZE),
        "color-adapter": conditions.colours(LAYERS.texture, SIZE, SIZE),
    }
    return {name: torch.from_numpy(np.moveaxis(picture, 2, 0).copy())[None] for name, picture in seen.items()}


def quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def ours(unet, name, prompts, steps=4, guidance=7.5, **more):
    scheduler = presets.scheduler(name)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(3)
    return denoise(unet, scheduler, prompts, NOISE, guidance=guidance, generator=generator, **more)


def theirs(pipeline, name, steps=4, guidance=7.5, **more):
    # built their way: from the hub's file, as a user of diffusers changes schedulers
    kind = type(presets.scheduler(name))
    karras = {"use_karras_sigmas": True} if name.endswith("karras") else {}
    pipeline.scheduler = kind.from_config({**tiny.SCHEDULER, **karras})
    result = pipeline(
        TEXT, negative_prompt=NEGATIVE, num_inference_steps=steps, guidance_scale=guidance, height=SIZE, width=SIZE,
        latents=torch.from_numpy(NOISE)[None].clone(), generator=torch.Generator().manual_seed(3),
        output_type="latent", **more,
    )  # fmt: skip
    return result.images[0].numpy()


# the same as diffusers


@pytest.mark.parametrize("name", presets.SCHEDULERS)
def test_prompt_only_equals_the_pipeline(unet, plain, prompts, name):
    got, wanted = ours(unet, name, prompts)[-1], theirs(plain, name)
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@pytest.mark.parametrize("name", ["pndm", "dpmpp_2m_karras", "lcm"])
def test_without_guidance_it_equals_the_pipeline(unet, plain, prompts, name):
    np.testing.assert_allclose(ours(unet, name, prompts[1:], guidance=1)[-1], theirs(plain, name, guidance=1), atol=1e-4)


@pytest.mark.parametrize("name", ["pndm", "ddim", "dpmpp_2m_karras", "unipc", "euler", "lcm"])
@pytest.mark.parametrize("structure", ["sketch-adapter", "openpose-adapter"])
def test_two_adapters_equal_the_adapter_pipeline(root, unet, plain, prompts, pictures, name, structure):
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline

    names, weights = [structure, "color-adapter"], [0.9, 0.7]
    nets = [networks.adapter(root / one, CPU) for one in names]
    given = [(net, pictures[one], weight) for net, one, weight in zip(nets, names, weights, strict=True)]
    parts = {key: value for key, value in plain.components.items() if key not in ("image_encoder", "safety_checker")}
    pipeline = quiet(StableDiffusionAdapterPipeline(
        **parts, safety_checker=None, adapter=MultiAdapter(nets), requires_safety_checker=False,
    ))  # fmt: skip
    images = [pictures[one] for one in names]
    wanted = theirs(pipeline, name, image=images, adapter_conditioning_scale=weights)
    got = ours(unet, name, prompts, hints=Hints(adapt(given)))[-1]
    np.testing.assert_allclose(got, wanted, atol=1e-4)
    assert np.abs(got - ours(unet, name, prompts)[-1]).max() > 1e-3  # and they do something
