"""What the embedded decoder takes from a prompt: how to paint. The prompt adds no objects.

A prompt is read as whole words, in any case. Each row of LOOKS whose words are in it multiplies factors of
a Style or sets its goals; each row of MATERIALS gives its texture to the pixels whose color can be that.
To teach the painter a word, add it to a row; to teach it a look or a material, add a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Material:
    """A texture, and where it may be.

    `hue`: from, to in degrees of Oklab's, anticlockwise from red; None: any. `chroma`, `light`: from, to, of 1.
    `height`: from, to in shares of the picture's height, from the top. `size`: of its marks along and across, in
    shares of the diagonal. `lie`: which way they lie, "level", "upright", or "form": along the lines nearby.
    `calm`: how much of them is left where no lines are near. `amount`: how much they change the tone, of 1.
    """

    hue: tuple[float, float] | None
    chroma: tuple[float, float]
    light: tuple[float, float]
    height: tuple[float, float]
    size: tuple[float, float]
    lie: str
    calm: float
    amount: float


@dataclass(frozen=True)
class Style:
    """How to paint; a Style() as where no word says anything. What a picture has already, a goal does not change."""

    lines: float = 1.0  # factor of the ink's strength
    brush: float = 1.0  # factor of the dabs' reach
    contrast: float = 1.0  # factor of the distance from the mean tone
    saturation: float = 1.0  # factor of the distance from gray
    darkest: float = 1.0  # goal: the mean tone is no lighter
    warmth: float = -1.0  # goal: red exceeds blue by no less, on the whole
    blocks: float = 0.0  # pixel art: blocks along the longer side, 0 for none
    materials: tuple[Material, ...] = ()


_FACTORS: Final = {"lines": (0.3, 1.4), "brush": (0.0, 2.0), "contrast": (0.7, 1.3), "saturation": (0.0, 1.4)}
_ANY: Final = (0.0, 1.0)

LOOKS: Final[dict[str, dict[str, float]]] = {
    "photo photograph photography photorealistic dslr bokeh": {"lines": 0.6, "brush": 0.5},
    "render unreal octane blender 3d": {"lines": 0.6, "brush": 0.4},
    "oil|painting acrylic gouache impasto": {"lines": 0.75, "brush": 1.5},
    "impressionist impressionism monet gogh": {"lines": 0.5, "brush": 2.0},
    "watercolor watercolour aquarelle": {"lines": 0.8, "brush": 1.6, "saturation": 0.9, "contrast": 0.9},
    "ink manga lineart engraving woodcut": {"lines": 1.4, "brush": 0.6, "saturation": 0.5, "contrast": 1.15},
    "comic cartoon anime cel": {"lines": 1.25, "brush": 0.3, "saturation": 1.1},
    "pastel": {"lines": 0.8, "saturation": 0.85, "contrast": 0.85},
    "pixel|art 8bit 16bit": {"blocks": 72.0, "brush": 0.0},
    "monochrome grayscale greyscale black|and|white": {"saturation": 0.0},
    "sepia": {"saturation": 0.15, "warmth": 0.12},
    "vibrant vivid colorful colourful neon": {"saturation": 1.2},
    "night midnight moonlight": {"darkest": 0.38},
    "sunset sunrise dusk golden|hour": {"warmth": 0.06},
    "dark gloomy noir": {"darkest": 0.45},
    "dramatic cinematic": {"contrast": 1.08},
}

MATERIALS: Final[dict[str, Material]] = {
    "tree trees forest jungle foliage leaves bush bushes hedge garden moss mossy overgrown woods":
        Material((95, 150), (0.04, 1), (0.1, 0.8), (0.0, 1.0), (0.0075, 0.006), "level", 0.2, 0.2),
    "grass grassy lawn meadow field hill hills countryside prairie":
        Material((105, 150), (0.08, 1), (0.25, 0.95), (0.35, 1.0), (0.012, 0.004), "upright", 0.5, 0.11),
    "hair beard fur fluffy furry cat dog chipmunk fox wolf bear rabbit lion tiger horse":
        Material((20, 110), (0.01, 0.2), (0.1, 0.9), (0.0, 1.0), (0.02, 0.004), "form", 0.0, 0.16),
    "river stream lake sea ocean water waves pond reflection":
        Material((170, 280), (0.02, 1), (0.15, 0.9), (0.55, 1.0), (0.025, 0.005), "level", 1.0, 0.11),
    "sky cloud clouds cloudy mist misty fog foggy":
        Material((180, 290), (0.0, 0.15), (0.6, 1.0), (0.0, 0.6), (0.05, 0.018), "level", 1.0, 0.05),
    "rock rocks rocky mountain mountains cliff stone ruined ruins castle castles cave":
        Material(None, (0, 0.06), (0.15, 0.75), (0.0, 1.0), (0.012, 0.008), "form", 0.0, 0.16),
    "sand sandy beach desert dunes":
        Material((50, 100), (0.02, 0.15), (0.45, 0.95), (0.3, 1.0), (0.006, 0.005), "level", 1.0, 0.08),
    "wood wooden barn planks":
        Material((40, 95), (0.01, 0.12), (0.1, 0.7), (0.0, 1.0), (0.03, 0.005), "form", 0.0, 0.14),
}  # fmt: skip


def words(prompt: str) -> str:
    """The first word of each row that a prompt has a word of: prompts with the same `words` are painted alike."""
    return ", ".join(row.split()[0].replace("|", " ") for row in _said(prompt))


def read(prompt: str) -> Style:
    """The style that a prompt's words ask for; Style() where none of them is known."""
    said = _said(prompt)
    values: dict[str, float] = {}
    for row in (row for row in said if row in LOOKS):
        for name, value in LOOKS[row].items():
            before = values.get(name, getattr(Style(), name))
            values[name] = before * value if name in _FACTORS else _stronger(name, before, value)
    for name in _FACTORS.keys() & values.keys():
        values[name] = min(max(values[name], _FACTORS[name][0]), _FACTORS[name][1])
    materials = tuple(material for row, material in MATERIALS.items() if row in said)
    return Style(materials=materials, **values)


def _said(prompt: str) -> dict[str, None]:
    """The rows of the tables that a prompt has a word of, in their order."""
    text = " " + " ".join(re.findall(r"[^\W_]+", prompt.lower())) + " "
    rows = (*LOOKS, *MATERIALS)
    return {row: None for row in rows if any(f" {word.replace('|', ' ')} " in text for word in row.split())}


def _stronger(name: str, one: float, other: float) -> float:
    return min(one, other) if name == "darkest" else max(one, other)


def grade(picture: np.ndarray, style: Style) -> np.ndarray:
    """Contrast, saturation, tone and warmth: (h, w, 3) float32 in 0..1 -> the same; a Style() changes nothing."""
    if style == Style(materials=style.materials):
        return picture
    mean = picture.mean((0, 1))
    picture = mean + np.float32(style.contrast) * (picture - mean)
    gray = picture.mean(2, keepdims=True)
    picture = gray + np.float32(style.saturation) * (picture - gray)
    tone = float(picture.mean())
    if tone > style.darkest:
        picture = picture * np.array([0.9, 0.96, 1.1], np.float32) * np.float32(style.darkest / tone)
    missing = style.warmth - float(picture[..., 0].mean() - picture[..., 2].mean())
    if missing > 0:
        picture = picture * np.array([1 + missing, 1, max(1 - 1.2 * missing, 0.5)], np.float32)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)
