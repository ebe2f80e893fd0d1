"""The small picture is the enlarged base colors plus the residual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.texture import rdoq
from codec.texture.small_picture import enlarge, to_srgb, to_ycbcr
from tests.samples import random_detail


def test_colors_survive_the_conversion() -> None:
    srgb = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.abs(to_srgb(to_ycbcr(srgb)).astype(int) - srgb).max() <= 1
    gray = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2)
    assert np.array_equal(to_srgb(to_ycbcr(gray)), gray)


@pytest.mark.parametrize("shape", [(2, 2), (8, 5), (64, 64)])
def test_enlarged_flat_color_is_flat(shape: tuple[int, int]) -> None:
    flat = np.full((*shape, 3), (200, 77, 3), np.uint8)
    enlarged = to_srgb(enlarge(flat, 128, 80))
    assert enlarged.shape == (128, 80, 3) and np.abs(enlarged.astype(int) - flat[0, 0]).max() <= 1


def test_enlarging_keeps_the_orientation() -> None:
    cells = np.zeros((2, 3, 3), np.uint8)
    cells[0, 2] = 255
    enlarged = to_srgb(enlarge(cells, 16, 24))
    assert enlarged[0, -1].min() > 240 and enlarged[0, 0].max() < 15 and enlarged[-1, -1].max() < 15


def test_detail_brings_its_own_grid_and_adds_its_residual() -> None:
    colormap = rdoq.quantize(np.full((4, 4, 3), 128, np.uint8), 20)
    plain = colormap.small_picture(6, 9)
    assert plain.shape == (48, 72, 3) and plain.dtype == np.uint8
    detail = random_detail(0, 6, 9)
    detailed = replace(colormap, detail=detail).small_picture(2, 2)
    expected = to_srgb(enlarge(colormap.cells, 48, 72) + detail.residual)
    assert np.array_equal(detailed, expected) and not np.array_equal(detailed, plain)
    assert np.array_equal(replace(colormap, detail=detail).cells, colormap.cells)
