"""Checks of the fields that the browser sends."""

from __future__ import annotations

import pytest

from codec import Layers
from codec.errors import InvalidLayer, UnknownName
from codec.layers import MAX_SEED
from ui.services import actions, canvas_state, validation
from ui.services.editor_state import EditorState
from ui.services.examples import START_FILE


@pytest.mark.parametrize("value", [None, "7", 5, 1e9, float("nan"), True, [600]])
def test_an_invalid_budget_is_rejected(value):
    with pytest.raises(InvalidLayer, match="byte budget must be a whole number from 64 to 65,536"):
        validation.integer(value, "byte budget", *actions.BUDGET_RANGE)


@pytest.mark.parametrize(
    ("text", "seed"), [("0", 0), (" 7 ", 7), (str(2**53 + 1), 2**53 + 1), (str(MAX_SEED), MAX_SEED)]
)
def test_seeds_are_exact(text, seed):
    assert validation.seed(text) == seed
    canvas = canvas_state.write(Layers.from_bytes(START_FILE.read_bytes()), "x")
    _, layers = EditorState(canvas, "a", "", text, True).read()
    assert Layers.from_bytes(layers.to_bytes()).seed == seed


@pytest.mark.parametrize(
    "value", [None, "", "-1", "1.5", "1e3", "7_0", "²", "٣", str(MAX_SEED + 1), "9" * 9999, 7, [1]]
)
def test_an_invalid_seed_is_rejected(value):
    with pytest.raises(InvalidLayer):
        validation.seed(value)


@pytest.mark.parametrize("value", [None, 1, "c", ["a"]])
def test_an_unknown_choice_is_rejected(value):
    with pytest.raises(UnknownName, match="there is no such letter; choose one of a, b"):
        validation.choice(value, "letter", ("a", "b"))
