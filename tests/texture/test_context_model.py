"""The context model is the same in both of its implementations, and on every machine."""

from __future__ import annotations

import numpy as np

from codec.images.io import resize_area
from codec.texture import coding_plan, context_model, dct, rdoq
from codec.texture.colormap import MAX_CELLS, MIN_CELLS


def test_context_of_one_level_equals_evaluation_of_all_levels(photo: np.ndarray) -> None:
    colormap = rdoq.quantize(resize_area(photo, 13, 9), 20)
    steps = (26, 20, 20)
    levels = np.array(colormap.levels).reshape(3, -1).T[coding_plan.plan(9, 13).scan]
    logits = context_model.logits(levels, 9, 13, steps).astype(int)
    expected = context_model.logistic_table()[logits + 2048].tolist()
    context = context_model.CoefficientContext(9, 13, steps)
    for position, by_channel in enumerate(levels.tolist()):
        for channel, level in enumerate(by_channel):
            assert context.bucket_probabilities(position, channel) == expected[position][channel]
            context.update(position, channel, level)


def test_copy_of_a_context_is_independent() -> None:
    context = context_model.CoefficientContext(4, 4, (20, 20, 20))
    for channel in range(3):
        context.update(0, channel, 5)
    probabilities = context.bucket_probabilities(2, 0)
    copy = context.copy()
    for channel in range(3):
        copy.update(1, channel, 9)
    assert context.bucket_probabilities(2, 0) == probabilities != copy.bucket_probabilities(2, 0)


def test_buckets_are_contiguous() -> None:
    buckets = [context_model.bucket(size) for size in range(20)]
    assert buckets == [0, 1, 2, 3, 3, *[4] * 4, *[5] * 8, *[6] * 3]


def test_no_table_entry_is_close_to_a_tie_before_rounding() -> None:
    """Math libraries differ in the last bits of a cosine or an exponential, which must not change a rounded value."""
    for size in range(MIN_CELLS, MAX_CELLS + 1):
        frequency, position = np.mgrid[:size, :size]
        waves = np.cos(np.pi * (2 * position + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
        waves[0] = np.sqrt(1 / size)
        fraction = np.abs(waves * dct.BASIS_ONE) % 1
        assert np.abs(fraction - 0.5).min() > 1e-7
    nonzero = np.delete(np.arange(-2048, 2048), 2048)  # the probability of logit 0 is exact
    probabilities = 65536 / (1 + np.exp(-nonzero / 256))
    assert np.abs(probabilities % 1 - 0.5).min() > 1e-7
