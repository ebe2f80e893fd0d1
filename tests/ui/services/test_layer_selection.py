"""Which layers are decoded and how strongly, and the stages of the layer strip."""

from __future__ import annotations

import numpy as np
import pytest

from codec import CodecError, Layers, Pose, Prompt
from codec.decoders import Strengths, get
from codec.errors import InvalidLayer, UnknownName
from ui.page import html
from ui.services import actions, comparison, rendering
from ui.services.examples import START_FILE
from ui.services.layer_selection import LayerSelection, Stage, stages

EXAMPLE = Layers.from_bytes(START_FILE.read_bytes())
ON = (True, True, True)
POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))


def test_disabled_layers_are_not_decoded():
    assert LayerSelection.parse((True, False, True), 1, 1).apply(EXAMPLE) == EXAMPLE.only((1, 3))
    with pytest.raises(InvalidLayer, match="switch one on"):
        LayerSelection.parse((False, False, True), 1, 1).apply(EXAMPLE.only((1, 2)))


@pytest.mark.parametrize(
    "values", [("all", 1, 1), ((1, 0, 1), 1, 1), ((None,) * 3, 1, 1), (ON, -1, 1), (ON, 1, "2"), (ON, 3, 1)]
)
def test_an_invalid_selection_is_rejected(values):
    with pytest.raises(CodecError):
        LayerSelection.parse(*values)


def test_the_sketch_strength_darkens_the_lines():
    lines = EXAMPLE.only((2,))
    darkness = [
        float((255 - comparison.render_preview(lines, Strengths(structure=s)).astype(int)).mean())
        for s in (0, 0.5, 1, 2)
    ]
    assert darkness == sorted(darkness) and darkness[-1] > darkness[0] + 1


def test_the_color_strength_scales_the_distance_from_the_mean():
    pictures = [comparison.render_preview(EXAMPLE.only((3,)), Strengths(colors=s)) for s in (0, 0.5, 1)]
    spread = [float(picture.std(axis=(0, 1)).sum()) for picture in pictures]
    assert 2 * spread[0] < spread[1] < spread[2]  # at 0 only the grain is left


def test_strength_1_changes_nothing():
    preview = comparison.render_preview(EXAMPLE, Strengths())
    assert np.array_equal(preview, rendering.scale_down(get(actions.PREVIEW_DECODER).decode(EXAMPLE, seed=0)))


def test_a_decoder_rejects_the_options_of_another():
    with pytest.raises(UnknownName, match="options"):
        get("sd15", Strengths())
    with pytest.raises(InvalidLayer):
        Strengths(colors=2.5)


def test_each_stage_adds_a_layer():
    assert [(s.symbol, s.added, s.layers) for s in stages(EXAMPLE)] == [
        ("se", "prompt", EXAMPLE.only((1,))),
        ("st", "+ sketch", EXAMPLE.only((1, 2))),
        ("te", "+ colors", EXAMPLE),
    ]
    posed = stages(Layers(64, 64, None, POSE, EXAMPLE.texture))
    assert [s.names for s in posed] == ["pose", "pose, colors"]


def test_names_in_the_strip_are_escaped():
    stage = Stage("se", "<b>", "<img src=x>", Layers(64, 64, Prompt("x")))
    strip = html.strip([stage], [np.zeros((64, 64, 3), np.uint8)])
    assert "<b>" not in strip and "<img src=x>" not in strip
