"""Train the networks that foretell the coefficients of a colormap.

    python -m codec.training.color_priors DIR...     writes codec/texture/color_net.npy

Each DIR is searched for pictures, or arrays of pictures as training/teacher.py keeps them. Each picture and four random
parts of it become maps of several grids, more or less colorful, quantized in random steps: at first
by rounding with a dead zone, then, once a first network says what levels cost, by error and cost.
The table is part of the format: files written with one can only be read with the same one. The hash of a new
one goes into tables.py and FORMAT.md.

The table in the repository was trained on photos and paintings of Debian 12's packages, all free:
backgrounds of desktop-base, gnome-backgrounds, lomiri-wallpapers, lxqt-themes, mate-backgrounds,
plasma-workspace-wallpapers and ukui-wallpapers, scenes of endless-sky-data, freedroid-data and
gcompris-qt-data, portraits of wesnoth-1.16-data, stamps of tuxpaint-stamps-default.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from codec.errors import CodecError
from codec.images import io
from codec.texture import context_model
from codec.texture.colormap_payload import RATIOS, STEPS, bucket, octaves
from codec.texture.dct import frequencies

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".npz")
_OTHERS = ((6, 8), (9, 12), (9, 16), (12, 9), (12, 16), (18, 24), (10, 16), (24, 24), (12, 12))
GRIDS = ((8, 8), (16, 16), (32, 32), *_OTHERS)
PARTS = 5  # of each picture: itself, and cut out of it
FACTS = context_model.FACTS
SCALE = np.array([16.0] * 18 + [8.0] * 4 + [16.0] * 3 + [8.0], np.float32)  # what a fact is divided by
_BUCKETS = np.array([bucket(size) for size in range(4096)])
Maps = dict[tuple[int, int], np.ndarray]  # (N, 3, rows, cols) coefficients by grid


def pictures(folders: Sequence[Path], least: int = 256) -> Iterator[np.ndarray]:
    """The pictures under some folders with sides of `least` pixels or more, in order of name."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES:
                continue
            try:
                pixels = np.load(path)["image"] if path.suffix == ".npz" else io.load(path).pixels
            except (CodecError, KeyError):
                continue
            if min(pixels.shape[:2]) >= least:
                yield pixels


def maps(folders: Sequence[Path], rng: np.random.Generator) -> Maps:
    """Grids of each picture and of parts of it, transformed."""
    found: dict[tuple[int, int], list[np.ndarray]] = {}
    for pixels in pictures(folders):
        for part in range(PARTS):
            piece = pixels if part == 0 else _part(pixels, rng)
            grids = [GRIDS[0], GRIDS[1], GRIDS[rng.integers(3, len(GRIDS))]]
            if rng.random() < 0.4:
                grids.append(GRIDS[2])
            for rows, cols in grids:
                fitted = _shaped(piece, rows, cols)
                made = frequencies(io.resize_area(fitted, cols, rows))
                made[1:] *= np.exp(rng.normal(0.25, 0.35))
                found.setdefault((rows, cols), []).append(made)
    return {grid: np.array(values, np.float32) for grid, values in found.items()}


