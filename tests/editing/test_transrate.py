"""Fitting existing layers into fewer bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec import Layers, Pose, Prompt
from codec.allocation import COLOR_SHARE, available_bytes, color_bytes
from codec.editing.transrate import coarsen, transrate
from codec.texture import rdoq
from tests.samples import example

FULL = Layers.from_bytes((Path(__file__).parents[1] / "golden/1/cut-400.tril").read_bytes())  # 615 bytes
POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))


@pytest.mark.parametrize("max_bytes", [100, 137, 250, 400, 550])
def test_budget_is_used_but_not_exceeded(max_bytes: int) -> None:
    layers = transrate(FULL, max_bytes)
    assert max_bytes - 12 <= len(layers.to_bytes()) <= max_bytes
    assert layers.structure.strokes and layers.semantic == FULL.semantic


def test_layers_that_fit_are_returned_unchanged() -> None:
    assert transrate(FULL, 4000) is FULL


def test_fewer_bytes_keep_a_prefix_of_the_strokes() -> None:
    few, many = transrate(FULL, 200).structure.strokes, transrate(FULL, 450).structure.strokes
    assert 0 < len(few) < len(many) and many[: len(few) - 1] == few[:-1]


@pytest.mark.parametrize("size", [60, 150])
def test_color_limit_is_used(size: int) -> None:
    sizes = transrate(FULL, 400, max_color_bytes=size).sizes()
    assert 0.9 * size <= sizes.texture <= size and sizes.total <= 400


@pytest.mark.parametrize("size", [50, 200])
def test_sketch_limit_is_used(size: int) -> None:
    sizes = transrate(FULL, 400, max_sketch_bytes=size).sizes()
    assert 0.9 * size <= sizes.structure <= size and sizes.total <= 400


def test_pose_is_kept_and_colors_are_coarsened() -> None:
    layers = transrate(Layers(600, 400, FULL.semantic, POSE, FULL.texture), 100)
    assert layers.structure == POSE and len(layers.to_bytes()) <= 100


def test_long_prompt_leaves_the_smallest_possible_layers() -> None:
    prompt = Prompt(" ".join(f"w{7919 * i % 9973:x}q" for i in range(60)))
    layers = transrate(Layers(600, 400, prompt, FULL.structure, FULL.texture), 100)
    assert layers.semantic == prompt and not layers.structure.strokes and len(layers.texture.to_bytes()) < 20


def test_coarser_colormap_is_close_to_the_original() -> None:
    coarse = coarsen(FULL.texture, 80)
    assert len(coarse.to_bytes()) <= 80 and coarse.step > FULL.texture.step
    difference = coarse.cells.astype(float) - FULL.texture.cells.astype(float)
    assert np.abs(difference).mean() < 16


def test_smallest_colormap_has_one_color() -> None:
    cells = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert len(np.unique(coarsen(rdoq.quantize(cells), 0).cells.reshape(-1, 3), axis=0)) == 1


def test_allocation_gives_colors_their_share_and_what_the_structure_leaves() -> None:
    assert color_bytes(1000) == int(1000 * COLOR_SHARE)
    assert color_bytes(1000, structure_bytes=2000) == color_bytes(1000)
    assert color_bytes(1000, structure_bytes=100) == 900


def test_available_bytes_exclude_prompt_and_framing() -> None:
    layers = example()
    sizes = layers.sizes()
    assert available_bytes(layers, sizes.total) == sizes.structure + sizes.texture
    bare = Layers(layers.width, layers.height, layers.semantic)
    assert available_bytes(bare, 500) == 500 - len(bare.to_bytes()) - 4
    assert available_bytes(bare, 0) < 0
