"""Layers -> the pictures that Stable Diffusion's adapters were trained to see.

Mou et al., "T2I-Adapter" (2023). Sketches: PiDiNet's edges, white on black, one channel, each pixel
either 0 or 1, for training cut them at a half. Poses: OpenPose's drawing. Colors: the picture shrunk to a
64th, enlarged again with nearest neighbors; 8 x 8 blocks at 512 x 512.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap

BLOCK: Final = 64  # pixels a side of a color block
GRAIN: Final = 8  # pixels a side of a latent cell: sides are multiples of it
MAX_ASPECT: Final = 4.0  # longer pictures are denoised at this aspect and stretched


def work_size(width: int, height: int, size: int = 512) -> tuple[int, int]:
    """Width and height to denoise a picture at: its aspect, about `size`^2 pixels, multiples of 8.

    The networks were trained at an area of 512 x 512: much larger ones repeat themselves, smaller ones
    fall apart. The adapters round up like the UNet does, so no larger multiple is needed.
    """
    aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
    wide, high = size * math.sqrt(aspect), size / math.sqrt(aspect)
    return _grain(wide), _grain(high)


def sketch(layer: Sketch, width: int, height: int, thickness: float = 3.0) -> np.ndarray:
    """(height, width, 1) float32: 1 on lines, 0 elsewhere. `thickness`: in pixels at 512 x 512."""
    drawn = layer.render(width, height, thickness * math.sqrt(width * height) / 512)
    return (drawn[..., :1] > 127).astype(np.float32)


def pose(layer: Pose, width: int, height: int) -> np.ndarray:
    """(height, width, 3) float32 in 0..1, sRGB: OpenPose's colors on black."""
    return layer.render(width, height).astype(np.float32) / 255


def colors(layer: Colormap, width: int, height: int, cubic: bool = False) -> np.ndarray:
    """(height, width, 3) float32 in 0..1, sRGB: blocks of about 64 x 64 pixels, each of one color.

    A block is the mean of the cells it covers, by area; or, if `cubic`, what a cubic spline through the
    cells has at its center, which is how the paper shrinks pictures.
    """
    rows, cols = max(round(height / BLOCK), 1), max(round(width / BLOCK), 1)
    cells = layer.cells.astype(np.float64)
    if cubic:
        blocks = np.clip(cv2.resize(cells, (cols, rows), interpolation=cv2.INTER_CUBIC), 0, 255)
    else:
        down, across = _overlap(len(cells), rows), _overlap(cells.shape[1], cols)
        blocks = np.einsum("ra,cb,abk->rck", down, across, cells)
    blocks = np.rint(blocks).astype(np.float32) / 255  # training had 8 bits too
    return blocks[(np.arange(height) * rows // height)[:, None], np.arange(width) * cols // width]


def _overlap(old: int, new: int) -> np.ndarray:
    """(new, old) float64: the share that each of `old` cells has in each of `new` ones; rows sum to 1."""
    edges, bounds = np.arange(new + 1) * old / new, np.arange(old + 1)
    low = np.maximum(edges[:-1, None], bounds[None, :-1])
    high = np.minimum(edges[1:, None], bounds[None, 1:])
    return np.clip(high - low, 0, None) * new / old


def _grain(side: float) -> int:
    return max(round(side / GRAIN), 4) * GRAIN
