"""Renders layers as the conditioning pictures that Stable Diffusion's adapters were trained with.

Mou et al., "T2I-Adapter" (2023). Sketches: edges by PiDiNet, binarized at 0.5, white on black, one channel.
Poses: OpenPose's rendering. Colors: the picture downscaled by 64 and upscaled again with nearest neighbors,
8 x 8 blocks at 512 x 512.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap

BLOCK_SIDE: Final = 64  # pixels, of a color block
LATENT_SIDE: Final = 8  # pixels, of a latent cell: picture sides are multiples of it
MAX_ASPECT_RATIO: Final = 4.0  # longer pictures are denoised at this aspect ratio and stretched


def working_size(width: int, height: int, size: int = 512) -> tuple[int, int]:
    """Return width and height to denoise a picture at: its aspect ratio, about `size`^2 pixels, multiples of 8.

    The networks were trained on 512 x 512 pixels: they repeat motifs in much larger pictures and produce
    artifacts in smaller ones. The adapters round sides up as the UNet does, so multiples of 8 are enough.
    """
    aspect_ratio = min(max(width / height, 1 / MAX_ASPECT_RATIO), MAX_ASPECT_RATIO)
    return _round_side(size * math.sqrt(aspect_ratio)), _round_side(size / math.sqrt(aspect_ratio))


def render_sketch(sketch: Sketch, width: int, height: int, thickness: float = 3.0) -> np.ndarray:
    """Return (height, width, 1) float32: 1 on lines, else 0. `thickness`: of lines, in pixels at 512 x 512."""
    lines = sketch.render(width, height, thickness * math.sqrt(width * height) / 512)
    return np.asarray(lines[..., :1] > 127, np.float32)


def render_pose(pose: Pose, width: int, height: int) -> np.ndarray:
    """Return (height, width, 3) float32 in 0..1, sRGB: skeletons in OpenPose's colors on black."""
    return pose.render(width, height).astype(np.float32) / 255


def render_colors(colormap: Colormap, width: int, height: int, cubic: bool = False) -> np.ndarray:
    """Return (height, width, 3) float32 in 0..1, sRGB: blocks of about 64 x 64 pixels of one color each.

    A block has the mean of the cells it covers, weighted by area; or, if `cubic`, the value at its center of a
    cubic spline through the cells, as in the paper.
    """
    rows, cols = max(round(height / BLOCK_SIDE), 1), max(round(width / BLOCK_SIDE), 1)
    cells = colormap.cells.astype(np.float64)
    if cubic:
        blocks = np.clip(cv2.resize(cells, (cols, rows), interpolation=cv2.INTER_CUBIC), 0, 255)
    else:
        row_weights, col_weights = _overlap_weights(len(cells), rows), _overlap_weights(cells.shape[1], cols)
        blocks = np.einsum("ra,cb,abk->rck", row_weights, col_weights, cells)
    blocks = np.rint(blocks).astype(np.float32) / 255  # the training pictures had 8 bits
    return np.asarray(blocks[(np.arange(height) * rows // height)[:, None], np.arange(width) * cols // width])


def render_low_resolution(colormap: Colormap, width: int, height: int) -> np.ndarray:
    """Return (height, width, 3) float32 in 0..1, sRGB: the colors with their detail as an enlarged small picture."""
    rows, cols = max(round(height / BLOCK_SIDE), 1), max(round(width / BLOCK_SIDE), 1)
    small = colormap.small_picture(rows, cols)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32) / 255


def _overlap_weights(old: int, new: int) -> np.ndarray:
    """Return (new, old) float64: the share of each of `old` cells in each of `new` cells; rows sum to 1."""
    new_edges, old_edges = np.arange(new + 1) * old / new, np.arange(old + 1)
    start = np.maximum(new_edges[:-1, None], old_edges[None, :-1])
    end = np.minimum(new_edges[1:, None], old_edges[None, 1:])
    return np.asarray(np.clip(end - start, 0, None) * new / old)


def _round_side(side: float) -> int:
    return max(round(side / LATENT_SIDE), 4) * LATENT_SIDE
