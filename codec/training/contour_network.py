"""Train the default edge detector, a small network that learns to imitate HED.

    python -m codec.training.teacher WEIGHTS.h5 MAPS PICTURE...              make HED's maps of free pictures
    python -m codec.training.contour_network train RUN MAPS --minutes 42     train; resumes where RUN stopped
    python -m codec.training.contour_network judge RUN MAPS                  measure agreement on held-out maps
    python -m codec.training.contour_network export RUN                      write assets/weights/contours.safetensors

contours.md, next to this file, holds the training recipe and lists the data; contours.jsonl is the training log.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from codec.atomic_write import replacement
from codec.encoder.sketch.contours import Contours
from codec.training.run_state import load_optimizer, optimizer_tensors, with_prefix

SEED, BATCH, CROP = 7, 8, 256
LEARNING_RATE, WARMUP_STEPS, FINAL_RATE = 3e-3, 100, 0.01  # the last one as a fraction of the first
AVERAGE_DECAY = 0.995  # of the exponential moving average of the weights
LOG_STEPS = 100
HELD_OUT = 16  # every 16th map is held out
WEIGHTS = Path(__file__).parents[2] / "assets" / "weights" / "contours.safetensors"


class Maps:
    """The teacher's edge maps: files NNNN.npz with `image`, (h, w, 3) uint8, and `map`, (h, w) uint8.

    `held_out` selects the maps for evaluation; otherwise those for training are used.
    """

    def __init__(self, folder: Path, held_out: bool) -> None:
        self.folder, self.held_out = folder, held_out
        self.pairs: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # image and map by file name
        self.load_new()

    def load_new(self) -> None:
        """Load the files that were added since the last call."""
        for path in sorted(self.folder.glob("*.npz")):
            if path.name in self.pairs or (int(path.stem) % HELD_OUT == 0) != self.held_out:
                continue
            with np.load(path) as file:
                pair = file["image"], file["map"]
            if min(pair[0].shape[:2]) >= CROP:
                self.pairs[path.name] = pair

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return random crops, half of them mirrored: images (n, 3, s, s) and maps (n, 1, s, s) in 0..1."""
        names = sorted(self.pairs)
        images, maps = [], []
        for name in rng.choice(names, BATCH):
            image, strength = self.pairs[name]
            y, x = (int(rng.integers(side - CROP + 1)) for side in strength.shape)
            image, strength = image[y : y + CROP, x : x + CROP], strength[y : y + CROP, x : x + CROP]
            if rng.random() < 0.5:
                image, strength = image[:, ::-1], strength[:, ::-1]
            images.append(_vary_colors(image.astype(np.float32) / 255, rng).transpose(2, 0, 1))
            maps.append(strength[None].astype(np.float32) / 255)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(maps))


