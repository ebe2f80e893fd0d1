"""Edge strength: contours over texture, for any size and contrast."""

from __future__ import annotations

import numpy as np
import pytest

from codec.encoder.sketch.cues import cues
from codec.encoder.sketch.edges import detect
from codec.encoder.sketch.fit_sketch import edge_map
from codec.encoder.sketch.working_frame import working_size
from codec.errors import UnknownName


def halves(left: tuple[int, int, int], right: tuple[int, int, int], height: int = 300, width: int = 400) -> np.ndarray:
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = left, right
    return pixels


@pytest.mark.parametrize(("height", "width", "size"), [
    (1, 1, (512, 512)), (4096, 4096, (512, 512)), (300, 400, (384, 512)), (4096, 3, (512, 1)), (512, 512, (512, 512)),
])  # fmt: skip
def test_working_frame_has_512_pixels_on_its_longer_side(height: int, width: int, size: tuple[int, int]) -> None:
    assert working_size(height, width) == size
    assert detect(np.zeros((height, width, 3), np.uint8), "lineart").shape == size


@pytest.mark.parametrize("name", ["contours", "canny", "lineart", "drawing"])
def test_strength_is_float32_from_0_to_1(name: str) -> None:
    strength = detect(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8), name)
    assert strength.dtype == np.float32
    assert strength.min() >= 0
    assert strength.max() <= 1


@pytest.mark.parametrize("right", [(120, 60, 60), (60, 110, 60), (0, 0, 0)])
def test_border_between_colors_is_located(right: tuple[int, int, int]) -> None:
    y, x = np.nonzero(edge_map(halves((60, 60, 120), right)))
    assert np.abs(x - 255.5).max() <= 2
    assert len(np.unique(y)) > 370


def test_border_between_colors_of_equal_lightness_is_found() -> None:
    assert edge_map(halves((180, 80, 90), (70, 125, 130))).any()


def test_texture_is_weaker_than_a_contour_of_equal_contrast() -> None:
    rng = np.random.default_rng(5)
    pixels = halves((70, 70, 70), (150, 150, 150))
    pixels[:, 250:] = rng.choice([70, 150], (300, 150, 1))
    strength = detect(pixels, "canny")
    contour, texture = strength[50:-50, 250:262].max(1), strength[50:-50, 380:480]
    assert np.median(contour) > 2 * np.median(texture)


def test_lineart_finds_a_line_once_and_canny_both_of_its_sides() -> None:
    pixels = np.full((256, 256, 3), 240, np.uint8)
    pixels[126:130, 30:226] = 20
    column = {name: edge_map(pixels, name)[:, 256].nonzero()[0] for name in ("lineart", "canny")}
    assert len(column["lineart"]) == 1
    assert abs(column["lineart"][0] - 255.5) <= 2
    assert len(column["canny"]) == 2


def test_cues_have_the_size_of_the_picture() -> None:
    for size in ((1, 1), (1, 512), (37, 512)):
        assert all(cue.shape == size and np.isfinite(cue).all() for cue in cues(np.zeros((*size, 3), np.uint8)))


def test_unknown_detector_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="contours, canny"):
        detect(halves((0, 0, 0), (255, 255, 255)), "")
