"""Write the golden files of a format version: `python -m tests.golden.write VERSION`.

Run this once for each released version of the format and never again for an old one:
`tests/bitstream/test_format_frozen.py` checks that these files keep decoding to the same content. Before the release,
`--renew` replaces the files of a version that exists; run `python -m tests.determinism --renew` then.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from codec import Colormap, Layers, Pose, Prompt, Sketch
from codec.bitstream.container import VERSION
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import SAMPLERS, Settings
from codec.structure.chain_code import STEPS, Stroke
from codec.texture import rdoq
from codec.texture.detail import CHANNELS, MAX_DETAIL_LEVEL, Detail
from codec.texture.repaint import repaint
from tests import samples

FOLDER = Path(__file__).parent
TEXTS = (
    "a castle on a green hill in a misty fantasy landscape",
    "portrait photo of a sad old man with a white beard, 85mm, sharp focus, trending on artstation",
    "(masterpiece:1.2), <lora:add_detail:0.8>, 1girl, solo",
    "霧の中の城、水彩画",
    "замок на зелёном холме 🏰",
    "Ünïcödé, “quotes” — and\nnew lines\t",
    "\0\x7f\u202e\ufeff",
    "x",
)


def describe(layers: Layers) -> dict[str, object]:
    """Return the whole content of a file as JSON values, with arrays of numbers as hashes."""
    structure, texture = layers.structure, layers.texture
    return {
        "version": VERSION,
        "ratio": texture.ratio if texture else None,
        "size": [layers.width, layers.height],
        "prompt": [layers.semantic.text, layers.semantic.negative] if layers.semantic else None,
        "sketch": [structure.cols, structure.rows, *map(list, structure.strokes)]
        if isinstance(structure, Sketch)
        else None,
        "pose": [list(person) for person in structure.persons] if isinstance(structure, Pose) else None,
        "cells": [*texture.cells.shape[:2], fingerprint(texture.cells, "u1")] if texture else None,
        "levels": [texture.step, fingerprint(np.array(texture.levels), ">i4")] if texture else None,
        "spots": [[place, *color] for place, color in texture.spots] if texture else None,
        "detail": _describe_detail(texture.detail) if texture and texture.detail is not None else None,
        "seed": layers.seed,
        "settings": str(layers.settings).replace(", size=None)", ")") if layers.settings else None,
        **({"recipe": str(layers.recipe)} if layers.recipe else {}),
        "extra": [[kind, data.hex()] for kind, data in layers.extra],
    }


def _describe_detail(detail: Detail) -> list[object]:
    levels, residual = fingerprint(detail.levels, ">i2"), fingerprint(detail.residual, ">i8")
    return [detail.quality, detail.rows, detail.cols, levels, residual]


def fingerprint(values: np.ndarray, dtype: str) -> str:
    """Return a hash of an array's values as items of this type, row by row."""
    return hashlib.sha256(values.astype(dtype).tobytes()).hexdigest()[:16]


def walk(rng: np.random.Generator, cols: int, rows: int, length: int) -> Stroke:
    """Return a random walk on the lattice that never turns back by 180 degrees."""
    out = [(int(rng.integers(cols)), int(rng.integers(rows)))]
    heading = int(rng.integers(8))
    for _ in range(length):
        for turn in rng.permutation([0, 0, 0, 1, -1, 2, -2, 3, -3]):
            x, y = (a + b for a, b in zip(out[-1], STEPS[(heading + turn) % 8], strict=True))
            if 0 <= x < cols and 0 <= y < rows and (len(out) < 2 or (x, y) != out[-2]):
                heading = int(heading + turn) % 8
                out.append((x, y))
                break
        else:
            break
    return tuple(out) if len(out) > 1 else walk(rng, cols, rows, length)


def sketch(seed: int, cols: int, rows: int, count: int, length: int) -> Sketch:
    """Return a sketch of random walks."""
    rng = np.random.default_rng(seed)
    return Sketch(cols, rows, tuple(walk(rng, cols, rows, length) for _ in range(count)))


