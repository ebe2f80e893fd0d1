"""Loading of Stable Diffusion's networks: missing and damaged files, the cache, memory, devices."""

from __future__ import annotations

import shutil
import socket
import time
from dataclasses import replace

import pytest
import torch

from codec.decoders.diffusion import network_files
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.model_cache import MODEL_CACHE, ModelCache
from codec.decoders.sd15 import configs, networks
from codec.errors import CodecError, ModelMissing, OutOfMemory
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from tests import samples, tiny
from tests.lanes import variants

LAYERS = samples.example()
POSE = replace(LAYERS, structure=samples.pose())
PROMPT = Layers(64, 64, Prompt("a red hill"))
CPU = Device("cpu", torch.float32)


# --- missing and damaged files ------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"preset": "fast"}])
@pytest.mark.parametrize("layers", [PROMPT, LAYERS], ids=["prompt", "all layers"])
def test_missing_weights_are_reported_at_once(monkeypatch, tmp_path, make_decoder, layers, changes):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    decoder, steps = make_decoder(models=None, **changes), []
    started_at = time.monotonic()
    with pytest.raises(ModelMissing, match="sd15"):
        decoder.decode(layers, on_step=steps.append)
    assert time.monotonic() - started_at < 3
    assert steps == []


def test_missing_libraries_are_named(monkeypatch, make_decoder):
    import importlib.util

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "diffusers" else find_spec(name))
    with pytest.raises(ModelMissing, match="needs diffusers: pip install"):
        make_decoder().decode(PROMPT)


@pytest.fixture(scope="module")
def saved_pipeline():
    from diffusers import StableDiffusionPipeline

    return StableDiffusionPipeline.from_pretrained(tiny.models_dir() / "sd15", local_files_only=True)


@pytest.mark.parametrize(
    ("variant", "shard_size"), variants([(None, "1GB"), ("fp16", "1GB"), ("fp16", "200KB"), (None, "200KB")], 2)
)
def test_folder_that_the_installed_libraries_saved_is_loaded(
    tmp_path, saved_pipeline, make_decoder, difference, variant, shard_size
):
    saved_pipeline.save_pretrained(tmp_path / "sd15", variant=variant, max_shard_size=shard_size)
    names = {path.name for path in (tmp_path / "sd15").rglob("*")}
    assert "tokenizer.json" in names and "merges.txt" not in names
    assert (shard_size == "200KB") == any("-of-" in name for name in names)
    picture = make_decoder(models=tmp_path, color_strength=0, structure_strength=0).decode(PROMPT)
    assert difference(picture, make_decoder(color_strength=0, structure_strength=0).decode(PROMPT)) < 0.1
    shard = next(path for path in sorted((tmp_path / "sd15" / "unet").glob("*.safetensors")))
    shard.unlink()
    with pytest.raises(ModelMissing, match=r"sd15 is missing: unet/diffusion_pytorch_model\.safetensors in .*sd15"):
        make_decoder(models=tmp_path).decode(PROMPT)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer"])
@pytest.mark.parametrize("damage", ["truncated", "config"])
def test_damaged_files_are_named(tmp_path, part, damage):
    base = shutil.copytree(tiny.models_dir() / "sd15", tmp_path / "sd15")
    folder = base / part
    if damage == "truncated":
        file = folder / "vocab.json" if part == "tokenizer" else next(folder.glob("*.safetensors"))
        file.write_bytes(file.read_bytes()[:-100])
    else:
        file = folder / ("vocab.json" if part == "tokenizer" else "config.json")
        file.write_text("{")
    load = {
        "unet": lambda: networks.load_unet(base, None, CPU),
        "vae": lambda: networks.load_vae(base, CPU),
        "text_encoder": lambda: networks.load_text_encoder(base, CPU),
        "tokenizer": lambda: networks.load_tokenizer(base),
    }[part]
    with pytest.raises(ModelMissing, match=r"sd15 cannot be loaded .*: fetch it again") as caught:
        load()
    assert "\n" not in str(caught.value)


def test_truncated_weights_are_found_before_the_decode(tmp_path, make_decoder):
    file = shutil.copytree(tiny.models_dir() / "sd15", tmp_path / "sd15") / "unet" / tiny.WEIGHTS_NAME
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelMissing, match=r"sd15.*damaged or truncated"):
        make_decoder(models=tmp_path).decode(PROMPT, on_step=lambda step: pytest.fail("started"))


def test_folder_that_disappears_during_a_decode_is_named_and_may_return(tmp_path, make_decoder):
    folder, hidden = shutil.copytree(tiny.models_dir() / "sd15", tmp_path / "models" / "sd15"), tmp_path / "hidden"
    MODEL_CACHE.clear()

    def hide(step):
        if step.label == "models loaded" and folder.exists():
            folder.rename(hidden)

    decoder = make_decoder(models=folder.parent)
    with pytest.raises(ModelMissing, match=r"the VAE in .*sd15 cannot be loaded .*fetch it again"):
        decoder.decode(PROMPT, on_step=hide)
    with pytest.raises(ModelMissing, match="sd15"):
        decoder.decode(PROMPT)
    hidden.rename(folder)
    assert decoder.decode(PROMPT).shape == (64, 64, 3)


def test_weights_of_another_model_are_rejected(tmp_path):
    folder = shutil.copytree(tiny.models_dir() / "controlnet-scribble", tmp_path / "openpose-adapter")
    shutil.copy(tiny.models_dir() / "openpose-adapter" / "config.json", folder)
    with pytest.raises(ModelMissing, match="openpose-adapter"):
        network_files.load_adapter(folder, CPU)


