"""Brushwork moves colors without adding any, and not across lines."""

from __future__ import annotations

import numpy as np
import pytest

from codec.decoders.painter import brush, ink

SIZE = 96
RAMP = np.repeat(np.repeat(np.linspace(0.2, 0.8, SIZE, dtype=np.float32)[None, :, None], SIZE, 0), 3, 2)
NO_LINES = np.full((SIZE, SIZE), 1000.0, np.float32)
ONES = np.ones((SIZE, SIZE), np.float32)


@pytest.fixture(scope="module")
def dabs():
    return brush.stroke_noise(brush.stroke_direction(RAMP, 0 * ONES), np.random.default_rng(0))[0]


def test_dabs_break_a_gradient_but_add_no_color(dabs):
    painted = brush.apply_dabs(RAMP, dabs, NO_LINES, 12, ONES)
    assert np.abs(painted - RAMP).max() > 0.005
    assert painted.min() >= RAMP.min()
    assert painted.max() <= RAMP.max()


def test_flat_color_stays_flat(dabs):
    flat = np.full_like(RAMP, 0.4)
    np.testing.assert_allclose(brush.apply_dabs(flat, dabs, NO_LINES, 12, ONES), flat, atol=1e-6)
    np.testing.assert_allclose(brush.sharpen_transitions(flat, NO_LINES, 12), flat, atol=1e-6)


def test_dabs_do_not_cross_lines(dabs):
    column = np.arange(SIZE, dtype=np.float32)
    line_distance = np.repeat(np.abs(column + 0.5 - SIZE / 2)[None], SIZE, 0)
    separated, mixed = (mixed_color(dabs, 0.4, distance) for distance in (line_distance, NO_LINES))
    assert separated < 0.1  # interpolation takes this much from the next pixel
    assert mixed > 0.5


def test_dabs_are_small_at_strong_edges(dabs):
    assert mixed_color(dabs, 1.0, NO_LINES) < 0.1


def mixed_color(dabs, step: float, line_distance: np.ndarray) -> float:
    """Return the largest share, 0 to 1, of the color of a half that is `step` lighter in pixels of the dark half."""
    half = np.zeros_like(RAMP)
    half[:, SIZE // 2 :] = step
    painted = brush.apply_dabs(half, dabs, line_distance, 24, ONES)
    return float(painted[:, SIZE // 2 - 8 : SIZE // 2 - 1].max()) / step


def test_transitions_are_sharpened():
    x = np.linspace(-3, 3, SIZE, dtype=np.float32)
    blur = np.repeat(np.repeat((0.2 + 0.6 / (1 + np.exp(-2 * x)))[None, :, None], SIZE, 0), 3, 2).astype(np.float32)
    sharpened = brush.sharpen_transitions(blur, NO_LINES, 24)
    assert np.abs(np.diff(sharpened, axis=1)).max() > 2 * np.abs(np.diff(blur, axis=1)).max()


def test_direction_follows_the_forms():
    x, y = brush.stroke_direction(RAMP, 0 * ONES)  # the picture gets lighter to the right: forms are vertical
    middle = slice(20, -20)
    assert np.abs(x[middle, middle]).max() < 0.1
    np.testing.assert_allclose(np.hypot(x, y), 1, atol=1e-5)


def test_strokes_taper_and_the_first_is_the_strongest():
    lines = [np.stack([np.linspace(0.1, 0.9, 40), np.full(40, y)], 1) for y in (0.3, 0.7)]
    pen = ink.render_ink(lines, 200, 200)
    first, second = pen[50:70].max(0), pen[130:150].max(0)
    assert first[100] > 1.3 * first[23]
    assert first[60:140].mean() > second[60:140].mean() > 0.3
    assert pen[:40].max() == 0


def test_smoothing_keeps_the_ends_and_removes_steps():
    stairs = np.array([[0, 0], [1, 0], [2, 1], [3, 1], [4, 2], [5, 2]], float)
    line = ink.smooth_polyline(stairs)
    np.testing.assert_array_equal(line[[0, -1]], stairs[[0, -1]])

    def sharpest_turn(points):
        heading = np.unwrap(np.arctan2(*np.diff(points, axis=0).T[::-1]))
        return np.abs(np.diff(heading)).max()

    assert sharpest_turn(line) < 0.5 * sharpest_turn(stairs)


@pytest.mark.parametrize("count", [2, 3])
def test_shortest_lines_are_smoothed_and_drawn(count):
    line = np.linspace([0.4, 0.4], [0.6, 0.6], count)
    assert ink.render_ink([ink.smooth_polyline(line)], 64, 64).max() > 0.1


def test_paper_is_light_and_grainy():
    sheet = ink.render_paper(64, 64, np.random.default_rng(0))
    assert sheet.min() > 0.85
    assert 0.001 < sheet.std(axis=(0, 1)).max() < 0.03
