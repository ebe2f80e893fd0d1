"""Checks of the values that the browser sends.

Each function returns the checked value. Values that the page itself never sends raise `InvalidLayer` or `UnknownName`
with a one-line message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from codec import Pose
from codec.errors import InvalidLayer, UnknownName
from codec.layers import MAX_SEED
from codec.structure.pose import KEYPOINTS, MAX_PERSONS, UNITS
from codec.structure.sketch_payload import MAX_STROKES
from codec.texture.colormap import MAX_CELLS, MIN_CELLS

MAX_COORDINATES: Final = 200_000  # of all strokes together, two for each point
MAX_SEED_TEXT: Final = 40  # characters of the seed field; the largest seed has 20

_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_BAD_COLORS: Final = "the color grid must be a list with one #rrggbb for each of its cells"

# --- fields of the page ---


def integer(value: Any, name: str, low: int, high: int) -> int:
    """Return a number field as an int. Raises `InvalidLayer` outside low..high."""
    if not _is_number(value) or not low <= value <= high:
        raise InvalidLayer(f"the {name} must be a whole number from {low:,} to {high:,}")
    return int(value)


def real(value: Any, name: str, low: float, high: float) -> float:
    """Return a number field as a float. Raises `InvalidLayer` outside low..high."""
    if not _is_number(value) or not low <= value <= high:
        raise InvalidLayer(f"the {name} must be a number from {low:g} to {high:g}")
    return float(value)


def seed(value: Any) -> int:
    """Return the seed field as an int. It is text, since JavaScript represents integers exactly only up to 2^53.

    Raises `InvalidLayer` for anything but the digits of 0..`MAX_SEED`.
    """
    digits = value.strip() if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_SEED_TEXT and int(digits) <= MAX_SEED):
        raise InvalidLayer(f"the seed must be a whole number from 0 to {MAX_SEED:,}")
    return int(digits)


def choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return one of `choices`. Raises `UnknownName` for anything else."""
    if not isinstance(value, str) or value not in choices:
        raise UnknownName(f"there is no such {name}; choose one of {', '.join(choices)}")
    return value


def _is_number(value: Any) -> bool:
    """Return whether a value is an int or a float, but neither a bool nor NaN."""
    return type(value) in (int, float) and value == value


# --- parts of the canvas's value ---


def polylines(value: Any, width: int, height: int) -> tuple[np.ndarray, ...]:
    """Return [[x0, y0, x1, y1, ...], ...] as arrays of (N, 2) float64, x and y in pixels."""
    strokes = json_list(value, MAX_STROKES, "sketch")
    if sum(len(json_list(stroke, MAX_COORDINATES, "stroke")) for stroke in strokes) > MAX_COORDINATES:
        raise InvalidLayer(f"the sketch has more than {MAX_COORDINATES // 2:,} points; erase some strokes")
    limit = 2 * max(width, height)
    polylines = []
    for stroke in strokes:
        if not all(type(v) in (int, float) for v in stroke):
            raise InvalidLayer("the points of a stroke must be finite numbers")
        if len(stroke) < 4 or len(stroke) % 2:
            raise InvalidLayer("a stroke must have at least two points")
        try:
            points = np.array(stroke, np.float64).reshape(-1, 2)
        except (OverflowError, ValueError):
            raise InvalidLayer("the points of a stroke must be finite numbers") from None
        if not (np.isfinite(points).all() and (np.abs(points) <= limit).all()):
            raise InvalidLayer("a stroke lies outside the picture")
        polylines.append(points)
    return tuple(polylines)


def pose(value: Any, width: int, height: int) -> Pose | None:
    """Return [[[x, y] | null] * 18, ...] in pixels, or null, as a pose. Joints outside the picture move to its edge."""
    if value is None:
        return None
    limit = 2 * max(width, height)

    def joint(value: Any) -> tuple[int, int] | None:
        if value is None:
            return None
        is_pair = isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value)
        if not is_pair or not all(-limit <= v <= limit for v in value):  # false for NaN too
            raise InvalidLayer("a joint lies outside the picture; move it back")
        x, y = (round(v * UNITS / side) for v, side in zip(value, (width, height), strict=True))
        return min(max(x, 0), UNITS - 1), min(max(y, 0), UNITS - 1)

    persons = json_list(value, MAX_PERSONS, "pose")
    return Pose(tuple(tuple(joint(v) for v in json_list(person, len(KEYPOINTS), "person")) for person in persons))


def cells(value: Any) -> np.ndarray | None:
    """Return {rows, cols, colors} as (rows, cols, 3) uint8 sRGB, null as None."""
    if value is None:
        return None
    grid = json_object(value, "color grid")
    rows, cols = (json_integer(grid, side, MIN_CELLS, MAX_CELLS) for side in ("rows", "cols"))
    colors = hex_colors(grid.get("colors"), rows * cols)
    if len(colors) != rows * cols:
        raise InvalidLayer(_BAD_COLORS)
    return colors.reshape(rows, cols, 3)


def hex_colors(value: Any, max_count: int) -> np.ndarray:
    """Return a list of at most `max_count` "#rrggbb" as (N, 3) uint8."""
    colors = json_list(value, max_count, "color grid")
    if not all(isinstance(color, str) and _HEX_COLOR.fullmatch(color) for color in colors):
        raise InvalidLayer(_BAD_COLORS)
    return np.frombuffer(bytes.fromhex("".join(color[1:] for color in colors)), np.uint8).reshape(-1, 3)


def json_object(value: Any, name: str) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise InvalidLayer(f"the {name} sent by the page cannot be read; reload the page")
    return value


def json_list(value: Any, max_length: int, name: str) -> list[Any]:
    """Return a JSON list of at most `max_length` items."""
    if not isinstance(value, list) or len(value) > max_length:
        raise InvalidLayer(f"the {name} sent by the page cannot be read, or is too large")
    return value


def json_integer(value: dict[str, Any], key: str, low: int, high: int) -> int:
    """Return the whole number stored under `key`. Raises `InvalidLayer` outside low..high."""
    number = value.get(key)
    if type(number) is not int or not low <= number <= high:
        raise InvalidLayer(f"the picture's {key} must be a whole number from {low} to {high}")
    return number
