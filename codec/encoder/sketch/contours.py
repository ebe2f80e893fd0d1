"""The default edge detector: a small network that imitates HED.

HED (Xie and Tu, "Holistically-Nested Edge Detection", 2015) finds the contours that a person would draw, but has 14.7 M
parameters and takes two seconds per picture. This network has 0.24 M parameters and was distilled from HED
(codec/training/contour_network.py). It is a U-Net (Ronneberger 2015) with additive skip connections: strided
convolutions halve the resolution four times, and upsampling leads back to a soft edge map at full resolution.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from codec.models import weights
from codec.models.shipped_network import load_shipped

WEIGHTS: Final = weights.WeightFile(
    "contours.safetensors", "0f83e6b77727b6a761c3dfd66aa60949027e4533fc1739709ef32d2173a29e6c"
)
WIDTHS: Final = (24, 48, 64, 64)  # channels at 1/2, 1/4, 1/8 and 1/16 of the resolution
MULTIPLE: Final = 16  # the network's input sides are multiples of this


class Contours(nn.Module):
    """The network: (n, 3, h, w) sRGB in 0..1, h and w multiples of 16 -> (n, 1, h, w) logits of edge strength."""

    def __init__(self, norm: type[nn.Module] = nn.Identity) -> None:
        """`norm`: normalization after each convolution in training, folded into the convolution for inference."""
        super().__init__()
        a, b, c, d = WIDTHS
        self.down1 = nn.Sequential(_conv(3, a, norm, stride=2), _conv(a, a, norm))  # 1/2
        self.down2 = nn.Sequential(_conv(a, b, norm, stride=2), Residual(b, norm))  # 1/4
        self.down3 = nn.Sequential(_conv(b, c, norm, stride=2), Residual(c, norm))  # 1/8
        self.down4 = nn.Sequential(_conv(c, d, norm, stride=2), _conv(d, d, norm))  # 1/16
        self.up3 = nn.Conv2d(d, c, 1)
        self.up2 = nn.Conv2d(c, b, 1)
        self.up1 = nn.Conv2d(b, a, 1)
        self.mix1 = _conv(a, a, norm)
        self.last = nn.Conv2d(a, 4, 3, padding=1)  # four sub-pixels

    def forward(self, x: Tensor) -> Tensor:
        """Return the logit of edge strength."""
        half = self.down1(x - 0.5)
        quarter = self.down2(half)
        eighth = self.down3(quarter)
        deep = self.down4(eighth)
        eighth = F.relu(eighth + _double(self.up3(deep)))
        quarter = F.relu(quarter + _double(self.up2(eighth)))
        half = F.relu(half + _double(self.up1(quarter)))
        return F.pixel_shuffle(self.last(self.mix1(half)), 2)


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.first = _conv(width, width, norm)
        self.second = _conv(width, width, norm)

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) -> the same shape."""
        residual: Tensor = self.second(self.first(x))
        return x + residual


def _conv(inputs: int, outputs: int, norm: type[nn.Module], stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), norm(outputs), nn.ReLU())


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def contours(pixels: np.ndarray) -> np.ndarray:
    """Return the soft contours of a picture.

    pixels: (h, w, 3) uint8 sRGB. Returns (h, w) float32 in 0..1.
    Raises ModelMissing if the weights do not fit the network.
    """
    height, width = pixels.shape[:2]
    padding = ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0))
    padded = np.pad(pixels, padding, mode="edge")
    x = torch.from_numpy(padded.transpose(2, 0, 1).astype(np.float32) / 255)[None]
    both = torch.cat([x, x.flip(3)])  # the mean over a picture and its mirror image is closer to HED's map
    with torch.inference_mode():
        direct, mirrored = torch.sigmoid(_network()(both.contiguous(memory_format=torch.channels_last)))
    strength = (direct + mirrored.flip(2)) / 2
    return np.asarray(strength[0, :height, :width].numpy())


@functools.cache
def _network() -> Contours:
    return load_shipped(Contours(), WEIGHTS)
