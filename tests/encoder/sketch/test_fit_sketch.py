"""Fitting a sketch to a picture: coverage, order, budget, odd pictures. The photographs come from scikit-image."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from skimage import data

from codec.encoder.sketch.edges import detect
from codec.encoder.sketch.f_measure import f_measure
from codec.encoder.sketch.fit_sketch import edge_map, extract_sketch, fit_sketch
from codec.encoder.sketch.thinning import thin
from codec.errors import BudgetTooSmall, UnknownName
from codec.structure.sketch import Sketch


@functools.cache
def photo(name: str) -> np.ndarray:
    pixels = getattr(data, name)()
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2))


@functools.cache
def strength(name: str) -> np.ndarray:
    return detect(photo(name))


@functools.cache
def reference(name: str) -> np.ndarray:
    return thin(strength(name))


@functools.cache
def photo_sketch(name: str, max_bytes: int) -> Sketch:
    return fit_sketch(strength(name), *photo(name).shape[:2], max_bytes)


def disc(size: int = 256, radius: float = 80.0) -> np.ndarray:
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    inside = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)[..., None]
    return (np.array([40, 70, 160]) + inside * np.array([170, 120, -60])).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "min_f"),
    [
        ("astronaut", 0.5),
        ("camera", 0.75),
        pytest.param("coffee", 0.6, marks=pytest.mark.slow),
        pytest.param("rocket", 0.7, marks=pytest.mark.slow),
    ],
)
def test_400_bytes_cover_the_edges_of_a_photograph(name: str, min_f: float) -> None:
    assert f_measure(photo_sketch(name, 400), reference(name)).f > min_f


@pytest.mark.parametrize("max_bytes", [60, 400])
def test_budget_is_used_but_not_exceeded(max_bytes: int) -> None:
    size = len(photo_sketch("astronaut", max_bytes).to_bytes())
    assert 0.9 * max_bytes <= size <= max_bytes


def test_more_bytes_cover_more() -> None:
    recalls = [f_measure(photo_sketch("camera", size), reference("camera")).recall for size in (100, 400)]
    assert recalls == sorted(recalls)


def test_first_half_of_the_strokes_covers_more_than_the_second() -> None:
    sketch = photo_sketch("astronaut", 400)
    middle = len(sketch.strokes) // 2
    first, second = (
        f_measure(Sketch(sketch.cols, sketch.rows, strokes), reference("astronaut")).recall
        for strokes in (sketch.strokes[:middle], sketch.strokes[middle:])
    )
    assert first > 1.2 * second


def test_same_picture_gives_the_same_sketch() -> None:
    assert extract_sketch(photo("astronaut").copy(), 60) == photo_sketch("astronaut", 60)
    assert np.array_equal(edge_map(photo("astronaut")), reference("astronaut"))


def test_disc_is_a_stroke_or_two_along_its_rim() -> None:
    sketch = extract_sketch(disc(), 200)
    assert 1 <= len(sketch.strokes) <= 2
    points = np.concatenate(sketch.polylines(256, 256))
    radii = np.hypot(points[:, 0] - 128, points[:, 1] - 128)
    assert np.abs(radii - 80).max() < 2.5
    angles = np.sort(np.arctan2(points[:, 1] - 128, points[:, 0] - 128))
    assert np.diff(angles).max() < 0.35


def test_lineart_draws_a_line_as_one_stroke_along_its_middle() -> None:
    pixels = np.full((200, 300, 3), 255, np.uint8)
    pixels[98:102, 40:260] = 0
    sketch = extract_sketch(pixels, 100, edges="lineart")
    assert len(sketch.strokes) == 1
    points = sketch.polylines(300, 200)[0]
    assert np.abs(points[:, 1] - 100).max() < 2
    assert points[:, 0].min() < 50
    assert points[:, 0].max() > 250


def test_strokes_turn_by_at_most_90_degrees() -> None:
    for stroke in photo_sketch("camera", 400).strokes:
        steps = np.diff(np.array(stroke), axis=0)
        assert ((steps[1:] * steps[:-1]).sum(1) >= 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 4096), (4096, 3), (17, 31), (64, 64)])
def test_flat_pictures_give_an_empty_sketch(shape: tuple[int, int]) -> None:
    sketch = extract_sketch(np.full((*shape, 3), 90, np.uint8), 100)
    assert sketch.strokes == ()
    assert len(sketch.to_bytes()) <= 100


def test_lattice_cells_are_about_square() -> None:
    sketch = fit_sketch(np.zeros((342, 512), np.float32), *photo("coffee").shape[:2], 100)
    height, width = photo("coffee").shape[:2]
    assert sketch.cols / sketch.rows == pytest.approx(width / height, rel=0.02)


@pytest.mark.parametrize(
    ("shape", "edges"),
    [
        ((512, 512), "contours"),
        ((2, 2), "contours"),
        ((9, 300), "contours"),
        ((5, 4000), "contours"),
        ((2, 2), "canny"),
        ((9, 300), "canny"),
        ((5, 4000), "canny"),
        ((64, 64), "lineart"),
        ((9, 300), "lineart"),
        ((5, 4000), "lineart"),
    ],
)
def test_noise_does_not_exceed_the_budget(shape: tuple[int, int], edges: str) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (*shape, 3), np.uint8)
    assert len(extract_sketch(pixels, 150, edges=edges).to_bytes()) <= 150


def test_slow_gradient_has_no_edges() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 512).astype(np.uint8)[None, :, None], (512, 512, 3))
    assert not edge_map(ramp).any()


def test_unknown_detector_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="contours"):
        extract_sketch(disc(), 100, edges="sobel")


def test_budget_below_an_empty_sketch_is_rejected() -> None:
    with pytest.raises(BudgetTooSmall):
        fit_sketch(np.zeros((512, 512), np.float32), 256, 256, 0)
