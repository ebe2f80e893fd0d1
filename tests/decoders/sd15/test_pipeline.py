"""The decoder `sd15` from layers to picture, on tiny networks in the hub's layout."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from codec.bitstream.settings import Settings
from codec.decoders.sd15 import duration, masks, model_paths, networks, options, schedulers
from codec.decoders.sd15.device import Device
from codec.decoders.sd15.model_cache import MODEL_CACHE
from codec.decoders.sd15.options import Options
from codec.decoders.sd15.pipeline import StableDiffusion
from codec.errors import Cancelled, CodecError, InvalidLayer, ModelMissing, OutOfMemory, UnknownName
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from tests import samples, tiny

tiny.prepare()
EXAMPLE = samples.example()
POSE = replace(EXAMPLE, structure=samples.pose())
WORDS = Layers(64, 64, Prompt("a red hill"))


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILAYER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("TRILAYER_MODELS", raising=False)
        yield
    MODEL_CACHE.clear()
    torch.set_num_threads(before)


def make_options(**more):
    return Options(**{"models": tiny.models(), "size": 64, "steps": 2, "preset": "paper", "device": "cpu", **more})


def sd15(**more):
    return StableDiffusion(make_options(**more))


def difference(a, b):
    return np.abs(a.astype(int) - b.astype(int)).mean()


# pictures


@pytest.mark.parametrize("structure", [None, EXAMPLE.structure, POSE.structure], ids=["none", "sketch", "pose"])
@pytest.mark.parametrize("texture", [None, EXAMPLE.texture], ids=["none", "colors"])
@pytest.mark.parametrize("semantic", [None, EXAMPLE.semantic], ids=["none", "prompt"])
def test_every_subset_gives_a_picture_of_the_file_s_size(semantic, structure, texture):
    layers = Layers(70, 50, semantic, structure, texture)
    if not (semantic or structure or texture):
        with pytest.raises(InvalidLayer, match="nothing to decode"):
            sd15().decode(layers)
        return
    picture = sd15().decode(layers)
    assert (picture.shape, picture.dtype) == ((50, 70, 3), np.uint8)
    assert picture.std() > 1


@pytest.mark.parametrize("layer", ["semantic", "structure", "texture"])
@pytest.mark.parametrize("layers", [EXAMPLE, POSE], ids=["sketch", "pose"])
def test_every_layer_is_heard(layers, layer):
    whole, without = (sd15().decode(one) for one in (layers, replace(layers, **{layer: None})))
    assert difference(whole, without) > 0.2


def test_the_picture_is_the_pipeline_s():
    from diffusers import StableDiffusionPipeline

    from codec.decoders.sd15.denoise import initial_noise

    pipeline = StableDiffusionPipeline.from_pretrained(tiny.models() / "sd15", local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    wanted = pipeline(
        "a red hill", negative_prompt="blurry", num_inference_steps=3, guidance_scale=7.5, height=64,
        width=64, latents=torch.from_numpy(initial_noise(5, 64, 64))[None], output_type="np",
    ).images[0]  # fmt: skip
    got = sd15(steps=3, negative="blurry").decode(WORDS, seed=5)
    assert np.abs(got / 255 - wanted).max() < 1.1 / 255


def test_the_picture_is_the_adapter_pipeline_s():
    """Given pictures as a user of diffusers would, and made ready by the pipeline itself."""
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline
    from PIL import Image

    from codec.decoders.sd15.denoise import initial_noise

    file = replace(EXAMPLE, width=64, height=64)
    names = ("sketch-adapter", "color-adapter")
    nets = [networks.load_adapter(model_paths.locate_model(name, make_options()), Device("cpu", torch.float32)) for name in names]
    base = tiny.models() / "sd15"
    pipeline = StableDiffusionAdapterPipeline.from_pretrained(base, adapter=MultiAdapter(nets), local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    lines = Image.fromarray(file.structure.render(64, 64, 2)[..., 0]).point(lambda value: 255 * (value > 127))
    blocks = Image.fromarray(file.texture.cells).resize((1, 1), Image.Resampling.BOX).resize((64, 64))
    assert (lines.mode, blocks.mode) == ("L", "RGB")
    wanted = pipeline(
        file.semantic.text, negative_prompt=file.semantic.negative, image=[lines, blocks], num_inference_steps=3,
        guidance_scale=7.5, height=64, width=64, latents=torch.from_numpy(initial_noise(5, 64, 64))[None],
        adapter_conditioning_scale=[1.0, 1.0], output_type="np",
    ).images[0]  # fmt: skip
    got = sd15(steps=3, line_thickness=16.0).decode(file, seed=5)  # 2 pixels at this size
    assert np.abs(got / 255 - wanted).max() < 1.1 / 255


def test_the_fast_picture_is_the_pipeline_s():
    from diffusers import AutoencoderTiny, LCMScheduler, StableDiffusionPipeline

    from codec.decoders.sd15.denoise import initial_noise

    small = AutoencoderTiny.from_pretrained(tiny.models() / "taesd", local_files_only=True)
    pipeline = StableDiffusionPipeline.from_pretrained(tiny.models() / "sd15", vae=small, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    pipeline.load_lora_weights(
        tiny.models() / "lcm-lora", weight_name="pytorch_lora_weights.safetensors", local_files_only=True
    )
    wanted = pipeline(
        "a red hill", num_inference_steps=4, guidance_scale=1.0, height=64, width=64, output_type="np",
        latents=torch.from_numpy(initial_noise(5, 64, 64))[None], generator=torch.Generator().manual_seed(5),
    ).images[0]  # fmt: skip
    got = sd15(preset="fast", steps=None).decode(WORDS, seed=5)
    assert np.abs(got / 255 - wanted).max() < 1.1 / 255


@pytest.mark.parametrize("nothing", [Sketch(16, 16, ()), Pose(())], ids=["no lines", "nobody"])
@pytest.mark.parametrize("control", options.CONTROLS)
def test_an_empty_structure_says_nothing(nothing, control):
    empty = replace(EXAMPLE, structure=nothing)
    np.testing.assert_array_equal(
        sd15(control=control).decode(empty), sd15(control=control).decode(replace(EXAMPLE, structure=None))
    )


@pytest.mark.parametrize("size", [(1, 1), (300, 3), (64, 64), (513, 201)])
def test_any_size(size):
    assert sd15(steps=1).decode(Layers(*size, None, EXAMPLE.structure, EXAMPLE.texture)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("aspect", [(9, 8), (11, 7), (5, 9)])
@pytest.mark.parametrize("control", options.CONTROLS)
def test_sides_that_halve_unevenly_suit_the_adapters(aspect, control):
    """72 x 56 pixels are 9 x 7 latents, then 5 x 4, 3 x 2, 2 x 1."""
    layers = replace(EXAMPLE, width=aspect[0] * 20, height=aspect[1] * 20)
    assert sd15(steps=1, control=control).decode(layers).shape == (aspect[1] * 20, aspect[0] * 20, 3)


# settings


@pytest.mark.parametrize("preset", list(options.PRESETS))
def test_presets_decode(preset):
    steps = []
    picture = sd15(preset=preset, steps=None).decode(EXAMPLE, on_step=steps.append)
    assert picture.shape == (120, 200, 3)
    assert str(options.PRESETS[preset].steps) in steps[0].label


def test_the_presets_are_what_they_are_called():
    paper, fast = options.resolve_options(Options(preset="paper")), options.resolve_options(Options(preset="fast"))
    assert (paper.steps, paper.guidance, paper.scheduler, paper.lcm) == (50, 7.5, "pndm", False)
    assert (Options().structure_strength, Options().color_strength, Options().size) == (1, 1, 512)
    assert 4 <= fast.steps <= 8 and fast.lcm and not fast.is_guided
    assert options.resolve_options(Options(preset="balanced")).steps == 20


def test_fast_uses_the_lora_and_the_small_vae():
    MODEL_CACHE.clear()
    fast = sd15(preset="fast").decode(WORDS)
    assert type(MODEL_CACHE.get_or_load("vae", (tiny.models() / "taesd", Device("cpu", torch.float32)), pytest.fail)).__name__ == (
        "AutoencoderTiny"
    )
    slow = sd15(preset="paper", scheduler="lcm", guidance=1).decode(WORDS)
    assert difference(fast, slow) > 1


def test_without_a_preset_the_file_says_how():
    """Options that nobody set, here and on the command line."""
    from codec.cli.main import _parser, _settings

    assert StableDiffusion().options.follow and not Options().follow
    command = ["decode", "a.tril", "-o", "a.png", "--decoder", "sd15"]
    assert _settings(_parser().parse_args(command)).follow
    assert not _settings(_parser().parse_args([*command, "--preset", "paper"])).follow


def test_what_is_set_overrides_the_preset_and_the_file():
    known = Settings(30, 5.0, "euler")
    plan = options.resolve_options
    assert plan(Options(), known) == plan(Options())
    followed = plan(Options(follow=True), known)
    assert (followed.steps, followed.guidance, followed.scheduler) == (30, 5.0, "euler")
    mixed = plan(Options(follow=True, steps=7, scheduler="ddim"), known)
    assert (mixed.steps, mixed.guidance, mixed.scheduler) == (7, 5.0, "ddim")
    assert plan(Options(follow=True), Settings(sampler="euler_simple")).scheduler == "euler"
    assert plan(Options("fast", follow=True), known) == plan(Options("fast"))
    assert plan(Options(follow=True), Settings(sampler="dpm2")).scheduler == plan(Options()).scheduler


def test_strength_nought_is_no_layer_and_needs_no_model(tmp_path):
    only_base = tmp_path / "models"
    only_base.mkdir()
    (only_base / "sd15").symlink_to(tiny.models() / "sd15")
    off = sd15(models=only_base, structure_strength=0, color_strength=0)
    np.testing.assert_array_equal(off.decode(EXAMPLE), sd15().decode(EXAMPLE.only([1])))
    with pytest.raises(ModelMissing, match="color-adapter"):
        sd15(models=only_base, structure_strength=0).decode(EXAMPLE)


def test_strengths_and_the_cut_off_make_a_difference():
    file = replace(EXAMPLE, semantic=Prompt("a red ball"))
    whole = sd15(steps=4).decode(file)
    for more in ({"structure_strength": 0.5}, {"color_strength": 0.5}, {"adapter_until": 0.5}, {"cubic_colors": True},
                 {"line_thickness": 12.0}, {"guidance": 3.0}, {"negative": "green"}, {"control": "controlnet"},
                 {"scheduler": "ddim"}):  # fmt: skip
        assert difference(whole, sd15(**{"steps": 4, **more}).decode(file)) > 0.01, more


def test_the_file_s_negative_prompt_comes_before_the_default():
    file = replace(WORDS, semantic=Prompt("a red hill", "green"))
    np.testing.assert_array_equal(sd15().decode(file), sd15(negative="green").decode(WORDS))
    assert difference(sd15().decode(file), sd15().decode(WORDS)) > 0.01


@pytest.mark.parametrize("lines", options.SKETCH_CONTROLNETS)
def test_controlnets_have_the_same_interface(lines):
    for layers in (EXAMPLE, POSE):
        picture = sd15(control="controlnet", sketch_controlnet=lines).decode(layers)
        assert picture.shape == (120, 200, 3)
        assert difference(picture, sd15(control="controlnet", structure_strength=0).decode(layers)) > 0.1


def test_prompts_beyond_77_tokens_are_heard_to_the_end():
    long = "hill " * 30
    one, two = (sd15().decode(Layers(64, 64, Prompt(long + end))) for end in ("red", "blue"))
    assert difference(one, two) > 0.01


@pytest.mark.parametrize(
    "wrong",
    [{"preset": "best"}, {"scheduler": "dpm9"}, {"control": "x"}, {"sketch_controlnet": "x"}, {"device": "tpu"}],
)
def test_unknown_names_are_refused(wrong):
    with pytest.raises(UnknownName, match="there are: "):
        Options(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 0}, {"steps": 256}, {"steps": 2.5}, {"guidance": -1}, {"guidance": float("nan")}, {"size": 500},
     {"size": 2048}, {"structure_strength": 3}, {"color_strength": -1}, {"adapter_until": 1.5}, {"steps": "9"},
     {"line_thickness": 0}],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(CodecError, match=r"\d"):
        Options(**wrong)


# the seed


def test_the_seed_is_the_argument_or_the_file_s_or_zero():
    seeded = replace(WORDS, seed=7)
    np.testing.assert_array_equal(sd15().decode(seeded), sd15().decode(WORDS, seed=7))
    np.testing.assert_array_equal(sd15().decode(WORDS), sd15().decode(WORDS, seed=0))
    assert difference(sd15().decode(seeded), sd15().decode(seeded, seed=8)) > 1


@pytest.mark.parametrize("seed", [-1, 2**64 - 1, 2**200])
def test_any_integer_is_a_seed(seed):
    decoder = sd15(steps=1, scheduler="euler_a")
    np.testing.assert_array_equal(decoder.decode(WORDS, seed=seed), decoder.decode(WORDS, seed=seed))


# watched and stopped


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
def test_the_number_of_calls_is_known_beforehand(name, steps):
    scheduler = schedulers.make_scheduler(name)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == options.ResolvedOptions(steps, 7.5, name, False).evaluations


@pytest.mark.parametrize("more", [{}, {"preset": "fast"}, {"scheduler": "heun"}])
def test_steps_count_up_to_the_total_with_previews(more):
    steps = []
    picture = sd15(**{"steps": 4, **more}).decode(EXAMPLE, on_step=steps.append)
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1))
    assert {step.total for step in steps} == {steps[0].total}
    assert "4 steps on the CPU, about " in steps[0].label
    assert sum(step.preview is not None for step in steps) >= 5
    for step in steps:
        if step.preview is not None:
            assert step.preview.dtype == np.uint8
            assert abs(step.preview.shape[1] / step.preview.shape[0] - 200 / 120) < 0.2  # 80 x 48 at this size
    np.testing.assert_array_equal(steps[-1].preview, picture)


def test_watching_changes_nothing():
    np.testing.assert_array_equal(sd15().decode(EXAMPLE, on_step=lambda step: True), sd15().decode(EXAMPLE))


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_false_stops_at_once_and_the_next_decode_is_whole(at):
    seen = []

    def stop(step):
        seen.append(step.index)
        return step.index < at

    with pytest.raises(Cancelled):
        sd15().decode(EXAMPLE, on_step=stop)
    assert seen == list(range(1, at + 1))
    assert sd15().decode(EXAMPLE).shape == (120, 200, 3)


def test_the_first_step_comes_before_anything_is_loaded(monkeypatch):
    MODEL_CACHE.clear()
    monkeypatch.setattr(networks, "load_unet", lambda *_: pytest.fail("loaded"))
    with pytest.raises(Cancelled):
        sd15().decode(EXAMPLE, on_step=lambda step: False)
    assert MODEL_CACHE.slots() == ()


def test_minutes_are_told_for_the_cpu_only():
    paper, fast = Options(preset="paper", device="cpu"), Options(preset="fast", device="cpu")
    assert 7 <= duration.expected_minutes(paper, threads=2) <= 9  # 51 x 2 passes of 4.3 s, and the VAE
    assert 0.3 <= duration.expected_minutes(fast, threads=2) <= 0.45  # 17 s when measured as a whole
    assert duration.expected_minutes(paper, threads=8) < duration.expected_minutes(paper, threads=2) / 3
    slow = replace(paper, scheduler="heun")
    assert duration.expected_minutes(slow, threads=2) > 1.8 * duration.expected_minutes(paper, threads=2)
    assert duration.expected_minutes(paper, WORDS, 2) < duration.expected_minutes(paper, threads=2)
    assert duration.expected_minutes(replace(paper, size=256), threads=2) < 2.2
    assert StableDiffusion(paper).expected_minutes() > 0


# a part anew


MASK = np.zeros((120, 200), bool)
MASK[30:90, 50:130] = True
EDITED = replace(EXAMPLE, semantic=Prompt("something quite different"))


@pytest.mark.parametrize("kept", ["trajectory", "latents only", "other schedule"])
@pytest.mark.parametrize("preset", ["paper", "balanced", "fast"])
def test_outside_the_mask_nothing_moves(preset, kept):
    decoder = sd15(preset=preset, steps=4)
    before = decoder.decode_full(EXAMPLE)
    if kept == "latents only":
        before = replace(before, trajectory=(), schedule=None)
    if kept == "other schedule":
        decoder = sd15(preset=preset, steps=3)
    after = decoder.redecode(EDITED, before, MASK, seed=9)
    cells = masks.to_latent_mask(MASK, 80, 48)
    assert before.latents.shape == (4, 6, 10)
    np.testing.assert_array_equal(after.latents[:, ~cells], before.latents[:, ~cells])
    np.testing.assert_array_equal(after.pixels[~MASK], before.pixels[~MASK])
    assert np.abs(after.latents - before.latents)[:, cells].mean() > 0.01
    assert difference(after.pixels[MASK], before.pixels[MASK]) > 0.5


def test_a_part_of_a_part_can_be_decoded_anew():
    decoder = sd15()
    first = decoder.decode_full(EXAMPLE)
    second = decoder.redecode(EDITED, first, MASK, seed=1)
    third = decoder.redecode(EXAMPLE, second, MASK[::-1], seed=2)
    np.testing.assert_array_equal(third.pixels[~MASK[::-1]], second.pixels[~MASK[::-1]])


def test_a_mask_of_everything_is_a_whole_decode_and_of_nothing_none():
    decoder = sd15()
    before = decoder.decode_full(EXAMPLE)
    whole = decoder.redecode(EDITED, before, np.ones_like(MASK), seed=9)
    np.testing.assert_array_equal(whole.pixels, decoder.decode(EDITED, seed=9))
    assert decoder.redecode(EDITED, before, np.zeros_like(MASK), seed=9) is before


def test_redecoding_the_same_gives_the_same():
    decoder = sd15(steps=4)
    before = decoder.decode_full(EXAMPLE, seed=3)
    again = decoder.redecode(EXAMPLE, before, MASK, seed=3)
    np.testing.assert_array_equal(again.latents, before.latents)
    np.testing.assert_array_equal(again.pixels, before.pixels)


def test_sizes_that_do_not_match_are_refused():
    before = sd15().decode_full(EXAMPLE)
    with pytest.raises(CodecError, match="one size"):
        sd15().redecode(EXAMPLE, before, MASK[1:])
    with pytest.raises(CodecError, match="one size"):
        sd15().redecode(replace(EXAMPLE, width=100), before, MASK[:, :100])
    with pytest.raises(CodecError, match="another size"):
        sd15(size=72).redecode(EXAMPLE, before, MASK)


def test_redecoding_can_be_stopped():
    before = sd15().decode_full(EXAMPLE)
    with pytest.raises(Cancelled):
        sd15().redecode(EDITED, before, MASK, on_step=lambda step: step.index < 3)


# files and memory


@pytest.mark.parametrize(
    ("more", "layers", "missing"),
    [
        ({}, WORDS, "sd15"),
        ({}, EXAMPLE, "sd15"),
        ({"preset": "fast"}, WORDS, "sd15"),
    ],
)
def test_without_weights_it_says_so_at_once(monkeypatch, tmp_path, more, layers, missing):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    started, steps = time.monotonic(), []
    with pytest.raises(ModelMissing, match=missing):
        sd15(models=None, **more).decode(layers, on_step=steps.append)
    assert time.monotonic() - started < 3
    assert steps == []


def test_without_the_libraries_it_says_which(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "diffusers" else real(name))
    with pytest.raises(ModelMissing, match="needs diffusers: pip install"):
        sd15().decode(WORDS)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer"])
@pytest.mark.parametrize("damage", ["cut", "config"])
def test_damaged_files_are_named(tmp_path, part, damage):
    import shutil

    shutil.copytree(tiny.models() / "sd15", tmp_path / "sd15")
    folder = tmp_path / "sd15" / part
    if damage == "cut":
        file = folder / "vocab.json" if part == "tokenizer" else next(folder.glob("*.safetensors"))
        file.write_bytes(file.read_bytes()[:-100])
    else:
        file = folder / ("vocab.json" if part == "tokenizer" else "config.json")
        file.write_text("{")
    with pytest.raises(ModelMissing, match="sd15") as caught:
        sd15(models=tmp_path).decode(WORDS)
    assert "\n" not in str(caught.value)


def test_a_folder_that_goes_while_it_runs_is_named_and_may_come_back(tmp_path):
    folder, away = shutil.copytree(tiny.models(), tmp_path / "models"), tmp_path / "away"
    MODEL_CACHE.clear()

    def leave(step):
        if step.label == "models loaded" and folder.exists():
            folder.rename(away)

    with pytest.raises(ModelMissing, match=r"the VAE in .*sd15 cannot be loaded .*fetch it again"):
        sd15(models=folder).decode(WORDS, on_step=leave)
    with pytest.raises(ModelMissing, match="sd15"):
        sd15(models=folder).decode(WORDS)
    away.rename(folder)
    np.testing.assert_array_equal(sd15(models=folder).decode(WORDS), sd15().decode(WORDS))


def test_another_model_s_weights_are_refused(tmp_path):
    import shutil

    shutil.copytree(tiny.models(), tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "openpose-adapter")
    shutil.copytree(tiny.models() / "sketch-adapter", tmp_path / "openpose-adapter")
    (tmp_path / "openpose-adapter" / "config.json").write_text(
        (tiny.models() / "openpose-adapter" / "config.json").read_text()
    )
    with pytest.raises(ModelMissing, match="openpose-adapter"):
        sd15(models=tmp_path).decode(POSE)


def test_nothing_reaches_for_the_network(monkeypatch):
    def refuse(*_args, **_more):
        pytest.fail("a connection was tried")

    MODEL_CACHE.clear()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    sd15(preset="fast").decode(EXAMPLE)
    sd15(control="controlnet").decode(POSE)


def test_networks_are_loaded_once_and_let_go_of(monkeypatch):
    MODEL_CACHE.clear()
    loads = []
    real = networks.load_unet
    monkeypatch.setattr(networks, "load_unet", lambda *given: loads.append(given) or real(*given))
    for decoder in (sd15(), sd15(steps=1), sd15(preset="balanced")):
        decoder.decode(EXAMPLE)
    assert len(loads) == 1
    assert {"unet", "vae", "text encoder", "structure", "colors"} <= set(MODEL_CACHE.slots())
    sd15(preset="fast").decode(EXAMPLE)  # has another UNet, in the place of the first
    assert len(loads) == 2
    decoder.release()
    assert MODEL_CACHE.slots() == ()


def test_many_threads_share_one_decoder():
    decoder = sd15()
    MODEL_CACHE.clear()
    expected = [decoder.decode(EXAMPLE, seed=i) for i in range(4)]
    MODEL_CACHE.clear()
    got = [None] * 4

    def work(i):
        torch.set_num_threads(1)
        got[i] = decoder.decode(EXAMPLE, seed=i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for picture, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(picture, wanted)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
)
def test_running_out_of_memory_says_what_to_try(monkeypatch, error):
    from diffusers import AutoencoderKL

    def fail(*_args, **_more):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderKL, "decode", fail)
        with pytest.raises(OutOfMemory, match="smaller size"):
            sd15().decode(WORDS)
    assert MODEL_CACHE.slots() == ()
    assert sd15().decode(WORDS).shape == (64, 64, 3)


def test_other_errors_are_not_taken_for_it(monkeypatch):
    from diffusers import AutoencoderKL

    def fail(*_args, **_more):
        raise RuntimeError("a defect")

    monkeypatch.setattr(AutoencoderKL, "decode", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        sd15().decode(WORDS)


def test_devices_are_picked(monkeypatch):
    here = {"cuda": False, "mps": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: here["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: here["mps"])
    assert Device.select() == Device("cpu", torch.float32)
    with pytest.raises(CodecError, match="no cuda"):
        Device.select("cuda")
    here["mps"] = True
    assert Device.select() == Device("mps", torch.float32)
    here["cuda"] = True
    assert Device.select() == Device("cuda", torch.float16)
    assert Device.select("cpu") == Device("cpu", torch.float32)


@pytest.mark.parametrize("more", [{}, {"control": "controlnet"}, {"preset": "fast"}])
def test_half_precision_as_on_a_gpu(monkeypatch, more):
    """On the CPU, which has it too: every network gets and gives what the next one takes."""
    MODEL_CACHE.clear()
    whole = sd15(**more).decode(EXAMPLE)
    monkeypatch.setattr(Device, "select", classmethod(lambda cls, name=None: cls("cpu", torch.float16)))
    half = sd15(**more).decode_full(EXAMPLE)
    assert half.latents.dtype == np.float32
    assert 0 < difference(half.pixels, whole) < 2
    again = sd15(**more).redecode(EDITED, half, MASK)
    np.testing.assert_array_equal(again.pixels[~MASK], half.pixels[~MASK])


# the real networks, by their configuration


def test_the_hub_s_configurations_give_networks_of_the_published_size():
    """Built without memory; parameters as counted from the published files."""
    from diffusers import AutoencoderKL, T2IAdapter, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from codec.decoders.sd15 import configs as published

    def parameters(network):
        return sum(weight.numel() for weight in network.parameters())

    with torch.device("meta"):
        for config in (tiny.unet_config(tiny.FULL["unet"]), published.UNET):
            assert parameters(UNet2DConditionModel(**config)) == 859_520_964
        for config in (tiny.vae_config(tiny.FULL["vae"]), published.VAE):
            assert parameters(AutoencoderKL(**config)) == 83_653_863
        for config in (tiny.text_config(tiny.FULL["text"]), published.TEXT_ENCODER):
            assert parameters(CLIPTextModel(CLIPTextConfig(**config))) == 123_060_480
        # 308, 309 and 74.8 MB of float32 on the hub
        for name, size in (("sketch-adapter", 308e6), ("openpose-adapter", 309e6), ("color-adapter", 74.8e6)):
            adapter = T2IAdapter.from_config(tiny.adapter_config(tiny.FULL[name]))
            assert abs(4 * parameters(adapter) / size - 1) < 0.01
            channels = tiny.FULL[name]["in_channels"]
            features = adapter(torch.zeros(1, channels, 512, 512))
            assert [tuple(feature.shape[1:]) for feature in features] == [
                (320, 64, 64), (640, 32, 32), (1280, 16, 16), (1280, 8, 8)
            ]  # fmt: skip
