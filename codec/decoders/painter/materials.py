"""Textures of the materials that a prompt names, applied to the pixels with matching colors, and pixelation."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from codec.color import oklab
from codec.decoders.painter import brush
from codec.decoders.painter.styles import Material

# distances beyond a material's range over which it fades out
COLOR_FALLOFF: Final = 0.03  # in lightness and chroma
HUE_FALLOFF: Final = 20.0  # degrees
HEIGHT_FALLOFF: Final = 0.15  # fraction of the picture's height
MIN_LINE_DENSITY: Final = 0.2  # value of `line_density` where no lines are near


def apply_materials(
    painting: np.ndarray,
    materials: tuple[Material, ...],
    direction: tuple[np.ndarray, np.ndarray],
    ink: np.ndarray,
    line_density: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Modulate the tones of a painting with each material's marks: (height, width, 3) float32 in 0..1 -> the same.

    direction: the result of `brush.stroke_direction`
    ink: (height, width) float32, opacity of the lines, whose tones do not change
    line_density: (height, width) float32, density of lines nearby, `MIN_LINE_DENSITY` to 1
    """
    if not materials:
        return painting
    lab = oklab.from_srgb(np.round(255 * cv2.GaussianBlur(painting, (0, 0), 1.5)).astype(np.uint8))
    lightness, a, b = np.moveaxis(lab.astype(np.float32), 2, 0)
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    height = np.linspace(0, 1, len(ink), dtype=np.float32)[:, None]
    change = np.zeros(ink.shape, np.float32)
    unclaimed = np.ones(ink.shape, np.float32)  # share of each pixel that is left for further materials
    for material in materials:
        share = _membership(chroma, material.chroma, COLOR_FALLOFF)
        share = share * _membership(lightness, material.lightness, COLOR_FALLOFF)
        share = share * _membership(height, material.height, HEIGHT_FALLOFF)
        share = share * (
            material.calm + (1 - material.calm) * (line_density - MIN_LINE_DENSITY) / (1 - MIN_LINE_DENSITY)
        )
        if material.hue:
            share = share * _membership(hue, material.hue, HUE_FALLOFF)
        share = np.minimum(cv2.GaussianBlur(share, (0, 0), max(0.5, 0.004 * brush.diagonal(ink))), unclaimed)
        unclaimed = unclaimed - share
        change += np.float32(material.amount) * share * _marks(material, direction, ink.shape, random)
    return np.asarray(np.clip(painting * (1 + change * (1 - ink))[..., None], 0.0, 1.0))


def _membership(values: np.ndarray, bounds: tuple[float, float], falloff: float) -> np.ndarray:
    """Return 1 where a value is within bounds, falling to 0 over `falloff` outside of them."""
    excess = np.maximum(bounds[0] - values, values - bounds[1])
    return np.clip(1 - excess / falloff, 0.0, 1.0).astype(np.float32)


def _marks(
    material: Material, direction: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    """Return noise of mean 0, mostly within -1..1, in marks of the material's size and orientation."""
    length, width = (max(0.4, size * brush.diagonal(direction[0])) for size in material.size)
    noise = random.standard_normal(shape, np.float32)
    if material.orientation == "form":
        noise = brush.line_integral(cv2.GaussianBlur(noise, (0, 0), 0.5 * width), direction, length)
    elif material.orientation == "vertical":
        noise = cv2.GaussianBlur(noise, (0, 0), 0.5 * width, sigmaY=0.5 * length)
    else:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.5 * length, sigmaY=0.5 * width)
    noise -= noise.mean()
    return np.asarray(np.tanh(noise / max(float(noise.std()), 1e-6)))


def pixelate(picture: np.ndarray, blocks: float) -> np.ndarray:
    """Pixelate an (h, w, 3) uint8 picture to `blocks` square blocks along the longer side; unchanged for 0."""
    height, width = picture.shape[:2]
    if not blocks or max(height, width) <= blocks:
        return picture
    scale = blocks / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST))
