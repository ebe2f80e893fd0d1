"""Read masks: pictures that mark an area by brightness, opacity or both."""

from __future__ import annotations

import os
from typing import BinaryIO, Final

import numpy as np

from codec.images import io

EMPTY_MASK: Final = "the mask marks nothing: paint white over what to erase"
_THRESHOLD: Final = 127  # of 255; pixels above it are bright or opaque


def load_mask(source: str | os.PathLike[str] | bytes | BinaryIO, width: int, height: int) -> np.ndarray:
    """Read a mask (PNG, JPEG, WebP, AVIF, GIF, BMP, TIFF, PNM), scaled to (height, width) bool, True where marked.

    In an opaque picture, bright pixels (mean of the channels above 127) are marked. In a picture with transparency,
    bright and opaque pixels are marked, or if there are none, all opaque pixels. Opacity is relative to its maximum in
    the picture, so a translucent brush also marks; a picture whose opacity is nowhere below half of the maximum counts
    as opaque. Raises the errors of `load`.
    """
    rgb, alpha = io.load_with_alpha(source)
    luma = io.resize_area(rgb, width, height).mean(axis=2)
    if alpha is None or 2 * int(alpha.min()) >= int(alpha.max()):
        return np.asarray(luma > _THRESHOLD)
    opacity = np.round(alpha.astype(np.float32) * (255 / alpha.max())).astype(np.uint8)
    # weigh brightness by opacity before averaging, so that the colors of transparent pixels do not count
    visible_luma = np.round(rgb.mean(axis=2) * (opacity / 255)).astype(np.uint8)
    layers = io.resize_area(np.dstack([visible_luma, opacity, opacity]), width, height)
    bright = layers[..., 0] > _THRESHOLD
    return np.asarray(bright if bright.any() else layers[..., 1] > _THRESHOLD)
