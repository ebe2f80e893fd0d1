"""What all tests share: no network, the same random examples in each run, pictures to work on."""

from __future__ import annotations

import os

# before anything imports these libraries
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("trilayer", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("trilayer")


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A real photograph, (256, 256, 3) uint8 sRGB: Eileen Collins, NASA, public domain."""
    from skimage import data

    from codec.image import resize_area

    return resize_area(data.astronaut(), 256, 256)
