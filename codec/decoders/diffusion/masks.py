"""Masks for inpainting: the region that an edit changes, in pixels and in latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from codec.structure.pose import Pose
from codec.structure.sketch import Sketch

if TYPE_CHECKING:
    from codec.layers import Layers

_LINE_MARGIN: Final = 0.04  # of the longer side: how far around a changed line the picture may change
_FEATHER_WIDTH: Final = 0.016  # of the longer side: 8 pixels at 512


def changed_region(before: Layers, after: Layers) -> np.ndarray:
    """Return (height, width) bool: where the picture of `after` should differ from that of `before`.

    That is where colors or lines differ, and a margin around lines. Another prompt or size, or adding or
    removing the colors, changes everything.
    """
    height, width = after.height, after.width
    everything = np.ones((height, width), bool)
    if (before.height, before.width) != (height, width) or before.semantic != after.semantic:
        return everything
    mask = np.zeros((height, width), bool)
    if before.structure != after.structure:
        old, new = _render_structure(before.structure, width, height), _render_structure(after.structure, width, height)
        margin = max(round(_LINE_MARGIN * max(width, height)), 1)
        disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        mask |= cv2.dilate((old != new).any(2).astype(np.uint8), disk).astype(bool)
    if before.texture != after.texture:
        if before.texture is None or after.texture is None:
            return everything
        mask |= (before.texture.render(width, height) != after.texture.render(width, height)).any(2)
    return mask


def to_latent_mask(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return (height / 8, width / 8) bool: the latent cells that an (H, W) bool mask touches.

    `width`, `height`: working size of the picture, in pixels.
    """
    rows, cols = height // 8, width // 8
    return _downscale_any(_downscale_any(mask, 0, rows), 1, cols)


def feather(mask: np.ndarray) -> np.ndarray:
    """Return (H, W) float32 opacity for an (H, W) bool mask: 0 outside, rising to 1 inside.

    The ramp is shorter in narrow regions, so that their middle is opaque.
    """
    if mask.all():
        return np.ones(mask.shape, np.float32)
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = min(_FEATHER_WIDTH * max(mask.shape), max(float(distance.max()) / 2, 1.0))
    return np.asarray(np.clip(distance / ramp, 0, 1))


def composite(old: np.ndarray, new: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return `new` inside the mask, feathered, over `old`, which is unchanged outside; (H, W, 3) uint8 each."""
    opacity = feather(mask)[..., None]
    blended = old + opacity * (new.astype(np.float32) - old)
    return np.where(mask[..., None], np.rint(blended), old).astype(np.uint8)


def _render_structure(structure: Sketch | Pose | None, width: int, height: int) -> np.ndarray:
    if structure is None:
        return np.zeros((height, width, 3), np.uint8)
    return structure.render(width, height)


def _downscale_any(mask: np.ndarray, axis: int, count: int) -> np.ndarray:
    """Resize an axis to `count` cells. A cell is True if any pixel that it overlaps is True."""
    old = mask.shape[axis]
    first = np.arange(count) * old // count
    last = np.maximum(-(-(np.arange(count) + 1) * old // count), first + 1)
    cells = [mask.take(range(start, end), axis).any(axis) for start, end in zip(first, last, strict=True)]
    return np.stack(cells, axis)
