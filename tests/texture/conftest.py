"""Colormaps that several tests share."""

from __future__ import annotations

import numpy as np
import pytest

from codec.images.io import resize_area
from codec.texture import rate_control
from codec.texture.colormap import Colormap


@pytest.fixture(scope="session")
def fitted(photo: np.ndarray) -> Colormap:
    """The photo in 16 x 16 cells and 100 bytes."""
    return rate_control.fit(resize_area(photo, 16, 16), 100)
