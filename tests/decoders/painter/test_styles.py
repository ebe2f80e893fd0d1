"""The painter reads words of style and material from a prompt, and no others."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from codec.decoders import get
from codec.decoders.painter import materials, styles
from codec.encoder.prompt import subject
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.texture import rdoq

CELLS = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)


@functools.cache
def plain_hut() -> np.ndarray:
    return paint("a hut")


def paint(prompt: str, cells: np.ndarray = CELLS) -> np.ndarray:
    layers = Layers(96, 48, Prompt(prompt), None, rdoq.quantize(cells, 10))
    return get("painter-preview").decode(layers).astype(int)


def test_whole_words_match_in_any_case():
    assert styles.parse_style("A PHOTO, of a cat").lines < 1
    assert styles.parse_style("Pixel-art castle").blocks > 0
    for prompt in ("", "drinking by the sink", "art of a pixel", "catfish in treesap"):
        assert styles.parse_style(prompt) == styles.Style()


@pytest.mark.parametrize("words", styles.LOOKS)
def test_every_look_changes_the_picture(words):
    assert (paint("a hut, " + words.split()[0].replace("|", " ")) != plain_hut()).any()


def test_words_of_a_row_have_the_same_effect():
    for words in (*styles.LOOKS, *styles.MATERIALS):
        parsed = [styles.parse_style(f"a hut, {word.replace('|', ' ')}, sharp") for word in words.split()]
        assert styles.Style() not in parsed
        assert len(set(parsed)) == 1, words


def test_style_words_give_the_style_of_the_whole_prompt():
    for prompt in ("Oil painting of a Fox, ink", "two engines", " ".join((*styles.LOOKS, "sea"))):
        assert styles.parse_style(styles.style_words(prompt)) == styles.parse_style(prompt)
    assert styles.style_words("two engines") == ""
    assert styles.style_words("photography of a kitten, sea") == styles.style_words("DSLR bokeh, waves") != ""


def test_all_words_together_stay_in_range():
    style = styles.parse_style(" ".join((*styles.LOOKS, *styles.MATERIALS)).replace("|", " "))
    assert 0.3 <= style.lines <= 1.4
    assert 0 <= style.brush <= 2
    assert len(style.materials) == len(styles.MATERIALS)
    assert np.ptp(paint(" ".join(styles.LOOKS))) >= 0  # it can be painted


def test_prompt_without_style_changes_no_pixel():
    np.testing.assert_array_equal(paint("a red hut"), paint("two engines"))


@pytest.mark.parametrize("word", [word.word for word in subject.words()])
def test_automatic_words_have_no_style(word):
    """Words that nobody typed never style a picture."""
    assert styles.parse_style(word) == styles.Style()


@pytest.mark.parametrize("mood", ["at night", "dark", "gloomy", "sunset", "monochrome", "sepia", "vivid", "dramatic"])
def test_moods_change_no_colors(mood):
    """Colors belong to the texture layer."""
    np.testing.assert_array_equal(paint(f"a hut, {mood}"), plain_hut())


def test_pixel_art_has_blocks():
    layers = Layers(192, 192, Prompt("pixel art"), None, rdoq.quantize(CELLS, 10))
    for name in ("painter", "painter-preview"):
        picture = get(name).decode(layers).astype(int)
        assert (picture[:, 1:] == picture[:, :-1]).all(2).mean() > 0.4


@pytest.mark.parametrize(
    ("word", "color", "other"),
    [
        ("tree", (60, 120, 40), (200, 60, 60)),
        ("river", (60, 110, 180), (200, 60, 60)),
        ("sand", (215, 190, 140), (60, 110, 180)),
        ("rock", (110, 110, 110), (200, 60, 60)),
    ],
)
def test_material_is_applied_where_the_color_fits(word, color, other):
    cells = np.zeros((8, 8, 3), np.uint8)
    cells[:, :4], cells[:, 4:] = color, other
    lines = np.tile(np.arange(128) % 16 == 0, (128, 1)).astype(np.float32)
    painting = np.repeat(np.repeat(cells, 16, 0), 16, 1).astype(np.float32) / 255
    direction = np.ones((128, 128), np.float32), np.zeros((128, 128), np.float32)
    detail = np.ones((128, 128), np.float32)
    result = materials.apply_materials(
        painting, styles.parse_style(word).materials, direction, lines, detail, np.random.default_rng(1)
    )
    change = abs(result - painting).max(2)
    assert change[80:, :56].mean() > 0.005
    assert change[:, 72:].max() == 0
    assert change[lines > 0].max() == 0  # the tone of lines stays


def test_material_along_forms_needs_lines_nearby():
    painting = np.full((64, 64, 3), 0.43, np.float32)
    direction = np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32)
    calm = np.full((64, 64), materials.MIN_LINE_DENSITY, np.float32)
    result = materials.apply_materials(
        painting, styles.parse_style("rock").materials, direction, 0 * calm, calm, np.random.default_rng(1)
    )
    np.testing.assert_array_equal(result, painting)
