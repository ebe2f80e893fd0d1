"""Train the painter's network, which reconstructs a picture from its decoded layers.

    python -m codec.training.upscaler_data PICTURES PAIRS              make training pairs of free pictures
    python -m codec.training.upscaler_train train RUN PAIRS --minutes 60 --adversarial 0
    python -m codec.training.upscaler_train train RUN PAIRS --minutes 30 --adversarial 0.02 --rate 1e-4
    python -m codec.training.upscaler_train export RUN                 write assets/weights/srvgg-layers-x4.safetensors

The network starts from the pretrained weights of Srvgg; the channels of the lines start at 0. A training whose folder
RUN exists resumes there, as the second one does here. Each call is one cosine cycle of the learning rate. RUN/log.jsonl
is the log; upscaler.md, next to this file, holds the recipe and what was tried.

The loss is the mean absolute error of pixels and of 8 x 8 means, plus the distance of the shallow features of
EfficientNet-Lite0 (`pip install -r codec/bench/requirements.txt`), plus, optionally, the non-saturating adversarial
loss (Goodfellow et al. 2014) of a discriminator of patches with spectral normalization (Miyato et al. 2018).
"""

from __future__ import annotations

import argparse
import hashlib
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
from torch.nn.utils.parametrizations import spectral_norm

from codec.atomic_write import replacement
from codec.bench.measures import efficientnet
from codec.decoders.painter.real_esrgan import LAYERED, LINE_CHANNELS, SCALE, SRVGG, Srvgg
from codec.models import weights

SEED, BATCH, CROP = 1, 16, 32  # the last one: pixels of the small picture
WARMUP_STEPS, FINAL_RATE = 50, 0.02  # the last one as a fraction of the first
AVERAGE_DECAY: Final = 0.998  # of the moving average of the weights
LOG_STEPS: Final = 50
CUT_SHARE: Final = 0.2  # share of the crops with truncated detail, so that the network learns to use the lines
NO_LINES_SHARE: Final = 0.1  # share of the crops without lines
FEATURE_WEIGHT: Final = 2.0
FEATURE_BLOCKS: Final = (0, 2, 4)  # of EfficientNet-Lite0: up to an eighth of the resolution
FEATURE_STRIDE: Final = 8  # pixels between the deepest features


