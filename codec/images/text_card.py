"""Draw text on a card: the rendering of the semantic layer."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from codec.errors import ImageError
from codec.limits import MAX_SIDE

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_PAPER, _INK, _FAINT_INK = (244, 241, 234), (38, 38, 44), (128, 126, 120)
_MAX_CHARACTERS = 6000  # more never fit, even at the smallest size


def text_card(text: str, width: int, height: int) -> np.ndarray:
    """Draw text, dark on light, as large as fits, and return (height, width, 3) uint8 sRGB.

    text: any string; newlines are kept, other control characters become spaces, and text that does not fit ends in an
    ellipsis. The built-in font covers ASCII: accents are dropped, other scripts show as boxes.
    width, height: 1..4096 pixels. Raises `ImageError` for other sizes.
    """
    from PIL import Image, ImageDraw

    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageError(f"a card is 1 to {MAX_SIDE} pixels a side, not {width} x {height}")
    card = Image.new("RGB", (width, height), _PAPER)
    shown = "".join(_drawable(letter) for letter in text[:_MAX_CHARACTERS])
    size, lines = _fit(shown.strip() or "(no prompt)", width, height)
    canvas = ImageDraw.Draw(card)
    margin, ink = _margin(width, height), _INK if shown.strip() else _FAINT_INK
    line_height = _line_height(size)
    top = max(margin, (height - line_height * len(lines)) // 2)
    for row, line in enumerate(lines):
        canvas.text((margin, top + row * line_height), line, fill=ink, font=_font(size))
    return np.array(card)


def _drawable(letter: str) -> str:
    """Return the letter without accents; a space for a control character."""
    if letter == "\n":
        return letter
    base = unicodedata.normalize("NFKD", letter)[:1]
    letter = base if base.isascii() else letter
    return letter if letter.isprintable() else " "


def _margin(width: int, height: int) -> int:
    return min(width, height) // 16


def _line_height(size: int) -> int:
    return size * 5 // 4


@lru_cache(maxsize=64)
def _font(size: int) -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _fit(text: str, width: int, height: int) -> tuple[int, list[str]]:
    """Return the largest font size in pixels at which the text fits, and its lines."""
    side = min(width, height)
    line_width = width - 2 * _margin(width, height)
    min_size, size = max(10, side // 36), max(10, side // 7)
    while True:
        max_lines = (height - 2 * _margin(width, height)) // _line_height(size)
        lines = _wrap(text, size, line_width, max_lines + 1)
        if len(lines) <= max_lines or size == min_size:
            break
        size = max(min_size, size * 9 // 10)
    if len(lines) > max_lines:
        lines = lines[:max_lines]
        if lines:
            lines[-1] = _ellipsize(lines[-1], size, line_width)
    return size, lines


def _wrap(text: str, size: int, line_width: int, max_lines: int) -> list[str]:
    """Break lines greedily at spaces, and inside words that are wider than a line.

    Stops after `max_lines` lines. Returns no lines if not even one letter fits.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in re.findall(r"\s*\S+", paragraph):
            word_width = _text_width(word, size)
            if line and used + word_width > line_width:
                lines.append(line)
                word = word.lstrip()
                line, used, word_width = "", 0.0, _text_width(word, size)
            while word_width > line_width:
                count = _fitting_prefix(word, size, line_width)
                if not count or len(lines) >= max_lines:
                    return lines
                lines.append(word[:count])
                word = word[count:]
                word_width = _text_width(word, size)
            line, used = line + word, used + word_width
            if len(lines) >= max_lines:
                return lines
        lines.append(line)
    return lines


def _ellipsize(line: str, size: int, line_width: int) -> str:
    """Return the line cut so that it fits with an ellipsis."""
    count = _fitting_prefix(line, size, line_width - _text_width("...", size))
    return line[:count].rstrip() + "..."


def _fitting_prefix(text: str, size: int, line_width: float) -> int:
    """Return how many letters of the text fit into a line."""
    used = 0.0
    for count, letter in enumerate(text):
        used += _advance(letter, size)
        if used > line_width:
            return count
    return len(text)


def _text_width(text: str, size: int) -> float:
    return sum(_advance(letter, size) for letter in text)


@lru_cache(maxsize=8192)
def _advance(letter: str, size: int) -> float:
    return _font(size).getlength(letter)
