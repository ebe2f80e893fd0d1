"""Train the edge detector: a small network learns to answer as HED does.

    python -m codec.training.teacher WEIGHTS.h5 MAPS PICTURES...          the teacher's maps of free pictures
    python -m codec.training.contour_network train RUN MAPS --minutes 42         goes on where RUN stopped
    python -m codec.training.contour_network judge RUN MAPS                      agreement on the maps kept apart
    python -m codec.training.contour_network export RUN                          assets/weights/contours.safetensors

The recipe, its data and its log are in contours.md beside this file.
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

from codec.encoder.sketch.contours import Contours

SEED, BATCH, CROP, RATE = 7, 8, 256, 3e-3
APART = 16  # every so many-th map is kept apart, to judge by


class Maps:
    """The teacher's maps: NNNN.npz files of `image` (h, w, 3) uint8 and `map` (h, w) uint8."""

    def __init__(self, folder: Path, apart: bool) -> None:
        self.folder, self.apart = folder, apart
        self.pairs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.look()

    def look(self) -> None:
        """Read what has come since the last look."""
        for path in sorted(self.folder.glob("*.npz")):
            if path.name in self.pairs or (int(path.stem) % APART == 0) != self.apart:
                continue
            try:
                with np.load(path) as file:
                    pair = file["image"], file["map"]
            except (OSError, ValueError, EOFError, KeyError):  # being written
                continue
            if min(pair[0].shape[:2]) >= CROP:
                self.pairs[path.name] = pair

    def batch(self, dice: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(n, 3, s, s) pictures in 0..1 and (n, 1, s, s) maps in 0..1, turned, mirrored and recolored."""
        names = sorted(self.pairs)
        images, maps = [], []
        for name in dice.choice(names, BATCH):
            image, strength = self.pairs[name]
            y, x = (int(dice.integers(side - CROP + 1)) for side in strength.shape)
            part, wanted = image[y : y + CROP, x : x + CROP], strength[y : y + CROP, x : x + CROP]
            if dice.random() < 0.5:
                part, wanted = part[:, ::-1], wanted[:, ::-1]
            images.append(_recolor(part.astype(np.float32) / 255, dice).transpose(2, 0, 1))
            maps.append(wanted[None].astype(np.float32) / 255)
        return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(maps))


def _recolor(part: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """A little: more would change what the teacher sees."""
    if dice.random() < 0.5:
        return part
    gain = dice.uniform(0.92, 1.08, 3).astype(np.float32) * np.float32(dice.uniform(0.9, 1.1))
    return np.clip(part * gain + np.float32(dice.uniform(-0.04, 0.04)), 0, 1)


def loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy with the soft map, where the teacher sees something counted more."""
    weight = 1 + 4 * wanted.clamp(max=0.5)
    return (weight * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")).mean()


def train(folder: Path, run: Path, minutes: float, threads: int) -> None:
    """One cycle of the learning rate over `minutes` of work; goes on where an earlier run stopped."""
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    run.mkdir(parents=True, exist_ok=True)
    network = Contours(nn.BatchNorm2d).to(memory_format=torch.channels_last)
    mean = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-4)
    step, spent = 0, 0.0
    if (run / "state.json").exists():
        _load(run, network, mean, optimizer)
        step, spent = json.loads((run / "state.json").read_text())
    dice = np.random.default_rng(SEED + step)
    maps = Maps(folder, apart=False)
    total, began = 0.0, time.monotonic()
    while True:
        now = spent + time.monotonic() - began
        share = now / (60 * minutes)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 100) * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * share)))
        images, wanted = maps.batch(dice)
        value = loss(network(images.contiguous(memory_format=torch.channels_last)), wanted)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        mean.update_parameters(network)
        step += 1
        total += float(value.detach())
        if step % 100 == 0:
            line = {"step": step, "seconds": round(now), "loss": round(total / 100, 4), "maps": len(maps.pairs)}
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            total = 0.0
            maps.look()
            _save(run, network, mean, optimizer, step, now)
    _save(run, network, mean, optimizer, step, 60 * minutes)


def _save(
    run: Path, network: nn.Module, mean: nn.Module, optimizer: torch.optim.Optimizer, step: int, spent: float
) -> None:
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in mean.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, run / "new.safetensors")
    (run / "new.safetensors").replace(run / "state.safetensors")
    (run / "state.json").write_text(json.dumps([step, spent]))


def _load(run: Path, network: nn.Module, mean: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    tensors = load_file(run / "state.safetensors")
    network.load_state_dict(_under("network.", tensors))
    mean.load_state_dict(_under("mean.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        index, what = name.split(".")
        moments.setdefault(int(index), {})[what] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def trained(run: Path) -> Contours:
    """The averaged network of a run, its norms folded into its convolutions."""
    network = Contours(nn.BatchNorm2d)
    mean = _under("mean.module.", load_file(run / "state.safetensors"))
    network.load_state_dict(mean)
    for block in network.modules():
        if isinstance(block, nn.Sequential) and isinstance(block[1], nn.BatchNorm2d):
            convolution = block[0]
            assert isinstance(convolution, nn.Conv2d)
            block[0] = nn.utils.fuse_conv_bn_eval(convolution.eval(), block[1].eval())
            block[1] = nn.Identity()
    return network.eval().requires_grad_(False)


def export(run: Path, path: Path) -> None:
    """Half precision, safetensors."""
    save_file({k: v.half().contiguous() for k, v in trained(run).state_dict().items()}, path)


def judge(run: Path, folder: Path, limit: int = 60) -> float:
    """Mean F at 2 pixels of the thin maps of network and teacher, on pictures kept apart."""
    from codec.encoder.sketch.f_measure import f_measure
    from codec.encoder.sketch.thinning import thin

    network = trained(run)
    out = []
    for image, wanted in list(Maps(folder, apart=True).pairs.values())[:limit]:
        height, width = (side // 16 * 16 for side in wanted.shape)
        x = torch.from_numpy(image[:height, :width].transpose(2, 0, 1).astype(np.float32) / 255)[None]
        found = torch.sigmoid(network(x))[0, 0].numpy()
        reference = thin(wanted[:height, :width].astype(np.float32) / 255, 0.3, 0.15)
        out.append(f_measure(thin(found), reference).f)
    return float(np.mean(out))


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Train the edge detector.")
    parser.add_argument("what", choices=("train", "export", "judge"))
    parser.add_argument("run", type=Path)
    parser.add_argument("maps", type=Path, nargs="?")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[2] / "assets/weights/contours.safetensors")
    options = parser.parse_args(arguments)
    if options.what == "train":
        train(options.maps, options.run, options.minutes, options.threads)
    elif options.what == "export":
        export(options.run, options.to)
    else:
        print(f"F at 2 px: {judge(options.run, options.maps):.3f}")


if __name__ == "__main__":
    main()
