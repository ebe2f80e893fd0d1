"""The decoder `sdxl` from layers to picture, with tiny networks; equal to diffusers' pipelines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.decoders.diffusion import conditions, network_files, painted_start
from codec.decoders.diffusion.decoder import PRECISIONS
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.memory_plan import MemoryPlan, make_plan
from codec.decoders.diffusion.model_cache import MODEL_CACHE
from codec.decoders.diffusion.noise import initial_noise
from codec.decoders.sdxl import xl_networks, xl_pipeline
from codec.decoders.sdxl.xl_options import PRESETS, XLOptions
from codec.decoders.sdxl.xl_pipeline import StableDiffusionXL
from codec.errors import Cancelled, ModelMissing
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests import samples, tiny_xl

LAYERS = replace(samples.example(), width=64, height=64)
POSE = replace(LAYERS, structure=samples.pose(), texture=None)
SKETCH = replace(LAYERS, texture=None)
PROMPT = Layers(64, 64, Prompt("a red hill"))
CPU = Device("cpu", torch.float32)


@pytest.fixture(scope="module", autouse=True)
def environment():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TRILAYER_MODELS", raising=False)
        yield
    MODEL_CACHE.clear()
    torch.set_num_threads(threads)


def make_decoder(**options) -> StableDiffusionXL:
    """Return a decoder with the tiny models: two steps at 64 x 64 pixels, or as given."""
    return StableDiffusionXL(
        XLOptions(**{"models": tiny_xl.models_dir(), "size": 64, "steps": 2, "device": "cpu", **options})
    )


def load_pipeline(name, **parts):
    """Return a pipeline of diffusers with the VAE that the decoder uses."""
    import diffusers

    models = tiny_xl.models_dir()
    vae = network_files.read_vae(models / "sdxl-vae")
    pipeline = getattr(diffusers, name).from_pretrained(
        models / "sdxl", vae=vae, variant="fp16", torch_dtype=torch.float32, local_files_only=True, **parts
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def set_scheduler(pipeline, name, **changes):
    import diffusers

    pipeline.scheduler = getattr(diffusers, name).from_config(pipeline.scheduler.config, **changes)


def assert_equal(decoder, layers, pipeline, **arguments):
    """Compare latents and pixels for seed 5."""
    expected = {}
    for kind in ("latent", "np"):
        expected[kind] = pipeline(
            layers.semantic.text, height=64, width=64, latents=torch.from_numpy(initial_noise(5, 64, 64))[None],
            generator=torch.Generator().manual_seed(5), num_inference_steps=2, output_type=kind, **arguments,
        ).images[0]  # fmt: skip
    decoded = decoder.decode_full(layers, seed=5)
    np.testing.assert_allclose(decoded.latents, expected["latent"].numpy(), atol=1e-4)
    assert np.abs(decoded.pixels / 255 - expected["np"]).max() < 1.1 / 255


def difference(first, second):
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


# --- equal to diffusers' pipelines --------------------------------------------------------------------


@pytest.mark.parametrize(("negative", "theirs"), [("blurry", "blurry"), ("", None)])
def test_picture_equals_the_pipeline_s(negative, theirs):
    """Both text encoders, the pooled embedding, the sizes, the VAE's scale; zeros for no negative prompt."""
    pipeline = load_pipeline("StableDiffusionXLPipeline")
    set_scheduler(pipeline, "EulerAncestralDiscreteScheduler")
    decoder = make_decoder(negative=negative)
    assert_equal(decoder, PROMPT, pipeline, negative_prompt=theirs, guidance_scale=7.5)


def test_picture_of_the_preset_fast_equals_the_pipeline_s():
    pipeline = load_pipeline("StableDiffusionXLPipeline")
    set_scheduler(pipeline, "EulerDiscreteScheduler", timestep_spacing="trailing")
    pipeline.load_lora_weights(
        tiny_xl.models_dir() / "sdxl-lightning", weight_name=xl_networks.LORA_NAME, local_files_only=True
    )
    assert_equal(make_decoder(preset="fast"), PROMPT, pipeline, guidance_scale=0.0)
    assert difference(make_decoder(preset="fast").decode(PROMPT), make_decoder(guidance=0).decode(PROMPT)) > 1


def test_picture_of_the_preset_turbo_equals_the_pipeline_s():
    pipeline = load_pipeline("StableDiffusionXLPipeline")
    set_scheduler(pipeline, "EulerAncestralDiscreteScheduler", timestep_spacing="trailing")
    assert_equal(make_decoder(preset="turbo"), PROMPT, pipeline, guidance_scale=0.0)


