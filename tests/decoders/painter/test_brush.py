"""Brushwork moves colors about and invents none; lines hold it back."""

from __future__ import annotations

import numpy as np
import pytest

from codec.decoders.painter import brush, ink

SIZE = 96
RAMP = np.repeat(np.repeat(np.linspace(0.2, 0.8, SIZE, dtype=np.float32)[None, :, None], SIZE, 0), 3, 2)
OPEN = np.full((SIZE, SIZE), 1000.0, np.float32)
ONES = np.ones((SIZE, SIZE), np.float32)


@pytest.fixture(scope="module")
def bristles():
    random = np.random.default_rng(0)
    return brush.stroke_noise(brush.stroke_direction(RAMP, 0 * ONES), random)


def test_dabs_break_a_gradient_but_add_no_color(bristles):
    painted = brush.apply_dabs(RAMP, bristles[0], OPEN, 12, ONES)
    assert np.abs(painted - RAMP).max() > 0.005
    assert painted.min() >= RAMP.min()
    assert painted.max() <= RAMP.max()


def test_flat_color_stays_flat(bristles):
    flat = np.full_like(RAMP, 0.4)
    np.testing.assert_allclose(brush.apply_dabs(flat, bristles[0], OPEN, 12, ONES), flat, atol=1e-6)
    np.testing.assert_allclose(brush.sharpen_transitions(flat, OPEN, 12), flat, atol=1e-6)


def test_dabs_do_not_reach_over_a_line(bristles):
    column = np.arange(SIZE, dtype=np.float32)
    room = np.repeat(np.abs(column + 0.5 - SIZE / 2)[None], SIZE, 0)
    parted, mixed = (mixed_in(bristles, 0.4, distance) for distance in (room, OPEN))
    assert parted < 0.1  # what interpolation takes from the next pixel
    assert mixed > 0.5


def test_far_colors_are_not_torn_to_shreds(bristles):
    assert mixed_in(bristles, 1.0, OPEN) < 0.1


def mixed_in(bristles, step: float, room: np.ndarray) -> float:
    """How much of a light half, `step` lighter, dabs bring to some pixel of the dark half near it: 0 to 1."""
    half = np.zeros_like(RAMP)
    half[:, SIZE // 2 :] = step
    painted = brush.apply_dabs(half, bristles[0], room, 24, ONES)
    return float(painted[:, SIZE // 2 - 8 : SIZE // 2 - 1].max()) / step


def test_tightening_narrows_a_blur():
    x = np.linspace(-3, 3, SIZE, dtype=np.float32)
    blur = np.repeat(np.repeat((0.2 + 0.6 / (1 + np.exp(-2 * x)))[None, :, None], SIZE, 0), 3, 2).astype(np.float32)
    tight = brush.sharpen_transitions(blur, OPEN, 24)
    assert np.abs(np.diff(tight, axis=1)).max() > 2 * np.abs(np.diff(blur, axis=1)).max()


def test_directions_follow_the_forms():
    along_x, along_y = brush.stroke_direction(RAMP, 0 * ONES)  # lighter to the right: forms stand upright
    middle = slice(20, -20)
    assert np.abs(along_x[middle, middle]).max() < 0.1
    np.testing.assert_allclose(np.hypot(along_x, along_y), 1, atol=1e-5)


def test_ink_tapers_and_the_first_stroke_is_the_strongest():
    lines = [np.stack([np.linspace(0.1, 0.9, 40), np.full(40, y)], 1) for y in (0.3, 0.7)]
    pen = ink.render_ink(lines, 200, 200)
    first, second = pen[50:70].max(0), pen[130:150].max(0)
    assert first[100] > 1.3 * first[23]
    assert first[60:140].mean() > second[60:140].mean() > 0.3
    assert pen[:40].max() == 0


def test_smoothing_keeps_the_ends_and_takes_out_steps():
    stairs = np.array([[0, 0], [1, 0], [2, 1], [3, 1], [4, 2], [5, 2]], float)
    line = ink.smooth_polyline(stairs)
    np.testing.assert_array_equal(line[[0, -1]], stairs[[0, -1]])

    def sharpest(points):
        heading = np.unwrap(np.arctan2(*np.diff(points, axis=0).T[::-1]))
        return np.abs(np.diff(heading)).max()

    assert sharpest(line) < 0.5 * sharpest(stairs)


@pytest.mark.parametrize("count", [2, 3])
def test_the_shortest_lines_are_smoothed_and_drawn(count):
    line = np.linspace([0.4, 0.4], [0.6, 0.6], count)
    assert ink.render_ink([ink.smooth_polyline(line)], 64, 64).max() > 0.1


def test_paper_is_light_and_has_a_grain():
    sheet = ink.render_paper(64, 64, np.random.default_rng(0))
    assert sheet.min() > 0.85
    assert 0.001 < sheet.std(axis=(0, 1)).max() < 0.03