def _vary_colors(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary the colors slightly; with stronger variation, the teacher's map would no longer fit."""
    if rng.random() < 0.5:
        return image
    gain = rng.uniform(0.92, 1.08, 3).astype(np.float32) * np.float32(rng.uniform(0.9, 1.1))
    return np.asarray(np.clip(image * gain + np.float32(rng.uniform(-0.04, 0.04)), 0, 1))


def loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy with a soft map, weighted up to three times as much where the map has edges."""
    weight = 1 + 4 * target.clamp(max=0.5)
    return (weight * F.binary_cross_entropy_with_logits(logits, target, reduction="none")).mean()


class Training:
    """The state of a training run, kept in a folder: the network, the average of its weights, and the optimizer."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.network = Contours(nn.BatchNorm2d).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE_DECAY)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE, weight_decay=1e-4)
        self.step, self.seconds = 0, 0.0
        run.mkdir(parents=True, exist_ok=True)
        if (run / "state.json").exists():
            self._load()

    def update(self, images: Tensor, target: Tensor, progress: float) -> float:
        """Train on one batch and return its loss. `progress`: of the whole run, 0..1."""
        warmup = min(1, (self.step + 1) / WARMUP_STEPS)
        cosine = 0.5 + 0.5 * math.cos(math.pi * progress)
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * warmup * (FINAL_RATE + (1 - FINAL_RATE) * cosine)
        value = loss(self.network(images.contiguous(memory_format=torch.channels_last)), target)
        self.optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return float(value.detach())

    def save(self) -> None:
        """Write the state to the folder."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"mean.{name}": value for name, value in self.average.state_dict().items()}
        tensors |= optimizer_tensors(self.optimizer)
        with replacement(self.run / "state.safetensors") as temporary:
            save_file({name: value.contiguous().clone() for name, value in tensors.items()}, temporary)
        (self.run / "state.json").write_text(json.dumps([self.step, self.seconds]))

    def _load(self) -> None:
        tensors = load_file(self.run / "state.safetensors")
        self.network.load_state_dict(with_prefix("network.", tensors))
        self.average.load_state_dict(with_prefix("mean.", tensors))
        load_optimizer(self.optimizer, tensors)
        self.step, self.seconds = json.loads((self.run / "state.json").read_text())


def train(folder: Path, run: Path, minutes: float, threads: int) -> None:
    """Train for a total of `minutes`, with one cosine cycle of the learning rate; an interrupted run is resumed."""
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    training = Training(run)
    rng = np.random.default_rng(SEED + training.step)
    maps = Maps(folder, held_out=False)
    start = time.monotonic() - training.seconds
    total = 0.0
    while training.seconds < 60 * minutes:
        total += training.update(*maps.batch(rng), training.seconds / (60 * minutes))
        training.seconds = time.monotonic() - start
        if training.step % LOG_STEPS == 0:
            mean, seconds = round(total / LOG_STEPS, 4), round(training.seconds)
            line = {"step": training.step, "seconds": seconds, "loss": mean, "maps": len(maps.pairs)}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            total = 0.0
            maps.load_new()
            training.save()
    training.save()


def trained_network(run: Path) -> Contours:
    """Return the averaged network of a run, with its normalizations folded into its convolutions."""
    network = Contours(nn.BatchNorm2d)
    network.load_state_dict(with_prefix("mean.module.", load_file(run / "state.safetensors")))
    for block in network.modules():
        if isinstance(block, nn.Sequential) and isinstance(block[1], nn.BatchNorm2d):
            convolution = block[0]
            assert isinstance(convolution, nn.Conv2d)
            block[0] = nn.utils.fuse_conv_bn_eval(convolution.eval(), block[1].eval())
            block[1] = nn.Identity()
    return network.eval().requires_grad_(False)


def export(run: Path, path: Path) -> None:
    """Write the trained network in half precision, as safetensors."""
    save_file({name: value.half().contiguous() for name, value in trained_network(run).state_dict().items()}, path)


def judge(run: Path, folder: Path, max_maps: int = 60) -> float:
    """Return the mean F-measure at 2 pixels between thinned maps of network and teacher, on held-out pictures."""
    from codec.encoder.sketch.f_measure import f_measure
    from codec.encoder.sketch.thinning import thin

    network = trained_network(run)
    scores = []
    for image, strength in list(Maps(folder, held_out=True).pairs.values())[:max_maps]:
        height, width = (side // 16 * 16 for side in strength.shape)
        x = torch.from_numpy(image[:height, :width].transpose(2, 0, 1).astype(np.float32) / 255)[None]
        predicted = torch.sigmoid(network(x))[0, 0].numpy()
        reference = thin(strength[:height, :width].astype(np.float32) / 255, 0.3, 0.15)
        scores.append(f_measure(thin(predicted, 0.3, 0.15), reference).f)
    return float(np.mean(scores))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.contour_network", description="Train the default edge detector."
    )
    parser.add_argument("action", choices=("train", "judge", "export"))
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the training run")
    parser.add_argument("maps", type=Path, nargs="?", metavar="MAPS", help="folder of the teacher's maps")
    parser.add_argument("--minutes", type=float, default=40, help="length of the training (default: 40)")
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE", help="weights file to export")
    options = parser.parse_args(arguments)
    if options.action != "export" and options.maps is None:
        parser.error(f"{options.action} needs MAPS")
    if options.action == "train":
        train(options.maps, options.run, options.minutes, options.threads)
    elif options.action == "export":
        export(options.run, options.out)
    else:
        print(f"F at 2 px: {judge(options.run, options.maps):.3f}")


if __name__ == "__main__":
    main()
