"""Format the output of the command `inspect`."""

from __future__ import annotations

from typing import Any

from codec.cli.terminal import printable


def format_summary(summary: dict[str, Any]) -> str:
    """Return a table with the size of each part, and a line for each property.

    `summary`: as returned by `codec.summary.summarize`.
    """
    lines = [f"{'part':<12}{'bytes':>8}{'bits':>8}{'bpp':>10}"]
    for name, part in summary["parts"].items():
        lines.append(f"{name:<12}{part['bytes']:>8}{part['bits']:>8}{part['bpp']:>10.5f}")
    properties = {
        "size": f"{summary['width']} x {summary['height']}",
        "prompt": summary["prompt"] or "none",
        "negative": summary["negative"],
        "lines": _format_structure(summary["structure"]),
        "colors": _format_colors(summary["colors"]),
        "seed": "none" if summary["seed"] is None else str(summary["seed"]),
        "settings": _format_settings(summary["settings"] or {}),
        "recipe": _format_settings(summary["recipe"] or {}),
    }
    lines.append("")
    lines += [f"{name:<12}{printable(value)}" for name, value in properties.items() if value]
    return "\n".join(lines)


def _format_structure(structure: dict[str, Any] | None) -> str:
    if structure is None:
        return "none"
    if structure["kind"] == "pose":
        return f"pose, persons: {structure['persons']}"
    size = f"{structure['cols']} x {structure['rows']}"
    return f"sketch of {structure['strokes']} strokes, {structure['points']} points on {size} cells"


def _format_colors(colors: dict[str, Any] | None) -> str:
    if colors is None:
        return "none"
    painted = f", painted cells: {colors['painted']}" if colors["painted"] else ""
    base = f"{colors['rows']} x {colors['cols']} cells (rows x columns), step {colors['step']} of 0 to 63{painted}"
    detail = colors["detail"]
    if detail is None:
        return base
    grid = f"{detail['rows']} x {detail['cols']} cells, quality {detail['quality']} of 0 to 63"
    return f"{base}, {colors['base_bytes']} bytes; detail of {grid}, {detail['bytes']} bytes"


def _format_settings(settings: dict[str, Any]) -> str:
    sizes = {name: f"{value[0]} x {value[1]}" for name, value in settings.items() if isinstance(value, tuple)}
    return ", ".join(f"{name} {value}" for name, value in (settings | sizes).items() if value is not None)
