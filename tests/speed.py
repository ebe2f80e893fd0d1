"""Measure the speed of `sd15` at full size: our denoising loop and diffusers' pipeline, with random weights.

    python3 -m tests.speed [--device cuda] [--steps 20]

Not part of the test suite: it needs 6 GB of memory and, on a CPU, an hour. Random weights take as long as real ones.
Prints a line for each measurement.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from codec.decoders.diffusion import conditions, network_files, schedulers
from codec.decoders.diffusion.device import Device
from codec.decoders.diffusion.model_search import ModelPaths
from codec.decoders.diffusion.noise import initial_noise
from codec.decoders.sd15 import configs, networks, pipeline
from codec.decoders.sd15.options import Options
from codec.decoders.sd15.pipeline import StableDiffusion
from tests import samples, tiny

FILE = replace(samples.example(), width=512, height=512)


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"))
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    device = Device.select(arguments.device)
    tiny.ensure_torchvision()
    parts = _make_networks(device)
    _replace_loaders(parts)
    print(f"{_device_name(device)}, {device.dtype}, torch {torch.__version__}")
    options = Options(preset="quality", scheduler="ddim", steps=arguments.steps, device=device.name)
    ours = _timed("our decode", device, lambda: StableDiffusion(options).decode(FILE))
    theirs = _timed("diffusers' adapter pipeline", device, _pipeline(parts, arguments.steps))
    print(f"ratio ours / theirs: {ours / theirs:.3f}")
    fast = Options(preset="fast", device=device.name)
    _timed("preset fast: 4 steps of LCM, TAESD", device, lambda: StableDiffusion(fast).decode(FILE))
    if device.name == "cuda":
        print(f"peak memory: {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


def _make_networks(device: Device) -> dict[str, Any]:
    """Return all networks in their published sizes, with weights too small to overflow half precision."""
    from diffusers import AutoencoderKL, AutoencoderTiny, T2IAdapter, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    created = {
        "unet": _with_random_weights(lambda: UNet2DConditionModel(**configs.UNET)),
        "vae": _with_random_weights(lambda: AutoencoderKL(**configs.VAE)),
        "taesd": AutoencoderTiny(),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**configs.TEXT_ENCODER)),
        "sketch-adapter": T2IAdapter.from_config(tiny.adapter_config(tiny.FULL["sketch-adapter"])),
        "color-adapter": T2IAdapter.from_config(tiny.adapter_config(tiny.FULL["color-adapter"])),
    }
    ready = {name: network_files.prepare(network, device) for name, network in created.items()}
    return {**ready, "tokenizer": networks.load_tokenizer(Path("none.safetensors"))}


def _with_random_weights(make: Callable[[], Any]) -> Any:
    """Return the network without running its own initialization, which takes minutes."""
    with torch.device("meta"):
        network = make()
    network = network.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim > 1:
                weight.uniform_(-0.02, 0.02)
            else:
                weight.fill_(float("norm" in name and name.endswith("weight")))
    return network


def _replace_loaders(parts: dict[str, Any]) -> None:
    """Make the decoder use these networks instead of loading files."""
    pipeline.locate_models = lambda options, _: ModelPaths(
        Path("sd15"), None, None, Path("taesd") if options.preset == "fast" else None, Path("sketch-adapter"),
        Path("color-adapter"),
    )  # fmt: skip
    networks.load_tokenizer = lambda *_: parts["tokenizer"]
    networks.load_text_encoder = lambda *_: parts["text_encoder"]
    networks.load_unet = lambda *_: parts["unet"]
    networks.load_vae = lambda *_: parts["vae"]
    network_files.load_taesd = lambda *_: parts["taesd"]
    network_files.load_adapter = lambda path, _: parts[path.name]


def _pipeline(parts: dict[str, Any], steps: int) -> Callable[[], object]:
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline

    adapter_pipeline = StableDiffusionAdapterPipeline(
        vae=parts["vae"], text_encoder=parts["text_encoder"], tokenizer=parts["tokenizer"], unet=parts["unet"],
        adapter=MultiAdapter([parts["sketch-adapter"], parts["color-adapter"]]),
        scheduler=schedulers.make_scheduler("ddim"), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    adapter_pipeline.set_progress_bar_config(disable=True)
    unet = parts["unet"]
    pictures = [conditions.render_sketch(FILE.structure, 512, 512), conditions.render_colors(FILE.texture, 512, 512)]
    images = [
        torch.from_numpy(np.moveaxis(picture, 2, 0).copy())[None].to(unet.device, unet.dtype) for picture in pictures
    ]
    noise = torch.from_numpy(initial_noise(0, 512, 512))[None].to(unet.device, unet.dtype)
    return lambda: adapter_pipeline(
        FILE.semantic.text, negative_prompt=FILE.semantic.negative, image=images, num_inference_steps=steps,
        guidance_scale=7.5, adapter_conditioning_scale=[1.0, 1.0], latents=noise, output_type="np",
    )  # fmt: skip


def _timed(label: str, device: Device, work: Callable[[], object]) -> float:
    """Run twice; print and return the seconds of the second run."""
    for _ in range(2):
        started_at = time.perf_counter()
        work()
        if device.name == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started_at
    print(f"{label}: {seconds:.2f} s", flush=True)
    return seconds


def _device_name(device: Device) -> str:
    if device.name == "cuda":
        return torch.cuda.get_device_name()
    return f"{device.name}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
