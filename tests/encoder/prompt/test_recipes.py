"""Recipes from metadata: what is stored, and what is said to be impossible."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest

from codec import Layers, Prompt
from codec.bitstream.recipe import Recipe
from codec.encoder.encode_options import EncodeOptions
from codec.encoder.extract import extract
from codec.encoder.prompt import metadata
from codec.errors import CodecError, InvalidLayer
from codec.images.io import Picture

PROMPT = "a (red:1.2) fox in the snow\nNegative prompt: blurry\n"
SETTINGS = {
    "Steps": "30", "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": "7", "Seed": "2253955223",
    "Size": "512x768", "Model hash": "879db523c3", "Model": "dreamshaper_8", "Clip skip": "2", "Version": "v1.10.1",
}  # fmt: skip
USUAL = Recipe("a1111", "cuda", 2, checkpoint="sha256:879db523c3")
GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {
        "seed": 7, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "denoise": 1,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5-pruned-emaonly.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a (red:1.2) fox", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
}  # fmt: skip


def infotext(changes=None, prompt=PROMPT):
    """Return an infotext; a setting of None is left out."""
    settings = {name: value for name, value in (SETTINGS | (changes or {})).items() if value is not None}
    return prompt + ", ".join(f"{name}: {value}" for name, value in settings.items())


def picture(**texts):
    return Picture(np.zeros((768, 512, 3), np.uint8), texts=texts)


def read(changes=None, prompt=PROMPT):
    return metadata.read({"parameters": infotext(changes, prompt)})


@pytest.mark.parametrize(
    ("changes", "recipe", "sampler"),
    [
        ({}, USUAL, "dpmpp_2m_karras"),
        ({"Schedule type": "Automatic"}, USUAL, "dpmpp_2m_karras"),
        ({"Schedule type": "Automatic", "Sampler": "Euler a"}, USUAL, "euler_a"),
        ({"Schedule type": "Uniform"}, USUAL, "dpmpp_2m"),
        ({"Schedule type": "Polyexponential"}, USUAL, "dpmpp_2m_exponential"),
        ({"Schedule type": None, "Sampler": "DPM++ 2M Karras", "Version": "v1.7.0-375-g023454b4"}, USUAL,
         "dpmpp_2m_karras"),
        ({"Version": "f2.0.1v1.10.1-previous-665-gae278f79"}, USUAL, "dpmpp_2m_karras"),
        ({"Sampler": "DDIM", "Schedule type": "Automatic"}, USUAL, "ddim"),
        ({"RNG": "CPU"}, Recipe("a1111", "cpu", 2, checkpoint="sha256:879db523c3"), "dpmpp_2m_karras"),
        ({"RNG": "NV", "Clip skip": None}, Recipe("a1111", "cuda", checkpoint="sha256:879db523c3"), "dpmpp_2m_karras"),
        ({"CFG scale": "7.33"}, Recipe("a1111", "cuda", 2, False, 733, 0, "sha256:879db523c3"), "dpmpp_2m_karras"),
        ({"ENSD": "31337"}, Recipe("a1111", "cuda", 2, False, None, 31337, "sha256:879db523c3"), "dpmpp_2m_karras"),
        ({"Version": "v1.6.0-2-g4afaaf8a"}, Recipe("a1111", "cuda", 2, True, checkpoint="sha256:879db523c3"),
         "dpmpp_2m_karras"),
        ({"Version": None, "Model hash": "81761151"}, Recipe("a1111", "cuda", 2, True, checkpoint="webui:81761151"),
         "dpmpp_2m_karras"),
        ({"Downcast alphas_cumprod": "True"}, Recipe("a1111", "cuda", 2, True, checkpoint="sha256:879db523c3"),
         "dpmpp_2m_karras"),
        ({"Model": "a name of my own which is long"}, Recipe("a1111", "cuda", 2), "dpmpp_2m_karras"),
    ],
)  # fmt: skip
def test_web_ui_s_settings_give_a_recipe(changes, recipe, sampler):
    found = read(changes)
    assert (found.recipe, found.settings.sampler, found.not_repeated) == (recipe, sampler, ())


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"Lora hashes": '"x: 0123"'}, "LoRA"), ({"TI hashes": '"x: 0123"'}, "embeddings"),
        ({"ControlNet 0": '"Module: canny"'}, "ControlNet"), ({"ADetailer model": "face.pt"}, "ADetailer"),
        ({"Hires upscale": "2", "Denoising strength": "0.5"}, "a hires pass"), ({"VAE": "x.pt"}, "a VAE of its own"),
        ({"Denoising strength": "0.5"}, "a start from another picture"), ({"Variation seed": "5"}, "a variation seed"),
        ({"Face restoration": "GFPGAN"}, "face restoration"), ({"Refiner": "x"}, "a refiner"),
        ({"Unheard of": "1"}, "the setting 'unheard of'"), ({"Sampler": "Unheard"}, "this sampler"),
        ({"Schedule type": "Align Your Steps"}, "the schedule align_your_steps"),
        ({"Clip skip": "13"}, "this clip skip"),
        ({"Seed": None}, "a seed that is not recorded"), ({"Size": None}, "a size that is not recorded"),
        ({"Model": None, "Model hash": None}, "a checkpoint that is not recorded"), ({"ENSD": "99999999"}, "this ENSD"),
        ({"CFG scale": "7.123"}, "this guidance scale"),
        ({"Sampler": "DDIM", "Schedule type": None, "Version": "v1.5.2"}, "DDIM or PLMS of versions before 1.6"),
    ],
)  # fmt: skip
def test_web_ui_s_other_parts_are_named(changes, part):
    found = read(changes)
    assert found.recipe is None and part in found.not_repeated
    with pytest.raises(CodecError, match=r"this cannot be repeated: .*encode it without --recipe"):
        extract(picture(parameters=infotext(changes)), EncodeOptions(recipe=True))


@pytest.mark.parametrize(
    ("prompt", "part"),
    [
        ("a fox <lora:winter:0.8>\n", "LoRA"), ("a fox <hypernet:x:1>\n", "a hypernetwork"),
        ("a [fox:cat:0.5]\n", "prompts that change"), ("a [fox|cat]\n", "prompts that change"),
        ("a [[fox]:5]\n", "prompts that change"), ("a fox AND a cat\n", "prompts that change"),
        ("a fox\nNegative prompt: [x:3]\n", "prompts that change"), ("", "an empty prompt"),
        ("fox " * 1100 + "\n", "a prompt of more than"),
    ],
)  # fmt: skip
def test_prompts_with_other_parts_are_named(prompt, part):
    found = read({}, prompt)
    assert found.recipe is None and any(part in problem for problem in found.not_repeated)


@pytest.mark.parametrize("prompt", ["a [red] (fox:1.2), 1:1, BREAK [[snow]]\n", r"a \[fox\] (smile:0.8)" + "\n"])
def test_weights_are_no_obstacle(prompt):
    assert read({}, prompt).recipe == USUAL


@pytest.mark.parametrize(
    "model", ["sd_xl_base_1.0", "juggernautXL_v9Rdphoto2Lightning", "flux1-dev", "v2-1_768-ema-pruned"]
)
def test_other_models_are_named(model):
    with pytest.raises(CodecError, match="is not Stable Diffusion 1"):
        extract(picture(parameters=infotext({"Model": model, "Model hash": None})), EncodeOptions(recipe=True))


def test_comfyui_s_own_nodes_give_a_recipe():
    found = metadata.read({"prompt": json.dumps(GRAPH)})
    assert (found.recipe, found.not_repeated) == (Recipe("comfyui", "cpu"), ())
    assert (found.settings.sampler, found.settings.model) == ("euler", "v1-5-pruned-emaonly")
    skipping = GRAPH | {
        "10": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["4", 1]}}
    }
    assert metadata.read({"prompt": json.dumps(skipping)}).recipe == Recipe("comfyui", "cpu", 2)


@pytest.mark.parametrize(
    ("node", "inputs", "part"),
    [
        ("3", {"denoise": 0.5}, "a start from another picture"), ("5", {"batch_size": 4}, "a batch of pictures"),
        ("3", {"scheduler": "ddim_uniform"}, "the schedule ddim_uniform"), ("3", {"cfg": 7.333}, "this guidance scale"),
        ("3", {"sampler_name": "unheard"}, "this sampler"), ("6", {"text": "embedding:x"}, "embeddings"),
        ("6", {"text": ["20", 0]}, "a prompt made by other nodes"),
    ],
)  # fmt: skip
def test_comfyui_s_other_values_are_named(node, inputs, part):
    graph = copy.deepcopy(GRAPH)
    graph[node]["inputs"] |= inputs
    graph["20"] = {"class_type": "PrimitiveString", "inputs": {"value": "a fox"}}
    found = metadata.read({"prompt": json.dumps(graph)})
    assert found.recipe is None and any(part in problem for problem in found.not_repeated)


@pytest.mark.parametrize(
    ("kind", "part"),
    [("LoraLoader", "LoRA"), ("ControlNetApplyAdvanced", "ControlNet"), ("LatentUpscale", "a second pass"),
     ("VAELoader", "a VAE of its own"), ("VAEEncode", "a start from another picture"), ("FreeU", "the node 'FreeU'")],
)  # fmt: skip
def test_comfyui_s_other_nodes_are_named(kind, part):
    graph = GRAPH | {"11": {"class_type": kind, "inputs": {}}}
    found = metadata.read({"prompt": json.dumps(graph)})
    assert found.recipe is None and part in found.not_repeated


@pytest.mark.parametrize("seed", range(100))
def test_damaged_metadata_give_a_recipe_or_a_reason(seed):
    rng = random.Random(seed)
    graph = copy.deepcopy(GRAPH)
    node = graph[rng.choice(list(graph))]
    name = rng.choice([*node["inputs"], "x"])
    node["inputs"][name] = rng.choice((None, -1, 1e99, "x", [], ["3", 0], {"a": 1}, True, 10**30, "\ud800"))
    text = list(infotext())
    for _ in range(4):
        text[rng.randrange(len(text))] = rng.choice(',:"\n [()]\\5é')
    for texts in ({"prompt": json.dumps(graph)}, {"parameters": "".join(text)}):
        found = metadata.read(texts)
        assert found is None or found.recipe is None or not found.not_repeated


@pytest.mark.parametrize("texts", [{"parameters": infotext()}, {"prompt": json.dumps(GRAPH)}])
def test_file_with_a_recipe_is_small_and_layers_are_optional(texts):
    layers = extract(picture(**texts), EncodeOptions(recipe=True)).layers
    prompt = Layers(512, 768, layers.semantic)
    assert layers.structure is layers.texture is None and layers.settings.size is None
    assert len(layers.to_bytes()) - len(prompt.to_bytes()) <= 60
    assert Layers.from_bytes(layers.to_bytes()) == layers
    kept = extract(picture(**texts), EncodeOptions(recipe=True, keep_layers=True)).layers
    assert kept.recipe == layers.recipe and kept.structure is not None and kept.texture is not None


def test_long_prompt_is_stored_whole():
    prompt = ", ".join(f"word{number}" for number in range(300))
    layers = extract(picture(parameters=infotext({}, f"{prompt}\n")), EncodeOptions(recipe=True, budget=655)).layers
    assert layers.semantic == Prompt(prompt)


@pytest.mark.parametrize("texts", [{}, {"Comment": "a nice day"}])
def test_picture_without_metadata_has_no_recipe(texts):
    with pytest.raises(CodecError, match=r"no metadata.*without --recipe"):
        extract(picture(**texts), EncodeOptions(recipe=True))


@pytest.mark.parametrize("options", [{"prompt": "x"}, {"negative": "x"}, {"seed": 5}])
def test_options_that_contradict_a_recipe_are_rejected(options):
    with pytest.raises(InvalidLayer, match="do not give them"):
        EncodeOptions(recipe=True, **options)
    with pytest.raises(InvalidLayer, match="--keep-layers needs --recipe"):
        EncodeOptions(keep_layers=True)
