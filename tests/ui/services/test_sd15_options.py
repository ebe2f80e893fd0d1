"""Options of Stable Diffusion, the expected time, and the cache of decodes. No networks are loaded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from codec import CodecError, Layers, Prompt
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import Settings
from codec.decoders.diffusion.noise import NOISE_SOURCES
from codec.decoders.sd15.options import PRESETS
from codec.decoders.sdxl.xl_options import PRESETS as XL_PRESETS
from codec.decoders.sdxl.xl_options import XLOptions
from codec.errors import ModelMissing
from tests import samples
from ui.services import sd15_options
from ui.services.sd15_options import ActiveTabs, CachedDecode, DecodeCache

ROOT = Path(__file__).resolve().parents[3]
FIELDS = {
    "preset": "paper", "follow": False, "steps": 3, "guidance": 2.5, "structure": 1, "colors": 0.5,
    "until": 0.75, "control": "t2i", "start": 0.7, "noise": "torch", "clip_skip": 2, "weights": "comfyui",
}  # fmt: skip
EXAMPLE = replace(samples.example(), width=64, height=64)


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """No weights are installed."""
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))


def test_fields_become_options():
    options = sd15_options.parse_options(**FIELDS)
    assert (options.preset, options.steps, options.guidance, options.follow) == ("paper", 3, 2.5, False)
    assert (options.structure_strength, options.color_strength, options.adapter_until) == (1, 0.5, 0.75)
    assert (options.control, options.noise, options.clip_skip, options.weights) == ("t2i", "torch", 2, "comfyui")
    assert options.models is options.checkpoint is options.device is None  # the server's configuration


def test_all_presets_but_that_of_the_paper_may_start_from_the_painter():
    for preset in PRESETS:
        options = sd15_options.parse_options(**FIELDS | {"preset": preset})
        assert options.strength == (0.7 if preset != "paper" else None)
        assert sd15_options.parse_options(**FIELDS | {"preset": preset, "start": 1}).strength is None


def test_options_that_are_left_to_the_preset_are_none():
    own = {"start": sd15_options.FROM_NOISE, "noise": sd15_options.OF_PRESET, "weights": sd15_options.OF_PRESET}
    options = sd15_options.parse_options(**FIELDS | own)
    assert options.strength is options.noise is options.weights is None


def test_a_newcomer_has_three_choices():
    assert sd15_options.preset_choices() == [("Fast", "fast"), ("Good", "quality"), ("Paper", "paper")]
    for label, name in (*sd15_options.noise_choices()[1:], *sd15_options.weights_choices()[1:]):
        sd15_options.parse_options(**FIELDS | ({"noise": name} if name in NOISE_SOURCES else {"weights": name}))
        assert label != name  # each has words of its own
    assert [name for _, name in sd15_options.preset_choices("sdxl")] == list(XL_PRESETS)


def test_presets_of_distilled_models_take_nothing_from_the_file():
    assert [name for name in PRESETS if sd15_options.is_distilled(name, "sd15")] == ["fast"]
    assert [name for name in XL_PRESETS if sd15_options.is_distilled(name, "sdxl")] == ["fast", "turbo"]
    for forged in FORGED:
        assert not sd15_options.is_distilled(forged, "sd15") and not sd15_options.is_distilled(forged, "sdxl")


def test_a_recipe_is_followed_on_request_and_needs_its_checkpoint(no_weights):
    made = Settings(20, 7, "euler_a", "dreamshaper_8", size=(512, 512))
    layers = Layers(
        512, 512, Prompt("a cat"), seed=3, settings=made, recipe=Recipe("a1111", checkpoint="sha256:0123456789")
    )
    follow, ignore = (sd15_options.parse_options(**FIELDS | {"follow": follow}) for follow in (True, False))
    assert sd15_options.follows_recipe(follow, layers) and not sd15_options.follows_recipe(ignore, layers)
    assert not sd15_options.follows_recipe(follow, replace(layers, recipe=None))
    missing = sd15_options.missing_weights(follow, layers)
    assert missing.startswith("the checkpoint of the recipe, dreamshaper_8, is not on this machine; ")
    assert "/" not in missing
    assert sd15_options.missing_weights(ignore, layers).startswith("Stable Diffusion 1.4")
    xl = sd15_options.parse_options(**FIELDS | {"preset": "quality", "follow": True}, decoder="sdxl")
    assert not sd15_options.follows_recipe(xl, layers)  # Stable Diffusion XL has no recipes
    assert sd15_options.missing_weights(xl, layers).startswith("Stable Diffusion XL")


def test_empty_fields_take_the_values_of_the_preset():
    options = sd15_options.parse_options(**FIELDS | {"steps": None, "guidance": None})
    assert options.steps is None and options.guidance is None


def test_fields_become_options_of_stable_diffusion_xl(no_weights):
    options = sd15_options.parse_options(**FIELDS | {"preset": "turbo", "control": "controlnet"}, decoder="sdxl")
    assert isinstance(options, XLOptions) and (options.preset, options.control) == ("turbo", "union")
    assert (options.strength, options.noise, options.clip_skip, options.weights) == (0.7, "torch", 2, "comfyui")
    with pytest.raises(CodecError, match="preset"):
        sd15_options.parse_options(**FIELDS | {"preset": "paper"}, decoder="sdxl")
    assert sd15_options.default_steps_and_guidance("turbo", False, None, "sdxl") == (4, 0)
    missing = sd15_options.missing_weights(options, EXAMPLE)
    assert missing.startswith("SDXL-Turbo, the image decoder and ControlNet-Union are missing")
    assert "models fetch sdxl-turbo sdxl-vae sdxl-controlnet-union" in missing


def test_an_earlier_decode_of_the_other_decoder_is_not_continued(monkeypatch):
    monkeypatch.setattr(sd15_options, "missing_weights", lambda *_: "")
    monkeypatch.setattr(sd15_options, "get", lambda *_: SimpleNamespace(decode_full=lambda *_, **__: cached().decoded))
    earlier = replace(cached(64), layers=EXAMPLE)
    options = sd15_options.parse_options(**FIELDS | {"preset": "fast"}, decoder="sdxl")
    result = sd15_options.decode_task(EXAMPLE, 0, options, True, earlier)(lambda step: True)
    assert "there was no earlier decode" in result.scope and result.cache_entry.decoder == "sdxl"


FORGED = [None, "7", -1, 1e9, float("nan"), float("inf"), True, [1], {"a": 1}, "/etc/passwd", "x" * 100_000]


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "follow"])
def test_forged_fields_are_one_line_errors(field):
    for value in FORGED:
        if value is None and field in ("steps", "guidance"):
            continue
        with pytest.raises(CodecError) as error:
            sd15_options.parse_options(**FIELDS | {field: value})
        assert len(str(error.value)) < 200 and "\n" not in str(error.value), value


@pytest.mark.parametrize("name", list(PRESETS))
def test_steps_and_guidance_are_those_of_the_preset_or_of_the_file(name):
    preset, settings = PRESETS[name], Settings(31, 5.25, "euler")
    defaults = sd15_options.default_steps_and_guidance
    assert defaults(name, False, settings) == (preset.steps, preset.guidance)
    followed = (preset.steps, preset.guidance) if preset.lcm else (31, 5.25)
    assert defaults(name, True, settings) == followed


def test_settings_of_a_file_are_described():
    describe = sd15_options.describe_settings
    assert describe(Settings(30, 7.5, "euler_a", "some <b>model")) == "30 steps, guidance 7.5, euler a"
    assert describe(Settings(sampler="dpm2", model="x")) == describe(None) == ""
    assert describe(Settings(steps=1)) == "1 step"
    assert describe(Settings(sampler="euler_beta", size=(512, 768))) == "euler"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(None, "graphics card"), (0.001, "about a second on"), (1.4, "84 seconds"), (12.4, "12 minutes")],
)
def test_the_expected_time_is_a_sentence(monkeypatch, minutes, text):
    decoder = SimpleNamespace(expected_minutes=lambda layers: minutes)
    monkeypatch.setattr(sd15_options, "get", lambda *_: decoder)
    assert text in sd15_options.estimate(sd15_options.parse_options(**FIELDS), EXAMPLE)


def cached(side: int = 100, steps: int = 0) -> CachedDecode:
    """Return a cache entry with a picture of this side and a trajectory of so many steps."""
    from codec.decoders.diffusion.decode_job import DecodedImage

    latents = np.zeros((4, 64, 64), np.float32)
    return CachedDecode(
        EXAMPLE, DecodedImage(np.zeros((side, side, 3), np.uint8), latents, (latents,) * steps, ("pndm", steps))
    )


def test_the_cache_holds_the_last_decode_of_a_few_tabs():
    cache = DecodeCache()
    for n in range(12):
        cache.put(f"tab {n}", cached())
    assert cache.get("tab 3") is None and cache.get("tab 4") is not None and cache.get("tab 11") is not None
    cache.discard("tab 11")
    assert cache.get("tab 11") is None
    cache.put(None, cached())
    assert cache.get(None) is None


def test_the_cache_drops_long_trajectories_and_the_oldest_large_decodes():
    cache = DecodeCache()
    cache.put("long", cached(steps=400))
    assert cache.get("long").decoded.trajectory == () and cache.get("long").decoded.latents.shape == (4, 64, 64)
    for n in range(4):
        cache.put(f"{n}", cached(side=4096))
    assert [cache.get(f"{n}") is not None for n in range(4)] == [False, False, True, True]


def test_the_networks_are_released_with_the_last_tab(monkeypatch):
    released = []
    monkeypatch.setattr(sd15_options, "release_networks", lambda: released.append(1))
    tabs = ActiveTabs()
    tabs.add("a")
    tabs.add("b")
    tabs.remove("a")
    tabs.release_if_unused()
    assert released == []
    tabs.remove("b")
    assert released == [1]


def test_without_weights_no_decode_starts(no_weights):
    options = sd15_options.parse_options(**FIELDS)
    message = r"Stable Diffusion 1\.4, its sketch adapter and the color adapter are missing \(2"
    with pytest.raises(ModelMissing, match=message):
        sd15_options.decode_task(EXAMPLE, 1, options, False, None)


def test_missing_weights_are_known_without_loading_torch(no_weights):
    code = (
        "import sys; from codec import Layers, Prompt; from ui.services import sd15_options; "
        "options = sd15_options.Options(); "
        "print(sd15_options.missing_weights(options, Layers(64, 64, Prompt('x')))[:31], 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("Stable Diffusion 1.5 is missing False\n", "")
