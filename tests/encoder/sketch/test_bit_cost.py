"""The estimated bits of strokes against the bits that the coder spends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec import Layers
from codec.encoder.sketch.bit_cost import STRAIGHT_HISTORY, stroke_bits, turn_bits

EXAMPLE = Path(__file__).parents[3] / "assets/examples/coffee.tril"


def test_probabilities_of_turns_sum_to_almost_one() -> None:
    share = (2.0 ** -turn_bits().astype(float)).sum(2)
    assert (share < 1).all()  # turns of 135 degrees have the remainder
    assert share[:, STRAIGHT_HISTORY].min() > 0.95


def test_left_and_right_turns_cost_the_same() -> None:
    mirrored = [(4 - i // 25) * 25 + (4 - i // 5 % 5) * 5 + 4 - i % 5 for i in range(125)]
    turned = [i for i in range(125) if i != STRAIGHT_HISTORY]  # without a turn the coder does not mirror
    assert np.allclose(turn_bits()[:, turned], turn_bits()[:, mirrored][:, turned, ::-1])


def test_straight_on_costs_least_and_a_sharp_turn_most() -> None:
    for bits in turn_bits()[:, STRAIGHT_HISTORY]:
        assert bits.argmin() == 2
        assert bits[[0, 4]].min() > bits[[1, 3]].max()


def test_estimate_of_a_sketch_is_close_to_its_size() -> None:
    drawn = Layers.from_bytes(EXAMPLE.read_bytes()).structure
    estimate = stroke_bits(np.array([len(stroke) for stroke in drawn.strokes])).sum()
    assert estimate == pytest.approx(8 * len(drawn.to_bytes()), rel=0.25)
