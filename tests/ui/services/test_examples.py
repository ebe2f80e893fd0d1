"""What there is to start from: six examples, or nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

import codec
from codec import CodecError, Layers, Pose, Sketch
from codec.decoders import Strengths
from ui.services import examples, previews


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_each_example_is_small_and_decodes(name):
    layers = examples.layers_of(name)  # where this fails: python -m tests.make_examples
    assert len(layers.to_bytes()) <= 660
    assert layers.semantic and layers.structure and layers.texture
    picture = codec.decode(layers, decoder="painter-preview")
    assert picture.std() > 20
    assert examples.advice(name).startswith(examples.EXAMPLES[name][0])


def test_one_has_people():
    assert isinstance(examples.layers_of("dancers").structure, Pose)


@pytest.mark.parametrize("name", [None, 5, "", "../coffee", "<b>", ["portrait"]])
def test_another_name_is_one_sentence(name):
    with pytest.raises(CodecError, match="no such example"):
        examples.opened(name)


@pytest.mark.parametrize("size", examples.SIZES)
def test_an_empty_picture_has_all_layers_and_few_bytes(size):
    layers = examples.empty(list(size)).layers
    assert (layers.width, layers.height) == size and layers.semantic is None
    assert layers.structure == Sketch(layers.structure.cols, layers.structure.rows, ())
    assert abs(layers.texture.cells.astype(int) - examples.PAPER).max() < 8
    assert len(layers.to_bytes()) < 40
    assert previews.picture(layers, Strengths()).mean() > 180


@pytest.mark.parametrize("size", [None, [1, 1], [512], "512,512", [None, None], [512, 512, 512], [[], {}]])
def test_another_size_is_one_sentence(size):
    with pytest.raises(CodecError, match="one of these sizes"):
        examples.empty(size)


def test_an_example_opens_by_a_click_and_by_keyboard(visit):
    buttons = visit.page.locator("#start [data-example]")
    expect(buttons).to_have_count(6)
    visit.page.locator("[data-example=balloon]").click()
    visit.says("Draw over the balloon")
    assert visit.save() == examples.layers_of("balloon").to_bytes()
    visit.page.locator("[data-example=dancers]").focus()
    visit.page.keyboard.press("Enter")
    visit.says("Two people as skeletons")
    expect(visit.page.locator("#prompt textarea")).to_have_value("two dancers on a stage, oil painting")
    assert visit.save() == examples.layers_of("dancers").to_bytes()


def test_a_picture_from_nothing(visit):
    visit.page.locator(".tl-new select").select_option("768,512")
    visit.page.locator(".tl-new button").click()
    visit.says("An empty picture")
    expect(visit.page.locator("#prompt textarea")).to_have_value("")
    visit.canvas_has("strokes", "0")
    visit.drag((0.2, 0.7), (0.5, 0.2), (0.8, 0.7))
    visit.canvas_has("strokes", "1")
    visit.tool("cell")
    visit.drag((0.5, 0.5))
    visit.canvas_has("rev", "2")
    visit.page.locator("#prompt textarea").fill("a tent")
    layers = Layers.from_bytes(visit.save())
    assert (layers.width, layers.height, layers.semantic.text) == (768, 512, "a tent")
    assert len(layers.structure.strokes) >= 1
    visit.page.locator("#decode").click()
    expect(visit.page.locator("#status")).to_contain_text("Decoded in", timeout=90_000)
