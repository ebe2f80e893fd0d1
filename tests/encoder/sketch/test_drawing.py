"""Black-and-white drawings: telling them from photos, and finding their lines once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from codec.encoder.sketch.drawing import drawing, is_drawing
from codec.encoder.sketch.fit_sketch import extract_sketch


def ring(thickness: int, ink: tuple[int, int, int] = (0, 0, 0), paper: int = 255) -> np.ndarray:
    """Return a drawing of a ring of radius 120 in the middle of 512 x 512."""
    picture = np.full((512, 512, 3), paper, np.uint8)
    cv2.circle(picture, (256, 256), 120, ink, thickness, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("thickness", [1, 12])
def test_line_of_any_width_is_found_once_along_its_middle(thickness: int) -> None:
    strokes = extract_sketch(ring(thickness), 500, edges="drawing").points(512, 512)
    points = np.concatenate(strokes)
    assert len(strokes) <= 2
    assert np.abs(np.hypot(*(points - 256).T) - 120).max() < 6


def test_filled_shape_is_found_by_its_outline() -> None:
    points = np.concatenate(extract_sketch(ring(-1), 500, edges="drawing").points(512, 512))
    assert np.abs(np.hypot(*(points - 256).T) - 120).max() < 7


def test_light_on_dark_is_the_same_drawing() -> None:
    dark = 255 - ring(3)
    assert is_drawing(dark)
    assert np.allclose(drawing(dark), drawing(ring(3)))


@pytest.mark.parametrize("picture", [ring(1), ring(3), ring(8), ring(3, (60, 60, 60), 240)])
def test_drawings_are_recognized(picture: np.ndarray) -> None:
    assert is_drawing(picture)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_photos_are_not_drawings(name: str) -> None:
    assert not is_drawing(getattr(data, name)())


def test_plain_paper_has_no_lines() -> None:
    paper = np.full((64, 64, 3), 250, np.uint8)
    assert not drawing(paper).any() and not is_drawing(paper)
    assert extract_sketch(paper, 100, edges="drawing").strokes == ()
