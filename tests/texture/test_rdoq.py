"""Quantization is nearly exact at the finest step, cheap for flat maps, and rejects invalid cells."""

from __future__ import annotations

import numpy as np
import pytest

from codec.errors import InvalidLayer
from codec.images.io import resize_area
from codec.texture import rdoq
from codec.texture.rate_control import mean_difference


def test_finest_step_is_nearly_exact(photo: np.ndarray) -> None:
    cells = resize_area(photo, 16, 16)
    assert mean_difference(cells, rdoq.quantize(cells, 0).cells) < 0.5


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255), (128, 128, 128)])
def test_single_color_takes_few_bytes(color: tuple[int, int, int]) -> None:
    cells = np.full((16, 16, 3), color, np.uint8)
    colormap = rdoq.quantize(cells, 8)
    assert len(colormap.to_bytes()) < 12
    assert mean_difference(cells, colormap.cells) < 1


def test_optimization_lowers_the_cost(photo: np.ndarray) -> None:
    """The cost is the distortion plus lambda times the rate."""
    quantizer = rdoq.RDOQuantizer(resize_area(photo, 12, 12))
    costs = []
    for rounds in (0, 2, 24):
        quantized = quantizer.quantize(32, rounds=rounds)
        costs.append(144 * quantized.difference + rdoq.LAMBDA * quantized.bits)
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("shape", [(1, 4, 3), (4, 65, 3), (4, 4), (4, 4, 4), (0, 0, 3)])
def test_cells_of_invalid_shape_are_rejected(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidLayer):
        rdoq.quantize(np.zeros(shape, np.uint8))


def test_cells_of_invalid_type_are_rejected() -> None:
    with pytest.raises(InvalidLayer):
        rdoq.quantize(np.zeros((4, 4, 3), np.float32))


@pytest.mark.parametrize(("step", "ratio"), [(-1, 0), (64, 0), (24, -1), (24, 4)])
def test_step_or_ratio_out_of_range_is_rejected(step: int, ratio: int) -> None:
    with pytest.raises(InvalidLayer):
        rdoq.quantize(np.zeros((4, 4, 3), np.uint8), step, ratio)
