"""Train the networks of the texture layer's detail.

    python -m codec.training.detail_data PICTURES CROPS.npy                             cut crops of free pictures
    python -m codec.training.detail_train RUN CROPS.npy --minutes 120                   train on small crops
    python -m codec.training.detail_train RUN CROPS.npy --minutes 40 --crop 128 --batch 4 --rate 3e-4    large crops
    python -m codec.training.detail_export RUN/mean.safetensors                         write the weights and hashes

A training whose folder RUN exists resumes there, as the second one does here. Each call is one cosine cycle of the
learning rate. RUN/log.jsonl is the log. The minutes are for one idle core of 2024.

The loss is the rate, in thousands of bits per 128 x 128 pixels, plus the distortion, weighted by the quality: 1 -
MS-SSIM of the doubled luma, and squared errors of colors and of the mean colors of cells. Quantization is noise for the
rate and rounding with a straight-through gradient for the distortion (Balle, Laparra, Simoncelli, "End-to-end optimized
image compression", 2017). In some steps, all levels from a random slice on are set to their predictions, as in a
truncated payload.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from codec.atomic_write import replacement
from codec.encoder.colormap.detail_model import DetailCodec, laplace_bits
from codec.encoder.colormap.detail_search import (
    MIN_WEIGHT,
    OCTAVES,
    YCBCR,
    color_error,
    lanczos_matrix,
    ms_ssim,
)
from codec.texture import dct
from codec.texture.detail_network import ANCHORS, SLICE_STARTS
from codec.texture.small_picture import interpolation_weights
from codec.training.run_state import load_optimizer, optimizer_tensors, with_prefix

TRUNCATED_STEPS: Final = 0.15  # share of the steps with a truncated payload
WARMUP_STEPS, FINAL_RATE = 100, 0.01  # the last one as a fraction of the first
AVERAGE_DECAY: Final = 0.999  # of the moving average of the weights
LOG_STEPS: Final = 100
_PIXELS: Final = 128**2  # of a typical small picture
_BASE_STEPS: Final = (0.05, 0.25)  # quantizer steps of the simulated base colors


class Training:
    """The state of a training run, kept in a folder: the networks, the average of their weights, and the optimizer."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self.codec = DetailCodec().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.codec.parameters(), betas=(0.9, 0.99))
        self.step = 0
        run.mkdir(parents=True, exist_ok=True)
        if (run / "state.json").exists():
            self._load()
        else:
            self.average = {name: value.detach().clone() for name, value in self.codec.state_dict().items()}

    def update(self, loss: Tensor, rate: float) -> None:
        """Make one optimizer step for a loss at a learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.codec.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(AVERAGE_DECAY, 1 - 1 / (self.step / 4 + 1))
        with torch.no_grad():
            for name, value in self.codec.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def save(self) -> None:
        """Write the state, and the averaged weights alone as mean.safetensors."""
        tensors = {f"network.{name}": value for name, value in self.codec.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizer)
        for name, contents in (("state", tensors), ("mean", self.average)):
            with replacement(self._run / f"{name}.safetensors") as temporary:
                save_file({key: value.contiguous().clone() for key, value in contents.items()}, temporary)
        (self._run / "state.json").write_text(json.dumps({"step": self.step}))

    def _load(self) -> None:
        tensors = load_file(self._run / "state.safetensors")
        self.codec.load_state_dict(with_prefix("network.", tensors))
        load_optimizer(self.optimizer, tensors)
        self.average = load_file(self._run / "mean.safetensors")
        self.step = json.loads((self._run / "state.json").read_text())["step"]


def random_batch(crops: np.ndarray, count: int, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return random parts of crops in YCbCr, half of them mirrored.

    They are the small pictures, (n, 3, side, side), and their luma at twice the size, (n, 2 side, 2 side).
    """
    pixels = np.empty((count, 2 * side, 2 * side, 3), np.uint8)
    for index in range(count):
        crop = crops[rng.integers(len(crops))]
        top, left = rng.integers(0, crop.shape[0] - 2 * side + 1, 2)
        part = crop[top : top + 2 * side, left : left + 2 * side]
        pixels[index] = part[:, ::-1] if rng.random() < 0.5 else part
    ycbcr = (torch.from_numpy(pixels).float() @ torch.from_numpy(YCBCR.T / np.float32(255))).permute(0, 3, 1, 2)
    return F.avg_pool2d(ycbcr, 2), ycbcr[:, 0].contiguous()