def _part(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = (int(side * rng.uniform(0.4, 0.9)) for side in pixels.shape[:2])
    top, left = (int(rng.integers(side - size + 1)) for side, size in zip(pixels.shape, (height, width), strict=False))
    piece = pixels[top : top + height, left : left + width]
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def _shaped(pixels: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """The middle of a picture, as wide to high as the grid."""
    height, width = pixels.shape[:2]
    tall, wide = min(height, width * rows // cols), min(width, height * cols // rows)
    top, left = (height - tall) // 2, (width - wide) // 2
    return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])


class Net(nn.Module):
    """The network of one channel, in floats, and its sums for signs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Linear(FACTS, context_model.HIDDEN),
            nn.Linear(context_model.HIDDEN, context_model.STOPS),
        )
        self.sign = nn.Parameter(torch.zeros(2, context_model.SIGNS))

    def forward(self, facts: torch.Tensor) -> torch.Tensor:
        """(N, FACTS) -> (N, STOPS) logits."""
        return self.second(functional.relu(self.first(facts)))


def bits(logits: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """What these buckets of sizes cost, in bits: (N, STOPS), (N,) -> (N,)."""
    at = torch.arange(context_model.STOPS)
    asked = (at <= sizes[:, None]).float()
    each = functional.binary_cross_entropy_with_logits(logits, (at == sizes[:, None]).float(), reduction="none")
    beyond = torch.clamp(sizes - context_model.STOPS + 1, min=0).float()
    last = logits[:, -1]
    rest = (beyond > 0) * (functional.softplus(-last) + (beyond - 1) * functional.softplus(last))
    return ((each * asked).sum(1) + rest) / np.log(2)


def inputs(
    levels: np.ndarray, grid: tuple[int, int], step: np.ndarray, ratio: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the networks see of (N, places, 3) levels: (N, places, 3, FACTS) and (N, places, 3, SIGNS) float32."""
    facts, signs = context_model.observe(levels, *grid)
    fixed = np.broadcast_to(context_model.plan(*grid).facts[None, :, None], (*levels.shape, 7))
    steps = np.array([octaves(int(s), int(r)) for s, r in zip(step, ratio, strict=True)])
    last = np.broadcast_to(steps[:, None, :, None], (*levels.shape, 1))
    return (np.concatenate([facts, fixed, last], 3) / SCALE).astype(np.float32), signs.astype(np.float32)


def quantized(
    coefficients: np.ndarray, step: np.ndarray, ratio: np.ndarray, nets: Sequence[Net], rng: np.random.Generator
) -> np.ndarray:
    """Levels (N, places, 3) of (N, 3, rows, cols) coefficients: with a dead zone, or by what `nets` say they cost."""
    count, _, rows, cols = coefficients.shape
    sizes = np.array(STEPS)[step]
    units = np.stack([sizes * np.array(RATIOS)[ratio] / 4, sizes, sizes], 1)
    order = context_model.plan(rows, cols).order
    exact = (coefficients.reshape(count, 3, -1) / units[:, :, None])[:, :, order].transpose(0, 2, 1)
    size, sign = np.abs(exact), np.sign(exact).astype(np.int64)
    levels = np.floor(size + np.where(size < 1, 0.38, 0.44)).astype(np.int64) * sign
    levels[:, 0] = np.rint(exact[:, 0])
    if nets:
        trade = rng.uniform(0.1, 0.22, (count, 1, 1))
        low = np.floor(size).astype(np.int64)
        for _ in range(2):
            facts, _ = inputs(levels, (rows, cols), step, ratio)
            costs = []
            with torch.no_grad():
                answers = [net(torch.from_numpy(facts[:, :, c].reshape(-1, FACTS))) for c, net in enumerate(nets)]
                for tried in (low * 0, low, low + 1):
                    buckets = torch.from_numpy(_BUCKETS[np.minimum(tried, 4095)])
                    spent = [bits(a, buckets[:, :, c].reshape(-1)).reshape(count, -1) for c, a in enumerate(answers)]
                    extra = np.maximum(buckets.numpy() - 2, 0) + 0.9 * (tried > 0)
                    costs.append((size - tried) ** 2 + 1.15 * trade * (torch.stack(spent, 2).numpy() + extra))
            best = np.argmin(costs, 0)
            mean = levels[:, 0]
            levels = np.choose(best, (low * 0, low, low + 1)) * sign
            levels[:, 0] = mean
    return levels


def samples(found: Maps, nets: Sequence[Net], rng: np.random.Generator, share: float) -> list[tuple[torch.Tensor, ...]]:
    """For each channel: facts, facts about signs, levels; as far as a payload would hold them."""
    parts: list[list[tuple[np.ndarray, ...]]] = [[], [], []]
    for grid, coefficients in found.items():
        kept = coefficients[rng.random(len(coefficients)) < share]
        places = grid[0] * grid[1]
        for some in np.array_split(kept, max(len(kept) * places // 100000, 1)):
            step = rng.integers(14 + places // 100, 46 + places // 100, len(some))
            ratio = rng.integers(0, len(RATIOS), len(some))
            levels = quantized(some, step, ratio, nets, rng)
            facts, signs = inputs(levels, grid, step, ratio)
            used = (levels != 0).any(2)
            last = np.where(used.any(1), places - 1 - used[:, ::-1].argmax(1), 0)
            take = np.arange(places) <= last[:, None] + 1
            take &= rng.random(take.shape) < (1 if places < 150 else 0.6 if places < 400 else 0.25)
            for channel in range(3):
                mine = take & ((np.arange(places) > 0) | (channel > 0))
                parts[channel].append(tuple(some[:, :, channel][mine] for some in (facts, signs, levels)))
    return [tuple(torch.from_numpy(np.concatenate(kind)) for kind in zip(*each, strict=True)) for each in parts]


def train(net: Net, data: tuple[torch.Tensor, ...], epochs: int, rate: float, batch: int = 2048) -> float:
    """Train a channel's network and its sums for signs; -> the last epoch's mean bits a level."""
    facts, signs, levels = data
    sizes = torch.from_numpy(_BUCKETS[np.minimum(levels.abs().numpy(), 4095)])
    optimizer = torch.optim.Adam(net.parameters(), rate)
    steps = len(facts) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.5 * rate, total_steps=epochs * steps)
    total = 0.0
    for _ in range(epochs):
        order, total = torch.randperm(len(facts)), 0.0
        for at in range(steps):
            some = order[at * batch : (at + 1) * batch]
            loss = bits(net(facts[some]), sizes[some]).mean()
            signed = some[levels[some] != 0]
            weighted = (net.sign[(levels[signed].abs() > 1).long()] * signs[signed] / 16).sum(1)
            positive = (levels[signed] > 0).float()
            loss = loss + functional.binary_cross_entropy_with_logits(weighted, positive) / np.log(2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
    return total / steps


def whole(nets: Sequence[Net]) -> np.ndarray:
    """The table: each network in whole numbers, int32."""
    out: list[np.ndarray] = []
    for net in nets:
        first = net.first.weight.detach().numpy().T / SCALE[:, None]
        second = net.second.weight.detach().numpy().T
        parts = (first * 4096, net.first.bias.detach().numpy() * 4096, second * 256)
        out += [np.rint(part).ravel() for part in parts]
        out.append(np.rint(net.second.bias.detach().numpy() * 65536))
        out.append(np.rint(net.sign.detach().numpy() / 16 * 65536).ravel())
    return np.concatenate(out).astype(np.int32)


def main() -> None:
    """Train the table."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.color_priors", description="Train the table of colors."
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "texture" / "color_net.npy")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to try the script")
    options = parser.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    found = maps(options.folders, rng)
    nets = [Net() for _ in range(3)]
    rounds = ((0.1, 1, 4e-3), (0.1, 2, 3e-3)) if options.quick else ((0.3, 2, 4e-3), (1.0, 6, 3e-3))
    for number, (share, epochs, rate) in enumerate(rounds):
        data = samples(found, nets if number else (), rng, share)
        cost = [train(net, part, epochs, rate) for net, part in zip(nets, data, strict=True)]
        print(f"round {number}: {[round(bits, 4) for bits in cost]} bits a level of L, a and b", flush=True)
        np.save(options.out, whole(nets), allow_pickle=False)


if __name__ == "__main__":
    main()
