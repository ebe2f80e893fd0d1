"""Work that the browser stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codec import CodecError, Layers
from ui.page import html
from ui.services import canvas_state, rendering, stored_work
from ui.services.automatic_prompt import AutomaticPrompt
from ui.services.examples import START_FILE

LAYERS = Layers.from_bytes(START_FILE.read_bytes())


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        "x",
        [None] * 5,
        [{}, "", "", "", True],
        [canvas_state.write(LAYERS, "x"), 1, "", "", True],
        [1] * 9,
        [*[canvas_state.write(LAYERS, "x"), "", "", "", True], None, None],
    ],
)
def test_invalid_stored_work_is_one_sentence(value):
    with pytest.raises(CodecError) as error:
        stored_work.read(value)
    assert len(str(error.value)) < 120


def test_stored_work_with_an_invalid_prompt_keeps_its_drawing_and_fields():
    long = "x" * 30_000
    work = stored_work.read([canvas_state.write(LAYERS, "cup"), long, "", "no seed", 1])
    assert (work.layers.structure, work.layers.texture, work.name) == (LAYERS.structure, LAYERS.texture, "cup")
    assert (work.prompt, work.negative, work.seed, work.keep_seed) == (long, "", "no seed", False)


def test_an_automatic_prompt_stays_one():
    work = [canvas_state.write(LAYERS, "cup"), "coffee", "", "0", False]
    automatic = AutomaticPrompt("coffee", "Recognized automatically.", "0123")
    assert stored_work.read([*work, list(automatic)]).automatic == automatic
    for value in (None, {}, "coffee", ["coffee"], [1, 2, 3], ["x" * 30_000, "", ""]):
        assert stored_work.read([*work, value]).automatic is None
    assert stored_work.read(work).automatic is None


def test_a_stored_picture_is_read_only_if_it_fits_the_layers():
    pixels = rendering.scale_down(rendering.render_plain(LAYERS))
    stored = html.jpeg_uri(pixels)
    read = stored_work.read_picture(stored, LAYERS)
    assert read is not None and read.shape == pixels.shape
    other = replace(LAYERS, width=64, height=64)
    forged = ("data:image/jpeg;base64,AAAA", "data:image/jpeg;base64,%", stored[:300], stored[5:], "x" * (5 << 20))
    for value in (None, 1, [stored], "", *forged):
        assert stored_work.read_picture(value, LAYERS) is None
    assert stored_work.read_picture(stored, other) is None
