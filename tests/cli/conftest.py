"""Small files for the tests of the command line, and a fast replacement of the encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codec
import codec.encoder.extract
from codec.bitstream.settings import Settings
from codec.images.io import encode_png
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from tests import canned

SMALL = Layers(
    64,
    48,
    Prompt("a cat", "no dog"),
    Sketch(16, 12, (((1, 1), (2, 2), (3, 2)),)),
    rdoq.quantize(np.full((4, 5, 3), (200, 90, 20), np.uint8)),
    seed=7,
    settings=Settings(steps=20, sampler="euler_a", model="dreamshaper_8", size=(512, 384)),
)


@pytest.fixture
def tril(tmp_path: Path) -> Path:
    path = tmp_path / "small.tril"
    path.write_bytes(SMALL.to_bytes())
    return path


@pytest.fixture
def png(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "photo.png"
    metadata = {"parameters": "an astronaut\nSteps: 20, Sampler: Euler a, Seed: 5"}
    path.write_bytes(encode_png(photo[:64, :64], metadata))
    return path


@pytest.fixture
def canned_encoder(monkeypatch) -> None:
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)
