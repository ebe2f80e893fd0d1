"""Edits of base colors and detail: an object's color, the mood (lighting), the palette of another picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from codec.color import oklab
from codec.editing.cells import coverage
from codec.editing.edits import swap_texture
from codec.editing.objects import check_mask, replace_pixels, small_picture
from codec.errors import InvalidLayer, UnknownName
from codec.layers import Layers

_MIN_DEVIATION: Final = 1e-3  # standard deviation along an axis of Oklab below which a palette is not stretched
_MAX_STRETCH: Final = 3.0


def _night(lab: np.ndarray) -> np.ndarray:
    light = lab[..., :1]
    return np.concatenate([0.08 + 0.5 * light**1.3, 0.45 * lab[..., 1:2] - 0.012, 0.45 * lab[..., 2:] - 0.05], -1)


def _sunset(lab: np.ndarray) -> np.ndarray:
    light = lab[..., :1]
    warm = 0.35 + 0.65 * light
    return np.concatenate(
        [0.04 + 0.86 * light, 0.7 * lab[..., 1:2] + 0.06 * warm, 0.6 * lab[..., 2:] + 0.08 * warm], -1
    )


def _gray(lab: np.ndarray) -> np.ndarray:
    return lab * [1, 0, 0]


def _warm(lab: np.ndarray) -> np.ndarray:
    return np.asarray(lab + np.array([0.01, 0.02, 0.035]))


def _cool(lab: np.ndarray) -> np.ndarray:
    return np.asarray(lab + np.array([0, -0.015, -0.035]))


def _vivid(lab: np.ndarray) -> np.ndarray:
    return lab * [1, 1.4, 1.4]


def _fog(lab: np.ndarray) -> np.ndarray:
    return np.concatenate([0.45 + 0.45 * lab[..., :1], 0.4 * lab[..., 1:]], -1)


MOODS: Final[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "night": _night, "sunset": _sunset, "gray": _gray, "warm": _warm, "cool": _cool, "vivid": _vivid, "fog": _fog,
}  # fmt: skip


def apply_mood(layers: Layers, mood: str) -> Layers:
    """Return the layers with base colors and detail changed to a mood, such as night or fog.

    `mood`: one of `MOODS`. Raises `UnknownName` for other names. Layers without colors are returned unchanged.
    """
    if mood not in MOODS:
        raise UnknownName(f"unknown mood: choose one of {', '.join(MOODS)}")
    return _mapped(layers, MOODS[mood])


def recolor_object(layers: Layers, mask: np.ndarray, color: Sequence[int]) -> Layers:
    """Return the layers with the mean color under a mask changed to `color`; light and shadow stay.

    `mask`: (height, width) bool. `color`: 3 integers of sRGB in 0..255. The border is as sharp as the small picture.
    Layers without colors are returned unchanged. Raises `InvalidLayer` for other masks and colors.
    """
    check_mask(layers, mask)
    if len(color) != 3 or not all(0 <= value <= 255 for value in color):
        raise InvalidLayer("a color must be three numbers in 0..255")
    if layers.texture is None:
        return layers
    share = coverage(mask, *small_picture(layers).shape[:2])[..., None]
    if not share.any():
        return layers
    target = _to_lab(np.array(color, np.uint8))

    def shifted(lab: np.ndarray) -> np.ndarray:
        return np.asarray(lab + share * (target - (lab * share).sum((0, 1)) / share.sum()))

    return _mapped(layers, shifted, share[..., 0] > 0)


def transfer_palette(layers: Layers, pixels: np.ndarray) -> Layers:
    """Return the layers with the palette of a picture: its means and standard deviations in Oklab.

    Only the colors change, not their arrangement. `pixels`: (h, w, 3) uint8 sRGB. The method is that of Reinhard,
    Ashikhmin, Gooch, Shirley, "Color Transfer between Images" (2001).
    """
    if layers.texture is None:
        return layers
    target = _to_lab(pixels).reshape(-1, 3)
    present = _to_lab(small_picture(layers)).reshape(-1, 3)
    stretch = target.std(0) / np.maximum(present.std(0), _MIN_DEVIATION)
    stretch = np.minimum(stretch, _MAX_STRETCH)
    return _mapped(layers, lambda lab: (lab - present.mean(0)) * stretch + target.mean(0))


def _to_lab(pixels: np.ndarray) -> np.ndarray:
    return oklab.from_srgb(pixels)


def _mapped(layers: Layers, function: Callable[[np.ndarray], np.ndarray], where: np.ndarray | None = None) -> Layers:
    """Return the layers with a function of Oklab colors applied to the small picture, or to the pixels of `where`."""
    if layers.texture is None:
        return layers
    lab = function(_to_lab(small_picture(layers)))
    lab[..., 0] = np.clip(lab[..., 0], 0, 1)
    picture = oklab.to_srgb(np.rint(lab * oklab.ONE).astype(np.int64))
    touched = np.ones(picture.shape[:2], bool) if where is None else where
    texture = replace_pixels(layers, picture, touched, len(layers.texture.to_bytes()))
    return swap_texture(layers, replace(layers, texture=texture))
