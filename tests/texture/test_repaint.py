"""A painted cell keeps its color and leaves all other cells alone."""

from __future__ import annotations

import numpy as np

from codec.texture.colormap import Colormap
from codec.texture.rate_control import mean_difference
from codec.texture.repaint import repaint, requantize


def test_same_cells_return_the_same_colormap(fitted: Colormap) -> None:
    assert repaint(fitted, fitted.cells) is fitted
    assert requantize(fitted, fitted.cells) is fitted


def test_only_the_painted_cell_changes(fitted: Colormap) -> None:
    cells = fitted.cells.copy()
    cells[3, 4] = (250, 10, 30)
    painted = Colormap.from_bytes(repaint(fitted, cells).to_bytes())
    assert mean_difference(painted.cells[3:4, 4:5], cells[3:4, 4:5]) < 2
    rest = np.ones((16, 16), bool)
    rest[3, 4] = False
    assert (painted.cells[rest] == fitted.cells[rest]).all()
    assert len(painted.to_bytes()) <= len(fitted.to_bytes()) + 5


def test_row_of_one_color_takes_few_bytes(fitted: Colormap) -> None:
    cells = fitted.cells.copy()
    cells[5, 2:14] = (250, 10, 30)
    assert len(repaint(fitted, cells).to_bytes()) <= len(fitted.to_bytes()) + 10


def test_painting_most_cells_quantizes_the_map_again(fitted: Colormap) -> None:
    painted = repaint(fitted, fitted.cells[::-1].copy())
    assert painted.spots == () and painted.step == fitted.step


def test_cells_of_another_grid_quantize_the_map_again(fitted: Colormap) -> None:
    painted = repaint(fitted, fitted.cells[:8, :10])
    assert (painted.rows, painted.cols, painted.step, painted.ratio) == (8, 10, fitted.step, fitted.ratio)


def test_any_painted_color_survives(fitted: Colormap) -> None:
    rng = np.random.default_rng(3)
    for color in [*rng.integers(0, 256, (40, 3)), *rng.integers(0, 40, (10, 3))]:
        cells = fitted.cells.copy()
        cells[2, 5] = color
        assert mean_difference(repaint(fitted, cells).cells[2:3, 5:6], cells[2:3, 5:6]) < 2