def colors(seed: int, rows: int, cols: int, step: int) -> Colormap:
    """Return a smooth colormap with noise; for an odd seed half a row is painted over."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (2, 2, 3))
    y, x = np.linspace(0, 1, rows)[:, None, None], np.linspace(0, 1, cols)[None, :, None]
    smooth = (1 - y) * ((1 - x) * corners[0, 0] + x * corners[0, 1]) + y * ((1 - x) * corners[1, 0] + x * corners[1, 1])
    cells = np.clip(smooth + rng.normal(0, 12, (rows, cols, 3)), 0, 255).astype(np.uint8)
    colormap = rdoq.quantize(cells, step)
    if seed % 2:
        painted = colormap.cells.copy()
        painted[rows // 2, cols // 2 :] = (240, 20, 60)
        colormap = repaint(colormap, painted)
    return colormap


def layered() -> Layers:
    """Return a small file with all layers, a detail included; FORMAT.md explains it byte by byte."""
    house = Sketch(32, 32, (((8, 22), (8, 21), (8, 20), *((9 + i, 19 - i) for i in range(7)), (16, 14), (17, 15)),))
    cells = np.zeros((8, 8, 3), np.uint8)
    cells[:6], cells[6:] = (120, 180, 240), (60, 120, 40)
    levels = np.zeros((CHANNELS, 16, 16), np.int16)
    levels[0, 5, 6], levels[9, 6, 6] = 2, -1
    colormap = replace(repaint_cell(rdoq.quantize(cells, 36), 3, 3, (200, 60, 40)), detail=Detail(30, levels))
    return Layers(512, 512, Prompt("a red house by the sea", "blurry"), house, colormap, seed=7)


def repaint_cell(colormap: Colormap, row: int, col: int, color: tuple[int, int, int]) -> Colormap:
    """Return a colormap with a spot."""
    painted = colormap.cells.copy()
    painted[row, col] = color
    return repaint(colormap, painted)


def contents() -> dict[str, Layers]:
    """Return at least one file for each feature of the format, by name."""
    out = {
        "example": samples.example(),
        "layered": layered(),
        "empty": Layers(512, 512),
        "smallest": Layers(1, 1),
        "largest": Layers(4096, 4096),
    }
    for index, text in enumerate(TEXTS):
        out[f"text-{index}"] = Layers(512, 512, Prompt(text))
        out[f"negative-{index}"] = Layers(512, 512, Prompt(text, TEXTS[index - 1]))
    for index, (cols, rows) in enumerate(((8, 8), (64, 64), (128, 128), (151, 101), (57, 200), (1024, 1024))):
        out[f"sketch-{cols}x{rows}"] = Layers(768, 512, None, sketch(index, cols, rows, 10 * index + 1, 30))
    out["sketch-blank"] = Layers(768, 768, None, Sketch(64, 64, ()))
    out["sketch-dense"] = Layers(512, 512, None, sketch(9, 48, 48, 300, 20))
    out["sketch-long"] = Layers(512, 512, None, sketch(8, 200, 200, 3, 3000))
    for index, (rows, cols) in enumerate(((4, 4), (8, 8), (16, 16), (32, 32), (11, 16), (32, 4), (2, 2), (9, 64))):
        for step in (0, 30, 63):
            out[f"colors-{rows}x{cols}-{step}"] = Layers(512, 768, None, None, colors(index, rows, cols, step))
    for index, (rows, cols) in enumerate(((16, 16), (2, 2), (24, 24), (11, 16), (16, 5), (12, 12))):
        detail = samples.random_detail(index, rows, cols, max_level=(3, MAX_DETAIL_LEVEL, 1, 40, 3, 200)[index])
        detailed = replace(colors(index, 8, 8, 36), detail=detail)
        out[f"detail-{rows}x{cols}"] = Layers(512, 512, None, None, detailed)
    zero = Detail(30, np.zeros((CHANNELS, 16, 16), np.int16))
    out["detail-zero"] = Layers(512, 512, None, None, replace(colors(1, 8, 8, 36), detail=zero))
    out["detail-long-base"] = Layers(512, 512, None, None, replace(colors(3, 32, 32, 0), detail=zero))
    for length in (20, 90, 400):  # ends in the base, in the detail's first slice, and in a later one
        cut = replace(colors(2, 8, 8, 36), detail=samples.random_detail(7)).cut(length)
        out[f"detail-cut-{length}"] = Layers(512, 512, None, None, cut)
    person, unseen = samples.pose().persons[0], (None,) * 17
    out["pose"] = Layers(512, 512, Prompt("a dancer"), samples.pose())
    out["pose-crowd"] = Layers(1024, 1024, None, Pose((person, (*unseen, (2047, 0)), ((0, 0), *unseen))))
    joints = {0: (900, 200), 4: (700, 900), 13: (1100, 1900)}
    scattered = tuple(joints.get(joint) for joint in range(18))  # the parent of each joint is unseen
    out["pose-scattered"] = Layers(512, 512, None, Pose((scattered, scattered[::-1])))
    levels = [4, *([32767, -32767] * 24)[:47]]
    out["colors-extreme"] = Layers(512, 512, None, None, Colormap(4, 4, 63, tuple(levels)))
    out["pose-empty"] = Layers(333, 222, None, Pose(()))
    for index, seed in enumerate((0, 1, 255, 256, 2**63)):
        out[f"seed-{index}"] = Layers(512, 512, Prompt("x"), seed=seed)
    out["settings"] = Layers(512, 512, settings=Settings(50, 7.5, SAMPLERS[3], "v1-5-pruned-emaonly"))
    for index, model in enumerate(("v1-5-pruned", "sha256:0123456789", "a model of my own")):
        settings = Settings(model=model, sampler=SAMPLERS[-1], size=(832, 1216))
        out[f"settings-{index}"] = Layers(512, 512, settings=settings)
    for length in (40, 400):  # a prefix of a sketch's or colormap's payload is a payload
        prefixes = (
            sketch(3, 100, 75, 40, 20).cut(length),
            Colormap.from_bytes(colors(2, 16, 16, 20).to_bytes()[: length // 2]),
        )
        out[f"cut-{length}"] = Layers(640, 480, None, *prefixes)
    recipes = (
        Recipe("a1111", "cuda", 2, checkpoint="sha256:6ce0161689"),
        Recipe("comfyui", "cpu"),
        Recipe("a1111", "cpu", 12, True, 733, 31337, "webui:81761151"),
        Recipe("comfyui", "cuda", guidance=6399, noise_delta=(1 << 24) - 1),
    )
    for index, recipe in enumerate(recipes):
        settings = Settings(20, 7.25, "euler_a", size=(512, 768))
        out[f"recipe-{index}"] = Layers(512, 768, Prompt("a red fox"), seed=42, settings=settings, recipe=recipe)
    out["settings-steps"] = Layers(512, 512, settings=Settings(20))
    out.update(extremes())
    out["extra"] = Layers(512, 512, seed=3, extra=((0x80, b""), (0xDF, b"kept")))
    return out


def extremes() -> dict[str, Layers]:
    """Return files that reach limits of the format: clamps, caps, and the end of a text as a prediction."""
    base, rng = colors(2, 8, 8, 36), np.random.default_rng(0)
    prompt, negative = ("".join(rng.choice(["a", "b"], length)) for length in (4096, 2048))
    rough = (60, *(-1 - 2 * rng.integers(0, 6, 191)).tolist())
    textures = {
        "detail-clamped": replace(base, detail=Detail.from_bytes(b"\xff" * 60)),  # codes above the last interval, too
        "colors-rounded": Colormap(8, 8, 3, rough, ratio=1),  # negative levels of L are rounded down
        "spot-last": Colormap(64, 64, 63, (4, *[0] * 12287), ((4095, (49, 15, 10)),)),  # 12 bits
    }
    prompts = {
        "text-counts": Prompt(prompt, negative),  # more than 120 of a character
        "text-same-start": Prompt("霧の中の城、水彩画", "霧の中の城、水墨画"),  # a match after exactly 6 characters
        "text-same-end": Prompt("a red house by the sea", "the sea"),  # the end is predicted
    }
    out = {name: Layers(512, 512, None, None, texture) for name, texture in textures.items()}
    return out | {name: Layers(512, 512, prompt) for name, prompt in prompts.items()}


def photo() -> Layers:
    """Return an encoded photo with all layers. Only its bytes are golden: the encoder may change."""
    from skimage import data

    import codec
    from codec.images.io import resize_area

    return codec.encode(resize_area(data.astronaut(), 512, 512), prompt="portrait of an astronaut", seed=7)


def main(version: str, renew: bool = False) -> None:
    """Write the files and their expected content. Raises `FileExistsError` for an old version, unless `renew`."""
    folder = FOLDER / version
    folder.mkdir(exist_ok=renew)
    for path in folder.iterdir():
        path.unlink()
    files = {**contents(), "photo": photo()}
    for name, layers in files.items():
        (folder / f"{name}.tril").write_bytes(layers.to_bytes())
    expected = {name: describe(layers) for name, layers in sorted(files.items())}
    text = json.dumps(expected, separators=(",", ":")).replace("},", "},\n") + "\n"
    (folder / "expected.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1], renew="--renew" in sys.argv)
