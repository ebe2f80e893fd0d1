"""Where nested <svg> elements and the targets of <use> are drawn (SVG 1.1, chapters 5 and 7)."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np

from codec.errors import FormatError
from codec.images.svg_shapes import NUMBER, length

_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")


def nested_matrix(
    element: ElementTree.Element, viewport: tuple[float, float], use: ElementTree.Element | None = None
) -> np.ndarray:
    """Return the (3, 3) matrix from the user units of a nested <svg> or <symbol> to those around it.

    viewport: width and height around it, which percentages refer to. use: the <use> that draws the element, whose size
    takes precedence. Raises `FormatError` for lengths that cannot be read and a viewBox without area.
    """
    sized = element if use is None else use
    width, height = (
        length(sized.get(key, element.get(key, "100%")), whole)
        for key, whole in zip(("width", "height"), viewport, strict=True)
    )
    x, y = (0.0, 0.0) if use is not None else offset(element, viewport)
    box = [float(number) for number in re.findall(NUMBER, element.get("viewBox", "")[:200])]
    if len(box) != 4:
        return _matrix(1, 1, x, y)
    if not all(map(math.isfinite, box)) or box[2] <= 0 or box[3] <= 0:
        raise FormatError("the SVG has a viewBox without area")
    scale_x, scale_y = width / box[2], height / box[3]
    if not element.get("preserveAspectRatio", "").strip().startswith("none"):  # fits inside, in the middle
        scale_x = scale_y = min(scale_x, scale_y)
        x, y = x + (width - scale_x * box[2]) / 2, y + (height - scale_y * box[3]) / 2
    return _matrix(scale_x, scale_y, x - scale_x * box[0], y - scale_y * box[1])


def use_matrix(element: ElementTree.Element, viewport: tuple[float, float]) -> np.ndarray:
    """Return the (3, 3) matrix of the x and y of a <use>."""
    return _matrix(1, 1, *offset(element, viewport))


def offset(element: ElementTree.Element, viewport: tuple[float, float]) -> tuple[float, float]:
    """Return the x and y of an element in user units."""
    return length(element.get("x", "0"), viewport[0]), length(element.get("y", "0"), viewport[1])


def target_id(element: ElementTree.Element) -> str:
    """Return the id that a <use> refers to. Raises `FormatError` for another file or none."""
    href = next((element.get(name, "") for name in _HREFS if name in element.attrib), "").strip()
    if not href.startswith("#"):
        raise FormatError("the SVG has a <use> of another file; convert it to a path first")
    return href[1:]


def _matrix(scale_x: float, scale_y: float, x: float, y: float) -> np.ndarray:
    return np.array([[scale_x, 0, x], [0, scale_y, y], [0, 0, 1]], float)
