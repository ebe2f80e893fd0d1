"""Picture -> sketch: coverage, order, budget, odd pictures. Photographs ship with scikit-image."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from skimage import data

from codec.encoder.sketch.f_measure import f_measure
from codec.encoder.sketch.fit_sketch import edge_map, extract_sketch
from codec.errors import BudgetTooSmall, UnknownName
from codec.structure.sketch import Sketch


@functools.cache
def photo(name: str) -> np.ndarray:
    pixels = getattr(data, name)()
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2))


@functools.cache
def photo_sketch(name: str, max_bytes: int) -> Sketch:
    return extract_sketch(photo(name), max_bytes)


def disc(size: int = 256, radius: float = 80.0) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    inside = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)[..., None]
    return (np.array([40, 70, 160]) + inside * np.array([170, 120, -60])).astype(np.uint8)


@pytest.mark.parametrize(("name", "floor"), [("astronaut", 0.5), ("camera", 0.75), ("coffee", 0.6), ("rocket", 0.7)])
def test_400_bytes_cover_the_edges_of_a_photograph(name: str, floor: float) -> None:
    assert f_measure(photo_sketch(name, 400), edge_map(photo(name))).f > floor


@pytest.mark.parametrize("max_bytes", [60, 200, 400])
def test_keeps_within_its_budget_and_uses_it(max_bytes: int) -> None:
    size = len(photo_sketch("astronaut", max_bytes).to_bytes())
    assert 0.9 * max_bytes <= size <= max_bytes


def test_more_bytes_cover_more() -> None:
    reference = edge_map(photo("camera"))
    scores = [f_measure(photo_sketch("camera", size), reference).recall for size in (100, 200, 400, 800)]
    assert scores == sorted(scores)


def test_first_half_of_the_strokes_covers_more_than_half() -> None:
    whole = photo_sketch("astronaut", 400)
    half = Sketch(whole.cols, whole.rows, whole.strokes[: len(whole.strokes) // 2])
    rest = Sketch(whole.cols, whole.rows, whole.strokes[len(whole.strokes) // 2 :])
    reference = edge_map(photo("astronaut"))
    assert f_measure(half, reference).recall > 1.2 * f_measure(rest, reference).recall


def test_a_disc_is_a_stroke_or_two_along_its_rim() -> None:
    found = extract_sketch(disc(), 200)
    assert 1 <= len(found.strokes) <= 2
    points = np.concatenate(found.polylines(256, 256))
    radii = np.hypot(points[:, 0] - 128, points[:, 1] - 128)
    assert np.abs(radii - 80).max() < 2.5
    angles = np.sort(np.arctan2(points[:, 1] - 128, points[:, 0] - 128))
    assert np.diff(angles).max() < 0.35


def test_a_drawn_line_is_one_stroke_down_its_middle_for_lineart() -> None:
    pixels = np.full((200, 300, 3), 255, np.uint8)
    pixels[98:102, 40:260] = 0
    found = extract_sketch(pixels, 100, edges="lineart")
    assert len(found.strokes) == 1
    points = found.polylines(300, 200)[0]
    assert np.abs(points[:, 1] - 100).max() < 2
    assert points[:, 0].min() < 50
    assert points[:, 0].max() > 250


def test_strokes_are_smooth_chains() -> None:
    for stroke in photo_sketch("coffee", 400).strokes:
        steps = np.diff(np.array(stroke), axis=0)
        turns = (steps[1:] * steps[:-1]).sum(1)
        assert (turns >= 0).all()  # never more than 90 degrees


def test_same_picture_same_sketch() -> None:
    assert extract_sketch(photo("rocket"), 300) == extract_sketch(photo("rocket").copy(), 300)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 4096), (4096, 3), (17, 31), (64, 64)])
def test_pictures_without_edges_give_an_empty_sketch(shape: tuple[int, int]) -> None:
    found = extract_sketch(np.full((*shape, 3), 90, np.uint8), 100)
    assert found.strokes == ()
    assert len(found.to_bytes()) <= 100


def test_lattice_cells_are_about_square() -> None:
    found = photo_sketch("coffee", 400)
    height, width = photo("coffee").shape[:2]
    assert found.cols / found.rows == pytest.approx(width / height, rel=0.02)


@pytest.mark.parametrize("edges", ["contours", "canny", "lineart"])
@pytest.mark.parametrize("shape", [(2, 2), (9, 300), (512, 512), (5, 4000)])
def test_noise_keeps_within_the_budget(shape: tuple[int, int], edges: str) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (*shape, 3), np.uint8)
    assert len(extract_sketch(pixels, 150, edges=edges).to_bytes()) <= 150


def test_a_slow_gradient_has_no_edges() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 512).astype(np.uint8)[None, :, None], (512, 512, 3))
    assert not edge_map(ramp).any()


def test_unknown_detector_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="contours"):
        extract_sketch(disc(), 100, edges="sobel")


def test_budget_below_an_empty_sketch() -> None:
    with pytest.raises(BudgetTooSmall):
        extract_sketch(disc(), 0)
