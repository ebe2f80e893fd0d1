"""The base model from one .safetensors file instead of a folder."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch

from codec.decoders.sd15 import configs, networks
from codec.decoders.sd15.model_cache import MODEL_CACHE
from codec.decoders.sd15.options import Options
from codec.decoders.sd15.pipeline import StableDiffusion
from codec.errors import ModelMissing
from tests import checkpoint, samples, tiny

tiny.prepare()


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "cache"))
    yield
    MODEL_CACHE.clear()
    torch.set_num_threads(before)


@pytest.fixture
def tiny_sizes(monkeypatch):
    """Take the tiny networks for the published ones."""
    monkeypatch.setattr(configs, "UNET", tiny.unet_config(tiny.TINY["unet"]))
    monkeypatch.setattr(configs, "VAE", tiny.vae_config(tiny.TINY["vae"]))
    monkeypatch.setattr(configs, "TEXT_ENCODER", tiny.text_config(tiny.TINY["text"]))
    monkeypatch.setattr(configs, "load_merges", lambda: [("t", "h"), ("th", "e</w>")])


@pytest.mark.parametrize("given", ["checkpoint", "models"])
def test_it_gives_the_folder_s_picture(tmp_path, tiny_sizes, given):
    file = checkpoint.write(tiny.models() / "sd15", tmp_path / "sd15.safetensors")
    common = {"size": 64, "steps": 2, "device": "cpu"}
    wanted = StableDiffusion(Options(models=tiny.models(), **common)).decode(samples.example())
    for name in tiny.ADAPTERS:
        (tmp_path / name).symlink_to(tiny.models() / name)
    places = {"models": tmp_path, **({"checkpoint": file} if given == "checkpoint" else {})}
    got = StableDiffusion(Options(**places, **common)).decode(samples.example())
    assert np.abs(got.astype(int) - wanted).max() <= 1


def test_another_kind_of_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"something": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelMissing, match=r"other\.safetensors.*not a checkpoint of Stable Diffusion 1"):
        StableDiffusion(Options(checkpoint=tmp_path / "other.safetensors", device="cpu")).decode(
            samples.example().only([1])
        )


# the vocabulary


def test_our_copy_of_the_vocabulary_is_clip_s(tmp_path):
    pairs = configs.load_merges()
    words = configs.build_vocabulary(pairs)
    assert (len(pairs), len(words)) == (48894, configs.TEXT_ENCODER["vocab_size"])
    # as published: the size of the hub's merges.txt, and numbers of well-known tokens
    assert len(b"#version: 0.2\n" + gzip.decompress(configs.MERGES_PATH.read_bytes())) == 524_619
    read = networks.load_tokenizer(tmp_path / "a.safetensors")
    assert read("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert read.pad_token_id == 49407


def test_it_reads_as_the_folder_s_does(tmp_path, tiny_sizes):
    ours, theirs = networks.load_tokenizer(tmp_path / "a.safetensors"), networks.load_tokenizer(tiny.models() / "sd15")
    assert theirs.get_vocab() == ours.get_vocab()
    assert json.loads((tiny.models() / "sd15" / "tokenizer" / "vocab.json").read_text()) == ours.get_vocab()
    for text in ("the other Thing, bathe!", "naïve café 東京 🎈", "  two  spaces\tand\nlines ", "it's 12,5 %", ""):
        assert ours(text).input_ids == theirs(text).input_ids


def test_a_damaged_vocabulary_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(configs, "MERGES_PATH", tmp_path / "clip_merges.txt.gz")
    with pytest.raises(ModelMissing, match="clip_merges"):
        configs.load_merges()
    (tmp_path / "clip_merges.txt.gz").write_bytes(gzip.compress(b"a b\n"))
    with pytest.raises(ModelMissing, match="damaged"):
        configs.load_merges()
