"""The basic shapes of SVG 1.1 (chapter 9) as path data."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree

from codec.errors import FormatError

NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
PIXELS_PER_UNIT: Final = {
    "": 1, "px": 1, "pt": 4 / 3, "pc": 16, "mm": 96 / 25.4, "q": 24 / 25.4, "cm": 96 / 2.54, "in": 96
}  # fmt: skip


def path_data(name: str, element: ElementTree.Element, width: float, height: float) -> str:
    """Return the outline of an element as path data; "" if it has none.

    width, height: of the viewport in user units, which percentages refer to. Raises `FormatError` for a length that
    cannot be read.
    """
    if name == "path":
        return element.get("d", "").strip()
    if name in ("polyline", "polygon"):
        points = element.get("points", "").strip()
        return points and f"M{points}{'Z' if name == 'polygon' else ''}"
    diagonal = ((width**2 + height**2) / 2) ** 0.5

    def side(key: str, other: str = "") -> float:
        """Return the length in attribute `key`, or else in attribute `other`, or else 0."""
        text = element.get(key, element.get(other, "0"))
        whole = diagonal if key == "r" else width if key in ("x", "x1", "x2", "cx", "rx", "width") else height
        return length(text, whole)

    if name == "line":
        return f"M{side('x1')},{side('y1')}L{side('x2')},{side('y2')}"
    if name == "rect":
        return _rect(side("x"), side("y"), side("width"), side("height"), side("rx", "ry"), side("ry", "rx"))
    if name == "circle":
        return _ellipse(side("cx"), side("cy"), side("r"), side("r"))
    return _ellipse(side("cx"), side("cy"), side("rx"), side("ry")) if name == "ellipse" else ""


def length(text: str, whole: float) -> float:
    """Return a length in user units. whole: 100 %. Raises `FormatError` if it cannot be read."""
    match = re.fullmatch(rf"\s*({NUMBER})\s*([a-zA-Z]*|%)\s*", text[:50])
    unit = None if match is None else whole / 100 if match[2] == "%" else PIXELS_PER_UNIT.get(match[2].lower())
    if match is None or unit is None:
        raise FormatError(f"the SVG has a length that cannot be read: {text[:20]!r}; turn the shape into a plain path")
    return float(match[1]) * unit


def _rect(x: float, y: float, width: float, height: float, rx: float, ry: float) -> str:
    if width <= 0 or height <= 0:
        return ""
    rx, ry = min(max(rx, 0.0), width / 2), min(max(ry, 0.0), height / 2)
    if not rx or not ry:
        return f"M{x},{y}h{width}v{height}h{-width}Z"
    h, v, arc = width - 2 * rx, height - 2 * ry, f"a{rx},{ry} 0 0 1 "
    corners = (f"{arc}{rx},{ry}", f"{arc}{-rx},{ry}", f"{arc}{-rx},{-ry}", f"{arc}{rx},{-ry}")
    return f"M{x + rx},{y}h{h}{corners[0]}v{v}{corners[1]}h{-h}{corners[2]}v{-v}{corners[3]}Z"


def _ellipse(x: float, y: float, rx: float, ry: float) -> str:
    if rx <= 0 or ry <= 0:
        return ""
    return f"M{x - rx},{y}a{rx},{ry} 0 1 0 {2 * rx},0a{rx},{ry} 0 1 0 {-2 * rx},0Z"
