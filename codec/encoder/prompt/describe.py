"""A short, honest description of a picture's colors and composition, when nothing better is known.

Colors are named by the nearest of some 40 prototypes in Oklab (Ottosson 2020), a space in which
equal distances look equally different.
"""

from __future__ import annotations

import numpy as np

from codec.color.oklab import from_srgb
from codec.images.io import resize_area

_CELLS = 48  # the picture is looked at as 48 x 48 cells

# name: sRGB; the last word of a name is the color's family
_PROTOTYPES = {
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
    "forest green": "3a561c",
    "green": "3c8a3e",
    "grass green": "648c34",
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
    """(H, W, 3) uint8 sRGB -> e.g. "mostly dark teal and gray, orange in the center, dark bottom".

    At most 90 characters of ASCII, the same for the same pixels.
    """
    lab = from_srgb(resize_area(pixels, _CELLS, _CELLS))
    names = list(_PROTOTYPES)
    code = bytes.fromhex("".join(_PROTOTYPES.values()))
    prototypes = from_srgb(np.frombuffer(code, np.uint8).reshape(-1, 3))
    gap = (lab[:, :, None] - prototypes) * (1, 1.6, 1.6)  # a gray with a tint is no gray
    nearest = (gap**2).sum(axis=3).argmin(axis=2)
    shares = np.bincount(nearest.ravel(), minlength=len(names)) / nearest.size
    order = [int(i) for i in np.argsort(-shares, kind="stable")]
    first = names[order[0]]
    if shares[order[0]] > 0.97:
        return f"plain {first}"
    main = _main_colors(names, shares, order)
    parts = ["mostly " + " and ".join(main)]
    parts += _accent(names, nearest, prototypes, {_family(name) for name in main})
    parts += _light(lab[:, :, 0])
    while len(", ".join(parts)) > 90:
        parts.pop()
    return ", ".join(parts)


def _main_colors(names: list[str], shares: np.ndarray, order: list[int]) -> list[str]:
    """The commonest color and, if it matters, the next of another family."""
    first = names[order[0]]
    for index in order[1:]:
        if shares[index] < 0.08:
            break
        if _family(names[index]) != _family(first):
            return [first, names[index]]
    return [first]


def _accent(names: list[str], nearest: np.ndarray, prototypes: np.ndarray, taken: set[str]) -> list[str]:
    """The most vivid color that is not a main one, and where it is."""
    best, score, where = "", 0.0, nearest < 0
    for family in dict.fromkeys(_family(name) for name in names):
        members = [i for i, name in enumerate(names) if _family(name) == family]
        mask = np.isin(nearest, members)
        share = mask.mean()
        if family in taken or not 0.015 <= share <= 0.3:
            continue
        counts = np.bincount(nearest[mask], minlength=len(names))
        chroma = float(np.hypot(prototypes[:, 1], prototypes[:, 2]) @ counts / counts.sum())
        if chroma > 0.06 and chroma * share**0.5 > score:
            best, score, where = names[int(counts.argmax())], chroma * share**0.5, mask
    return [f"{best} {_place(where)}"] if best else []


def _place(mask: np.ndarray) -> str:
    """Where the marked cells are, in words."""
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


def _light(lightness: np.ndarray) -> list[str]:
    """How light is spread: top against bottom, else left against right, else middle and rim."""
    third = _CELLS // 3
    ends = (
        ("top", "bottom", lightness[:third], lightness[-third:]),
        ("left side", "right side", lightness[:, :third], lightness[:, -third:]),
    )
    for one, other, here, there in ends:
        gap = here.mean() - there.mean()
        if abs(gap) > 0.12:
            light, dark = (one, other) if gap > 0 else (other, one)
            return [f"light {light}", f"dark {dark}"]
    middle = lightness[third:-third, third:-third].mean()
    gap = middle - lightness.mean()
    if abs(gap) > 0.1:
        return ["light center" if gap > 0 else "dark center"]
    return []


def _family(name: str) -> str:
    family = name.split()[-1]
    return {"black": "gray", "white": "gray", "cream": "beige", "olive": "green"}.get(family, family)
