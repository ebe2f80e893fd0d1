"""Images to start from: six examples, and blank canvases."""

from __future__ import annotations

import pytest

import codec
from codec import CodecError, Pose, Sketch
from codec.decoders import Strengths
from ui.services import comparison, examples


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_each_example_is_small_and_decodes(name):
    layers = examples.load_example(name)  # if this fails: python -m tests.make_examples
    assert len(layers.to_bytes()) <= 660
    assert layers.semantic and layers.structure and layers.texture
    picture = codec.decode(layers, decoder="painter-preview")
    assert picture.std() > 20
    assert examples.EXAMPLES[name].title and examples.EXAMPLES[name].hint


def test_the_example_of_a_pose_has_one():
    assert isinstance(examples.load_example("dancers").structure, Pose)


@pytest.mark.parametrize("name", [None, 5, "", "../coffee", "<b>", ["portrait"]])
def test_an_unknown_example_is_one_sentence(name):
    with pytest.raises(CodecError, match="no such example"):
        examples.open_example(name)


@pytest.mark.parametrize("size", examples.BLANK_SIZES)
def test_a_blank_canvas_has_few_bytes_and_light_colors(size):
    layers = examples.open_blank(list(size)).layers
    assert (layers.width, layers.height) == size and layers.semantic is None
    assert layers.structure == Sketch(layers.structure.cols, layers.structure.rows, ())
    assert abs(layers.texture.cells.astype(int) - examples.PAPER_COLOR).max() < 8
    assert len(layers.to_bytes()) < 40
    assert comparison.render_preview(layers, Strengths()).mean() > 180


@pytest.mark.parametrize("size", [None, [1, 1], [512], "512,512", [None, None], [512, 512, 512], [[], {}]])
def test_an_unknown_size_is_one_sentence(size):
    with pytest.raises(CodecError, match="one of these sizes"):
        examples.open_blank(size)
