"""The decoder `sd15` from layers to picture, with tiny networks."""

from __future__ import annotations

import functools
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.decoders.diffusion import base_options, conditions, network_files
from codec.decoders.diffusion import decoder as decoder_module
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.memory_plan import MemoryPlan, make_plan
from codec.decoders.diffusion.model_cache import MODEL_CACHE, ModelCache
from codec.decoders.diffusion.noise import initial_noise
from codec.decoders.diffusion.tokenizer import count_tokens
from codec.decoders.sd15 import model_paths, options, pipeline
from codec.decoders.sd15.pipeline import StableDiffusion
from codec.errors import Cancelled, CodecError, InvalidLayer, ModelMissing
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from tests import samples, tiny

pytestmark = pytest.mark.usefixtures("shared_networks")

LAYERS = samples.example()
POSE = replace(LAYERS, structure=samples.pose())
PROMPT = Layers(64, 64, Prompt("a red hill"))
CPU = Device("cpu", torch.float32)


@pytest.fixture(scope="module")
def decode_in_two_steps(make_decoder, shared_networks):
    """Return a function that decodes layers in two steps, each of them once."""
    return functools.cache(make_decoder(steps=2).decode)


# --- layers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", [None, LAYERS.structure, POSE.structure], ids=["none", "sketch", "pose"])
@pytest.mark.parametrize("texture", [None, LAYERS.texture], ids=["none", "colors"])
@pytest.mark.parametrize("semantic", [None, LAYERS.semantic], ids=["none", "prompt"])
def test_every_subset_of_layers_gives_a_picture_of_the_file_s_size(make_decoder, semantic, structure, texture):
    layers = Layers(70, 50, semantic, structure, texture)
    if layers.is_empty:
        with pytest.raises(InvalidLayer, match="nothing to decode"):
            make_decoder().decode(layers)
        return
    picture = make_decoder().decode(layers)
    assert (picture.shape, picture.dtype) == ((50, 70, 3), np.uint8)
    assert picture.std() > 1


@pytest.mark.parametrize("layer", ["semantic", "structure", "texture"])
@pytest.mark.parametrize("layers", [LAYERS, POSE], ids=["sketch", "pose"])
def test_every_layer_has_an_effect(decode_in_two_steps, difference, layers, layer):
    without = replace(layers, **{layer: None})
    assert difference(decode_in_two_steps(layers), decode_in_two_steps(without)) > 0.2


@pytest.mark.parametrize("structure", [Sketch(16, 16, ()), Pose(())], ids=["no lines", "nobody"])
@pytest.mark.parametrize("control", options.CONTROLS)
def test_empty_structure_is_the_same_as_none(make_options, structure, control):
    empty = replace(LAYERS, structure=structure)
    assert model_paths.structure_model(make_options(control=control), empty) is None
    assert model_paths.structure_model(make_options(control=control), LAYERS) is not None


def test_empty_sketch_decodes_like_none(make_decoder):
    empty = replace(LAYERS, structure=Sketch(16, 16, ()))
    np.testing.assert_array_equal(make_decoder().decode(empty), make_decoder().decode(replace(LAYERS, structure=None)))


@pytest.mark.parametrize("size", [(1, 1), (300, 3), (64, 64), (513, 201)])
def test_any_size(make_decoder, size):
    picture = make_decoder().decode(Layers(*size, None, LAYERS.structure, LAYERS.texture))
    assert picture.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("aspect", [(9, 8), (11, 7), (5, 9)])
@pytest.mark.parametrize("control", options.CONTROLS)
def test_sides_that_do_not_halve_evenly_suit_the_adapters(make_decoder, aspect, control):
    """72 x 56 pixels are 9 x 7 latents, then 5 x 4, 3 x 2, 2 x 1."""
    layers = replace(LAYERS, width=aspect[0] * 20, height=aspect[1] * 20)
    assert make_decoder(control=control).decode(layers).shape == (aspect[1] * 20, aspect[0] * 20, 3)


