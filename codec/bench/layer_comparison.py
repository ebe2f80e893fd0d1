"""How many bytes other formats would take for each layer of a file, beside ours."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from codec.bench import lossless_codecs
from codec.bench.lossless_codecs import PICTURES, TEXTS
from codec.layers import Layers
from codec.structure.sketch import Sketch


def compare(layers: Layers) -> dict[str, Any]:
    """{"layers": by name {"as": what the others get, "ours": bytes, a rival's name: bytes or None, ...},
    "missing": by rival's name how to install it}.

    The prompt as text; a sketch as a bitmap of one bit for each cell of its lattice, the smallest that
    shows its lines; a pose as JSON; the colors as a picture of a pixel for each cell. All lossless, and
    without the headers that any file of these formats has.
    """
    sizes = layers.sizes()
    rows: dict[str, Any] = {}
    used: tuple[lossless_codecs.Rival, ...] = ()
    values = {"semantic": _words(layers), "structure": _lines(layers), "texture": _colors(layers)}
    for name, found in values.items():
        if found is None:
            continue
        shown, value = found
        against = TEXTS if isinstance(value, str) else PICTURES
        used += tuple(rival for rival in against if rival not in used)
        rows[name] = {"as": shown, "ours": getattr(sizes, name), **{rival.name: rival.size(value) for rival in against}}
    return {"layers": rows, "missing": lossless_codecs.missing(used)}


def table(found: dict[str, Any]) -> str:
    """What `compare` found, for a person: a line for each layer, then what is not installed."""
    rows = found["layers"]
    names = dict.fromkeys(key for row in rows.values() for key in row if key != "as")
    wide = {name: max(len(name), 6) + 2 for name in names}
    lines = [f"{'':<12}{'written as':<26}" + "".join(f"{name:>{wide[name]}}" for name in names)]
    for layer, row in rows.items():
        counts = {name: "" if name not in row else "?" if row[name] is None else str(row[name]) for name in names}
        shown = "".join(f"{counts[name]:>{wide[name]}}" for name in names)
        lines.append(f"{layer:<12}{row['as']:<26}{shown}".rstrip())
    lines.append("bytes, lossless, without the headers of whole files")
    remedies: dict[str, list[str]] = {}
    for name, remedy in found["missing"].items():
        remedies.setdefault(remedy, []).append(name)
    lines += [f"not installed: {', '.join(without)}; to compare: {remedy}" for remedy, without in remedies.items()]
    return "\n".join(lines)


def bitmap(sketch: Sketch) -> np.ndarray:
    """The cells of the lattice that a sketch's strokes pass, (rows, cols) bool."""
    out = np.zeros((sketch.rows, sketch.cols), bool)
    for stroke in sketch.strokes:
        cols, rows = np.array(stroke).T
        out[rows, cols] = True
    return out


def _words(layers: Layers) -> tuple[str, str] | None:
    prompt = layers.semantic
    if not prompt:
        return None
    return "UTF-8", "\n".join(text for text in (prompt.text, prompt.negative) if text)


def _lines(layers: Layers) -> tuple[str, str | np.ndarray] | None:
    structure = layers.structure
    if structure is None:
        return None
    if not isinstance(structure, Sketch):
        return "JSON", json.dumps(structure.persons, separators=(",", ":"))
    return f"a bitmap of {structure.cols} x {structure.rows}", bitmap(structure)


def _colors(layers: Layers) -> tuple[str, np.ndarray] | None:
    texture = layers.texture
    return None if texture is None else (f"a picture of {texture.cols} x {texture.rows}", texture.cells)