def simulated_base(small: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the enlarged base colors of small pictures, (n, 3, s, s), quantized about as coarsely as in a file."""
    side = small.shape[-1]
    cells = side // 16 if rng.random() < 0.75 else 3 * side // 32
    means = F.interpolate(small, size=(cells, cells), mode="area")
    low, high = (math.log(step) for step in _BASE_STEPS)
    steps = torch.from_numpy(np.exp(rng.uniform(low, high, (len(small), 1, 1, 1)))).float()
    basis, up = _dct_matrix(cells), _enlarging_matrix(side, cells)
    coefficients = basis @ means @ basis.T / steps
    levels = coefficients.sign() * (coefficients.abs() + 0.4).floor()  # with a dead zone
    levels[..., 0, 0] = coefficients[..., 0, 0].round()
    return up @ (basis.T @ (levels * steps) @ basis) @ up.T


def rate_distortion_loss(
    codec: DetailCodec, small: Tensor, target: Tensor, quality: Tensor, rng: np.random.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Return the mean loss of a batch, and its parts for the log.

    `small`, `target`: from `random_batch`. `quality`: (n,) in 0..ANCHORS - 1.
    """
    base = simulated_base(small, rng)
    anchors = codec.anchor_weights(quality)
    log_gains = codec.log_gains(anchors)
    exact = codec.analysis((small - base).contiguous(memory_format=torch.channels_last)) * log_gains.exp()
    rounded = exact + (exact.round() - exact).detach()
    noisy = exact + torch.rand_like(exact) - 0.5
    means, scales = codec.predict(rounded, log_gains, anchors)
    kilobits = laplace_bits(noisy - means, scales).sum((1, 2, 3)) * (_PIXELS / small[0, 0].numel()) / 1000
    levels = _truncated(rounded, means, rng) if rng.random() < TRUNCATED_STEPS else rounded
    latents = (levels * (-log_gains).exp()).contiguous(memory_format=torch.channels_last)
    decoded = base + codec.synthesis(latents)
    up = lanczos_matrix(target.shape[-1], small.shape[-1])
    structure = 1 - ms_ssim(up @ decoded[:, 0] @ up.T, target)
    error = color_error(decoded - small)
    distortion = structure + error
    weight = MIN_WEIGHT * 2 ** (OCTAVES * quality / (ANCHORS - 1))
    loss = ((kilobits + weight * distortion) / weight.sqrt()).mean()  # the root gives all qualities similar gradients
    parts = {"loss": loss, "kilobits": kilobits.mean(), "structure": structure.mean(), "error": error.mean()}
    return loss, {name: float(value.detach()) for name, value in parts.items()}


def _truncated(levels: Tensor, means: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the levels with those from a random slice on replaced by their predictions."""
    first = SLICE_STARTS[int(rng.integers(1, len(SLICE_STARTS)))]
    return torch.cat([levels[:, :first], means[:, first:].round().detach()], 1)


@functools.cache
def _dct_matrix(size: int) -> Tensor:
    """Return the orthonormal DCT-II, one frequency per row: (size, size)."""
    return torch.from_numpy(dct.exact_basis(size)).float()


@functools.cache
def _enlarging_matrix(outputs: int, inputs: int) -> Tensor:
    weights = interpolation_weights(outputs, inputs)
    return torch.from_numpy(weights / weights[0].sum()).float()


def train(run: Path, crops: np.ndarray, options: argparse.Namespace) -> None:
    """Train for `options.minutes`, one cosine cycle of the learning rate, and save the run every 100 steps."""
    torch.manual_seed(options.seed)
    training = Training(run)
    rng = np.random.default_rng((options.seed, training.step))
    first_step, start = training.step, time.monotonic()
    logged: list[dict[str, float]] = []
    while (progress := (time.monotonic() - start) / 60 / options.minutes) < 1:
        small, target = random_batch(crops, options.batch, options.crop, rng)
        quality = torch.from_numpy(rng.uniform(0, ANCHORS - 1, options.batch)).float()
        loss, parts = rate_distortion_loss(training.codec, small, target, quality, rng)
        warmup = min(1, (training.step - first_step + 1) / WARMUP_STEPS)
        cosine = 0.5 + 0.5 * math.cos(math.pi * progress)
        training.update(loss, options.rate * warmup * (FINAL_RATE + (1 - FINAL_RATE) * cosine))
        logged.append(parts)
        if len(logged) == LOG_STEPS:
            means = {name: round(float(np.mean([entry[name] for entry in logged])), 5) for name in parts}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": training.step, **means}) + "\n")
            logged = []
            training.save()
    training.save()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.detail_train", description="Train the networks of the texture layer's detail."
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the training run; an existing one is resumed")
    parser.add_argument("crops", type=Path, metavar="CROPS.npy", help="crops made by codec.training.detail_data")
    parser.add_argument("--minutes", type=float, default=120, help="length of the training (default: 120)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: 0.0015)")
    parser.add_argument("--crop", type=int, default=64, help="side of the small pictures (default: 64; at most 128)")
    parser.add_argument("--batch", type=int, default=8, help="pictures per step (default: 8)")
    parser.add_argument("--seed", type=int, default=1, help="of weights, crops and noise (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="processor threads (default: 1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    train(options.run, np.load(options.crops, mmap_mode="r"), options)


if __name__ == "__main__":
    main()
