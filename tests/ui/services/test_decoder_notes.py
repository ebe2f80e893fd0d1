"""What the decoders ignore, as the page says it, is what they ignore."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec import Layers, Pose, Prompt
from codec.decoders import get
from codec.decoders.painter import styles
from codec.decoders.painter.painter import depends_on_seed
from ui.services import decoder_notes as notes
from ui.services.examples import START_FILE

DETAILED = replace(Layers.from_bytes(START_FILE.read_bytes()), width=96, height=64)
assert DETAILED.texture is not None and DETAILED.texture.detail is not None
PLAIN = replace(DETAILED, texture=replace(DETAILED.texture, detail=None))


@pytest.mark.parametrize(
    ("prompt", "detailed", "plain"),
    [
        ("a cup on a wooden table", (), ("wooden",)),
        ("an Oil Painting of a dog", ("oil painting",), ("oil painting", "dog")),
        ("a photo", (), ("photo",)),
        ("ink", ("ink",), ("ink",)),
        ("anime girl", (), ("anime",)),
        ("pixel art, photo", ("pixel art",), ("photo", "pixel art")),
        ("", (), ()),
    ],
)
def test_words_are_named_that_change_the_painting(prompt, detailed, plain):
    assert styles.effective_words(prompt, True) == detailed
    assert styles.effective_words(prompt, False) == plain
    line = notes.decoder_notes("painter", None, replace(PLAIN, semantic=Prompt(prompt))).prompt
    assert line == (f"The built-in painter uses: {', '.join(plain)}." if plain else notes.STYLE_WORDS_ONLY)


@pytest.mark.parametrize("prompt", ["a cup on a wooden table", "oil painting", "ink", "anime"])
def test_words_and_seeds_have_an_effect_where_the_page_says_so(prompt):
    painter = get("painter-preview")
    layers = replace(DETAILED, semantic=Prompt(prompt))
    picture = painter.decode(layers, seed=1)
    unprompted = painter.decode(replace(layers, semantic=None), seed=1)
    assert np.array_equal(picture, unprompted) == (styles.effective_words(prompt, True) == ())
    assert np.array_equal(picture, painter.decode(layers, seed=2)) == (not depends_on_seed(layers))


def test_what_each_decoder_ignores_is_said():
    painter = notes.decoder_notes("painter", 7.5, DETAILED)
    assert painter.negative and painter.seed == notes.SAME_WITH_EVERY_SEED and not painter.colors
    assert notes.decoder_notes("painter", 7.5, PLAIN).seed == ""
    drawing = notes.decoder_notes("painter", 7.5, PLAIN.only((1, 2)))
    assert "does not use the prompt" in drawing.prompt
    assert notes.decoder_notes("sd15", 7.5, PLAIN) == notes.DecoderNotes()
    assert notes.decoder_notes("sd15", 1, DETAILED).negative
    assert "base colors" in notes.decoder_notes("sd15", "x", DETAILED).colors
    assert notes.depends_on_seed("sd15", DETAILED)
    assert not depends_on_seed(Layers(64, 64, Prompt("x")))  # a card with its words
    assert depends_on_seed(Layers(64, 64, None, Pose(())))
