"""Metadata of other tools: the real format of each tool, unusual documents, and hostile ones."""

from __future__ import annotations

import json

import pytest

from codec.bitstream.settings import Settings
from codec.encoder.prompt import metadata
from codec.encoder.prompt.find_prompt import find_prompt
from codec.encoder.prompt.metadata import a1111
from codec.encoder.prompt.metadata.values import model_name, sampler_name
from codec.images.io import load
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests.encoder.prompt import metadata_files as files

FILES = files.files()


COMMON = {"steps": 30, "guidance": 7.0, "sampler": "dpmpp_2m_karras", "model": "dreamshaper_8", "size": (512, 768)}


# by the name of the file: settings that differ from the common ones
DIFFERENT = {
    "civitai": {"model": None},
    "invokeai 2": {"sampler": "dpmpp_2m"},
    "invokeai 1": {"sampler": "lms", "model": None},
    "novelai": {"sampler": "euler_a_karras", "model": "Stable Diffusion XL 7BCCAA2C"},
    "novelai stealth": {"sampler": "euler_a_karras", "model": "Stable Diffusion XL 7BCCAA2C"},
    "novelai 1": {"sampler": "euler_a", "model": "Stable Diffusion 1D44365E", "size": None},
    "fooocus": {"sampler": "dpmpp_2m_sde_karras", "model": "juggernautXL_v8Rundiffusion", "size": (768, 1280)},
    "swarmui": {"model": "sd_xl_base_1.0", "size": (1024, 1024)},
    "draw things": {"model": "flux_1_dev_q8p"},
}


DIFFERENT["fooocus jpeg"], DIFFERENT["swarmui jpeg"] = DIFFERENT["fooocus"], DIFFERENT["swarmui"]


DIFFERENT["draw things jpeg"] = DIFFERENT["draw things exif"] = DIFFERENT["draw things"]


REPLACED = {
    "a1111 zTXt": ("雪", "snow"),
    "a1111 jpeg, ascii": ("café 雪", "caf? ?"),
}  # not in these charsets


def read_graph(graph: dict) -> metadata.Metadata | None:
    return metadata.read({"prompt": json.dumps(graph)})


@pytest.mark.parametrize("name", FILES)
def test_file_of_each_tool_is_read(name):
    tool, data = FILES[name]
    found = metadata.read(load(data).texts)
    assert found.tool == tool
    assert found.prompt == Prompt(files.PROMPT.replace(*REPLACED.get(name, ("", ""))), files.NEGATIVE)
    assert (found.seed, found.settings) == (files.SEED, Settings(**(COMMON | DIFFERENT.get(name, {}))))


@pytest.mark.parametrize("name", ["comfyui", "novelai stealth", "swarmui jpeg", "draw things"])
def test_metadata_are_stored_in_the_file(name):
    tool, data = FILES[name]
    found = find_prompt(load(data), captioner="none")
    assert found.source == f"from the picture's {tool} metadata"
    layers = Layers(64, 64, found.prompt, seed=found.seed, settings=found.settings)
    back = Layers.from_bytes(layers.to_bytes())
    assert (back.semantic.text, back.seed) == (files.PROMPT, files.SEED)
    assert back.settings == Settings(**(COMMON | DIFFERENT.get(name, {})))


def test_settings_take_few_bytes():
    """At most 12 bytes for all these tools, with the chunk's type and length; a seed of 32 bits takes 6 more."""
    sizes = [2 + len(metadata.read(load(data).texts).settings.to_bytes()) for _, data in FILES.values()]
    assert max(sizes) <= 12 and sorted(sizes)[len(sizes) // 2] == 9


# --- AUTOMATIC1111 ---


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("just a prompt", Prompt("just a prompt")),
        ("a prompt\nNegative prompt: bad", Prompt("a prompt", "bad")),
        ("Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 4", Prompt()),
        ("steps: are mentioned, here: too", Prompt("steps: are mentioned, here: too")),
        ("two\r\nlines\r\nSteps: 20, Sampler: Euler", Prompt("two\nlines")),
        ("a\tb\x00\x1b[31mc\x9f\ud800", Prompt("a\tb[31mc?")),
        ("a\nSteps: 20, Sampler: Euler, Seed: 4\nTemplate: more, of: this, and: that", Prompt("a")),
    ],
)
def test_prompts_of_infotexts(text, prompt):
    assert a1111.read(text).prompt == prompt


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("Steps: 20, Sampler: Euler a", Settings(steps=20, sampler="euler_a")),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras", Settings(steps=20, sampler="dpmpp_2m_karras")),
        ("Steps: 20, Sampler: DPM++ 2M, Schedule type: Odd", Settings(steps=20, sampler="dpmpp_2m")),
        ("Steps: 20, Sampler: PLMS", Settings(steps=20, sampler="pndm")),
        ("Steps: 20, Sampler: unheard of", Settings(steps=20)),
        ("Steps: 20, CFG scale: 7.1", Settings(steps=20, guidance=7.0)),
        ("Steps: 999, CFG scale: 99, Model: ok", Settings(model="ok")),
        ("Steps: 20, CFG scale: nan, Model: " + "m" * 80, Settings(steps=20, model="m" * 64)),
        ('Steps: 20, Model: "a, quoted: name"', Settings(steps=20, model="a, quoted: name")),
        ("Steps: 99999999999999999999999, Seed: -1", Settings()),
        ("Steps: 20, Size: 513x770", Settings(steps=20, size=(512, 768))),
        ("Steps: 20, Size: 0x5, Model hash: 6ce0161689", Settings(steps=20, model="sha256:6ce0161689")),
        ("Steps: 20, Model: " + "m" * 30 + ", Model hash: 6ce0161689", Settings(steps=20, model="sha256:6ce0161689")),
        ("Steps: 20, Model: Deliberate_V2, Model hash: 9aba26abdf", Settings(steps=20, model="deliberate_v2")),
        ("Steps: 20, Model hash: zz, Size: x", Settings(steps=20)),
    ],
)
def test_valid_settings_of_infotexts_are_kept(line, settings):
    assert a1111.read(f"a\n{line}").settings == settings


