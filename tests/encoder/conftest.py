"""Shared fixtures of the encoder's tests."""

from __future__ import annotations

import numpy as np
import pytest

from codec import Colormap
from codec.encoder.encode_options import EncodeOptions
from codec.encoder.extract import Extraction, extract
from codec.encoder.sketch import fit_sketch
from codec.encoder.sketch.working_frame import working_size
from codec.errors import BudgetTooSmall
from codec.texture import rate_control, rdoq

PROMPT = "portrait of an astronaut"


@pytest.fixture(scope="session")
def extraction(photo: np.ndarray) -> Extraction:
    """The layers of the standard photo with a prompt and otherwise default options."""
    return extract(photo, EncodeOptions(prompt=PROMPT))


@pytest.fixture
def fast_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the edge detectors by one that finds short dashes, for tests that do not check lines."""

    def detect_dashes(pixels: np.ndarray, name: str = "contours") -> np.ndarray:
        height, width = working_size(*pixels.shape[:2])
        y, x = np.mgrid[:height, :width].astype(np.float32)
        is_in_dash = np.abs(x % 128 - 64) < 24
        return np.exp(-(((y % 128 - 64) / 2) ** 2)) * is_in_dash

    monkeypatch.setattr(fit_sketch, "detect", detect_dashes)


@pytest.fixture
def fast_encoder(fast_edges: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also fit the colors without a rate-distortion search, for tests that do not check colors."""

    def fit_truncated(cells: np.ndarray, max_bytes: int, *, quick: bool = False) -> Colormap:
        if max_bytes < 16:
            raise BudgetTooSmall("too few bytes for colors")
        return rdoq.RDOQuantizer(cells).quantize(rdoq.DEFAULT_STEP, rounds=0).colormap.cut(max_bytes)

    monkeypatch.setattr(rate_control, "fit", fit_truncated)