@pytest.mark.parametrize("layers", [SKETCH, POSE], ids=["sketch", "pose"])
def test_picture_equals_the_adapter_pipeline_s(layers):
    """The pipeline gets an ordinary image, as a user of diffusers would pass it."""
    from PIL import Image

    name = "sketch" if layers is SKETCH else "openpose"
    adapter = network_files.load_adapter(tiny_xl.models_dir() / f"sdxl-{name}-adapter", CPU)
    if layers is SKETCH:
        lines = layers.structure.render(64, 64, 2)[..., 0]
        image = Image.fromarray(lines).point(lambda value: 255 * (value > 127))
    else:
        image = Image.fromarray(layers.structure.render(64, 64))
    pipeline = load_pipeline("StableDiffusionXLAdapterPipeline", adapter=adapter)
    set_scheduler(pipeline, "EulerAncestralDiscreteScheduler")
    assert_equal(
        make_decoder(line_thickness=16.0, structure_strength=0.8), layers, pipeline, image=image,
        negative_prompt=layers.semantic.negative, guidance_scale=7.5, adapter_conditioning_scale=0.8,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "modes"), [(LAYERS, [2, 6]), (POSE, [0]), (replace(LAYERS, structure=None), [6])],
    ids=["sketch and colors", "pose", "colors"],
)  # fmt: skip
def test_picture_equals_the_controlnet_union_pipeline_s(layers, modes):
    images = []
    if layers.structure is not None:
        is_pose = modes[0] == 0
        lines = layers.structure.render(64, 64) if is_pose else conditions.render_sketch(layers.structure, 64, 64, 16.0)
        picture = lines / 255 if is_pose else np.repeat(lines, 3, 2)
        images.append(torch.from_numpy(np.moveaxis(np.asarray(picture, np.float32), 2, 0).copy())[None])
    if layers.texture is not None:
        colors = conditions.render_low_resolution(layers.texture, 64, 64)
        images.append(torch.from_numpy(np.moveaxis(colors, 2, 0).copy())[None])
    union = xl_networks.load_union(tiny_xl.models_dir() / "sdxl-controlnet-union", CPU)
    pipeline = load_pipeline("StableDiffusionXLControlNetUnionPipeline", controlnet=union)
    set_scheduler(pipeline, "EulerAncestralDiscreteScheduler")
    assert_equal(
        make_decoder(control="union", line_thickness=16.0), layers, pipeline, control_image=images,
        control_mode=modes, negative_prompt=layers.semantic.negative, guidance_scale=7.5,
        controlnet_conditioning_scale=1.0,
    )  # fmt: skip


def test_start_from_the_painter_s_picture_equals_the_image_pipeline_s():
    layers = replace(LAYERS, structure=None)
    pipeline = load_pipeline("StableDiffusionXLImg2ImgPipeline")
    set_scheduler(pipeline, "EulerDiscreteScheduler")
    painted = painted_start.paint(layers, 5, 64, 64, xl_pipeline.Strengths())
    latents = torch.from_numpy(painted_start.encode(pipeline.vae, CPU, painted))[None]
    expected = pipeline(
        layers.semantic.text, image=latents, strength=0.5, num_inference_steps=4, guidance_scale=7.5,
        negative_prompt=layers.semantic.negative, generator=torch.Generator().manual_seed(5), output_type="latent",
        original_size=(64, 64), target_size=(64, 64),
    ).images[0]  # fmt: skip
    decoded = make_decoder(strength=0.5, steps=4, scheduler="euler", noise="torch").decode_full(layers, seed=5)
    np.testing.assert_allclose(decoded.latents, expected.numpy(), atol=1e-4)


# --- layers and options -------------------------------------------------------------------------------


def test_every_subset_of_layers_gives_a_picture_of_the_file_s_size():
    for control in ("t2i", "union"):
        for numbers in ([1], [2], [3], [1, 2, 3]):
            picture = make_decoder(control=control, steps=1).decode(replace(LAYERS, width=70, height=50).only(numbers))
            assert (picture.shape, picture.dtype) == ((50, 70, 3), np.uint8)


@pytest.mark.parametrize("control", ["t2i", "union"])
def test_every_layer_and_its_strength_have_an_effect(control):
    picture = make_decoder(control=control, steps=4).decode(LAYERS)
    for changes in ({"structure_strength": 0.5}, {"color_strength": 0.5}, {"adapter_until": 0.5}):
        assert difference(make_decoder(control=control, steps=4, **changes).decode(LAYERS), picture) > 0.01, changes
    for layer in ("semantic", "structure", "texture"):
        assert (
            difference(make_decoder(control=control, steps=4).decode(replace(LAYERS, **{layer: None})), picture) > 0.01
        ), layer


def test_long_prompts_weights_and_clip_skip_have_an_effect():
    def decode(text, **options):
        return make_decoder(**options).decode(Layers(64, 64, Prompt(text)))

    long = "hill " * 30
    assert difference(decode(f"{long}red"), decode(f"{long}blue")) > 0.01
    weighted = decode("a (red:1.5) hill")
    assert difference(weighted, decode("a (red:1.5) hill", weights="none")) > 0.01
    assert difference(weighted, decode("a (red:1.5) hill", weights="comfyui")) > 0.001
    assert difference(decode("a red hill"), decode("a red hill", clip_skip=2)) > 0.01


