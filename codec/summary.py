"""What a file holds, in plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.texture.colormap import Colormap


def facts(layers: Layers) -> dict[str, Any]:
    """What a file holds and where its bytes go, as JSON can say it: what `inspect --json` prints."""
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
        "structure": _structure_facts(layers),
        "colors": _colors(layers.texture) if layers.texture else None,
        "seed": layers.seed,
        "settings": asdict(layers.settings) if layers.settings else None,
    }


def _colors(texture: Colormap) -> dict[str, Any]:
    return {"rows": texture.rows, "cols": texture.cols, "step": texture.step, "painted": len(texture.spots)}


def _structure_facts(layers: Layers) -> dict[str, Any] | None:
    structure = layers.structure
    if structure is None:
        return None
    if isinstance(structure, Pose):
        return {"kind": "pose", "persons": len(structure.persons)}
    points = sum(len(stroke) for stroke in structure.strokes)
    lattice = {"cols": structure.cols, "rows": structure.rows}
    return {"kind": "sketch", "strokes": len(structure.strokes), "points": points, **lattice}
