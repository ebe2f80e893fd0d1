"""Diffusion: lines part colors exactly, cells keep theirs, and what is open is smooth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.decoders.painter.color_diffusion import cut_links, diffuse

LEFT_RED = np.zeros((8, 8, 3), np.float32)
LEFT_RED[:, :4] = [0.9, 0.1, 0.1]
LEFT_RED[:, 4:] = [0.1, 0.2, 0.9]


def regions(across, down):
    """Label pixels that are joined by uncut links: on a grid of twice the size."""
    height, width = across.shape[0], across.shape[1] + 1
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = 1
    grid[::2, 1::2] = ~across
    grid[1::2, ::2] = ~down
    return cv2.connectedComponents(grid, connectivity=4)[1][::2, ::2]


def test_a_vertical_line_cuts_one_link_of_each_row():
    across, down = cut_links([np.array([[3.0, -1.0], [3.0, 9.0]])], 8, 6)
    assert across.sum(1).tolist() == [1] * 8
    assert across[:, 2].all()  # between the pixels with centers 2.5 and 3.5
    assert not down.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_no_way_leads_round_a_closed_line(seed):
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, random.integers(4, 40))
    radius = random.uniform(4, 11, len(angle))
    radius[-1] = radius[0]
    ring = np.stack([12 + radius * np.cos(angle), 12 + radius * np.sin(angle)], 1) + random.uniform(-0.4, 0.4)
    labels = regions(*cut_links([ring], 25, 25))
    center = labels[12, 12]
    assert center != labels[0, 0]


def test_without_lines_everything_is_joined():
    assert len(np.unique(regions(*cut_links([], 9, 7)))) == 1


@pytest.mark.parametrize("shape", [(4, 4), (16, 16), (32, 32), (4, 32), (5, 7)])
def test_cells_keep_their_colors(shape):
    cells = np.random.default_rng(0).uniform(0.2, 0.8, (*shape, 3)).astype(np.float32)
    cells = cv2.GaussianBlur(cells, (0, 0), 1.0)
    painted = diffuse(cells, [], 128, 160)
    means = cv2.resize(painted, shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(means - cells).mean() < 0.01


def test_a_line_between_two_colors_is_sharp_and_none_is_soft():
    line = np.array([[0.5, 0.0], [0.5, 1.0]])
    drawn, open_ = (diffuse(LEFT_RED, lines, 64, 64) for lines in ([line], []))
    middle = slice(16, 48)
    step = np.abs(drawn[middle, 32] - drawn[middle, 31]).max(1)
    assert step.min() > 0.6
    assert np.abs(np.diff(open_[middle], axis=1)).max() < 0.4


def test_a_line_off_the_border_of_cells_takes_the_colors_with_it():
    slanted = np.array([[0.45, 0.0], [0.57, 1.0]])
    cells = cv2.resize(LEFT_RED, (64, 64), interpolation=cv2.INTER_NEAREST)
    border = np.interp(np.arange(64) + 0.5, [0, 64], [0.45 * 64, 0.57 * 64])
    truth = np.where((np.arange(64) + 0.5)[None, :, None] < border[:, None, None], cells[:, :1], cells[:, -1:])
    cells = cv2.resize(truth, (8, 8), interpolation=cv2.INTER_AREA)
    error = [np.abs(diffuse(cells, lines, 64, 64) - truth).mean() for lines in ([slanted], [])]
    assert error[0] < 0.5 * error[1]


def test_the_cell_grid_does_not_show():
    """Steps across the borders of cells are no larger than steps inside them."""
    ramp = np.linspace(0.2, 0.8, 8, dtype=np.float32)
    cells = np.repeat(np.repeat(ramp[None, :, None], 8, 0), 3, 2)
    steps = np.abs(np.diff(diffuse(cells, [], 64, 64), axis=1)).mean((0, 2))
    inner = steps[8:55]
    assert inner.max() < 1.5 * inner.min()


def test_a_small_closed_region_does_not_glow():
    cells = np.full((8, 8, 3), 0.5, np.float32)
    cells[4, 4] = 0.56  # an error of the quantizer
    angle = np.linspace(0, 2 * np.pi, 20)
    ring = np.stack([0.5625 + 0.02 * np.cos(angle), 0.5625 + 0.02 * np.sin(angle)], 1)
    painted = diffuse(cells, [ring], 256, 256)
    assert painted.max() < 0.65
