"""FORMAT.md is complete: the reader in its code blocks reads every golden file, and its dump is up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec import Layers
from codec.bitstream.checkpoints import CHECKPOINTS
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import SAMPLERS, Settings
from codec.semantic.prompt import NEGATIVES
from codec.texture.colormap import Colormap
from tests.format_reader import FORMAT, format_reader
from tests.golden import dump
from tests.golden.write import fingerprint

GOLDEN = Path(__file__).parents[1] / "golden" / "1"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
SLOW = ("detail-", "colors-9x64", "colors-16x16", "colors-11x16", "colors-32x", "photo")  # the reader is not optimized


def golden_files() -> list[object]:
    """Return all golden files; those that take long are marked as slow."""
    return [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * path.stem.startswith(SLOW))
        for path in sorted(GOLDEN.glob("*.tril"))
    ]


def describe(file: dict[str, Any]) -> dict[str, object]:
    """Return the content that the reader found as `tests.golden.write.describe` does."""
    structure, texture = file["structure"], file["texture"]
    detail = texture["detail"] if texture else None
    return {
        "version": 1,
        "ratio": texture["ratio"] if texture else None,
        "size": [file["width"], file["height"]],
        "prompt": list(file["semantic"]) if file["semantic"] else None,
        "sketch": [structure[0], structure[1], *structure[2]] if isinstance(structure, tuple) else None,
        "pose": structure if isinstance(structure, list) else None,
        "cells": [texture["rows"], texture["columns"], fingerprint(texture["cells"], "u1")] if texture else None,
        "levels": [texture["step"], fingerprint(texture["levels"], ">i4")] if texture else None,
        "spots": [[cell, *color] for cell, color in texture["spots"]] if texture else None,
        "detail": detail
        and [
            detail["quality"],
            *detail["levels"].shape[1:],
            fingerprint(detail["levels"], ">i2"),
            fingerprint(detail["residual"], ">i8"),
        ],
        "seed": file["seed"],
        **({"recipe": str(Recipe(**file["recipe"]))} if file["recipe"] else {}),
        "settings": str(Settings(**file["settings"])).replace(", size=None)", ")") if file["settings"] else None,
        "extra": [[kind, data.hex()] for kind, data in file["other chunks"].items()],
    }


@pytest.mark.parametrize("path", golden_files())
def test_the_specification_reads_a_golden_file(path: Path) -> None:
    file = format_reader().read_file(path.read_bytes())
    assert json.loads(json.dumps(describe(file))) == EXPECTED[path.stem]


def test_the_specification_makes_the_same_small_picture() -> None:
    data = dump.FILE.read_bytes()
    colormap = Layers.from_bytes(data).texture
    assert isinstance(colormap, Colormap)
    picture = format_reader().small_picture(format_reader().read_file(data)["texture"], 16, 16)
    assert np.array_equal(picture, colormap.small_picture(16, 16))


@pytest.mark.parametrize("name", ["layered", "extra", "settings-0"])
def test_the_specification_rejects_damaged_files(name: str) -> None:
    reader, data = format_reader(), (GOLDEN / f"{name}.tril").read_bytes()
    flipped = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    for damaged in (*(data[:length] for length in range(len(data))), data + b"\0", *flipped):
        with pytest.raises(reader.Reject):
            reader.read_file(damaged)


def test_the_lists_of_the_specification_are_those_of_the_code() -> None:
    reader = format_reader()
    assert list(NEGATIVES) == reader.NEGATIVES
    assert list(SAMPLERS) == reader.SAMPLERS
    assert list(CHECKPOINTS) == reader.MODELS


def test_the_dump_in_the_specification_is_up_to_date() -> None:
    """`python -m tests.golden.dump` renews it."""
    match = dump.BLOCK.search(FORMAT.read_text(encoding="utf-8"))
    assert match and match[0] == dump.section()


def test_the_lines_of_the_specification_are_short() -> None:
    assert [line for line in FORMAT.read_text(encoding="utf-8").splitlines() if len(line) > 120] == []
