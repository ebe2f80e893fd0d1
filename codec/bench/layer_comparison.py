"""Compare the bytes of each layer of a file with its size in other formats."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from codec.bench.lossless_codecs import PICTURE_CODECS, TEXT_CODECS, LosslessCodec, missing_packages
from codec.layers import Layers
from codec.structure.sketch import Sketch

Description = tuple[str, str | np.ndarray]  # the input of the other codecs: its description, and the text or pixels


def compare(layers: Layers) -> dict[str, Any]:
    """Return the bytes of each layer in this format and in others.

    {"layers": by layer {"as": description of the others' input, "ours": bytes, codec name: bytes or None, ...},
    "missing": by codec name, the command that installs its package}

    The prompt is compressed as text; a sketch as a bitmap of its lattice, the smallest that shows its lines; a pose as
    JSON; the colors as a picture with one pixel per cell. All codecs are lossless; their sizes exclude file headers.
    """
    sizes = layers.sizes()
    rows: dict[str, Any] = {}
    used: list[LosslessCodec] = []
    descriptions = {
        "semantic": _describe_prompt(layers),
        "structure": _describe_structure(layers),
        "texture": _describe_colors(layers),
    }
    for layer, description in descriptions.items():
        if description is None:
            continue
        name, value = description
        codecs = TEXT_CODECS if isinstance(value, str) else PICTURE_CODECS
        used += [codec for codec in codecs if codec not in used]
        others = {codec.name: codec.compressed_size(value) for codec in codecs}
        rows[layer] = {"as": name, "ours": getattr(sizes, layer), **others}
    return {"layers": rows, "missing": missing_packages(used)}


def format_comparison(comparison: dict[str, Any]) -> str:
    """Return the result of `compare` as a table, followed by the missing packages."""
    rows = comparison["layers"]
    names = dict.fromkeys(key for row in rows.values() for key in row if key != "as")
    widths = {name: max(len(name), 6) + 2 for name in names}
    lines = [f"{'':<12}{'written as':<26}" + "".join(f"{name:>{widths[name]}}" for name in names)]
    for layer, row in rows.items():
        cells = {name: "" if name not in row else "?" if row[name] is None else str(row[name]) for name in names}
        shown = "".join(f"{cells[name]:>{widths[name]}}" for name in names)
        lines.append(f"{layer:<12}{row['as']:<26}{shown}".rstrip())
    lines.append("bytes, lossless, without the headers of whole files")
    names_by_remedy: dict[str, list[str]] = {}
    for name, remedy in comparison["missing"].items():
        names_by_remedy.setdefault(remedy, []).append(name)
    lines += [f"not installed: {', '.join(names)}; to compare: {remedy}" for remedy, names in names_by_remedy.items()]
    return "\n".join(lines)


def lattice_bitmap(sketch: Sketch) -> np.ndarray:
    """Return which lattice cells the strokes of a sketch cover, (rows, cols) bool."""
    bitmap = np.zeros((sketch.rows, sketch.cols), bool)
    for stroke in sketch.strokes:
        cols, rows = np.array(stroke).T
        bitmap[rows, cols] = True
    return bitmap


def _describe_prompt(layers: Layers) -> Description | None:
    prompt = layers.semantic
    if not prompt:
        return None
    return "UTF-8", "\n".join(text for text in (prompt.text, prompt.negative) if text)


def _describe_structure(layers: Layers) -> Description | None:
    structure = layers.structure
    if structure is None:
        return None
    if not isinstance(structure, Sketch):
        return "JSON", json.dumps(structure.persons, separators=(",", ":"))
    return f"a bitmap of {structure.cols} x {structure.rows}", lattice_bitmap(structure)


def _describe_colors(layers: Layers) -> Description | None:
    texture = layers.texture
    return None if texture is None else (f"a picture of {texture.cols} x {texture.rows}", texture.cells)
