"""Train the networks that predict the coefficients of a colormap (codec/texture/context_model.py).

    python -m codec.training.color_priors FOLDER... [--out codec/texture/color_net.npy]

The folders are searched for pictures, and for the .npz files that teacher.py writes. Each picture and four random crops
of it become colormaps with several grids, random saturation and random steps. They are quantized with a dead zone
first, and by rate and distortion once a first network can estimate rates.

A new table is a new format: its hash must be entered in bitstream/tables.py and FORMAT.md.

The table in the repository was trained on free photos and paintings in Debian 12's packages: backgrounds of
desktop-base, gnome-backgrounds, lomiri-wallpapers, lxqt-themes, mate-backgrounds, plasma-workspace-wallpapers and
ukui-wallpapers, scenes of endless-sky-data, freedroid-data and gcompris-qt-data, portraits of wesnoth-1.16-data,
stamps of tuxpaint-stamps-default.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from codec.errors import CodecError
from codec.images import io
from codec.texture.coding_plan import FREQUENCY_FEATURES, plan
from codec.texture.context_model import FEATURES, HIDDEN, OUTPUTS, SIGN_FEATURES, bucket, extract_features
from codec.texture.dct import forward
from codec.texture.quantizer import RATIOS, log_steps, quarter_steps

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".npz")
MIN_SIDE = 256  # pixels; smaller pictures are skipped
CROPS = 4  # of each picture, in addition to the whole
SMALL, MEDIUM, LARGE = (8, 8), (16, 16), (32, 32)  # grids; each picture is used with the first two
OTHER_GRIDS = ((6, 8), (9, 12), (9, 16), (12, 9), (12, 16), (18, 24), (10, 16), (24, 24), (12, 12))
LARGE_SHARE = 0.4  # share of the pictures that are also used with the large grid
BATCH = 2048
# Divisors of the features: magnitudes, the frequency's logarithms, its flags, the step
SCALE = np.array([16.0] * 18 + [8.0] * 4 + [16.0] * 3 + [8.0], np.float32)
MAX_SIZE = 4095  # larger magnitudes are in the last bucket of any training picture
_BUCKETS = np.array([bucket(size) for size in range(MAX_SIZE + 1)])

Coefficients = dict[tuple[int, int], np.ndarray]  # (maps, 3, rows, cols) float32 by grid


class Samples(NamedTuple):
    """The training data of one channel's network, one row per level."""

    features: Tensor  # (samples, FEATURES)
    sign_features: Tensor  # (samples, SIGN_FEATURES)
    levels: Tensor  # (samples,)


class ChannelNet(nn.Module):
    """The network of one channel, and its weights for signs, in floats."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(FEATURES, HIDDEN)
        self.output = nn.Linear(HIDDEN, OUTPUTS)
        self.sign = nn.Parameter(torch.zeros(2, SIGN_FEATURES))

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits of the buckets: (N, FEATURES) -> (N, OUTPUTS)."""
        logits: Tensor = self.output(functional.relu(self.hidden(features)))
        return logits


