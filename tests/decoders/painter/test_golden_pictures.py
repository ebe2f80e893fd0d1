"""The painter's pictures match the stored ones; `python -m tests.painted` updates them after an intended change."""

from __future__ import annotations

import numpy as np
import pytest

from tests.painted import cases, load_pictures, thumbnail

TOLERANCE = 1  # of 255: means over 8 x 8 pixels differ by this between processors


def test_every_case_has_a_picture_of_its_own() -> None:
    stored = load_pictures()
    assert stored.keys() == cases().keys()
    assert len({picture.tobytes() for picture in stored.values()}) == len(stored)


@pytest.mark.parametrize("name", cases())
def test_picture_matches_the_stored_one(name: str) -> None:
    difference = np.abs(thumbnail(name).astype(int) - load_pictures()[name])
    assert difference.max() <= TOLERANCE