def test_tokens_beyond_the_77th_have_an_effect(make_decoder, difference):
    long = "hill " * 30
    red, blue = (make_decoder(steps=2).decode(Layers(64, 64, Prompt(long + color))) for color in ("red", "blue"))
    assert difference(red, blue) > 0.01


# --- equal to diffusers' pipelines --------------------------------------------------------------------


def run_pipeline(diffusers_pipeline, prompt, **arguments):
    """Return the picture of a pipeline of diffusers, (64, 64, 3) in 0..1, for seed 5."""
    diffusers_pipeline.set_progress_bar_config(disable=True)
    latents = torch.from_numpy(initial_noise(5, 64, 64))[None]
    return diffusers_pipeline(prompt, height=64, width=64, latents=latents, output_type="np", **arguments).images[0]


def test_picture_equals_the_pipeline_s(make_decoder):
    from diffusers import StableDiffusionPipeline

    expected = run_pipeline(
        StableDiffusionPipeline.from_pretrained(tiny.models_dir() / "sd15", local_files_only=True),
        "a red hill", negative_prompt="blurry", num_inference_steps=3, guidance_scale=7.5,
    )  # fmt: skip
    picture = make_decoder(steps=3, negative="blurry").decode(PROMPT, seed=5)
    assert np.abs(picture / 255 - expected).max() < 1.1 / 255


def test_picture_equals_the_adapter_pipeline_s(make_options, make_decoder):
    """The pipeline gets ordinary images, as a user of diffusers would pass them, and prepares them itself."""
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline
    from PIL import Image

    layers = replace(LAYERS, width=64, height=64)
    names = ("sketch-adapter", "color-adapter")
    adapters = [network_files.load_adapter(model_paths.locate_model(name, make_options()), CPU) for name in names]
    lines = Image.fromarray(layers.structure.render(64, 64, 2)[..., 0]).point(lambda value: 255 * (value > 127))
    blocks = Image.fromarray(layers.texture.cells).resize((1, 1), Image.Resampling.BOX).resize((64, 64))
    assert (lines.mode, blocks.mode) == ("L", "RGB")
    expected = run_pipeline(
        StableDiffusionAdapterPipeline.from_pretrained(
            tiny.models_dir() / "sd15", adapter=MultiAdapter(adapters), local_files_only=True
        ),
        layers.semantic.text, negative_prompt=layers.semantic.negative, image=[lines, blocks],
        num_inference_steps=3, guidance_scale=7.5, adapter_conditioning_scale=[1.0, 1.0],
    )  # fmt: skip
    picture = make_decoder(steps=3, line_thickness=16.0).decode(layers, seed=5)  # 2 pixels at this size
    assert np.abs(picture / 255 - expected).max() < 1.1 / 255


def test_picture_of_the_fast_preset_equals_the_pipeline_s(make_decoder):
    from diffusers import AutoencoderTiny, LCMScheduler, StableDiffusionPipeline

    models = tiny.models_dir()
    taesd = AutoencoderTiny.from_pretrained(models / "taesd", local_files_only=True)
    diffusers_pipeline = StableDiffusionPipeline.from_pretrained(models / "sd15", vae=taesd, local_files_only=True)
    diffusers_pipeline.scheduler = LCMScheduler.from_config(diffusers_pipeline.scheduler.config)
    diffusers_pipeline.load_lora_weights(
        models / "lcm-lora", weight_name="pytorch_lora_weights.safetensors", local_files_only=True
    )
    expected = run_pipeline(
        diffusers_pipeline, "a red hill", num_inference_steps=4, guidance_scale=1.0,
        generator=torch.Generator().manual_seed(5),
    )  # fmt: skip
    picture = make_decoder(preset="fast", steps=None).decode(PROMPT, seed=5)
    assert np.abs(picture / 255 - expected).max() < 1.1 / 255


