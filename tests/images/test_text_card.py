"""Text cards: text as large as fits, wrapped, on a card of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import ImageError
from codec.images.text_card import text_card


def ink(card: np.ndarray) -> np.ndarray:
    return card.min(axis=2) < 120


def test_card_shows_its_text_as_large_as_fits():
    card = text_card("a cat", 512, 256)
    assert card.shape == (256, 512, 3) and card.dtype == np.uint8
    assert 0.002 < ink(card).mean() < 0.3
    assert not np.array_equal(card, text_card("a dog", 512, 256))
    heights = [np.ptp(np.nonzero(ink(text_card("a cat", s, s)))[0]) for s in (128, 512)]
    assert heights[1] > 3 * heights[0]


def test_long_text_is_wrapped_and_stays_on_the_card():
    card = ink(text_card("word " * 2000, 300, 300))
    assert not card[:8].any() and not card[-8:].any() and not card[:, :8].any() and not card[:, -8:].any()
    assert card.any(axis=1).mean() > 0.4


@given(st.text(max_size=80), st.integers(1, 300), st.integers(1, 300))
def test_any_text_fits_any_card(text, width, height):
    assert text_card(text, width, height).shape == (height, width, 3)


def test_unusual_texts_and_sizes():
    for text in ("", "\ud800", "é" * 500, "日本語" * 300, "W" * 20000, "\n" * 900, "\x1b[31m", "\u202eabc"):
        for width, height in ((4096, 1), (1, 4096), (64, 64), (400, 30)):
            assert text_card(text, width, height).shape == (height, width, 3)
    assert np.array_equal(text_card("é", 99, 99), text_card("e", 99, 99))
    with pytest.raises(ImageError):
        text_card("a", 0, 5)
