"""Summarize the content of a file and the size of each part as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture.colormap import Colormap


def summarize(layers: Layers) -> dict[str, Any]:
    """Return what a file holds and the bytes of each part as JSON values: the output of `inspect --json`."""
    sizes = layers.sizes()
    parts = {**sizes._asdict(), "total": sizes.total}
    prompt = layers.semantic or Prompt()
    return {
        "width": layers.width,
        "height": layers.height,
        "parts": {
            name: {"bytes": size, "bits": 8 * size, "bpp": round(layers.bpp(size), 6)} for name, size in parts.items()
        },
        "prompt": prompt.text,
        "negative": prompt.negative,
        "structure": None if layers.structure is None else _summarize_structure(layers.structure),
        "colors": None if layers.texture is None else _summarize_colors(layers.texture),
        "seed": layers.seed,
        "settings": asdict(layers.settings) if layers.settings else None,
        "recipe": asdict(layers.recipe) if layers.recipe else None,
    }


def _summarize_colors(texture: Colormap) -> dict[str, Any]:
    """Return the grid and step of the base colors, the detail (None if there is none), and the bytes of both."""
    total, detail = len(texture.to_bytes()), texture.detail
    detail_bytes = 0 if detail is None else len(detail.to_bytes())
    return {
        "rows": texture.rows,
        "cols": texture.cols,
        "step": texture.step,
        "painted": len(texture.spots),
        "base_bytes": total - detail_bytes,
        "detail": None
        if detail is None
        else {"rows": detail.rows, "cols": detail.cols, "quality": detail.quality, "bytes": detail_bytes},
    }


def _summarize_structure(structure: Sketch | Pose) -> dict[str, Any]:
    if isinstance(structure, Pose):
        return {"kind": "pose", "persons": len(structure.persons)}
    points = sum(len(stroke) for stroke in structure.strokes)
    lattice = {"cols": structure.cols, "rows": structure.rows}
    return {"kind": "sketch", "strokes": len(structure.strokes), "points": points, **lattice}
