"""The base model from a checkpoint, one .safetensors file instead of a folder."""

from __future__ import annotations

import gzip
import json
import shutil

import numpy as np
import pytest
import torch

from codec.decoders.diffusion import clip_vocabulary
from codec.decoders.diffusion.model_cache import MODEL_CACHE
from codec.decoders.sd15 import configs, model_paths, networks
from codec.errors import ModelMissing
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests import checkpoint, samples, tiny

PROMPT_ALONE = samples.example().only([1])


@pytest.fixture
def tiny_sizes(monkeypatch):
    """Use the sizes of the tiny networks in place of the published ones."""
    use_tiny_sizes(monkeypatch)


def use_tiny_sizes(patch):
    patch.setattr(configs, "UNET", tiny.unet_config(tiny.TINY["unet"]))
    patch.setattr(configs, "VAE", tiny.vae_config(tiny.TINY["vae"]))
    patch.setattr(configs, "TEXT_ENCODER", tiny.text_config(tiny.TINY["text"]))
    patch.setattr(clip_vocabulary, "load_merges", lambda: [("t", "h"), ("th", "e</w>")])


def test_checkpoint_gives_the_same_picture_as_the_folder(tmp_path, tiny_sizes, make_options, make_decoder):
    file = checkpoint.write(tiny.models_dir() / "sd15", tmp_path / "sd15.safetensors")
    for name in tiny.ADAPTERS:
        (tmp_path / name).symlink_to(tiny.models_dir() / name)
    assert model_paths.locate_model("sd15", make_options(checkpoint=file)) == file
    assert model_paths.locate_model("sd15", make_options(models=tmp_path)) == file
    picture = make_decoder(models=tmp_path).decode(samples.example())
    assert np.abs(picture.astype(int) - make_decoder().decode(samples.example())).max() <= 1


def test_other_safetensors_are_rejected(tmp_path, make_decoder):
    from safetensors.torch import save_file

    save_file({"something": torch.zeros(2)}, tmp_path / "other.safetensors")
    decoder = make_decoder(checkpoint=tmp_path / "other.safetensors")
    with pytest.raises(ModelMissing, match=r"other\.safetensors.*not a checkpoint of Stable Diffusion 1"):
        decoder.decode(PROMPT_ALONE)


def altered(path, changes):
    """Rewrite a checkpoint with what `changes` makes of its tensors."""
    from safetensors.torch import load_file, save_file

    state = load_file(path)
    MODEL_CACHE.clear()
    save_file(changes(state), path, metadata={"format": "pt"})
    return path


@pytest.fixture
def checkpoint_file(tmp_path, tiny_sizes):
    return checkpoint.write(tiny.models_dir() / "sd15", tmp_path / "model.safetensors")


@pytest.fixture(scope="module")
def expected(tmp_path_factory, make_decoder):
    """The picture of a prompt alone from a checkpoint as it is published."""
    with pytest.MonkeyPatch.context() as patch:
        use_tiny_sizes(patch)
        file = checkpoint.write(tiny.models_dir() / "sd15", tmp_path_factory.mktemp("checkpoint") / "model.safetensors")
        return make_decoder(checkpoint=file).decode(PROMPT_ALONE)


def without(prefix):
    return lambda state: {name: value for name, value in state.items() if not name.startswith(prefix)}


def test_checkpoint_without_a_vae_takes_that_of_the_catalog(
    tmp_path, checkpoint_file, expected, make_decoder, monkeypatch
):
    altered(checkpoint_file, without("first_stage_model."))
    for name in ("sd15", "sd-vae"):
        (tmp_path / name / name).parent.mkdir()
        (tmp_path / name / name).symlink_to(tiny.models_dir() / name)
        picture = make_decoder(models=tmp_path / name, checkpoint=checkpoint_file).decode(PROMPT_ALONE)
        np.testing.assert_array_equal(picture, expected)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing, match=r"sd-vae is missing.*fetch sd-vae"):
        make_decoder(models=tmp_path, checkpoint=checkpoint_file).decode(PROMPT_ALONE)


EXTRA = [
    "cond_stage_model.transformer.text_projection.weight", "cond_stage_model.logit_scale", "model_ema.decay",
    "model.diffusion_model.extra.weight", "first_stage_model.loss.logvar", "alphas_cumprod",
]  # fmt: skip


def test_extra_tensors_are_ignored(checkpoint_file, expected, make_decoder):
    altered(checkpoint_file, lambda state: state | {name: torch.ones(3, 3) for name in EXTRA})
    picture = make_decoder(checkpoint=checkpoint_file).decode(PROMPT_ALONE)
    np.testing.assert_array_equal(picture, expected)


def test_checkpoint_of_8_bit_numbers_is_loaded_unless_they_are_scaled(
    checkpoint_file, expected, make_decoder, difference
):
    altered(checkpoint_file, lambda state: {name: value.to(torch.float8_e4m3fn) for name, value in state.items()})
    assert 0 < difference(make_decoder(checkpoint=checkpoint_file).decode(PROMPT_ALONE), expected) < 30
    altered(checkpoint_file, lambda state: state | {"model.diffusion_model.out.2.scale_weight": torch.ones(1)})
    with pytest.raises(ModelMissing, match="scaled 8-bit"):
        make_decoder(checkpoint=checkpoint_file).decode(PROMPT_ALONE)