def test_preset_paper_equals_the_paper_s_pipeline(make_options):
    """The calls of the paper's code, on the tiny models, with the noise of the first draw."""
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline
    from PIL import Image

    layers = replace(LAYERS, width=64, height=64, seed=None, semantic=Prompt("a red hill"))
    paper = StableDiffusion(make_options(preset="paper", steps=3, line_thickness=16.0))
    preset = options.PRESETS["paper"]
    assert preset.negative == options.PAPER_NEGATIVE and count_tokens(preset.negative) <= 75
    names = model_paths.model_names(paper.options, layers)
    assert names == {"base": "sd14", "structure": "sketch-adapter-sd14", "colors": "color-adapter"}
    assert model_paths.model_names(paper.options, POSE)["base"] == "sd15"
    adapters = [
        network_files.load_adapter(model_paths.locate_model(names[key], paper.options), CPU)
        for key in ("structure", "colors")
    ]
    lines = Image.fromarray(layers.structure.render(64, 64, 2)[..., 0]).point(lambda value: 255 * (value > 127))
    blocks = Image.fromarray(np.uint8(np.rint(255 * conditions.render_colors(layers.texture, 64, 64, cubic=True))))
    pipe = StableDiffusionAdapterPipeline.from_pretrained(
        tiny.models_dir() / "sd14", adapter=MultiAdapter(adapters), local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    torch.manual_seed(9999)
    expected = pipe(
        "a red hill", [lines, blocks], height=64, width=64, num_inference_steps=3, guidance_scale=7.5,
        adapter_conditioning_scale=[1, 1], negative_prompt=options.PAPER_NEGATIVE, output_type="np",
    ).images[0]  # fmt: skip
    assert np.abs(paper.decode(layers) / 255 - expected).max() < 1.1 / 255


# --- options ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", list(options.PRESETS))
def test_every_preset_decodes(make_decoder, preset):
    assert make_decoder(preset=preset, steps=2).decode(PROMPT).shape == (64, 64, 3)
    reports = []
    with pytest.raises(Cancelled):
        make_decoder(preset=preset, steps=None).decode(PROMPT, on_step=lambda step: reports.append(step) or False)
    assert reports[0].label.startswith(f"{options.PRESETS[preset].steps} steps")


def test_fast_preset_uses_the_lora_and_taesd(make_decoder, difference):
    fast = make_decoder(preset="fast").decode(PROMPT)
    vae = MODEL_CACHE.get_or_load("vae", (tiny.models_dir() / "taesd", CPU), pytest.fail)
    assert type(vae).__name__ == "AutoencoderTiny"
    assert difference(fast, make_decoder(preset="quality", scheduler="lcm", guidance=1).decode(PROMPT)) > 1


def test_strength_zero_turns_a_layer_off_and_needs_no_model(make_decoder, tmp_path):
    (tmp_path / "sd15").symlink_to(tiny.models_dir() / "sd15")
    off = make_decoder(models=tmp_path, structure_strength=0, color_strength=0)
    np.testing.assert_array_equal(off.decode(LAYERS), make_decoder().decode(LAYERS.only([1])))
    with pytest.raises(ModelMissing, match="color-adapter"):
        make_decoder(models=tmp_path, structure_strength=0).decode(LAYERS)


@pytest.mark.parametrize(
    "option",
    [{"structure_strength": 0.5}, {"color_strength": 0.5}, {"adapter_until": 0.5}, {"cubic_colors": True},
     {"line_thickness": 12.0}, {"guidance": 3.0}, {"negative": "green"}, {"control": "controlnet"},
     {"scheduler": "ddim"}],
    ids=lambda option: next(iter(option)),
)  # fmt: skip
def test_every_option_has_an_effect(make_decoder, decode_in_two_steps, difference, option):
    layers = replace(LAYERS, semantic=Prompt("a red ball"))
    picture = make_decoder(**{"steps": 2, **option}).decode(layers)
    assert difference(picture, decode_in_two_steps(layers)) > 0.01


@pytest.mark.parametrize("option", [{"clip_skip": 2}, {"weights": "none"}, {"noise": "torch"}])
def test_prompt_and_noise_options_have_an_effect(make_decoder, difference, option):
    layers = replace(PROMPT, semantic=Prompt("a (red:1.5) hill"))
    assert difference(make_decoder(steps=2, **option).decode(layers), make_decoder(steps=2).decode(layers)) > 0.01


def test_prompt_without_weights_is_read_the_same_in_every_way(make_decoder):
    pictures = [make_decoder(weights=name).decode(PROMPT) for name in base_options.WEIGHTS]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_decode_may_start_from_the_painter_s_picture(make_decoder, difference, preset):
    """With progress, cancel and the edited area as in any other decode; without colors it starts from noise."""
    decoder = make_decoder(preset=preset, steps=4, strength=0.5)
    steps = []
    started = decoder.decode_full(LAYERS, on_step=steps.append)
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1)) and steps[0].total == 2 + 3
    assert difference(started.pixels, make_decoder(preset=preset, steps=4).decode(LAYERS)) > 0.5
    with pytest.raises(Cancelled):
        decoder.decode(LAYERS, on_step=lambda step: step.index < 3)
    mask = np.zeros((120, 200), bool)
    mask[30:90, 50:130] = True
    again = decoder.redecode(replace(LAYERS, semantic=Prompt("other")), started, mask)
    np.testing.assert_array_equal(again.pixels[~mask], started.pixels[~mask])
    assert len(again.trajectory) == len(started.trajectory) == 3
    plain = replace(LAYERS, texture=None)
    np.testing.assert_array_equal(decoder.decode(plain), make_decoder(preset=preset, steps=4).decode(plain))


