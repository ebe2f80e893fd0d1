"""The boundary F-measure."""

from __future__ import annotations

import numpy as np
import pytest

from codec.encoder.sketch.f_measure import f_measure
from codec.structure.sketch import Sketch


def row(y: int, start: int = 10, stop: int = 90) -> np.ndarray:
    edges = np.zeros((64, 100), bool)
    edges[y, start:stop] = True
    return edges


def test_default_tolerance_is_2_pixels() -> None:
    assert f_measure(row(20), row(22)) == (1, 1, 1)
    assert f_measure(row(20), row(23)).f == 0
    assert f_measure(row(20), row(23), tolerance=3).f == 1


def test_precision_and_recall() -> None:
    f, precision, recall = f_measure(row(20, 10, 50), row(20, 10, 90))
    assert precision == 1
    assert recall == pytest.approx(42 / 80)
    assert f == pytest.approx(2 * recall / (1 + recall))


def test_empty_maps() -> None:
    empty = np.zeros((5, 5), bool)
    assert f_measure(empty, empty).f == 1
    assert f_measure(empty, ~empty).f == 0
    assert f_measure(~empty, empty).f == 0


def test_sketch_is_drawn_at_the_size_of_the_reference() -> None:
    line = Sketch(25, 16, (tuple((x, 5) for x in range(3, 22)),))
    assert f_measure(line, row(22, 14, 86)).f == 1
    assert f_measure(line, row(30, 14, 86)).f == 0
