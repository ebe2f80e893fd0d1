"""A fitted colormap keeps its budget, uses it, and is closer than any quantized at a fixed step."""

from __future__ import annotations

import numpy as np
import pytest

from codec.errors import BudgetTooSmall
from codec.images.io import resize_area
from codec.texture import colormap_payload, rate_control, rdoq
from codec.texture.colormap import Colormap
from codec.texture.rate_control import mean_difference


@pytest.mark.parametrize(
    ("grid", "budget", "max_difference"),
    [(8, 60, 5.5), (16, 120, 7.0), pytest.param(32, 600, 5.0, marks=pytest.mark.slow)],
)
def test_photo_fits_the_budget(photo: np.ndarray, grid: int, budget: int, max_difference: float) -> None:
    cells = resize_area(photo, grid, grid)
    colormap = rate_control.fit(cells, budget)
    assert len(colormap.to_bytes()) <= budget
    assert mean_difference(cells, colormap.cells) < max_difference


def test_quick_fit_is_nearly_as_close(photo: np.ndarray) -> None:
    cells = resize_area(photo, 8, 8)
    colormap = rate_control.fit(cells, 60, quick=True)
    assert len(colormap.to_bytes()) <= 60
    assert mean_difference(cells, colormap.cells) < 1.05 * mean_difference(cells, rate_control.fit(cells, 60).cells)


def test_larger_budgets_are_closer(photo: np.ndarray) -> None:
    cells = resize_area(photo, 8, 6)
    budgets = (20, 40, 80, 160)
    differences = [mean_difference(cells, rate_control.fit(cells, budget).cells) for budget in budgets]
    assert differences == sorted(differences, reverse=True)


def test_budget_without_room_for_the_mean_color_is_rejected(photo: np.ndarray) -> None:
    with pytest.raises(BudgetTooSmall):
        rate_control.fit(resize_area(photo, 8, 8), 1)


@pytest.mark.parametrize("shape", [(2, 2), (2, 64), (64, 3), (17, 31), pytest.param((64, 64), marks=pytest.mark.slow)])
def test_grids_of_all_shapes_can_be_fitted(photo: np.ndarray, shape: tuple[int, int]) -> None:
    cells = resize_area(photo, shape[1], shape[0])
    colormap = rate_control.fit(cells, 150)
    assert Colormap.from_bytes(colormap.to_bytes()).cells.shape == (*shape, 3)
    assert mean_difference(cells, colormap.cells) < 14


@pytest.mark.parametrize("bits", [150, 400, 900])
def test_estimated_bits_match_the_payload_and_nearly_fill_the_budget(photo: np.ndarray, bits: int) -> None:
    quantizer = rdoq.RDOQuantizer(resize_area(photo, 12, 10))
    quantized = rate_control.RateController(quantizer, 26, 1).optimize(bits)
    header_bits = colormap_payload.header_bits(colormap_payload.Header(10, 12, 26, 1))
    payload_bits = 8 * len(quantized.colormap.to_bytes()) - header_bits
    assert 0.85 * bits < quantized.bits <= bits
    assert quantized.bits - 1 < payload_bits < quantized.bits + 16


@pytest.mark.parametrize(("grid", "budget", "steps"), [(8, 60, range(16, 44))])
def test_fit_is_closer_than_any_fixed_step(photo: np.ndarray, grid: int, budget: int, steps: range) -> None:
    cells = resize_area(photo, grid, grid)
    quantizer = rdoq.RDOQuantizer(cells)
    fixed = [quantizer.quantize(step).colormap for step in steps]
    nearest = min(mean_difference(cells, c.cells) for c in fixed if len(c.to_bytes()) <= budget)
    assert len(fixed[0].to_bytes()) > budget  # finer steps do not fit
    assert mean_difference(cells, rate_control.fit(cells, budget).cells) < 0.98 * nearest
