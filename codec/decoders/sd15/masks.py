"""Which part of a picture to decode anew: from edits to a mask, from a mask to latents and pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from codec.structure.pose import Pose
from codec.structure.sketch import Sketch

if TYPE_CHECKING:
    from codec.layers import Layers

_REACH = 0.04  # of the longer side: how far a changed line reaches
_FEATHER = 0.016  # of the longer side: 8 pixels at 512


def changed(before: Layers, after: Layers) -> np.ndarray:
    """(height, width) bool: where a picture of `after` should differ from one of `before`.

    Lines and colors count where they differ and a little around; another prompt, size or kind of
    structure changes everything.
    """
    height, width = after.height, after.width
    everything = np.ones((height, width), bool)
    if (before.height, before.width) != (height, width) or before.semantic != after.semantic:
        return everything
    mask = np.zeros((height, width), bool)
    if before.structure != after.structure:
        old, new = _drawn(before.structure, width, height), _drawn(after.structure, width, height)
        reach = max(round(_REACH * max(width, height)), 1)
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        mask |= cv2.dilate((old != new).any(2).astype(np.uint8), around).astype(bool)
    if before.texture != after.texture:
        if before.texture is None or after.texture is None:
            return everything
        mask |= (before.texture.render(width, height) != after.texture.render(width, height)).any(2)
    return mask


def to_latents(mask: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W) bool -> (height / 8, width / 8) bool: the latent cells that have any of it.

    `width`, `height`: that the picture is denoised at, in pixels.
    """
    rows, cols = height // 8, width // 8
    tall, wide = mask.shape
    reduced = _any_of(_any_of(mask, 0, tall, rows), 1, wide, cols)
    return reduced


def feathered(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool -> (H, W) float32: 0 outside, rising to 1 within; never all faint, however thin."""
    if mask.all():
        return np.ones(mask.shape, np.float32)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    slope = min(_FEATHER * max(mask.shape), max(float(depth.max()) / 2, 1.0))
    return np.clip(depth / slope, 0, 1)


def paste(old: np.ndarray, new: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`new` inside the mask, softly; outside every pixel of `old` as it was. (H, W, 3) uint8 both."""
    amount = feathered(mask)[..., None]
    mixed = old + amount * (new.astype(np.float32) - old)
    return np.where(mask[..., None], np.rint(mixed), old).astype(np.uint8)


def _drawn(structure: Sketch | Pose | None, width: int, height: int) -> np.ndarray:
    if structure is None:
        return np.zeros((height, width, 3), np.uint8)
    return structure.render(width, height)


def _any_of(mask: np.ndarray, axis: int, old: int, new: int) -> np.ndarray:
    """Reduce an axis from `old` to `new` places, each true where any it touches is."""
    first = np.arange(new) * old // new
    last = np.maximum(-(-(np.arange(new) + 1) * old // new), first + 1)
    parts = [mask.take(range(a, b), axis).any(axis) for a, b in zip(first, last, strict=True)]
    return np.stack(parts, axis)
