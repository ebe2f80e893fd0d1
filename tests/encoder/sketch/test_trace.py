"""Thin map -> curves."""

from __future__ import annotations

import numpy as np

from codec.encoder.sketch.thinning import skeletonize
from codec.encoder.sketch.trace import Joining, trace_curve_sets, trace_curves


def test_a_line_is_one_curve_with_its_ends() -> None:
    edges = np.zeros((20, 60), bool)
    edges[9, 10:50] = True
    (curve,) = trace_curves(edges)
    assert sorted(curve[[0, -1]].tolist()) == [[10, 9], [49, 9]]
    assert np.abs(curve[:, 1] - 9).max() < 1e-6


def test_a_cross_is_two_straight_curves() -> None:
    edges = np.zeros((61, 61), bool)
    edges[30, 5:56] = edges[5:56, 30] = True
    found = trace_curves(edges)
    assert len(found) == 2
    assert all(np.ptp(curve, axis=0).min() < 1 for curve in found)
    assert all(np.ptp(curve, axis=0).max() > 45 for curve in found)


def test_a_gap_between_aligned_ends_is_closed() -> None:
    edges = np.zeros((20, 80), bool)
    edges[9, 5:35] = edges[9, 42:75] = True
    assert len(trace_curves(edges)) == 1
    assert len(trace_curves(edges, Joining(4, 0))) == 2


def test_a_gap_between_parallel_ends_stays() -> None:
    edges = np.zeros((30, 80), bool)
    edges[9, 5:35] = edges[15, 35:75] = True
    assert len(trace_curves(edges)) == 2


def test_ways_differ_in_what_they_join() -> None:
    edges = np.zeros((60, 120), bool)
    edges[10, 5:35] = edges[10, 55:90] = True  # 20 px apart, in line
    edges[20:50, 95] = True  # round a corner from there, 11 px off
    assert [len(found) for found in trace_curve_sets(edges)] == [3, 2, 3, 2]
    assert all(np.array_equal(a, b) for a, b in zip(trace_curve_sets(edges)[0], trace_curves(edges), strict=True))
    assert max(np.abs(np.diff(curve, axis=0)).max() for found in trace_curve_sets(edges) for curve in found) < 2


def test_a_ring_is_one_curve_that_returns() -> None:
    edges = np.zeros((80, 80), bool)
    angle = np.linspace(0, 2 * np.pi, 2000)
    edges[np.round(40 + 25 * np.sin(angle)).astype(int), np.round(40 + 25 * np.cos(angle)).astype(int)] = True
    (curve,) = trace_curves(skeletonize(edges))
    assert np.hypot(*(curve[0] - curve[-1])) < 4
    assert np.abs(np.hypot(curve[:, 0] - 40, curve[:, 1] - 40) - 25).max() < 1.5


def test_short_pieces_are_dropped() -> None:
    edges = np.zeros((20, 20), bool)
    edges[5, 5:11] = True
    assert trace_curves(edges) == []
    assert len(trace_curves(edges, min_points=5)) == 1


def test_nothing_gives_nothing() -> None:
    assert trace_curves(np.zeros((1, 1), bool)) == []
