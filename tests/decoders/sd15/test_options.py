"""Options, presets, schedulers and the expected duration of the decoder `sd15`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codec.bitstream.settings import Settings
from codec.decoders.diffusion import schedulers
from codec.decoders.diffusion.base_options import ResolvedOptions
from codec.decoders.sd15 import timing
from codec.decoders.sd15.options import PRESETS, Options, resolve_options
from codec.decoders.sd15.pipeline import StableDiffusion
from codec.errors import CodecError, UnknownName
from codec.layers import Layers
from codec.semantic.prompt import Prompt

FILE_SETTINGS = Settings(30, 5.0, "euler")


def test_presets_have_the_documented_settings():
    assert resolve_options(Options(preset="paper")) == ResolvedOptions(50, 7.5, "pndm")
    assert list(PRESETS) == ["fast", "quality", "paper"] and Options().preset == "quality"
    assert resolve_options(Options(preset="quality")) == ResolvedOptions(20, 7.5, "dpmpp_2m_karras", lcm=False)
    fast = resolve_options(Options(preset="fast"))
    assert 4 <= fast.steps <= 8 and fast.lcm and not fast.is_guided
    assert (Options().structure_strength, Options().color_strength, Options().size) == (1, 1, 512)


def test_explicit_options_override_the_file_and_the_file_overrides_the_preset():
    assert resolve_options(Options(), FILE_SETTINGS) == resolve_options(Options())
    followed = resolve_options(Options(follow=True), FILE_SETTINGS)
    assert (followed.steps, followed.guidance, followed.scheduler) == (30, 5.0, "euler")
    mixed = resolve_options(Options(follow=True, steps=7, scheduler="ddim"), FILE_SETTINGS)
    assert (mixed.steps, mixed.guidance, mixed.scheduler) == (7, 5.0, "ddim")


@pytest.mark.parametrize(
    ("settings", "followed"),
    [
        (Settings(20, 1.0, "euler", "flux1-dev"), False),
        (Settings(4, 1.0, "euler", "sdxl_lightning_4step"), False),
        (Settings(1, 0.0, "euler_a", "sd_xl_turbo_1.0"), False),
        (Settings(6, 2.0, "lcm", "dreamshaper_8LCM"), False),
        (Settings(30, 1.0, None, "v2-1_768-ema-pruned"), False),
        (Settings(8, 1.5, "euler", None), False),
        (Settings(20, 2.75, "euler", None), False),
        (Settings(11, 7.0, "euler", "unknown"), False),
        (Settings(12, 3.0, "euler", "unknown"), True),
        (Settings(30, 7.0, "euler", "juggernautXL"), True),
        (Settings(8, 2.0, "euler", "dreamshaper_8"), True),
        (Settings(10, 7.0, "euler", "v1-5-pruned-emaonly.safetensors"), True),
        (Settings(10, 7.0, "euler", "sha256:6ce0161689"), True),
        (Settings(10, 7.0, "euler", "my_sd15_mix"), True),
        (Settings(None, 5.0, None, None), True),
    ],
)
def test_settings_of_another_model_are_followed_only_where_they_suit(settings, followed):
    resolved = resolve_options(Options(follow=True), settings)
    preset = resolve_options(Options())
    assert resolved.ignores_file != followed
    assert (resolved.guidance == settings.guidance) == followed
    if not followed:
        assert replace(resolved, ignores_file=False) == preset


def test_fast_preset_ignores_the_file():
    assert resolve_options(Options("fast", follow=True), FILE_SETTINGS) == resolve_options(Options("fast"))


@pytest.mark.parametrize(
    ("sampler", "scheduler"), [("euler", "euler"), ("euler_simple", "euler"), ("dpm2", None), (None, None)]
)
def test_sampler_of_a_file_gives_the_closest_scheduler(sampler, scheduler):
    assert schedulers.closest_scheduler(sampler) == scheduler
    resolved = resolve_options(Options(follow=True), Settings(sampler=sampler))
    assert resolved.scheduler == (scheduler or resolve_options(Options()).scheduler)


def test_settings_of_the_file_are_followed_by_default_unless_a_preset_is_given():
    from codec.cli.args import build_parser
    from codec.cli.commands import _decoder_options

    assert StableDiffusion().options.follow and not Options().follow
    command = ["decode", "a.tril", "-o", "a.png", "--decoder", "sd15"]
    assert _decoder_options(build_parser().parse_args(command)).follow
    assert not _decoder_options(build_parser().parse_args([*command, "--preset", "paper"])).follow


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "best"},
        {"scheduler": "dpm9"},
        {"control": "x"},
        {"noise": "x"},
        {"weights": "x"},
        {"sketch_controlnet": "x"},
        {"device": "tpu"},
    ],
)
def test_unknown_names_are_rejected(options):
    with pytest.raises(UnknownName, match="choose one of "):
        Options(**options)


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"steps": 256}, {"steps": 2.5}, {"guidance": -1}, {"guidance": float("nan")}, {"size": 500},
     {"size": 2048}, {"structure_strength": 3}, {"color_strength": -1}, {"adapter_until": 1.5}, {"steps": "9"},
     {"line_thickness": 0}, {"strength": 0.4}, {"strength": 1}, {"clip_skip": 0}, {"clip_skip": 13}],
)  # fmt: skip
def test_numbers_out_of_range_are_rejected(options):
    with pytest.raises(CodecError, match=r"\d"):
        Options(**options)


@pytest.mark.parametrize("steps", [1, 2, 9])
@pytest.mark.parametrize("name", schedulers.SCHEDULERS)
def test_number_of_unet_evaluations_is_known_in_advance(name, steps):
    scheduler = schedulers.make_scheduler(name)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == ResolvedOptions(steps, 7.5, name, False).evaluations


def test_expected_minutes_on_a_cpu():
    paper, fast = Options(preset="paper", device="cpu"), Options(preset="fast", device="cpu")
    minutes = timing.expected_minutes
    assert 7 <= minutes(paper, threads=2) <= 9  # 51 x 2 passes of 4.3 s, and the VAE
    assert 0.3 <= minutes(fast, threads=2) <= 0.45  # measured as a whole: 17 s
    assert minutes(paper, threads=8) < minutes(paper, threads=2) / 3
    assert minutes(replace(paper, scheduler="heun"), threads=2) > 1.8 * minutes(paper, threads=2)
    assert minutes(paper, Layers(64, 64, Prompt("a red hill")), 2) < minutes(paper, threads=2)
    assert minutes(replace(paper, size=256), threads=2) < 2.2
    assert StableDiffusion(paper).expected_minutes() > 0


@pytest.mark.parametrize(("name", "steps", "strength", "run"), [
    ("ddim", 20, 0.5, 10), ("ddim", 20, 0.9, 18), ("heun", 20, 0.5, 19), ("lcm", 4, 0.6, 2), ("ddim", 1, 0.5, 1),
])  # fmt: skip
def test_strength_leaves_the_first_evaluations_out(name, steps, strength, run):
    assert ResolvedOptions(steps, 7.5, name, False, strength=strength).evaluations == run


def test_noise_clip_skip_weights_and_strength_are_options_of_the_command_line():
    from codec.cli.args import build_parser
    from codec.cli.commands import _decoder_options

    command = "decode a.tril -o a.png --decoder sd15 --noise a1111 --clip-skip 2 --weights comfyui --strength 0.7"
    options = _decoder_options(build_parser().parse_args(command.split()))
    assert (options.noise, options.clip_skip, options.weights, options.strength) == ("a1111", 2, "comfyui", 0.7)


def test_preset_paper_starts_from_noise():
    with pytest.raises(CodecError, match="paper starts from noise"):
        Options("paper", strength=0.5)
