"""Oklab has the published values, and decoding it does not depend on the machine."""

from __future__ import annotations

import numpy as np
import pytest

from codec.color import oklab


@pytest.mark.parametrize(
    ("srgb", "lab"),
    [
        ((255, 255, 255), (1.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (0.6280, 0.2249, 0.1258)),
        ((0, 255, 0), (0.8664, -0.2339, 0.1795)),
        ((0, 0, 255), (0.4520, -0.0325, -0.3115)),
    ],
)
def test_published_colors(srgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert oklab.from_srgb(np.array(srgb, np.uint8)) == pytest.approx(lab, abs=1e-3)


def test_round_trip_is_within_one_level_for_colors_all_over_srgb() -> None:
    axis = np.arange(0, 256, 15, dtype=np.uint8)
    cells = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    lab = np.rint(oklab.from_srgb(cells) * oklab.ONE).astype(np.int64)
    assert np.abs(oklab.to_srgb(lab).astype(int) - cells).max() <= 1


def test_colors_outside_the_gamut_are_clipped() -> None:
    lab = np.array([[2, 0, 0], [-1, 0, 0], [1, 5, 0]]) * oklab.ONE
    assert oklab.to_srgb(lab).tolist()[:2] == [[255, 255, 255], [0, 0, 0]]
    assert oklab.to_srgb(lab)[2, 0] == 255


def test_no_threshold_is_close_to_an_integer_before_rounding() -> None:
    """Math libraries differ in the last bits of a power, which must not change the rounded value."""
    linear = oklab._to_linear((np.arange(255) + 0.5) / 255) * 65536
    assert np.abs(linear - np.rint(linear)).min() > 1e-7
