"""A short description of a picture's colors and composition, for pictures without a prompt or a captioner.

Colors are named after the nearest of some 40 prototypes in Oklab (Ottosson 2020), a perceptually uniform color space.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from codec.color.oklab import from_srgb
from codec.images.io import resize_area

_CELLS: Final = 48  # the picture is resized to 48 x 48 cells
_MAX_LENGTH: Final = 90  # characters of a description

# sRGB by name; the last word of a name is the color's family
_PROTOTYPES: Final = {
    "black": "0a0a0c",
    "dark gray": "3c3c3e",
    "gray": "808080",
    "light gray": "bcbcbe",
    "white": "f6f6f4",
    "dark red": "6e1418",
    "red": "c8242c",
    "bright red": "fa2020",
    "dark pink": "b04a6c",
    "pink": "e88ca4",
    "pale pink": "f2ccd2",
    "dark brown": "3e281a",
    "brown": "7c5032",
    "light brown": "ac8460",
    "beige": "d8c4a4",
    "cream": "f4ead0",
    "dark orange": "b4561a",
    "orange": "e88a34",
    "bright orange": "ff7a00",
    "dark yellow": "a08a28",
    "yellow": "e6cc4c",
    "bright yellow": "fce61e",
    "dark olive": "3c3a20",
    "olive": "726c38",
    "dark green": "1c4024",
    "deep green": "3a561c",
    "green": "3c8a3e",
    "warm green": "648c34",
    "light green": "a0cc8c",
    "bright green": "3cd83c",
    "dark teal": "123e44",
    "teal": "2c8288",
    "pale teal": "a4cccc",
    "turquoise": "3cccc8",
    "dark blue": "1a2a5c",
    "blue": "2e5cb4",
    "bright blue": "2070ff",
    "light blue": "98bee2",
    "dark purple": "3a2052",
    "purple": "7c4a9e",
    "light purple": "bea4d8",
    "magenta": "d82ca8",
}


def describe(pixels: np.ndarray) -> str:
    """Describe (H, W, 3) uint8 sRGB pixels, e.g. "mostly dark teal and gray, orange in the center, dark bottom".

    Returns at most 90 characters of ASCII, the same for the same pixels.
    """
    lab = from_srgb(resize_area(pixels, _CELLS, _CELLS))
    names = list(_PROTOTYPES)
    colors = bytes.fromhex("".join(_PROTOTYPES.values()))
    prototypes = from_srgb(np.frombuffer(colors, np.uint8).reshape(-1, 3))
    # hue and chroma weigh more than lightness: a tinted gray is not called gray
    difference = (lab[:, :, None] - prototypes) * (1, 1.6, 1.6)
    nearest = (difference**2).sum(axis=3).argmin(axis=2)
    shares = np.bincount(nearest.ravel(), minlength=len(names)) / nearest.size
    order = [int(i) for i in np.argsort(-shares, kind="stable")]
    if shares[order[0]] > 0.97:
        return f"plain {names[order[0]]}"
    main = _main_colors(names, shares, order)
    parts = ["mostly " + " and ".join(main)]
    parts += _accent(names, nearest, prototypes, {_family(name) for name in main})
    parts += _lighting(lab[:, :, 0])
    while len(", ".join(parts)) > _MAX_LENGTH:
        parts.pop()
    return ", ".join(parts)


def _main_colors(names: list[str], shares: np.ndarray, order: list[int]) -> list[str]:
    """Return the most common color, and the next one of another family if it covers 8 % or more."""
    first = names[order[0]]
    for index in order[1:]:
        if shares[index] < 0.08:
            break
        if _family(names[index]) != _family(first):
            return [first, names[index]]
    return [first]


def _accent(names: list[str], nearest: np.ndarray, prototypes: np.ndarray, main_families: set[str]) -> list[str]:
    """Return the most vivid color that is not a main one, with its position, or nothing."""
    accent, max_vividness, where = "", 0.0, nearest < 0
    for family in dict.fromkeys(_family(name) for name in names):
        members = [i for i, name in enumerate(names) if _family(name) == family]
        mask = np.isin(nearest, members)
        share = mask.mean()
        if family in main_families or not 0.015 <= share <= 0.3:
            continue
        counts = np.bincount(nearest[mask], minlength=len(names))
        chroma = float(np.hypot(prototypes[:, 1], prototypes[:, 2]) @ counts / counts.sum())
        vividness = chroma * share**0.5
        if chroma > 0.06 and vividness > max_vividness:
            accent, max_vividness, where = names[int(counts.argmax())], vividness, mask
    return [f"{accent} {_position(where)}"] if accent else []


def _position(mask: np.ndarray) -> str:
    """Return the position of the marked cells in words."""
    y, x = (axis / (_CELLS - 1) for axis in np.nonzero(mask))
    if max(x.std(), y.std()) > 0.27:
        return "here and there"
    column = "left" if x.mean() < 0.36 else "right" if x.mean() > 0.64 else ""
    row = "top" if y.mean() < 0.36 else "bottom" if y.mean() > 0.64 else ""
    if row and column:
        return f"at the {row} {column}"
    if row:
        return f"at the {row}"
    return f"on the {column}" if column else "in the center"


def _lighting(lightness: np.ndarray) -> list[str]:
    """Describe where the picture is lighter: top or bottom, else left or right, else the center; [] if it is even."""
    third = _CELLS // 3
    opposite_sides = (
        ("top", "bottom", lightness[:third], lightness[-third:]),
        ("left side", "right side", lightness[:, :third], lightness[:, -third:]),
    )
    for side, opposite, cells, opposite_cells in opposite_sides:
        difference = cells.mean() - opposite_cells.mean()
        if abs(difference) > 0.12:
            light, dark = (side, opposite) if difference > 0 else (opposite, side)
            return [f"light {light}", f"dark {dark}"]
    difference = lightness[third:-third, third:-third].mean() - lightness.mean()
    if abs(difference) > 0.1:
        return ["light center" if difference > 0 else "dark center"]
    return []


def _family(name: str) -> str:
    """Return the family of a color name: its last word, or the family that this word belongs to."""
    family = name.split()[-1]
    return {"black": "gray", "white": "gray", "cream": "beige", "olive": "green"}.get(family, family)