def load_pictures(folders: Sequence[Path]) -> Iterator[np.ndarray]:
    """Yield the pictures in some folders in order of their names, except small ones: (H, W, 3) uint8 sRGB."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in SUFFIXES:
                continue
            try:
                pixels = np.load(path)["image"] if path.suffix == ".npz" else io.load(path).pixels
            except (CodecError, KeyError):
                continue
            if min(pixels.shape[:2]) >= MIN_SIDE:
                yield pixels


def transform_pictures(folders: Sequence[Path], rng: np.random.Generator) -> Coefficients:
    """Return the coefficients of each picture and of crops of it, in several grids and with varied saturation."""
    coefficients: dict[tuple[int, int], list[np.ndarray]] = {}
    for picture in load_pictures(folders):
        for number in range(1 + CROPS):
            pixels = picture if number == 0 else _random_crop(picture, rng)
            grids = [SMALL, MEDIUM, OTHER_GRIDS[rng.integers(len(OTHER_GRIDS))]]
            if rng.random() < LARGE_SHARE:
                grids.append(LARGE)
            for rows, cols in grids:
                cells = io.resize_area(_center_crop(pixels, rows, cols), cols, rows)
                transformed = forward(cells)
                transformed[1:] *= np.exp(rng.normal(0.25, 0.35))
                coefficients.setdefault((rows, cols), []).append(transformed)
    return {grid: np.array(values, np.float32) for grid, values in coefficients.items()}


def _random_crop(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = (int(side * rng.uniform(0.4, 0.9)) for side in pixels.shape[:2])
    top, left = (int(rng.integers(side - size + 1)) for side, size in zip(pixels.shape, (height, width), strict=False))
    crop = pixels[top : top + height, left : left + width]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _center_crop(pixels: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Return the largest centered crop with the aspect ratio of a grid."""
    full_height, full_width = pixels.shape[:2]
    height, width = min(full_height, full_width * rows // cols), min(full_width, full_height * cols // rows)
    top, left = (full_height - height) // 2, (full_width - width) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def bucket_bits(logits: Tensor, buckets: Tensor) -> Tensor:
    """Return the bits that code these buckets: (N, OUTPUTS), (N,) -> (N,)."""
    outputs = torch.arange(OUTPUTS)
    is_coded = (outputs <= buckets[:, None]).float()
    is_stop = (outputs == buckets[:, None]).float()
    losses = functional.binary_cross_entropy_with_logits(logits, is_stop, reduction="none")
    beyond = torch.clamp(buckets - OUTPUTS + 1, min=0).float()  # number of further decisions, all with the last logit
    last = logits[:, -1]
    further = (beyond > 0) * (functional.softplus(-last) + (beyond - 1) * functional.softplus(last))
    total: Tensor = ((losses * is_coded).sum(1) + further) / np.log(2)
    return total


def network_inputs(
    levels: np.ndarray, grid: tuple[int, int], steps: np.ndarray, ratios: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of (N, positions, 3) levels, of N steps and ratios.

    (N, positions, 3, FEATURES), scaled, and (N, positions, 3, SIGN_FEATURES), both float32.
    """
    level_features, sign_features = extract_features(levels, *grid)
    frequency = np.broadcast_to(plan(*grid).frequency[None, :, None], (*levels.shape, FREQUENCY_FEATURES))
    by_channel = np.array([log_steps(int(s), int(r)) for s, r in zip(steps, ratios, strict=True)])
    step_feature = np.broadcast_to(by_channel[:, None, :, None], (*levels.shape, 1))
    features = np.concatenate([level_features, frequency, step_feature], 3) / SCALE
    return features.astype(np.float32), sign_features.astype(np.float32)


def quantize(
    coefficients: np.ndarray,
    steps: np.ndarray,
    ratios: np.ndarray,
    nets: Sequence[ChannelNet],
    rng: np.random.Generator,
) -> np.ndarray:
    """Return levels (N, positions, 3), in scan order, of (N, 3, rows, cols) coefficients, with N steps and ratios.

    Levels are rounded with a dead zone; with `nets`, they are then chosen by distortion and estimated rate.
    """
    count, _, rows, cols = coefficients.shape
    sizes = np.array([quarter_steps(int(s), int(r)) for s, r in zip(steps, ratios, strict=True)]) / 4
    scan = plan(rows, cols).scan
    exact = (coefficients.reshape(count, 3, -1) / sizes[:, :, None])[:, :, scan].transpose(0, 2, 1)
    size, sign = np.abs(exact), np.sign(exact).astype(np.int64)
    levels = np.floor(size + np.where(size < 1, 0.38, 0.44)).astype(np.int64) * sign
    levels[:, 0] = np.rint(exact[:, 0])
    if nets:
        lmbda = rng.uniform(0.1, 0.22, (count, 1, 1))
        for _ in range(2):
            features, _ = network_inputs(levels, (rows, cols), steps, ratios)
            mean = levels[:, 0]
            levels = _choose_sizes(size, _run_networks(features, nets), lmbda) * sign
            levels[:, 0] = mean
    return np.asarray(levels)


def _run_networks(features: np.ndarray, nets: Sequence[ChannelNet]) -> list[Tensor]:
    with torch.no_grad():
        return [net(torch.from_numpy(features[:, :, c].reshape(-1, FEATURES))) for c, net in enumerate(nets)]


def _choose_sizes(size: np.ndarray, logits: Sequence[Tensor], lmbda: np.ndarray) -> np.ndarray:
    """Return, for each exact magnitude, the best of 0, the next smaller and the next larger integer."""
    count = len(size)
    low = np.floor(size).astype(np.int64)
    candidates = (low * 0, low, low + 1)
    costs = []
    for candidate in candidates:
        buckets = torch.from_numpy(_BUCKETS[np.minimum(candidate, MAX_SIZE)])
        bits = [bucket_bits(part, buckets[:, :, c].reshape(-1)).reshape(count, -1) for c, part in enumerate(logits)]
        offset_and_sign = np.maximum(buckets.numpy() - 2, 0) + 0.9 * (candidate > 0)
        costs.append((size - candidate) ** 2 + 1.15 * lmbda * (torch.stack(bits, 2).numpy() + offset_and_sign))
    return np.asarray(np.choose(np.argmin(costs, 0), candidates))


def make_samples(
    coefficients: Coefficients, nets: Sequence[ChannelNet], rng: np.random.Generator, share: float
) -> list[Samples]:
    """Return samples for each channel, of a share of the maps.

    Levels after the last nonzero one are left out, since no payload codes them. Large grids are subsampled at random.
    """
    parts: list[list[tuple[np.ndarray, ...]]] = [[], [], []]
    for grid, maps in coefficients.items():
        drawn = maps[rng.random(len(maps)) < share]
        if not len(drawn):
            continue
        positions = grid[0] * grid[1]
        for batch in np.array_split(drawn, max(len(drawn) * positions // 100000, 1)):
            steps = rng.integers(14 + positions // 100, 46 + positions // 100, len(batch))
            ratios = rng.integers(0, len(RATIOS), len(batch))
            levels = quantize(batch, steps, ratios, nets, rng)
            features, sign_features = network_inputs(levels, grid, steps, ratios)
            taken = _coded_positions(levels)
            taken &= rng.random(taken.shape) < (1 if positions < 150 else 0.6 if positions < 400 else 0.25)
            for channel in range(3):
                mask = taken & ((np.arange(positions) > 0) | (channel > 0))  # the mean lightness is coded separately
                arrays = (features, sign_features, levels)
                parts[channel].append(tuple(values[:, :, channel][mask] for values in arrays))
    return [
        Samples(*(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*channel, strict=True)))
        for channel in parts
        if channel
    ]


def _coded_positions(levels: np.ndarray) -> np.ndarray:
    """Return which positions are coded, up to one after the last with a nonzero level: (N, positions) bool."""
    positions = levels.shape[1]
    nonzero = (levels != 0).any(2)
    last = np.where(nonzero.any(1), positions - 1 - nonzero[:, ::-1].argmax(1), 0)
    return np.asarray(np.arange(positions) <= last[:, None] + 1)


def train(net: ChannelNet, samples: Samples, epochs: int, learning_rate: float, batch: int = BATCH) -> float:
    """Train one channel's network, and return the mean bits per level of the last epoch."""
    features, sign_features, levels = samples
    buckets = torch.from_numpy(_BUCKETS[np.minimum(levels.abs().numpy(), MAX_SIZE)])
    optimizer = torch.optim.Adam(net.parameters(), learning_rate)
    batches = len(features) // batch
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.5 * learning_rate, total_steps=epochs * batches)
    total = 0.0
    for _ in range(epochs):
        order, total = torch.randperm(len(features)), 0.0
        for number in range(batches):
            drawn = order[number * batch : (number + 1) * batch]
            loss = bucket_bits(net(features[drawn]), buckets[drawn]).mean()
            signed = drawn[levels[drawn] != 0]
            weights = net.sign[(levels[signed].abs() > 1).long()]
            sign_logits = (weights * sign_features[signed] / 16).sum(1)
            is_positive = (levels[signed] > 0).float()
            loss = loss + functional.binary_cross_entropy_with_logits(sign_logits, is_positive) / np.log(2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.item()
    return total / batches


def to_table(nets: Sequence[ChannelNet]) -> np.ndarray:
    """Return the table of all channels in integers, int32: see `context_model.unpack_networks`."""
    arrays: list[np.ndarray] = []
    for net in nets:
        arrays += [
            net.hidden.weight.detach().numpy().T / SCALE[:, None] * 4096,
            net.hidden.bias.detach().numpy() * 4096,
            net.output.weight.detach().numpy().T * 256,
            net.output.bias.detach().numpy() * 65536,
            net.sign.detach().numpy() / 16 * 65536,
        ]
    return np.concatenate([np.rint(array).ravel() for array in arrays]).astype(np.int32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the table."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.color_priors",
        description="Train the networks that predict the coefficients of a colormap.",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folders with pictures")
    out = Path(__file__).parents[1] / "texture" / "color_net.npy"
    parser.add_argument("--out", type=Path, default=out, metavar="FILE", help="table to write")
    parser.add_argument("--quick", action="store_true", help="train on a tenth of the data, to try the script")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    coefficients = transform_pictures(options.folders, rng)
    if not coefficients:
        parser.error(f"no pictures of at least {MIN_SIDE} x {MIN_SIDE} pixels in these folders")
    nets = [ChannelNet() for _ in range(3)]
    rounds = ((0.1, 1, 4e-3), (0.1, 2, 3e-3)) if options.quick else ((0.3, 2, 4e-3), (1.0, 6, 3e-3))
    for number, (share, epochs, learning_rate) in enumerate(rounds):
        samples = make_samples(coefficients, nets if number else (), rng, share)
        if not samples or any(len(part.levels) < BATCH for part in samples):
            parser.error("these folders have too few pictures")
        bits = [train(net, part, epochs, learning_rate) for net, part in zip(nets, samples, strict=True)]
        print(f"round {number}: {[round(mean, 4) for mean in bits]} bits per level of L, a and b", flush=True)
        np.save(options.out, to_table(nets), allow_pickle=False)


if __name__ == "__main__":
    main()
