"""Textures of the materials that a prompt names, laid over the pixels whose colors can be theirs."""

from __future__ import annotations

import cv2
import numpy as np

from codec.color import oklab
from codec.decoders.painter import brush
from codec.decoders.painter.styles import Material

SOFT = 0.03  # how gradually, in lightness and chroma, a material ends
SOFT_HUE = 20.0  # in degrees of hue
SOFT_HEIGHT = 0.15  # in shares of the height
CALM = 0.2  # the least that `busy` is, where no lines are near


def lay(
    painting: np.ndarray,
    materials: tuple[Material, ...],
    along: tuple[np.ndarray, np.ndarray],
    pen: np.ndarray,
    busy: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Vary the tones by each material's marks: (height, width, 3) float32 in 0..1 -> the same.

    along: as `brush.direction` returns it; pen: (height, width) float32, where lines are, whose own
    tones stay; busy: (height, width) float32, how many are near, `CALM` to 1.
    """
    if not materials:
        return painting
    lab = oklab.from_srgb(np.round(255 * cv2.GaussianBlur(painting, (0, 0), 1.5)).astype(np.uint8))
    light, a, b = np.moveaxis(lab.astype(np.float32), 2, 0)
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    level = np.linspace(0, 1, len(pen), dtype=np.float32)[:, None]
    change = np.zeros(pen.shape, np.float32)
    left = np.ones(pen.shape, np.float32)  # what no material has taken yet
    for material in materials:
        here = _inside(chroma, material.chroma, SOFT) * _inside(light, material.light, SOFT)
        here = here * _inside(level, material.height, SOFT_HEIGHT)
        here = here * (material.calm + (1 - material.calm) * (busy - CALM) / (1 - CALM))
        if material.hue:
            here = here * _inside(hue, material.hue, SOFT_HUE)
        here = np.minimum(cv2.GaussianBlur(here, (0, 0), max(0.5, 0.004 * brush.diagonal(pen))), left)
        left = left - here
        change += np.float32(material.amount) * here * _marks(material, along, pen.shape, random)
    return np.clip(painting * (1 + change * (1 - pen))[..., None], 0.0, 1.0)


def _inside(values: np.ndarray, bounds: tuple[float, float], soft: float) -> np.ndarray:
    """1 where a value is within bounds, falling to 0 over `soft` outside of them."""
    outside = np.maximum(bounds[0] - values, values - bounds[1])
    return np.clip(1 - outside / soft, 0.0, 1.0).astype(np.float32)


def _marks(
    material: Material, along: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    """Noise of mean 0, mostly within -1..1, in marks of the material's size that lie its way."""
    longer, shorter = (max(0.4, size * brush.diagonal(along[0])) for size in material.size)
    noise = random.standard_normal(shape, np.float32)
    if material.lie == "form":
        noise = brush.smear(cv2.GaussianBlur(noise, (0, 0), 0.5 * shorter), along, longer)
    elif material.lie == "upright":
        noise = cv2.GaussianBlur(noise, (0, 0), 0.5 * shorter, sigmaY=0.5 * longer)
    else:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.5 * longer, sigmaY=0.5 * shorter)
    noise -= noise.mean()
    return np.tanh(noise / max(float(noise.std()), 1e-6))
