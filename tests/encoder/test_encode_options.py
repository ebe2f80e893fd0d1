"""Encoder options: values are checked when the object is made."""

from __future__ import annotations

import numpy as np
import pytest

from codec.encoder.encode_options import CAPTIONERS, EDGE_DETECTORS, EDGES, EncodeOptions
from codec.encoder.prompt import caption
from codec.encoder.sketch.edges import DETECTORS
from codec.errors import InvalidLayer, UnknownName


def test_edge_detectors_match_those_that_exist() -> None:
    assert tuple(DETECTORS) == EDGE_DETECTORS
    assert set(EDGES) == {*DETECTORS, "auto", "openpose"}


def test_captioners_match_those_that_exist() -> None:
    assert set(CAPTIONERS) == {*caption.CAPTIONERS, "auto", "subject", "none"}


def test_integers_of_any_type_are_accepted() -> None:
    options = EncodeOptions(budget=np.int64(300), seed=np.uint64(2**64 - 1), grid=(np.int32(4), 5))
    assert options == EncodeOptions(budget=300, seed=2**64 - 1, grid=(4, 5))
    assert EncodeOptions(grid=np.int16(8)).grid == 8


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "x" * 4097},
        {"prompt": 7},
        {"negative": "\ud800"},
        {"budget": 300.0},
        {"grid": 1},
        {"grid": 65},
        {"grid": (1, 8)},
        {"grid": (8, 65)},
        {"grid": (8, 8, 8)},
        {"grid": ()},
        {"grid": "8"},
        {"seed": -1},
        {"seed": 2**64},
        {"seed": "7"},
    ],
)
def test_values_that_no_file_can_hold_are_rejected(fields: dict) -> None:
    with pytest.raises(InvalidLayer):
        EncodeOptions(**fields)


@pytest.mark.parametrize("fields", [{"edges": "magic"}, {"edges": None}, {"captioner": "parrot"}, {"balance": "even"}])
def test_unknown_names_are_rejected_with_the_known_ones(fields: dict) -> None:
    with pytest.raises(UnknownName, match=r"choose one of .*auto"):
        EncodeOptions(**fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"edges": "openpose"}, False),
        ({"edges": "openpose", "balance": "picture"}, True),
        ({"balance": "structure"}, False),
    ],
)
def test_detail_is_stored_unless_strokes_or_a_pose_come_first(fields: dict, expected: bool) -> None:
    assert EncodeOptions(**fields).stores_detail is expected
