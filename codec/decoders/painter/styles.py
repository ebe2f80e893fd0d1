"""The effect of a prompt on the painter: style and materials. The prompt adds no objects and changes no colors.

Whole words of the prompt are matched, ignoring case. Each row of LOOKS with a matching word multiplies factors of the
Style; each such row of MATERIALS adds a texture to the pixels with matching colors. To add a word, put it into a row;
to add a look or a material, add a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Material:
    """A texture, and the pixels that it is applied to.

    hue: range in degrees of Oklab's hue, counterclockwise from red; None: any
    chroma, lightness: ranges of Oklab's, 0..1
    height: range of the distance from the picture's top, in fractions of its height
    size: length and width of the marks, in fractions of the diagonal
    orientation: of the marks: "horizontal", "vertical", or "form" (along the contours nearby)
    calm: amount far from lines, relative to the amount among many lines
    amount: how much the marks change the tone, 0..1
    """

    hue: tuple[float, float] | None
    chroma: tuple[float, float]
    lightness: tuple[float, float]
    height: tuple[float, float]
    size: tuple[float, float]
    orientation: str
    calm: float
    amount: float


@dataclass(frozen=True)
class Style:
    """How to paint. Style() is neutral."""

    lines: float = 1.0  # factor of the ink's opacity
    brush: float = 1.0  # factor of the dabs' displacement
    blocks: float = 0.0  # pixel art: number of blocks along the longer side; 0: none
    materials: tuple[Material, ...] = ()

    @property
    def brushes_detail(self) -> bool:
        """Whether brushwork is painted over detail, too."""
        return self.brush > 1

    @property
    def inks_detail(self) -> bool:
        """Whether ink is drawn over detail, too: only if the words ask for ink itself, as "manga" does."""
        return self.lines > MAX_PLAIN_LINES


MAX_PLAIN_LINES: Final = 1.3  # stronger lines are drawn over detail, too
# ranges of the factors after all words of a prompt are multiplied
_FACTOR_RANGES: Final = {"lines": (0.3, 1.4), "brush": (0.0, 2.0)}

# the words of a row are separated by spaces; "|" is a space inside a phrase
LOOKS: Final[dict[str, dict[str, float]]] = {
    "photo photograph photography photorealistic dslr bokeh": {"lines": 0.6, "brush": 0.5},
    "render unreal octane blender 3d": {"lines": 0.6, "brush": 0.4},
    "oil|painting acrylic gouache impasto": {"lines": 0.75, "brush": 1.5},
    "impressionist impressionism monet gogh": {"lines": 0.5, "brush": 2.0},
    "watercolor watercolour aquarelle": {"lines": 0.8, "brush": 1.6},
    "ink manga lineart engraving woodcut": {"lines": 1.4, "brush": 0.6},
    "comic cartoon anime cel": {"lines": 1.25, "brush": 0.3},
    "pixel|art 8bit 16bit": {"blocks": 72.0, "brush": 0.0},
}

MATERIALS: Final[dict[str, Material]] = {
    "tree trees forest jungle foliage leaves bush bushes hedge garden moss mossy overgrown woods":
        Material((95, 150), (0.04, 1), (0.1, 0.8), (0.0, 1.0), (0.0075, 0.006), "horizontal", 0.2, 0.2),
    "grass grassy lawn meadow field hill hills countryside prairie":
        Material((105, 150), (0.08, 1), (0.25, 0.95), (0.35, 1.0), (0.012, 0.004), "vertical", 0.5, 0.11),
    "hair beard fur fluffy furry cat dog chipmunk fox wolf bear rabbit lion tiger horse":
        Material((20, 110), (0.01, 0.2), (0.1, 0.9), (0.0, 1.0), (0.02, 0.004), "form", 0.0, 0.16),
    "river stream lake sea ocean water waves pond reflection":
        Material((170, 280), (0.02, 1), (0.15, 0.9), (0.55, 1.0), (0.025, 0.005), "horizontal", 1.0, 0.11),
    "sky cloud clouds cloudy mist misty fog foggy":
        Material((180, 290), (0.0, 0.15), (0.6, 1.0), (0.0, 0.6), (0.05, 0.018), "horizontal", 1.0, 0.05),
    "rock rocks rocky mountain mountains cliff stone ruined ruins castle castles cave":
        Material(None, (0, 0.06), (0.15, 0.75), (0.0, 1.0), (0.012, 0.008), "form", 0.0, 0.16),
    "sand sandy beach desert dunes":
        Material((50, 100), (0.02, 0.15), (0.45, 0.95), (0.3, 1.0), (0.006, 0.005), "horizontal", 1.0, 0.08),
    "wood wooden barn planks":
        Material((40, 95), (0.01, 0.12), (0.1, 0.7), (0.0, 1.0), (0.03, 0.005), "form", 0.0, 0.14),
}  # fmt: skip

# prompts without a style though they name a material: the encoder's words for subjects, which nobody typed
BARE_SUBJECTS: Final = frozenset(
    (
        "dog", "fox", "cat", "big cat", "lion", "tiger", "bear", "polar bear", "rabbit", "horse", "hot dog",
        "barn", "mountain", "lake",
    )
)  # fmt: skip


def style_words(prompt: str) -> str:
    """Return the first word of each row with a word of the prompt.

    Prompts with equal `style_words` give the same painting.
    """
    return ", ".join(row.split()[0].replace("|", " ") for row in _matching_rows(prompt))


def effective_words(prompt: str, has_detail: bool) -> tuple[str, ...]:
    """Return the words of a prompt that change the painting, in the order of the tables.

    has_detail: whether the texture layer has detail, over which only brushwork, ink and blocks are painted
    """
    style = parse_style(prompt)
    if not has_detail:
        rows = _matching_rows(prompt)
    elif style.brushes_detail or style.inks_detail or style.blocks:
        rows = [row for row in _matching_rows(prompt) if max(LOOKS.get(row, {"": 0.0}).values()) > MAX_PLAIN_LINES]
    else:
        rows = []
    text = _normalized(prompt)
    return tuple(next(word for word in _words(row) if f" {word} " in text) for row in rows)


def parse_style(prompt: str) -> Style:
    """Return the style that a prompt's words ask for; Style() if none is known."""
    rows = _matching_rows(prompt)
    values: dict[str, float] = {}
    for row in (row for row in rows if row in LOOKS):
        for name, value in LOOKS[row].items():
            is_factor = name in _FACTOR_RANGES
            values[name] = values.get(name, 1.0) * value if is_factor else max(values.get(name, 0.0), value)
    for name in _FACTOR_RANGES.keys() & values.keys():
        low, high = _FACTOR_RANGES[name]
        values[name] = min(max(values[name], low), high)
    materials = tuple(material for row, material in MATERIALS.items() if row in rows)
    return Style(materials=materials, **values)


def _matching_rows(prompt: str) -> list[str]:
    """Return the rows of both tables with a word of the prompt, in the order of the tables; none for a bare subject."""
    text = _normalized(prompt)
    if text.strip() in BARE_SUBJECTS:
        return []
    return [row for row in (*LOOKS, *MATERIALS) if any(f" {word} " in text for word in _words(row))]


def _normalized(prompt: str) -> str:
    """Return the words of a prompt in lower case, with a space before and after each."""
    return " " + " ".join(re.findall(r"[^\W_]+", prompt.lower())) + " "


def _words(row: str) -> list[str]:
    return [word.replace("|", " ") for word in row.split()]
