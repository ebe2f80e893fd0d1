"""A prompt drawn as readable text: what the semantic layer looks like on its own."""

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

_PAPER, _INK, _FAINT = (244, 241, 234), (38, 38, 44), (128, 126, 120)
_MAX_CARD_TEXT = 6000  # more never fits the smallest letters


def text_card(text: str, width: int, height: int) -> np.ndarray:
    """Draws text, dark on a light card, as large as fits; what does not fit ends in an ellipsis.

    text: any str; newlines are kept, other controls become spaces. The built-in font has the
    letters of ASCII: accents are dropped, other scripts show as boxes.
    width, height: 1..4096 pixels. -> (height, width, 3) uint8. Raises ImageError for other sizes.
    """
    from PIL import Image, ImageDraw

    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ImageError(f"a card is 1 to {MAX_SIDE} pixels a side, not {width} x {height}")
    card = Image.new("RGB", (width, height), _PAPER)
    shown = "".join(_drawable(letter) for letter in text[:_MAX_CARD_TEXT])
    size, lines = _fit(shown.strip() or "(no prompt)", width, height)
    pen = ImageDraw.Draw(card)
    margin, ink = _margin(width, height), _INK if shown.strip() else _FAINT
    step = _leading(size)
    top = max(margin, (height - step * len(lines)) // 2)
    for row, line in enumerate(lines):
        pen.text((margin, top + row * step), line, fill=ink, font=_font(size))
    return np.array(card)


def _drawable(letter: str) -> str:
    if letter == "\n":
        return letter
    base = unicodedata.normalize("NFKD", letter)[:1]
    letter = base if base.isascii() else letter
    return letter if letter.isprintable() else " "


def _margin(width: int, height: int) -> int:
    return min(width, height) // 16


def _leading(size: int) -> int:
    return size * 5 // 4


@lru_cache(maxsize=64)
def _font(size: int) -> FreeTypeFont:
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _fit(text: str, width: int, height: int) -> tuple[int, list[str]]:
    """-> the largest letter size in pixels with which the text fits, and its lines."""
    side = min(width, height)
    inner = width - 2 * _margin(width, height)
    smallest, size = max(10, side // 36), max(10, side // 7)
    while True:
        rows = (height - 2 * _margin(width, height)) // _leading(size)
        lines = _wrap(text, size, inner, rows + 1)
        if len(lines) <= rows or size == smallest:
            break
        size = max(smallest, size * 9 // 10)
    if len(lines) > rows:
        lines = lines[:rows]
        if lines:
            lines[-1] = _shorten(lines[-1], size, inner)
    return size, lines


def _wrap(text: str, size: int, inner: int, rows: int) -> list[str]:
    """Greedy line breaks at spaces, inside a word only where it is wider than a line.

    Stops after `rows` lines. [] when not even one letter fits.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, used = "", 0.0
        for word in re.findall(r"\s*\S+", paragraph):
            wide = _width(word, size)
            if line and used + wide > inner:
                lines.append(line)
                word = word.lstrip()
                line, used, wide = "", 0.0, _width(word, size)
            while wide > inner:
                fits = _prefix(word, size, inner)
                if not fits or len(lines) >= rows:
                    return lines
                lines.append(word[:fits])
                word = word[fits:]
                wide = _width(word, size)
            line, used = line + word, used + wide
            if len(lines) >= rows:
                return lines
        lines.append(line)
    return lines


def _shorten(line: str, size: int, inner: int) -> str:
    fits = _prefix(line, size, inner - _width("...", size))
    return line[:fits].rstrip() + "..."


def _prefix(text: str, size: int, inner: float) -> int:
    """-> how many letters of text fit."""
    used = 0.0
    for count, letter in enumerate(text):
        used += _advance(letter, size)
        if used > inner:
            return count
    return len(text)


def _width(text: str, size: int) -> float:
    return sum(_advance(letter, size) for letter in text)


@lru_cache(maxsize=8192)
def _advance(letter: str, size: int) -> float:
    return _font(size).getlength(letter)
