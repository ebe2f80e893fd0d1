"""Check that the codec's bytes are the same on every machine: `python -m tests.determinism`.

Prints one SHA-256 over the decoded content of all golden files, the files encoded from it again, and some newly
encoded files. The exit code is 1 if it differs from `HASH`. Needs only numpy, so it runs on any Python. After a change
of the format's tables or the golden files, `--renew` replaces `HASH`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from codec import Colormap, Layers, Prompt, Sketch
from codec.bitstream.settings import Settings
from codec.texture import rdoq
from codec.texture.detail import CHANNELS, Detail

GOLDEN = Path(__file__).parent / "golden"
HASH = "842dcda62c8004679f15f5380a05fb3e6643fa71b5afed940bbd11921a962bb2"  # expected on every machine


def describe(layers: Layers) -> dict[str, object]:
    """Return the content of a file as JSON values."""
    structure, texture = layers.structure, layers.texture
    return {
        "size": [layers.width, layers.height],
        "prompt": [layers.semantic.text, layers.semantic.negative] if layers.semantic else None,
        "structure": repr(structure),
        "cells": hashlib.sha256(texture.cells.astype("u1").tobytes()).hexdigest() if texture else None,
        "detail": hashlib.sha256(residual(texture).astype("<i8").tobytes()).hexdigest() if texture else None,
        "rest": [layers.seed, repr(layers.settings), repr(layers.extra)],
    }


def residual(texture: Colormap) -> np.ndarray:
    """Return the residual of a colormap's detail; an empty array if it has none."""
    return texture.detail.residual if texture.detail is not None else np.zeros(0, np.int64)


def synthetic_detail(number: int) -> Detail:
    """Return a detail made by integer formulas."""
    channel, row, col = np.indices((CHANNELS, 4 + number, 16))
    mixed = (channel * 31 + row * 17 + col * 13 + number * 7) % 97
    return Detail(9 * number, np.where(mixed < 6, mixed - 3, 0))


def synthetic_layers(number: int) -> Layers:
    """Return layers made by integer formulas."""
    colors = [[[(r * 7 + c * 5 + number * 11 + k * 60) % 256 for k in range(3)] for c in range(12)] for r in range(9)]
    strokes = tuple(tuple((x, 7 * n + x // 4) for x in range(number, 40 + n)) for n in range(5))
    prompt = Prompt(f"a red house number {number} by the sea, oil painting", "blurry" if number % 2 else "")
    sketch, texture = Sketch(64, 48, strokes), rdoq.quantize(np.array(colors, np.uint8), number)
    texture = replace(texture, detail=synthetic_detail(number) if number % 2 else None)
    return Layers(640, 480, prompt, sketch, texture, number * 999, Settings(20 + number, 7.5))


def digest() -> str:
    """Return the SHA-256 in hex."""
    sha256 = hashlib.sha256()
    for path in sorted(GOLDEN.glob("*/*.tril"), key=lambda path: path.parts[-2:]):
        layers = Layers.from_bytes(path.read_bytes())
        sha256.update(f"{path.parent.name}/{path.name}".encode())
        sha256.update(json.dumps(describe(layers)).encode())
        sha256.update(layers.to_bytes())
    for number in range(8):
        sha256.update(synthetic_layers(number).to_bytes())
    return sha256.hexdigest()


def main() -> int:
    """Print the hash and the versions; return 0 if the hash is the expected one."""
    result = digest()
    if sys.argv[1:] == ["--renew"]:
        source = Path(__file__).read_text(encoding="utf-8")
        Path(__file__).write_text(source.replace(HASH, result), encoding="utf-8")
        return 0
    print(result, "Python", sys.version.split()[0], "numpy", np.__version__, sys.platform)
    return 0 if result == HASH else 1


if __name__ == "__main__":
    sys.exit(main())