def test_seed_out_of_range_is_ignored():
    assert a1111.read(f"a\nSteps: 2, Seed: {2**64 - 1}, Size: 1x1").seed == 2**64 - 1
    for seed in (2**64, "-1", "x", "1.5", "١٢", "9" * 5000):
        assert a1111.read(f"a\nSteps: 2, Seed: {seed}, Size: 1x1").seed is None


def test_long_prompt_is_truncated():
    found = a1111.read("猫" * 5000 + "\nNegative prompt: " + "n" * 5000 + "\nSteps: 20, Sampler: Euler")
    assert found.prompt == Prompt("猫" * 1365, "n" * 4096)


def test_comment_of_a_camera_is_not_a_prompt():
    for text in ("taken on holiday", "", "ASCII", "{}", '{"prompt": 5}', "a: b, c: d"):
        data = files.jpeg(files.exif({0x9286: files.comment(text), 0x010F: b"Canon\0", 0x010E: b"a beach\0"}))
        assert metadata.read(load(data).texts) is None


# --- ComfyUI ---


def test_graph_of_flux():
    found = read_graph(files.comfy_flux())
    assert (found.prompt, found.seed) == (Prompt("a red fox in the snow"), 219670278747233)
    assert found.settings == Settings(20, 3.5, "euler_simple", "flux1-dev", (1024, 768))


def test_graph_of_sdxl():
    """Both texts and a concatenated one, through a ControlNet; seed and model of the base, not of the preview."""
    found = read_graph(files.comfy_sdxl())
    assert (found.prompt, found.seed) == (Prompt("a red fox, snow, fur, at dusk", files.NEGATIVE), 77)
    assert found.settings == Settings(25, 8.0, "euler", "sd_xl_base_1.0", (1024, 1024))


def test_unusual_paths_through_a_graph():
    graph = files.comfy()
    graph["20"] = files.node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["21", 0])
    graph["21"] = files.node("ControlNetApply", conditioning=["22", 0], control_net=["4", 0], strength=1)
    graph["22"] = files.node("CLIPTextEncode", text=["23", 0], clip=["4", 1])
    graph["23"] = files.node("ImpactWildcardProcessor", wildcard_text="__x__", populated_text="a moon", seed=3)
    graph["3"]["inputs"] |= {"positive": ["20", 0], "negative": ["24", 0], "seed": ["25", 0], "steps": ["26", 0]}
    graph["24"] = files.node("ConditioningZeroOut", conditioning=["20", 0])
    graph["25"] = files.node("Seed (rgthree)", seed=12)
    graph["26"] = files.node("PrimitiveInt", value=11)
    found = read_graph(graph)
    assert (found.prompt, found.seed) == (Prompt(f"{files.PROMPT}, a moon"), 12)
    assert found.settings.steps == 11
    loader = files.node("Efficient Loader", ckpt_name="a/b.ckpt", positive="a dog", negative="a cat", clip_skip=-1,
                       empty_latent_width=640, empty_latent_height=512)  # fmt: skip
    sampler = files.node("KSampler (Efficient)", seed=1, steps=5, cfg=2, sampler_name="euler", scheduler="normal",
                        model=["1", 0], positive=["1", 1], negative=["1", 2], latent_image=["1", 3])  # fmt: skip
    found = read_graph({"1": loader, "2": sampler, "3": files.node("SaveImage", images=["2", 5])})
    assert (found.prompt, found.settings) == (Prompt("a dog", "a cat"), Settings(5, 2.0, "euler", "b", (640, 512)))


def test_novelai_prompt_with_characters():
    texts = files.NOVELAI_TEXTS | {"Comment": json.dumps(files.NOVELAI4)}
    assert metadata.read(texts).prompt == Prompt(f"{files.PROMPT} | a fox | a bird", files.NEGATIVE)


# --- names ---


@pytest.mark.parametrize(
    ("name", "schedule", "known"),
    [
        ("Euler a", "Automatic", "euler_a"), ("DPM2 a Karras", None, "dpm2_a_karras"), ("k_dpm_2", None, "dpm2"),
        ("dpmpp_3m_sde_gpu", "exponential", "dpmpp_3m_sde_exponential"), ("UniPC", "SGM Uniform", "unipc_sgm_uniform"),
        ("kdpm_2_a_k", None, "dpm2_a_karras"), ("uni_pc_bh2", "normal", "unipc"),
        ("DPM++ SDE Karras", None, "dpmpp_sde_karras"),
        ("DPM++ 2M Trailing", None, "dpmpp_2m"), ("Euler A AYS", None, "euler_a"), ("ddim", "ddim_uniform", "ddim"),
        (None, None, None), (7, "karras", None), ("x" * 10**6, "karras", None), ("", "karras", None),
    ],
)  # fmt: skip
def test_names_of_samplers(name, schedule, known):
    assert sampler_name(name, schedule) == known


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("models\\SDXL/SD_XL_base_1.0.safetensors", "sd_xl_base_1.0"), ("v1-5-pruned.ckpt [e1441589a6]", "v1-5-pruned"),
        ("a/b/c.gguf", "c"), ("my.model.v2", "my.model.v2"), (".ckpt", None), ("", None),
        (5, None), ([], None), ("/", None),
    ],
)  # fmt: skip
def test_names_of_models(name, known):
    assert model_name(name) == known
