"""Draw a line chart as a PNG with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

WIDTH, HEIGHT = 760, 420  # pixels
_COLORS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#6b7280", "#0891b2")  # ours first


def chart(
    path: Path, x: tuple[str, float], y: tuple[str, float], lines: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Write a chart of `WIDTH` x `HEIGHT` pixels; `x`, `y`: the label and the maximum of each axis, from 0."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, layout="constrained")
    axes = figure.subplots()
    for number, (name, points) in enumerate(lines.items()):
        color, width = _COLORS[number % len(_COLORS)], 2.5 if number == 0 else 1.5
        axes.plot(*zip(*points, strict=True), label=name, color=color, linewidth=width, marker="o", markersize=3)
    axes.set(xlim=(0, x[1]), ylim=(0, y[1]), xlabel=x[0], ylabel=y[0])
    axes.grid(color="#dddddd")
    axes.legend(frameon=False)
    figure.savefig(path, pil_kwargs={"optimize": True})