def test_edited_area_is_decoded_again_and_the_rest_stays():
    decoder = make_decoder(control="union")
    decoded = decoder.decode_full(LAYERS, seed=1)
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    again = decoder.redecode(replace(LAYERS, semantic=Prompt("other")), decoded, mask, seed=1)
    np.testing.assert_array_equal(again.pixels[~mask], decoded.pixels[~mask])
    assert difference(again.pixels, decoded.pixels) > 0.01


def test_steps_count_up_with_previews_and_can_be_cancelled():
    steps = []
    picture = make_decoder(steps=4).decode(LAYERS, on_step=steps.append)
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1)) and steps[0].total == 3 + 3
    assert "4 steps on the CPU, about " in steps[0].label
    assert sum(step.preview is not None for step in steps) >= 4
    np.testing.assert_array_equal(steps[-1].preview, picture)
    with pytest.raises(Cancelled):
        make_decoder(steps=4).decode(LAYERS, on_step=lambda step: step.index < 3)


def test_half_precision_as_on_a_gpu(monkeypatch):
    """Run on the CPU: dtypes match between all networks, and the picture is nearly the same."""
    whole = [make_decoder(control=control).decode(LAYERS) for control in ("t2i", "union")]
    monkeypatch.setattr(Device, "select", classmethod(lambda cls, name=None: cls("cpu", torch.float16)))
    for control, picture in zip(("t2i", "union"), whole, strict=True):
        assert 0 < difference(make_decoder(control=control).decode(LAYERS), picture) < 2
    assert not PRECISIONS  # nothing overflowed


# --- weights ------------------------------------------------------------------------------------------


def test_every_missing_model_is_named_with_one_command(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing, match=r"fetch sdxl sdxl-vae sdxl-sketch-adapter,"):
        make_decoder(models=tmp_path).decode(LAYERS)
    with pytest.raises(ModelMissing, match=r"fetch sdxl sdxl-vae sdxl-lightning sdxl-controlnet-union,"):
        make_decoder(models=tmp_path, preset="fast", control="union").decode(LAYERS)
    with pytest.raises(ModelMissing, match=r"fetch sdxl-turbo sdxl-vae sdxl-openpose-adapter,"):
        make_decoder(models=tmp_path, preset="turbo").decode(POSE)


def test_weights_of_stable_diffusion_1_are_refused(tmp_path):
    from tests import tiny

    for name in tiny_xl.models_dir().iterdir():
        if name.name != "sdxl":
            (tmp_path / name.name).symlink_to(name)
    (tmp_path / "sdxl").mkdir()
    for part in (tiny_xl.models_dir() / "sdxl").iterdir():
        source = tiny.models_dir() / "sd15" / "unet" if part.name == "unet" else part
        (tmp_path / "sdxl" / part.name).symlink_to(source)
    with pytest.raises(ModelMissing, match="not Stable Diffusion XL"):
        make_decoder(models=tmp_path).decode(PROMPT)


# --- memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total_gb", "control", "expected"),
    [
        (4, "t2i", MemoryPlan(offloads=True, tiles=True, streams=True)),
        (8, "t2i", MemoryPlan(offloads=True, tiles=True)),
        (8, "union", MemoryPlan(offloads=True, tiles=True, streams=True)),
        (12, "t2i", MemoryPlan(tiles=True)), (12, "union", MemoryPlan(offloads=True)),
        (24, "union", MemoryPlan()),
    ],
)  # fmt: skip
def test_what_fits_the_free_memory_is_chosen_and_said(monkeypatch, total_gb, control, expected):
    """At 1024 x 1024; 0.5 GB are in use by other programs."""
    free = int((total_gb - 0.5) * 1e9)
    monkeypatch.setattr("codec.models.free_memory.free_bytes", lambda name: free)
    plan = make_decoder(control=control)._plan_memory(Device("cuda", torch.float16), 1024, 1024)
    assert plan == expected == make_plan(xl_pipeline.MEMORY_NEEDS, free, 1024, 1024, 2, controlnet=control == "union")
    assert ("layer by layer" in plan.describe()) == plan.streams and ("tiles" in plan.describe()) == plan.tiles


@pytest.mark.parametrize("control", ["t2i", "union"])
def test_networks_moved_in_turn_or_by_layer_and_tiles_give_the_same_picture(monkeypatch, control):
    expected = make_decoder(control=control).decode(LAYERS)
    for plan in (MemoryPlan(offloads=True, tiles=True), MemoryPlan(offloads=True, streams=True)):
        monkeypatch.setattr(StableDiffusionXL, "_plan_memory", lambda *_, plan=plan: plan)
        np.testing.assert_array_equal(make_decoder(control=control).decode(LAYERS), expected)


def test_presets_are_those_of_the_models_cards():
    assert {
        name: (preset.steps, preset.guidance, preset.scheduler, preset.spacing) for name, preset in PRESETS.items()
    } == {
        "fast": (4, 0.0, "euler", "trailing"),
        "turbo": (4, 0.0, "euler_a", "trailing"),
        "quality": (30, 7.5, "euler_a", "leading"),
    }
