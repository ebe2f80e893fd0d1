"""Color diffusion: lines separate colors, cells keep theirs, open areas are smooth."""

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


def label_regions(horizontal, vertical):
    """Label the regions of pixels that uncut links connect, on a grid of twice the size."""
    height, width = horizontal.shape[0], horizontal.shape[1] + 1
    grid = np.zeros((2 * height - 1, 2 * width - 1), np.uint8)
    grid[::2, ::2] = 1
    grid[::2, 1::2] = ~horizontal
    grid[1::2, ::2] = ~vertical
    return cv2.connectedComponents(grid, connectivity=4)[1][::2, ::2]


def test_vertical_line_cuts_one_link_of_each_row():
    horizontal, vertical = cut_links([np.array([[3.0, -1.0], [3.0, 9.0]])], 8, 6)
    assert horizontal.sum(1).tolist() == [1] * 8
    assert horizontal[:, 2].all()  # between the pixels with centers 2.5 and 3.5
    assert not vertical.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_no_path_leads_through_a_closed_line(seed):
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, random.integers(4, 40))
    radius = random.uniform(4, 11, len(angle))
    radius[-1] = radius[0]
    ring = np.stack([12 + radius * np.cos(angle), 12 + radius * np.sin(angle)], 1) + random.uniform(-0.4, 0.4)
    labels = label_regions(*cut_links([ring], 25, 25))
    center = labels[12, 12]
    assert center != labels[0, 0]


def test_without_lines_there_is_one_region():
    assert len(np.unique(label_regions(*cut_links([], 9, 7)))) == 1


@pytest.mark.parametrize("shape", [(4, 4), (16, 16), (32, 32), (4, 32), (5, 7)])
def test_cells_keep_their_mean_colors(shape):
    cells = np.random.default_rng(0).uniform(0.2, 0.8, (*shape, 3)).astype(np.float32)
    cells = cv2.GaussianBlur(cells, (0, 0), 1.0)
    painted = diffuse(cells, [], 128, 160)
    means = cv2.resize(painted, shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(means - cells).mean() < 0.01


def test_transition_is_sharp_with_a_line_and_soft_without():
    line = np.array([[0.5, 0.0], [0.5, 1.0]])
    with_line, without = (diffuse(LEFT_RED, lines, 64, 64) for lines in ([line], []))
    middle = slice(16, 48)
    step = np.abs(with_line[middle, 32] - with_line[middle, 31]).max(1)
    assert step.min() > 0.6
    assert np.abs(np.diff(without[middle], axis=1)).max() < 0.4


def test_colors_meet_at_the_line_even_off_the_border_of_cells():
    slanted = np.array([[0.45, 0.0], [0.57, 1.0]])
    cells = cv2.resize(LEFT_RED, (64, 64), interpolation=cv2.INTER_NEAREST)
    border = np.interp(np.arange(64) + 0.5, [0, 64], [0.45 * 64, 0.57 * 64])
    truth = np.where((np.arange(64) + 0.5)[None, :, None] < border[:, None, None], cells[:, :1], cells[:, -1:])
    cells = cv2.resize(truth, (8, 8), interpolation=cv2.INTER_AREA)
    errors = [np.abs(diffuse(cells, lines, 64, 64) - truth).mean() for lines in ([slanted], [])]
    assert errors[0] < 0.5 * errors[1]


def test_cell_grid_is_invisible():
    """Steps across the borders of cells are no larger than those inside cells."""
    ramp = np.linspace(0.2, 0.8, 8, dtype=np.float32)
    cells = np.repeat(np.repeat(ramp[None, :, None], 8, 0), 3, 2)
    steps = np.abs(np.diff(diffuse(cells, [], 64, 64), axis=1)).mean((0, 2))
    inner = steps[8:55]
    assert inner.max() < 1.5 * inner.min()


def test_small_closed_region_does_not_glow():
    cells = np.full((8, 8, 3), 0.5, np.float32)
    cells[4, 4] = 0.56  # a quantization error
    angle = np.linspace(0, 2 * np.pi, 20)
    ring = np.stack([0.5625 + 0.02 * np.cos(angle), 0.5625 + 0.02 * np.sin(angle)], 1)
    painted = diffuse(cells, [ring], 256, 256)
    assert painted.max() < 0.65
