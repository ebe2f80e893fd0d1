"""Thinning: skeletons, ridges, hysteresis."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from codec.encoder.sketch.thinning import skeletonize, thin

MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


def pieces(mask: np.ndarray) -> int:
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]


@given(MASKS)
def test_skeleton_is_part_of_the_mask_and_keeps_its_pieces(mask: np.ndarray) -> None:
    skeleton = skeletonize(mask)
    assert not (skeleton & ~mask).any()
    assert pieces(skeleton) == pieces(mask)


def test_thick_bar_is_thinned_to_its_middle_line() -> None:
    mask = np.zeros((21, 60), bool)
    mask[8:13, 5:55] = True
    skeleton = skeletonize(mask)
    assert (skeleton.sum(0) <= 1).all()
    assert skeleton[10, 10:50].all()


def test_staircase_loses_its_corners() -> None:
    mask = np.zeros((20, 20), bool)
    for i in range(15):
        mask[i + 2, i + 2] = mask[i + 2, i + 3] = True
    assert skeletonize(mask).sum() <= 17


def test_hysteresis_keeps_weak_pixels_of_strong_ridges_only() -> None:
    strength = np.zeros((40, 60), np.float32)
    strength[10, 5:30], strength[10, 30:55], strength[30, 5:55] = 0.5, 0.2, 0.2
    edges = thin(strength)
    assert edges[9:12].any(0)[7:53].all()
    assert not edges[20:].any()


def test_foot_of_a_ridge_is_not_a_ridge() -> None:
    profile = np.array([0.2, 0.27, 0.38, 0.53, 0.67, 0.82, 0.94, 0.98, 0.99], np.float32)
    across = np.concatenate([np.full(20, 0.2), profile, profile[-2::-1], np.full(20, 0.2)])
    strength = np.repeat(across.astype(np.float32)[None], 60, 0)
    assert np.flatnonzero(thin(strength).any(0)).tolist() == [28]


def test_small_pieces_are_dropped() -> None:
    strength = np.zeros((40, 40), np.float32)
    strength[20, 10:16] = 1
    assert not thin(strength).any()
    assert thin(strength, min_length=3).any()