def test_negative_prompt_of_the_file_overrides_the_default(make_decoder, difference):
    layers = replace(PROMPT, semantic=Prompt("a red hill", "green"))
    picture = make_decoder().decode(layers)
    np.testing.assert_array_equal(picture, make_decoder(negative="green").decode(PROMPT))
    assert difference(picture, make_decoder().decode(PROMPT)) > 0.01


@pytest.mark.parametrize(
    ("name", "layers"),
    [("scribble", LAYERS), ("lineart", LAYERS), ("scribble", POSE)],
    ids=["scribble", "lineart", "pose"],
)
def test_controlnets(make_decoder, difference, name, layers):
    picture = make_decoder(steps=2, control="controlnet", sketch_controlnet=name).decode(layers)
    assert picture.shape == (120, 200, 3)
    off = make_decoder(steps=2, control="controlnet", structure_strength=0).decode(layers)
    assert difference(picture, off) > 0.1


@pytest.mark.parametrize("changes", [{}, {"control": "controlnet"}, {"preset": "fast"}])
def test_half_precision_as_on_a_gpu(monkeypatch, make_decoder, difference, changes):
    """Run on the CPU: dtypes match between all networks, and the picture is nearly the same."""
    whole = make_decoder(**changes).decode(LAYERS)
    monkeypatch.setattr(Device, "select", classmethod(lambda cls, name=None: cls("cpu", torch.float16)))
    half = make_decoder(**changes).decode_full(LAYERS)
    assert half.latents.dtype == np.float32
    assert 0 < difference(half.pixels, whole) < 2
    mask = np.zeros((120, 200), bool)
    mask[30:90, 50:130] = True
    again = make_decoder(**changes).redecode(replace(LAYERS, semantic=Prompt("other")), half, mask)
    np.testing.assert_array_equal(again.pixels[~mask], half.pixels[~mask])


def test_file_s_settings_for_another_model_are_not_followed_and_this_is_said(make_decoder):
    from codec.bitstream.settings import Settings

    layers = replace(PROMPT, settings=Settings(4, 1.0, "euler", "sdxl_lightning_4step"))
    reports = []
    with pytest.raises(Cancelled):
        make_decoder(follow=True, steps=None).decode(layers, on_step=lambda step: reports.append(step.label) or False)
    assert reports[0].startswith("20 steps") and "settings are for another model" in reports[0]


