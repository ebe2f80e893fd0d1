"""How fast `sd15` is at full size: our loop beside diffusers' pipeline, with random weights.

    python3 -m tests.speed [--device cuda] [--steps 20]

Not part of the test suite: it needs 6 GB of memory and, on a CPU, an hour. The weights make no difference
to the time; the pictures are noise. Prints a line for each measurement.
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

from codec.decoders.sd15 import conditions, configs, networks
from codec.decoders.sd15 import duration, options, schedulers
from codec.decoders.sd15 import pipeline as diffusion
from codec.decoders.sd15.denoise import initial_noise
from codec.decoders.sd15.networks import Device
from codec.decoders.sd15.options import Options
from codec.decoders.sd15.pipeline import StableDiffusion
from tests import samples, tiny

FILE = replace(samples.example(), width=512, height=512)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "mps", "cpu"))
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    device = Device.select(given.device)
    tiny.prepare()
    parts = _networks(device)
    _serve(parts)
    print(f"{_card(device)}, {device.dtype}, torch {torch.__version__}")
    options = Options(preset="balanced", scheduler="ddim", steps=given.steps, device=device.name)
    ours = _timed("our decode", device, lambda: StableDiffusion(options).decode(FILE))
    theirs = _timed("diffusers' adapter pipeline", device, _pipeline(parts, given.steps))
    print(f"ratio ours / theirs: {ours / theirs:.3f}")
    fast = Options(preset="fast", device=device.name)
    _timed("preset fast: 4 steps of LCM, TAESD", device, lambda: StableDiffusion(fast).decode(FILE))
    if device.name == "cuda":
        print(f"peak memory: {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


def _networks(device: Device) -> dict[str, Any]:
    """All networks with their published sizes; weights small, so that nothing overflows half precision."""
    from diffusers import AutoencoderKL, AutoencoderTiny, T2IAdapter, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    made = {
        "unet": _filled(lambda: UNet2DConditionModel(**configs.UNET)),
        "vae": _filled(lambda: AutoencoderKL(**configs.VAE)),
        "taesd": AutoencoderTiny(),
        "text_encoder": CLIPTextModel(CLIPTextConfig(**configs.TEXT_ENCODER)),
        "sketch-adapter": T2IAdapter.from_config(tiny.adapter_config(tiny.FULL["sketch-adapter"])),
        "color-adapter": T2IAdapter.from_config(tiny.adapter_config(tiny.FULL["color-adapter"])),
    }
    ready = {name: networks._prepare(network, device) for name, network in made.items()}
    return {**ready, "tokenizer": networks.load_tokenizer(Path("none.safetensors"))}


def _filled(make: Callable[[], Any]) -> Any:
    """A network made without the minutes that its own initialization takes."""
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


def _serve(parts: dict[str, Any]) -> None:
    """Let the decoder take these for what it would load from files."""
    diffusion.find = lambda name, options: Path(name)
    networks.load_tokenizer = lambda *_: parts["tokenizer"]
    networks.load_text_encoder = lambda *_: parts["text_encoder"]
    networks.load_unet = lambda *_: parts["unet"]
    networks.load_vae = lambda *_: parts["vae"]
    networks.load_taesd = lambda *_: parts["taesd"]
    networks.load_adapter = lambda place, _: parts[place.name]


def _pipeline(parts: dict[str, Any], steps: int) -> Callable[[], object]:
    from diffusers import MultiAdapter, StableDiffusionAdapterPipeline

    pipeline = StableDiffusionAdapterPipeline(
        vae=parts["vae"], text_encoder=parts["text_encoder"], tokenizer=parts["tokenizer"], unet=parts["unet"],
        adapter=MultiAdapter([parts["sketch-adapter"], parts["color-adapter"]]), scheduler=schedulers.make_scheduler("ddim"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    unet = parts["unet"]
    pictures = [conditions.render_sketch(FILE.structure, 512, 512), conditions.render_colors(FILE.texture, 512, 512)]
    seen = [
        torch.from_numpy(np.moveaxis(picture, 2, 0).copy())[None].to(unet.device, unet.dtype) for picture in pictures
    ]
    noise = torch.from_numpy(initial_noise(0, 512, 512))[None].to(unet.device, unet.dtype)
    return lambda: pipeline(
        FILE.semantic.text, negative_prompt=FILE.semantic.negative, image=seen, num_inference_steps=steps,
        guidance_scale=7.5, adapter_conditioning_scale=[1.0, 1.0], latents=noise, output_type="np",
    )  # fmt: skip


def _timed(what: str, device: Device, work: Callable[[], object]) -> float:
    """Seconds of the second run, the first one warms up; printed."""
    for _ in range(2):
        started = time.perf_counter()
        work()
        if device.name == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.2f} s", flush=True)
    return seconds


def _card(device: Device) -> str:
    if device.name == "cuda":
        return torch.cuda.get_device_name()
    return f"{device.name}, {torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
