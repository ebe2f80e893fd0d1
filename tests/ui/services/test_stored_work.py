"""Work that the browser stores."""

from __future__ import annotations

import pytest

from codec import CodecError, Layers
from ui.services import canvas_state, stored_work
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