def test_every_missing_model_is_named_with_one_command(make_decoder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing) as raised:
        make_decoder(models=tmp_path).decode(LAYERS)
    assert "models fetch sd15 sketch-adapter color-adapter," in str(raised.value)
    assert "sd15, sketch-adapter and color-adapter are missing, 2.52 GB" in str(raised.value)
    for name in ("sd15", "color-adapter"):
        (tmp_path / name).symlink_to(tiny.models_dir() / name)
    with pytest.raises(ModelMissing, match=r"^sketch-adapter is missing.*fetch sketch-adapter,"):
        make_decoder(models=tmp_path).decode(LAYERS)


# --- overflow -----------------------------------------------------------------------------------------


@pytest.fixture
def half_precision(monkeypatch):
    """Half precision on the CPU, in place of a GPU."""
    monkeypatch.setattr(decoder_module, "PRECISIONS", {})
    monkeypatch.setattr(Device, "select", classmethod(lambda cls, name=None: cls("cpu", torch.float16)))


def overflowing(method, dtypes):
    """Return a method whose result is NaN in some dtypes."""

    def overflow(self, x, *arguments, **options):
        (result,) = method(self, x, *arguments, **options)
        return (result * float("nan") if x.dtype in dtypes else result,)

    return overflow


@pytest.mark.parametrize("network", ["AutoencoderKL", "UNet2DConditionModel"])
def test_network_that_overflows_in_half_precision_runs_in_single(
    monkeypatch, half_precision, make_decoder, difference, network
):
    import diffusers

    expected = make_decoder(steps=3).decode(LAYERS)
    cls, name = getattr(diffusers, network), "decode" if network == "AutoencoderKL" else "forward"
    monkeypatch.setattr(cls, name, overflowing(getattr(cls, name), {torch.float16}))
    steps = []
    picture = make_decoder(steps=3).decode(LAYERS, on_step=steps.append)
    assert picture.std() > 1 and difference(picture, expected) < 2
    indices = [step.index for step in steps]
    assert indices == sorted(indices) and indices[-1] == steps[-1].total
    again = []
    np.testing.assert_array_equal(make_decoder(steps=3).decode(LAYERS, on_step=again.append), picture)
    assert len(again) == again[-1].total  # the precision is remembered


@pytest.mark.parametrize("network", ["AutoencoderKL", "UNet2DConditionModel"])
def test_network_that_overflows_in_every_precision_is_one_clear_error(
    monkeypatch, half_precision, make_decoder, network
):
    import diffusers

    cls, name = getattr(diffusers, network), "decode" if network == "AutoencoderKL" else "forward"
    monkeypatch.setattr(cls, name, overflowing(getattr(cls, name), {torch.float16, torch.float32}))
    with pytest.raises(CodecError, match=r"sd15 gives no picture .*weights are damaged"):
        make_decoder().decode(PROMPT)


# --- memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free_gb", "side", "controlnet", "expected"),
    [
        (24, 512, False, MemoryPlan()), (24, 1024, False, MemoryPlan()), (8, 512, False, MemoryPlan()),
        (7.2, 1024, False, MemoryPlan(tiles=True)), (3.6, 512, False, MemoryPlan(offloads=True)),
        (3.6, 512, True, MemoryPlan(offloads=True, streams=True)), (3.6, 768, False, MemoryPlan(True, True, True)),
        (None, 1024, True, MemoryPlan()),
    ],
)  # fmt: skip
def test_memory_plan(free_gb, side, controlnet, expected):
    free = None if free_gb is None else int(free_gb * 1e9)
    assert make_plan(pipeline.MEMORY_NEEDS, free, side, side, 2, controlnet=controlnet) == expected


