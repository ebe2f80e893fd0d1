"""JSON as the page sends it -> values that layers are made of. What no canvas sends raises `InvalidLayer`, one line."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from codec import Pose
from codec.errors import InvalidLayer
from codec.structure.pose import KEYPOINTS, MAX_PERSONS, UNITS
from codec.texture.colormap import MAX_CELLS, MIN_CELLS

MAX_STROKES, MAX_NUMBERS = 4096, 200_000

_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def polylines(value: Any, width: int, height: int) -> tuple[np.ndarray, ...]:
    """[[x0, y0, x1, y1, ...], ...] -> each (N, 2) float64 of x, y in px."""
    strokes = list_of(value, MAX_STROKES, "sketch")
    if sum(len(list_of(stroke, MAX_NUMBERS, "stroke")) for stroke in strokes) > MAX_NUMBERS:
        raise InvalidLayer(f"the sketch has more than {MAX_NUMBERS // 2:,} points; erase some strokes")
    limit = 2 * max(width, height)
    polylines = []
    for stroke in strokes:
        if len(stroke) < 4 or len(stroke) % 2 or not all(type(v) in (int, float) for v in stroke):
            raise InvalidLayer("a stroke is not a list of two points or more")
        try:
            points = np.array(stroke, np.float64).reshape(-1, 2)
        except (OverflowError, ValueError):
            raise InvalidLayer("a stroke's points must be finite numbers") from None
        if not (np.isfinite(points).all() and (np.abs(points) <= limit).all()):
            raise InvalidLayer("a stroke lies outside the picture")
        polylines.append(points)
    return tuple(polylines)


def pose(value: Any, width: int, height: int) -> Pose | None:
    """[[[x, y] | null] * 18, ...] in px, or null -> a pose; what leaves the picture is moved to its edge."""
    if value is None:
        return None
    limit = 2 * max(width, height)

    def place(joint: Any) -> tuple[int, int] | None:
        if joint is None:
            return None
        pair = isinstance(joint, list) and len(joint) == 2 and all(type(v) in (int, float) for v in joint)
        if not pair or not all(-limit <= v <= limit for v in joint):  # false for NaN too
            raise InvalidLayer("a joint lies outside the picture; move it back")
        x, y = (round(v * UNITS / side) for v, side in zip(joint, (width, height), strict=True))
        return min(max(x, 0), UNITS - 1), min(max(y, 0), UNITS - 1)

    people = list_of(value, MAX_PERSONS, "pose")
    return Pose(tuple(tuple(place(joint) for joint in list_of(one, len(KEYPOINTS), "person")) for one in people))


def cells(value: Any) -> np.ndarray | None:
    """{rows, cols, colors} or null -> (rows, cols, 3) uint8 sRGB."""
    if value is None:
        return None
    grid = object_of(value, "color grid")
    rows, cols = (whole(grid, side, MIN_CELLS, MAX_CELLS) for side in ("rows", "cols"))
    cells = colors_of(grid.get("colors"), rows * cols)
    if len(cells) != rows * cols:
        raise InvalidLayer("the color grid is not a list of #rrggbb for each of its cells")
    return cells.reshape(rows, cols, 3)


def colors_of(value: Any, most: int) -> np.ndarray:
    """A list of at most so many "#rrggbb" -> (N, 3) uint8. Raises `InvalidLayer` for anything else."""
    colors = list_of(value, most, "color grid")
    if not all(isinstance(color, str) and _HEX.fullmatch(color) for color in colors):
        raise InvalidLayer("the color grid is not a list of #rrggbb for each of its cells")
    return np.frombuffer(bytes.fromhex("".join(color[1:] for color in colors)), np.uint8).reshape(-1, 3)


def object_of(value: Any, what: str) -> dict[str, Any]:
    """A JSON object. Raises `InvalidLayer` for anything else."""
    if not isinstance(value, dict):
        raise InvalidLayer(f"the {what} sent by the page cannot be read; reload the page")
    return value


def list_of(value: Any, most: int, what: str) -> list[Any]:
    """A list of at most so many. Raises `InvalidLayer` for anything else."""
    if not isinstance(value, list) or len(value) > most:
        raise InvalidLayer(f"the {what} sent by the page cannot be read, or is too large")
    return value


def whole(value: dict[str, Any], key: str, low: int, high: int) -> int:
    """The whole number of that name. Raises `InvalidLayer` for anything else, or outside low..high."""
    number = value.get(key)
    if type(number) is not int or not low <= number <= high:
        raise InvalidLayer(f"the picture's {key} must be a whole number from {low} to {high}")
    return number