class Discriminator(nn.Module):
    """Judges patches of 54 pixels: (n, 3, h, w) -> (n, 1, h / 8, w / 8), above 0 for real ones."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for outputs, kernel, stride in ((1, 3, 1), (2, 4, 2), (2, 3, 1), (4, 4, 2), (4, 3, 1), (4, 4, 2)):
            convolution = nn.Conv2d(channels, outputs * width, kernel, stride, padding=kernel // 2)
            layers += [spectral_norm(convolution), nn.LeakyReLU(0.2)]
            channels = outputs * width
        self.body = nn.Sequential(*layers, spectral_norm(nn.Conv2d(channels, 1, 3, padding=1)))

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.body(x)
        return score


class Pairs:
    """The pairs that `upscaler_data` wrote; `load_new` adds those that were written since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pairs: dict[str, dict[str, np.ndarray]] = {}
        self.load_new()

    def load_new(self) -> None:
        """Load the files that were added since the last call."""
        for path in sorted(self.folder.glob("*.npz")):
            if path.name not in self.pairs:
                with np.load(path) as file:
                    self.pairs[path.name] = {name: file[name] for name in file.files}

    def batch(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the network's input, (n, 19, CROP, CROP), and the sources, (n, 3, 4 CROP, 4 CROP), in 0..1."""
        names = sorted(self.pairs)
        crops = [self._crop(self.pairs[names[rng.integers(len(names))]], rng) for _ in range(count)]
        small, lines, source = (
            torch.from_numpy(np.stack([crop[part] for crop in crops])).float() / 255 for part in range(3)
        )
        inputs = torch.cat([small.permute(0, 3, 1, 2), F.pixel_unshuffle(lines[:, None], SCALE)], 1)
        return inputs.contiguous(memory_format=torch.channels_last), source.permute(0, 3, 1, 2)

    @staticmethod
    def _crop(pair: dict[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a random part of small picture, lines and source; half of them mirrored."""
        small = pair["cut"] if rng.random() < CUT_SHARE else pair["small"]
        lines = np.zeros_like(pair["lines"]) if rng.random() < NO_LINES_SHARE else pair["lines"]
        top, left = rng.integers(0, small.shape[0] - CROP + 1, 2)
        inner = slice(top, top + CROP), slice(left, left + CROP)
        large = slice(SCALE * top, SCALE * (top + CROP)), slice(SCALE * left, SCALE * (left + CROP))
        step = -1 if rng.random() < 0.5 else 1
        return small[inner][:, ::step], lines[large][:, ::step], pair["source"][large][:, ::step]


class Training:
    """The state of a training run, kept in a folder: both networks, and the average of the weights."""

    def __init__(self, run: Path, rate: float) -> None:
        self.run = run
        self.network, self.discriminator = pretrained_network(), Discriminator()
        run.mkdir(parents=True, exist_ok=True)
        if (run / "network.safetensors").exists():
            self.network.load_state_dict(load_file(run / "network.safetensors"))
        if (run / "discriminator.safetensors").exists():
            self.discriminator.load_state_dict(load_file(run / "discriminator.safetensors"))
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        if (run / "average.safetensors").exists():
            self.average = load_file(run / "average.safetensors")
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate, betas=(0.9, 0.99))
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), rate, betas=(0.5, 0.99))
        self.step = 0  # of this cycle

    def update(self, loss: Tensor) -> None:
        """Make one step of the network, and move the average."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(AVERAGE_DECAY, 1 - 1 / (self.step / 4 + 1))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of both networks."""
        for optimizer in (self.optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate

    def save(self) -> None:
        """Write both networks and the average."""
        states = {
            "network": self.network.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average,
        }
        for name, state in states.items():
            with replacement(self.run / f"{name}.safetensors") as temporary:
                save_file({key: value.contiguous().clone() for key, value in state.items()}, temporary)


def pretrained_network() -> Srvgg:
    """Return Srvgg with its pretrained weights, and zeros for the channels of the lines."""
    tensors = {name: torch.from_numpy(array).float() for name, array in weights.load(SRVGG).items()}
    first = tensors["body.0.weight"]
    tensors["body.0.weight"] = torch.cat([first, first.new_zeros(len(first), LINE_CHANNELS, 3, 3)], 1)
    network = Srvgg(guide_channels=LINE_CHANNELS)
    network.load_state_dict(tensors)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def enlarge(network: Srvgg, inputs: Tensor) -> Tensor:
    """Run the network: (n, 19, h, w) inputs -> (n, 3, 4h, 4w) pictures."""
    (features,) = network.features(inputs)
    return network.enlarge(features)


def shallow_features(pictures: Tensor) -> list[Tensor]:
    """Return normalized features of (n, 3, h, w) pictures in 0..1 at several depths."""
    network = efficientnet()
    x = (pictures - 0.498) / 0.5
    x = network._swish(network._bn0(network._conv_stem(x)))
    features = [x]
    for number, block in enumerate(network._blocks[: FEATURE_BLOCKS[-1] + 1]):
        x = block(x)
        if number in FEATURE_BLOCKS:
            features.append(x)
    return [x / (x.pow(2).sum(1, keepdim=True) + 1e-6).sqrt() for x in features]


def losses(decoded: Tensor, source: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
    """Return the parts of the loss of (n, 3, h, w) pictures in 0..1, without the adversarial one.

    Features are compared at random places of the crops. At fixed places, the network learns patterns that the strides
    of the convolutions turn into features.
    """
    top, left = rng.integers(0, FEATURE_STRIDE, 2)
    height, width = (side - FEATURE_STRIDE for side in source.shape[2:])
    part = (..., slice(top, top + height), slice(left, left + width))
    with torch.no_grad():
        expected = shallow_features(source[part])
    distances = [(a - b).pow(2).sum(1).mean() for a, b in zip(shallow_features(decoded[part]), expected, strict=True)]
    return {
        "pixels": (decoded - source).abs().mean(),
        "means": (F.avg_pool2d(decoded, 8) - F.avg_pool2d(source, 8)).abs().mean(),
        "features": FEATURE_WEIGHT * torch.stack(distances).mean(),
    }


def train_step(
    training: Training, inputs: Tensor, source: Tensor, adversarial: float, rng: np.random.Generator
) -> dict[str, float]:
    """Update the network, and the discriminator if the adversarial loss has a weight; return the parts of the loss."""
    decoded = enlarge(training.network, inputs)
    parts = losses(decoded, source, rng)
    if adversarial:
        training.discriminator.requires_grad_(False)
        parts["adversarial"] = adversarial * F.softplus(-training.discriminator(decoded)).mean()
        training.discriminator.requires_grad_(True)
    training.update(torch.stack([*parts.values()]).sum())
    if adversarial:
        real, fake = training.discriminator(source), training.discriminator(decoded.detach())
        parts["discriminator"] = F.softplus(-real).mean() + F.softplus(fake).mean()
        training.discriminator_optimizer.zero_grad()
        parts["discriminator"].backward()  # type: ignore[no-untyped-call]
        training.discriminator_optimizer.step()
    return {name: float(value.detach()) for name, value in parts.items()}


def train(run: Path, pairs: Pairs, options: argparse.Namespace) -> None:
    """Train for `options.minutes`, one cosine cycle of the learning rate, and save the run every 50 steps."""
    torch.manual_seed(options.seed)
    training, rng = Training(run, options.rate), np.random.default_rng(options.seed)
    start, logged = time.monotonic(), []
    while (progress := (time.monotonic() - start) / 60 / options.minutes) < 1:
        warmup = min(1, (training.step + 1) / WARMUP_STEPS)
        cosine = 0.5 + 0.5 * math.cos(math.pi * progress)
        training.set_rate(options.rate * warmup * (FINAL_RATE + (1 - FINAL_RATE) * cosine))
        inputs, source = pairs.batch(BATCH, rng)
        logged.append(train_step(training, inputs, source, options.adversarial, rng))
        if len(logged) == LOG_STEPS:
            means = {name: round(float(np.mean([entry[name] for entry in logged])), 5) for name in logged[0]}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": training.step, **means}) + "\n")
            logged = []
            pairs.load_new()
            training.save()
    training.save()


def export(run: Path) -> None:
    """Write the average of the run's weights in half precision, and print the digest to enter in real_esrgan.py."""
    path = weights.FOLDER / LAYERED.name
    average = {name: value.half().contiguous() for name, value in load_file(run / "average.safetensors").items()}
    with replacement(path) as temporary:
        save_file(average, temporary)
    print(hashlib.sha256(path.read_bytes()).hexdigest())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.upscaler_train", description="Train the painter's network."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    trainer = commands.add_parser("train", help="start or resume a training run")
    trainer.add_argument("run", type=Path, metavar="RUN", help="folder of the training run; an existing one is resumed")
    trainer.add_argument("pairs", type=Path, metavar="PAIRS", help="folder made by codec.training.upscaler_data")
    trainer.add_argument("--minutes", type=float, default=60, help="length of the training (default: 60)")
    trainer.add_argument("--rate", type=float, default=4e-4, help="highest learning rate (default: 0.0004)")
    trainer.add_argument("--adversarial", type=float, default=0.0, help="weight of the adversarial loss (default: 0)")
    trainer.add_argument("--seed", type=int, default=SEED, help=f"of crops (default: {SEED})")
    trainer.add_argument("--threads", type=int, default=1, help="processor threads (default: 1)")
    exporter = commands.add_parser("export", help="write the averaged weights")
    exporter.add_argument("run", type=Path, metavar="RUN", help="folder of the training run")
    options = parser.parse_args(arguments)
    if options.command == "export":
        export(options.run)
        return
    torch.set_num_threads(options.threads)
    train(options.run, Pairs(options.pairs), options)


if __name__ == "__main__":
    main()
