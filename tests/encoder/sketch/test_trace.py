"""Tracing a thin edge map into curves."""

from __future__ import annotations

import numpy as np

from codec.encoder.sketch.thinning import skeletonize
from codec.encoder.sketch.trace import JOININGS, Joining, trace, trace_curve_sets, trace_curves


def test_line_is_one_curve_with_its_ends() -> None:
    edges = np.zeros((20, 60), bool)
    edges[9, 10:50] = True
    (curve,) = trace_curves(edges)
    assert sorted(curve[[0, -1]].tolist()) == [[10, 9], [49, 9]]
    assert np.abs(curve[:, 1] - 9).max() < 1e-6


def test_cross_is_two_straight_curves() -> None:
    edges = np.zeros((61, 61), bool)
    edges[30, 5:56] = edges[5:56, 30] = True
    curves = trace_curves(edges)
    assert len(curves) == 2
    assert all(np.ptp(curve, axis=0).min() < 1 for curve in curves)
    assert all(np.ptp(curve, axis=0).max() > 45 for curve in curves)


def test_branch_touches_the_line_it_starts_from() -> None:
    edges = np.zeros((60, 60), bool)
    edges[30, 5:56] = edges[30:56, 30] = True
    line, branch = sorted(trace(edges), key=lambda piece: -len(piece.points))
    assert line.touches == (False, False)
    assert sorted(branch.touches) == [False, True]


def test_every_pixel_is_used_once() -> None:
    edges = skeletonize(np.random.default_rng(0).random((60, 60)) > 0.6)
    points = np.concatenate([piece.points for piece in trace(edges)]).astype(int)
    free = [piece for piece in trace(edges) if piece.touches == (False, False)]
    own = np.concatenate([piece.points for piece in free]).astype(int)
    assert edges[points[:, 1], points[:, 0]].all()
    assert len(np.unique(own, axis=0)) == len(own)


def test_gap_between_aligned_ends_is_closed() -> None:
    edges = np.zeros((20, 80), bool)
    edges[9, 5:35] = edges[9, 42:75] = True
    assert len(trace_curves(edges)) == 1
    assert len(trace_curves(edges, Joining(gap=4, corner=0))) == 2


def test_gap_between_parallel_ends_stays_open() -> None:
    edges = np.zeros((30, 80), bool)
    edges[9, 5:35] = edges[15, 35:75] = True
    assert len(trace_curves(edges)) == 2


def test_curve_sets_differ_in_their_joints() -> None:
    edges = np.zeros((60, 120), bool)
    edges[10, 5:35] = edges[10, 55:90] = True  # aligned, 20 px apart
    edges[20:50, 95] = True  # around a corner, 11 px apart
    curve_sets = trace_curve_sets(edges)
    assert [len(curves) for curves in curve_sets] == [3, 2, 3, 2]
    assert max(np.abs(np.diff(curve, axis=0)).max() for curves in curve_sets for curve in curves) < 2
    for curves, joining in zip(curve_sets, JOININGS, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(curves, trace_curves(edges, joining), strict=True))


def test_ring_is_one_closed_curve() -> None:
    edges = np.zeros((80, 80), bool)
    angle = np.linspace(0, 2 * np.pi, 2000)
    edges[np.round(40 + 25 * np.sin(angle)).astype(int), np.round(40 + 25 * np.cos(angle)).astype(int)] = True
    (curve,) = trace_curves(skeletonize(edges))
    assert np.hypot(*(curve[0] - curve[-1])) < 4
    assert np.abs(np.hypot(curve[:, 0] - 40, curve[:, 1] - 40) - 25).max() < 1.5


def test_short_curves_are_dropped() -> None:
    edges = np.zeros((20, 20), bool)
    edges[5, 5:11] = True
    assert trace_curves(edges) == []
    assert len(trace_curves(edges, min_points=5)) == 1


def test_empty_map_has_no_curves() -> None:
    assert trace_curves(np.zeros((1, 1), bool)) == []
