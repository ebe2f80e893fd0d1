"""Colors taken as the paper's code takes them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from codec.encoder.colormap.fit_colormap import fit_grid
from codec.encoder.encode_options import EncodeOptions
from codec.encoder.extract import _fit_structure_and_texture, _paper_colors
from codec.texture.colormap import Colormap


def checkered(height, width):
    """A fine pattern, of which samples and means differ, under a gradient."""
    y, x = np.mgrid[:height, :width]
    pattern = ((x // 3 + y // 3) % 2 * 120 + x * 100 // width)[..., None]
    return np.uint8(np.clip(pattern + np.array([0, 20, 35]), 0, 255))


def test_colors_are_those_of_the_paper_s_code():
    pixels = checkered(512, 512)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # its function color_extraction
    expected = cv2.cvtColor(cv2.resize(bgr, (8, 8), interpolation=cv2.INTER_CUBIC), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(_paper_colors(pixels), expected)


@pytest.mark.parametrize(("size", "grid"), [((512, 768), (8, 12)), ((64, 100), (2, 2)), ((4096, 130), (64, 2))])
def test_grid_is_one_cell_for_64_pixels(size, grid):
    assert _paper_colors(np.zeros((*size, 3), np.uint8)).shape == (*grid, 3)


def test_encoded_colors_come_from_the_samples(monkeypatch):
    from codec.encoder import extract

    monkeypatch.setattr(extract, "_fit_structure", lambda pixels, edges, max_bytes: extract.Sketch(8, 8, ()))
    pixels = checkered(512, 512)
    _, texture = _fit_structure_and_texture(pixels, EncodeOptions(cubic_colors=True), 600)
    assert isinstance(texture, Colormap) and texture.detail is None and (texture.rows, texture.cols) == (8, 8)
    errors = [np.abs(texture.cells.astype(int) - _paper_colors(pixels)).mean()]
    errors.append(np.abs(texture.cells.astype(int) - cv2.resize(pixels, (8, 8), interpolation=cv2.INTER_AREA)).mean())
    assert errors[0] < errors[1] / 3
    assert fit_grid(pixels, (8, 8), 200, 600).cells.shape == (8, 8, 3)
