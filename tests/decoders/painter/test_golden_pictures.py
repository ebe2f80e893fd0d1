"""The painter paints what it painted; `python -m tests.painted` writes that anew where a change is meant."""

from __future__ import annotations

import numpy as np
import pytest

from tests.painted import cases, coarse, read

LEVELS = 1  # of 255, that a mean over 8 x 8 pixels may differ by from one processor to another


def test_every_picture_is_kept() -> None:
    kept = read()
    assert kept.keys() == cases().keys()
    assert len({picture.tobytes() for picture in kept.values()}) == len(kept)


@pytest.mark.parametrize("name", cases())
def test_the_picture_is_the_one_that_was_kept(name: str) -> None:
    differ = np.abs(coarse(name).astype(int) - read()[name])
    assert differ.max() <= LEVELS
