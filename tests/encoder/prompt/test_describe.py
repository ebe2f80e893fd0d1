"""Descriptions of a picture's colors: correct, short, deterministic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.encoder.prompt.describe import describe


def scene(background, *areas) -> np.ndarray:
    """Return a 96 x 96 picture with areas, each (rows, columns, color)."""
    pixels = np.full((96, 96, 3), background, np.uint8)
    for rows, columns, color in areas:
        pixels[slice(*rows), slice(*columns)] = color
    return pixels


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "gray"),
        ((255, 0, 0), "bright red"),
        ((0, 0, 255), "bright blue"),
        ((20, 60, 35), "dark green"),
        ((255, 255, 0), "bright yellow"),
        ((120, 75, 45), "brown"),
        ((0, 128, 128), "teal"),
        ((128, 0, 128), "purple"),
        ((255, 128, 0), "bright orange"),
    ],
)
def test_plain_color_is_named(color, name):
    assert describe(scene(color)) == f"plain {name}"


def test_two_colors_and_an_accent_are_described():
    picture = scene((20, 66, 70), ((0, 96), (0, 40), (128, 128, 128)), ((38, 58), (40, 60), (250, 120, 10)))
    expected = "mostly dark teal and gray, bright orange in the center, light left side, dark right side"
    assert describe(picture) == expected


@pytest.mark.parametrize(
    ("rows", "columns", "place"),
    [
        ((0, 20), (0, 20), "at the top left"),
        ((70, 96), (38, 58), "at the bottom"),
        ((38, 58), (76, 96), "on the right"),
    ],
)
def test_accent_is_located(rows, columns, place):
    assert f"red {place}" in describe(scene((120, 120, 120), (rows, columns, (220, 10, 10))))


def test_light_from_above_is_described():
    assert describe(scene((230, 230, 230), ((48, 96), (0, 96), (30, 30, 30)))).endswith("light top, dark bottom")


def test_description_of_a_photo_is_deterministic(photo):
    assert describe(photo) == describe(photo.copy()) != describe(photo[::-1])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 12))
def test_any_picture_has_a_short_description(seed, width, height, blocks):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (blocks, blocks, 3), np.uint8)
    pixels = small[np.arange(height) % blocks][:, np.arange(width) % blocks]
    text = describe(pixels)
    assert 0 < len(text) <= 90 and text.isascii() and text.isprintable()
