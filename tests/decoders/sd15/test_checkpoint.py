"""The base model from a checkpoint, one .safetensors file instead of a folder."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch

from codec.decoders.sd15 import configs, model_paths, networks
from codec.errors import ModelMissing
from tests import checkpoint, samples, tiny

tiny.ensure_torchvision()


@pytest.fixture
def tiny_sizes(monkeypatch):
    """Use the sizes of the tiny networks in place of the published ones."""
    monkeypatch.setattr(configs, "UNET", tiny.unet_config(tiny.TINY["unet"]))
    monkeypatch.setattr(configs, "VAE", tiny.vae_config(tiny.TINY["vae"]))
    monkeypatch.setattr(configs, "TEXT_ENCODER", tiny.text_config(tiny.TINY["text"]))
    monkeypatch.setattr(configs, "load_merges", lambda: [("t", "h"), ("th", "e</w>")])


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
        decoder.decode(samples.example().only([1]))


# --- vocabulary ---------------------------------------------------------------------------------------


def test_our_vocabulary_is_clip_s(tmp_path):
    merges = configs.load_merges()
    vocabulary = configs.build_vocabulary(merges)
    assert (len(merges), len(vocabulary)) == (48894, configs.TEXT_ENCODER["vocab_size"])
    # as published: the size of the Hub's merges.txt, and ids of well-known tokens
    assert len(b"#version: 0.2\n" + gzip.decompress(configs.MERGES_PATH.read_bytes())) == 524_619
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
    monkeypatch.setattr(configs, "MERGES_PATH", tmp_path / "clip_merges.txt.gz")
    with pytest.raises(ModelMissing, match="clip_merges"):
        configs.load_merges()
    (tmp_path / "clip_merges.txt.gz").write_bytes(gzip.compress(b"a b\n"))
    with pytest.raises(ModelMissing, match="damaged"):
        configs.load_merges()