def test_lora_of_another_model_is_rejected(tmp_path):
    from safetensors.torch import load_file, save_file

    state = load_file(tiny.models_dir() / "lcm-lora" / "pytorch_lora_weights.safetensors")
    save_file({name.replace("mid_block", "mid"): value for name, value in state.items()},
              tmp_path / "pytorch_lora_weights.safetensors")  # fmt: skip
    with pytest.raises(ModelMissing, match="made for another model"):
        networks.load_unet(tiny.models_dir() / "sd15", tmp_path, CPU)


def test_nothing_uses_the_network(monkeypatch, make_decoder):
    def fail(*_arguments, **_options):
        pytest.fail("a connection was attempted")

    MODEL_CACHE.clear()
    monkeypatch.setattr(socket.socket, "connect", fail)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    make_decoder(preset="fast").decode(LAYERS)
    make_decoder(control="controlnet").decode(POSE)


# --- the cache of loaded networks ---------------------------------------------------------------------


def test_cache_loads_a_network_once_and_drops_it_for_another():
    cache, loads = ModelCache(), []

    def load(name):
        return lambda: loads.append(name) or name

    assert [cache.get_or_load("unet", name, load(name)) for name in ("a", "a", "b", "a")] == ["a", "a", "b", "a"]
    assert loads == ["a", "b", "a"]
    cache.get_or_load("vae", "a", load("vae"))
    assert cache.slots() == ("unet", "vae")
    cache.clear()
    assert cache.slots() == ()


@pytest.mark.usefixtures("shared_networks")
def test_networks_are_loaded_once_and_released(monkeypatch, make_decoder):
    MODEL_CACHE.clear()
    loads = []
    load_unet = networks.load_unet
    monkeypatch.setattr(networks, "load_unet", lambda *arguments: loads.append(arguments) or load_unet(*arguments))
    for decoder in (make_decoder(), make_decoder(steps=2), make_decoder(preset="quality")):
        decoder.decode(LAYERS)
    assert len(loads) == 1
    assert {"unet", "vae", "text encoder", "structure", "colors"} <= set(MODEL_CACHE.slots())
    make_decoder(preset="fast").decode(LAYERS)  # has another UNet, which takes the slot of the first
    assert len(loads) == 2
    decoder.release()
    assert MODEL_CACHE.slots() == ()


# --- memory and devices -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
        MemoryError(),
    ],
)
@pytest.mark.usefixtures("shared_networks")
def test_out_of_memory_says_what_to_try_and_frees_the_networks(monkeypatch, make_decoder, error):
    from diffusers import AutoencoderKL

    def fail(*_arguments, **_options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(AutoencoderKL, "decode", fail)
        with pytest.raises(OutOfMemory, match="smaller size"):
            make_decoder().decode(PROMPT)
    assert MODEL_CACHE.slots() == ()
    assert make_decoder().decode(PROMPT).shape == (64, 64, 3)


@pytest.mark.usefixtures("shared_networks")
def test_other_errors_pass_unchanged(monkeypatch, make_decoder):
    from diffusers import AutoencoderKL

    def fail(*_arguments, **_options):
        raise RuntimeError("a defect")

    monkeypatch.setattr(AutoencoderKL, "decode", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        make_decoder().decode(PROMPT)


def test_best_available_device_is_selected(monkeypatch):
    available = {"cuda": False, "mps": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: available["mps"])
    assert Device.select() == Device("cpu", torch.float32)
    with pytest.raises(CodecError, match="no cuda"):
        Device.select("cuda")
    available["mps"] = True
    assert Device.select() == Device("mps", torch.float32)
    available["cuda"] = True
    assert Device.select() == Device("cuda", torch.float16)
    assert Device.select("cpu") == Device("cpu", torch.float32)


# --- configurations of the real networks --------------------------------------------------------------


def test_published_configurations_give_networks_of_the_published_size():
    """Built without memory; the numbers of parameters are those of the published files."""
    from diffusers import AutoencoderKL, T2IAdapter, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    def parameters(network):
        return sum(weight.numel() for weight in network.parameters())

    with torch.device("meta"):
        for config in (tiny.unet_config(tiny.FULL["unet"]), configs.UNET):
            assert parameters(UNet2DConditionModel(**config)) == 859_520_964
        for config in (tiny.vae_config(tiny.FULL["vae"]), configs.VAE):
            assert parameters(AutoencoderKL(**config)) == 83_653_863
        for config in (tiny.text_config(tiny.FULL["text"]), configs.TEXT_ENCODER):
            assert parameters(CLIPTextModel(CLIPTextConfig(**config))) == 123_060_480
        # 308, 309 and 74.8 MB of float32 on the Hub
        for name, size in (("sketch-adapter", 308e6), ("openpose-adapter", 309e6), ("color-adapter", 74.8e6)):
            adapter = T2IAdapter.from_config(tiny.adapter_config(tiny.FULL[name]))
            assert abs(4 * parameters(adapter) / size - 1) < 0.01
            channels = tiny.FULL[name]["in_channels"]
            features = adapter(torch.zeros(1, channels, 512, 512))
            assert [tuple(feature.shape[1:]) for feature in features] == [
                (320, 64, 64), (640, 32, 32), (1280, 16, 16), (1280, 8, 8)
            ]  # fmt: skip