UNET = "model.diffusion_model."
CONTEXT = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"


@pytest.mark.parametrize(
    ("shapes", "named"),
    [
        ({f"{UNET}input_blocks.0.0.weight": (4, 9, 3, 3)}, "an inpainting model"),
        ({f"{UNET}input_blocks.0.0.weight": (4, 8, 3, 3)}, "InstructPix2Pix"),
        ({CONTEXT: (4, 1024)}, "Stable Diffusion 2"),
        ({CONTEXT: (4, 2048)}, "Stable Diffusion XL"),
        ({f"{UNET}a": (1,), "cond_stage_model.model.transformer.x": (1,)}, "Stable Diffusion 2"),
        ({f"{UNET}a": (1,), "conditioner.embedders.0.x": (1,)}, "Stable Diffusion XL"),
        ({f"{UNET}double_blocks.0.x": (1,)}, "a Flux model"),
        ({"double_blocks.0.x": (1,)}, "a Flux model"),
        ({f"{UNET}joint_blocks.0.x": (1,)}, "Stable Diffusion 3"),
        ({"control_model.x": (1,)}, "a ControlNet"),
        ({"lora_unet_down.lora_down.weight": (1,)}, "a LoRA"),
        ({"unet.x.lora_A.weight": (1,)}, "a LoRA"),
        ({"emb_params": (1, 768)}, "a textual inversion"),
        ({"down_blocks.0.x": (1,)}, "a UNet alone"),
        ({"decoder.up.0.x": (1,)}, "a VAE alone"),
        ({"text_model.x": (1,)}, "a text encoder alone"),
        ({f"{UNET}a": (1,)}, "a UNet without a text encoder"),
        ({"x": (1,)}, "a file of unknown tensors"),
    ],
)
def test_other_models_are_named_for_what_they_are(tmp_path, make_decoder, shapes, named):
    from safetensors.torch import save_file

    path = tmp_path / "x.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    with pytest.raises(ModelMissing, match=f"is {named}.*not a checkpoint of Stable Diffusion 1") as raised:
        make_decoder(checkpoint=path).decode(PROMPT_ALONE)
    assert "fetch it again" not in str(raised.value)


def test_v_prediction_is_honored(tmp_path, checkpoint_file, make_decoder, difference, monkeypatch):
    from diffusers import StableDiffusionPipeline

    from codec.decoders.diffusion.noise import initial_noise

    base = shutil.copytree(tiny.models_dir() / "sd15", tmp_path / "models" / "sd15")
    config = base / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"prediction_type": "v_prediction"}))
    pipe = StableDiffusionPipeline.from_pretrained(base, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    latents = torch.from_numpy(initial_noise(5, 64, 64))[None]
    expected = pipe(
        "a hill", negative_prompt="x", num_inference_steps=3, height=64, width=64, latents=latents, output_type="np"
    )
    layers = Layers(64, 64, Prompt("a hill", "x"))
    picture = make_decoder(models=base.parent, steps=3).decode(layers, seed=5)
    assert np.abs(picture / 255 - expected.images[0]).max() < 1.1 / 255
    altered(checkpoint_file, lambda state: state | {"v_pred": torch.zeros(0)})
    from_file = make_decoder(checkpoint=checkpoint_file, steps=3).decode(layers, seed=5)
    assert np.abs(from_file.astype(int) - picture).max() <= 1
    config.write_text(json.dumps({"prediction_type": "flow_prediction"}))
    with pytest.raises(ModelMissing, match="flow_prediction"):
        make_decoder(models=base.parent).decode(layers)


# --- vocabulary ---------------------------------------------------------------------------------------


def test_our_vocabulary_is_clip_s(tmp_path):
    merges = clip_vocabulary.load_merges()
    vocabulary = clip_vocabulary.build_vocabulary(merges)
    assert (len(merges), len(vocabulary)) == (48894, configs.TEXT_ENCODER["vocab_size"])
    # as published: the size of the Hub's merges.txt, and ids of well-known tokens
    assert len(b"#version: 0.2\n" + gzip.decompress(clip_vocabulary.MERGES_PATH.read_bytes())) == 524_619
    tokenizer = networks.load_tokenizer(tmp_path / "a.safetensors")
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer.pad_token_id == 49407


def test_our_tokenizer_equals_the_folder_s(tmp_path, tiny_sizes):
    ours, theirs = (
        networks.load_tokenizer(tmp_path / "a.safetensors"),
        networks.load_tokenizer(tiny.models_dir() / "sd15"),
    )
    assert theirs.get_vocab() == ours.get_vocab()
    assert json.loads((tiny.models_dir() / "sd15" / "tokenizer" / "vocab.json").read_text()) == ours.get_vocab()
    for text in ("the other Thing, bathe!", "naïve café 東京 🎈", "  two  spaces\tand\nlines ", "it's 12,5 %", ""):
        assert ours(text).input_ids == theirs(text).input_ids


def test_damaged_vocabulary_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(clip_vocabulary, "MERGES_PATH", tmp_path / "clip_merges.txt.gz")
    with pytest.raises(ModelMissing, match="clip_merges"):
        clip_vocabulary.load_merges()
    (tmp_path / "clip_merges.txt.gz").write_bytes(gzip.compress(b"a b\n"))
    with pytest.raises(ModelMissing, match="damaged"):
        clip_vocabulary.load_merges()
