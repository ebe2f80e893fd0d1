"""The bits that the search counts are the bits that the coder spends."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from codec.encoder.sketch.bit_cost import STRAIGHT_HISTORY, stroke_bits, turn_bits
from codec.encoder.sketch.fit_sketch import extract_sketch


def test_probabilities_of_turns_sum_to_less_than_one() -> None:
    share = (2.0 ** -turn_bits().astype(float)).sum(2)
    assert (share < 1).all()  # turns of 3 have the rest
    assert share[:, STRAIGHT_HISTORY].min() > 0.95


def test_left_and_right_cost_the_same() -> None:
    mirrored = [(4 - i // 25) * 25 + (4 - i // 5 % 5) * 5 + 4 - i % 5 for i in range(125)]
    turned = [i for i in range(125) if i != STRAIGHT_HISTORY]  # before any turn the coder cannot mirror
    assert np.allclose(turn_bits()[:, turned], turn_bits()[:, mirrored][:, turned, ::-1])


def test_going_straight_on_is_cheapest_and_a_sharp_turn_dear() -> None:
    for bits in turn_bits()[:, STRAIGHT_HISTORY]:
        assert bits.argmin() == 2
        assert bits[[0, 4]].min() > bits[[1, 3]].max()


def test_estimate_of_a_sketch_is_near_its_bytes() -> None:
    drawn = extract_sketch(data.astronaut(), 500)
    estimate = stroke_bits(np.array([len(stroke) for stroke in drawn.strokes])).sum()
    assert estimate == pytest.approx(8 * len(drawn.to_bytes()), rel=0.25)
