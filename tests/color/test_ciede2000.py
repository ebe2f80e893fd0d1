"""CIEDE2000 has the published values."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from codec.color import ciede2000, oklab

# from table 1 of Sharma, Wu and Dalal 2005
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("a", "b", "expected"), PAIRS)
def test_published_differences(a: tuple[float, ...], b: tuple[float, ...], expected: float) -> None:
    for first, second in ((a, b), (b, a)):
        assert ciede2000.difference(np.array(first), np.array(second)) == pytest.approx(expected, abs=1e-4)


def test_difference_of_srgb_colors_agrees_with_scikit_image() -> None:
    a, b = np.random.default_rng(0).integers(0, 256, (2, 500, 3), dtype=np.uint8)
    ours = ciede2000.difference(*(ciede2000.cielab(oklab.from_srgb(cells)) for cells in (a, b)))
    assert np.abs(ours - deltaE_ciede2000(rgb2lab(a), rgb2lab(b))).max() < 0.02


def test_metric_predicts_small_differences() -> None:
    rng = np.random.default_rng(1)
    lab = oklab.from_srgb(rng.integers(40, 216, (200, 3), dtype=np.uint8))
    step = rng.normal(0, 5e-4, (200, 3))
    predicted = np.sqrt(np.einsum("ni,nij,nj->n", step, ciede2000.metric(lab), step))
    measured = ciede2000.difference(ciede2000.cielab(lab), ciede2000.cielab(lab + step))
    assert np.median(np.abs(predicted / measured - 1)) < 0.05
