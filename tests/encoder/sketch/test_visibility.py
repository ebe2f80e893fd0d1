"""Strokes by visibility: strong contrast first, and what coarse colors do not tell."""

from __future__ import annotations

import numpy as np

from codec.encoder.sketch.fit_sketch import edge_map, fit_strokes
from codec.encoder.sketch.visibility import edge_weights


def scene() -> np.ndarray:
    """A gray picture with a small dark disc on the left and a large, faint one on the right."""
    y, x = np.mgrid[0:256, 0:512]
    pixels = np.full((256, 512, 3), 128, np.uint8)
    pixels[np.hypot(x - 120, y - 128) < 20] = 20
    pixels[np.hypot(x - 350, y - 128) < 90] = 150
    return pixels


def test_strong_contrast_weighs_more() -> None:
    edges = np.zeros((256, 512), bool)
    edges[128, 100] = edges[128, 260] = True
    weights = edge_weights(edges, scene())
    assert weights[128, 100] > 3 * weights[128, 260] > 0
    assert (weights[~edges] == 0).all()


def test_weights_are_relative_and_bounded() -> None:
    edges = np.random.default_rng(0).random((256, 512)) < 0.1
    weights = edge_weights(edges, scene())
    assert weights.dtype == np.float32
    assert weights[edges].min() >= 0.15 and weights[edges].max() <= 3
    uniform = edge_weights(edges, np.full((256, 512, 3), 90, np.uint8))
    assert np.allclose(uniform[edges], uniform[edges][0]) and uniform[edges][0] > 0


def test_no_edges_have_no_weight() -> None:
    assert not edge_weights(np.zeros((4, 8), bool), np.zeros((4, 8, 3), np.uint8)).any()


def test_a_few_bytes_draw_more_of_the_small_dark_disc() -> None:
    edges = edge_map(scene()).astype(np.float32)
    by_length, by_visibility = (
        np.concatenate(fit_strokes(weights, 256, 512, 20).points(512, 256))[:, 0]
        for weights in (edges, edge_weights(edges > 0, scene()))
    )
    assert (by_visibility < 200).mean() > (by_length < 200).mean() + 0.2
