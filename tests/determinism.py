"""The bytes are the same on every machine: `python -m tests.determinism` prints one hash over all golden files.

Each is read, and what it means and the file written from it anew go into the hash; then files of a chosen content
do. Needs numpy only, so any Python will do. There is no compiled or just-in-time part of ours to switch off.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from codec import Colormap, Layers, Prompt, Sketch
from codec.bitstream.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
HASH = "f2dd2199a6fe8889e789b80d1aec18110a6f34c6a74a9f97b00680807a097837"  # the one that every Python prints


def describe(layers: Layers) -> dict[str, object]:
    """All that a file means, in JSON."""
    structure, texture = layers.structure, layers.texture
    return {
        "size": [layers.width, layers.height],
        "prompt": [layers.semantic.text, layers.semantic.negative] if layers.semantic else None,
        "structure": repr(structure),
        "cells": hashlib.sha256(texture.cells.astype("u1").tobytes()).hexdigest() if texture else None,
        "rest": [layers.seed, repr(layers.settings), repr(layers.extra)],
    }


def drawn(turn: int) -> Layers:
    """Layers of whole numbers alone, made by the writers."""
    colors = [[[(r * 7 + c * 5 + turn * 11 + k * 60) % 256 for k in range(3)] for c in range(12)] for r in range(9)]
    strokes = tuple(tuple((x, 7 * n + x // 4) for x in range(turn, 40 + n)) for n in range(5))
    prompt = Prompt(f"a red house number {turn} by the sea, oil painting", "blurry" if turn % 2 else "")
    sketch, texture = Sketch(64, 48, strokes), Colormap.from_cells(np.array(colors, np.uint8), turn)
    return Layers(640, 480, prompt, sketch, texture, turn * 999, Settings(20 + turn, 7.5))


def digest() -> str:
    """SHA-256 in hex."""
    found = hashlib.sha256()
    for path in sorted(GOLDEN.glob("*/*.tril"), key=lambda path: path.parts[-2:]):
        layers = Layers.from_bytes(path.read_bytes())
        found.update(f"{path.parent.name}/{path.name}".encode())
        found.update(json.dumps(describe(layers)).encode())
        found.update(layers.to_bytes())
    for turn in range(8):
        found.update(drawn(turn).to_bytes())
    return found.hexdigest()


def main() -> int:
    """See the module's text."""
    found = digest()
    print(found, "Python", sys.version.split()[0], "numpy", np.__version__, sys.platform)
    return 0 if found == HASH else 1


if __name__ == "__main__":
    sys.exit(main())
