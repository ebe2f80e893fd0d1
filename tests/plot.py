"""A line chart as a small PNG, drawn by Pillow: what the benchmarks put into the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
WIDTH, HEIGHT = 760, 420
_SCALE = 3  # drawn so much larger, then shrunk: smooth lines
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 16, 52
_COLORS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#6b7280", "#0891b2")  # ours first


def chart(path: Path, x: tuple[str, float], y: tuple[str, float], lines: Mapping[str, Sequence[Point]]) -> None:
    """Write a PNG of `WIDTH` x `HEIGHT`, the first line thicker than the others.

    x, y: the axis's label and its highest value; both begin at 0, points beyond are left out.
    """
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(13 * _SCALE)
    _axes(draw, font, x, y)
    for number, points in enumerate(lines.values()):
        color, thick = _COLORS[number % len(_COLORS)], (3 if number == 0 else 2) * _SCALE
        places = [_place(point, x[1], y[1]) for point in points if point[0] <= x[1] and point[1] <= y[1]]
        if len(places) > 1:
            draw.line(places, color, thick, joint="curve")
        for across, down in places:
            draw.circle((across, down), thick + _SCALE, color)
    _legend(draw, font, [*lines], high=_falls(lines))
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    small.quantize(48, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def _falls(lines: Mapping[str, Sequence[Point]]) -> bool:
    """Whether the lines leave the upper right free, rather than the lower right."""
    first = next(iter(lines.values()))
    return first[-1][1] < first[0][1]


def _place(point: Point, most_x: float, most_y: float) -> tuple[float, float]:
    across = _LEFT + point[0] / most_x * (WIDTH - _LEFT - _RIGHT)
    down = HEIGHT - _BOTTOM - point[1] / most_y * (HEIGHT - _TOP - _BOTTOM)
    return across * _SCALE, down * _SCALE


def _axes(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, x: tuple[str, float], y: tuple[str, float]) -> None:
    for tick in range(6):
        across, value = x[1] * tick / 5, y[1] * tick / 5
        left, right = _place((0, value), x[1], y[1]), _place((x[1], value), x[1], y[1])
        draw.line([left, right], "#dddddd" if tick else "#444444", _SCALE)
        draw.text((left[0] - 8 * _SCALE, left[1]), f"{value:g}", "#444444", font, "rm")
        foot = _place((across, 0), x[1], y[1])
        draw.text((foot[0], foot[1] + 8 * _SCALE), f"{across:g}", "#444444", font, "mt")
    draw.text((WIDTH * _SCALE / 2, (HEIGHT - 8) * _SCALE), x[0], "black", font, "mb")
    draw.text(((_LEFT + 6) * _SCALE, 6 * _SCALE), y[0], "black", font, "lt")


def _legend(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, names: list[str], high: bool) -> None:
    step, wide = 22 * _SCALE, max(draw.textlength(name, font) for name in names)
    left = (WIDTH - _RIGHT - 12) * _SCALE - wide
    top = (_TOP + 24) * _SCALE if high else (HEIGHT - _BOTTOM) * _SCALE - step * len(names)
    for number, name in enumerate(names):
        down = top + number * step
        color = _COLORS[number % len(_COLORS)]
        draw.line([(left - 34 * _SCALE, down), (left - 8 * _SCALE, down)], color, 3 * _SCALE)
        draw.text((left, down), name, "black", font, "lm")