def test_networks_moved_in_turn_and_tiles_give_the_same_picture(monkeypatch, make_decoder):
    expected = make_decoder(control="controlnet").decode(LAYERS)
    plan = MemoryPlan(offloads=True, tiles=True)
    monkeypatch.setattr(StableDiffusion, "_plan_memory", lambda *_: plan)
    np.testing.assert_array_equal(make_decoder(control="controlnet").decode(LAYERS), expected)
    tiled = MODEL_CACHE.get_or_load("vae", (tiny.models_dir() / "sd15", replace(CPU, offloads=True)), pytest.fail)
    assert tiled.use_tiling
    assert "moved to the GPU in turn and picture decoded in tiles" in plan.describe()


# --- seed ---------------------------------------------------------------------------------------------


def test_seed_is_the_argument_or_the_file_s_or_zero(make_decoder, difference):
    decoder, seeded = make_decoder(), replace(PROMPT, seed=7)
    picture = decoder.decode(seeded)
    np.testing.assert_array_equal(picture, decoder.decode(PROMPT, seed=7))
    np.testing.assert_array_equal(decoder.decode(PROMPT), decoder.decode(PROMPT, seed=0))
    assert difference(picture, decoder.decode(seeded, seed=8)) > 1


@pytest.mark.parametrize("seed", [-1, 2**64 - 1, 2**200])
def test_any_integer_is_a_seed(make_decoder, seed):
    decoder = make_decoder(scheduler="euler_a")
    np.testing.assert_array_equal(decoder.decode(PROMPT, seed=seed), decoder.decode(PROMPT, seed=seed))


# --- progress and cancellation ------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"preset": "fast"}, {"scheduler": "heun"}])
def test_steps_count_up_to_the_total_with_previews(make_decoder, changes):
    steps = []
    picture = make_decoder(**{"steps": 4, **changes}).decode(LAYERS, on_step=steps.append)
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1))
    assert {step.total for step in steps} == {steps[0].total}
    assert "4 steps on the CPU, about " in steps[0].label
    assert sum(step.preview is not None for step in steps) >= 5
    for step in steps:
        if step.preview is not None:
            assert step.preview.dtype == np.uint8
            assert abs(step.preview.shape[1] / step.preview.shape[0] - 200 / 120) < 0.2  # 80 x 48 at this size
    np.testing.assert_array_equal(steps[-1].preview, picture)


def test_progress_reports_do_not_change_the_picture(make_decoder):
    decoder = make_decoder()
    np.testing.assert_array_equal(decoder.decode(LAYERS, on_step=lambda step: True), decoder.decode(LAYERS))


@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_returning_false_cancels_at_once_and_the_next_decode_completes(make_decoder, last):
    indices = []

    def on_step(step):
        indices.append(step.index)
        return step.index < last

    with pytest.raises(Cancelled):
        make_decoder().decode(LAYERS, on_step=on_step)
    assert indices == list(range(1, last + 1))
    assert make_decoder().decode(LAYERS).shape == (120, 200, 3)


def test_first_step_comes_before_anything_is_loaded(monkeypatch, make_decoder):
    monkeypatch.setattr(decoder_module, "MODEL_CACHE", cache := ModelCache())
    with pytest.raises(Cancelled):
        make_decoder().decode(LAYERS, on_step=lambda step: False)
    assert cache.slots() == ()


# --- threads ------------------------------------------------------------------------------------------


def test_threads_share_one_decoder(monkeypatch, make_decoder):
    decoder = make_decoder()
    expected = [decoder.decode(LAYERS, seed=seed) for seed in range(3)]
    monkeypatch.setattr(pipeline, "MODEL_CACHE", cache := ModelCache())
    monkeypatch.setattr(decoder_module, "MODEL_CACHE", cache)
    pictures = {}

    def decode(seed):
        torch.set_num_threads(1)
        pictures[seed] = decoder.decode(LAYERS, seed=seed)

    threads = [threading.Thread(target=decode, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, picture in enumerate(expected):
        np.testing.assert_array_equal(pictures[seed], picture)
