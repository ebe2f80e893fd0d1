"""Layers on and off, their strengths, and the decode from one, two and three of them."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from codec import CodecError, Layers, Pose, Prompt
from codec.decoders import Strengths, get
from codec.errors import InvalidLayer, UnknownName
from ui.page.handlers import layer_strip
from ui.page.layout import EXAMPLE
from ui.services import actions, layer_selection, previews

FULL = Layers.from_bytes(EXAMPLE.read_bytes())
POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))


def test_layers_that_are_off_are_not_decoded():
    chosen = layer_selection.read([1, 3], 1, 1)
    assert chosen.of(FULL) == FULL.only((1, 3))
    with pytest.raises(InvalidLayer, match="tick another"):
        layer_selection.read([3], 1, 1).of(FULL.only((1, 2)))


@pytest.mark.parametrize("bad", [("all", 1, 1), ([4], 1, 1), ([True], 1, 1), ([1], -1, 1), ([1], 1, "2"), ([1], 3, 1)])
def test_a_mix_that_no_page_sends_is_refused(bad):
    with pytest.raises(CodecError):
        layer_selection.read(*bad)


def test_the_sketch_s_strength_is_how_dark_its_lines_are():
    lines = FULL.only((2,))
    dark = [float((255 - previews.picture(lines, Strengths(structure=s)).astype(int)).mean()) for s in (0, 0.5, 1, 2)]
    assert dark == sorted(dark) and dark[-1] > dark[0] + 1


def test_the_colors_strength_is_how_far_from_their_mean_they_are():
    seen = [previews.picture(FULL.only((3,)), Strengths(colors=s)) for s in (0, 0.5, 1)]
    spread = [float(picture.std(axis=(0, 1)).sum()) for picture in seen]
    assert 2 * spread[0] < spread[1] < spread[2]  # at 0 only the grain is left


def test_strength_1_is_the_very_picture():
    seen = previews.picture(FULL, Strengths())
    assert np.array_equal(seen, actions.shown(get(actions.PREVIEW).decode(FULL, seed=0)))


def test_a_decoder_takes_its_own_options_only():
    with pytest.raises(UnknownName, match="options"):
        get("sd15", Strengths())
    with pytest.raises(InvalidLayer):
        Strengths(colors=2.5)


def test_the_stages_add_a_layer_each():
    assert [(s.sign, s.new, s.layers) for s in layer_strip.stages(FULL)] == [
        ("se", "prompt", FULL.only((1,))),
        ("st", "+ sketch", FULL.only((1, 2))),
        ("te", "+ colors", FULL),
    ]
    posed = layer_strip.stages(Layers(64, 64, None, POSE, FULL.texture))
    assert [s.names for s in posed] == ["pose", "pose, colors"]


def test_names_in_the_strip_are_text():
    stage = layer_strip.Stage("se", "<b>", "<img src=x>", Layers(64, 64, Prompt("x")))
    shown = layer_strip.view([stage], [np.zeros((64, 64, 3), np.uint8)])
    assert "<b>" not in shown and "<img src=x>" not in shown


def test_toggles_strengths_and_the_strip(fresh, request):
    visit = fresh().open()
    page, right = visit.page, visit.page.locator("#compare img").last
    mine = visit.save()

    def changes_by(act) -> None:
        before = right.get_attribute("src")
        act()
        expect(right).not_to_have_attribute("src", before)

    colors = page.locator("#which").get_by_label("Colors")
    changes_by(lambda: colors.uncheck())
    changes_by(lambda: page.get_by_label("number input for Sketch strength").fill("0.2"))
    page.locator("#which").get_by_label("Sketch or pose").uncheck()
    page.locator("#which").get_by_label("Prompt").uncheck()
    visit.says("No layer is left to decode")
    page.locator("#decode").click()
    visit.says("No layer is left to decode")
    assert visit.save() == mine, "what is off is in the file all the same"
    for name in ("Prompt", "Sketch or pose", "Colors"):
        page.locator("#which").get_by_label(name).check()

    page.locator("#stages").click()
    expect(page.locator("#stop")).to_be_enabled()
    expect(page.locator("#strip figure")).to_have_count(3)
    expect(page.locator("#strip img")).to_have_count(3, timeout=90_000)
    names = [page.locator("#strip img").nth(n).get_attribute("alt") for n in range(3)]
    sizes = [len(FULL.only(range(1, n + 1)).to_bytes()) for n in (1, 2, 3)]
    assert names == [
        f"Decoded from {what}, {size} bytes"
        for what, size in zip(("prompt", "prompt, sketch", "prompt, sketch, colors"), sizes, strict=True)
    ]
    expect(page.locator("#strip")).to_contain_text(f"{sizes[1]} bytes {FULL.bpp(sizes[1]):.4f} bpp")
    visit.says("Decoded from prompt and")
    visit.shoot("page-1400-strip")
    expect(page.locator("#decode")).to_be_enabled()

    request.getfixturevalue("endless")
    page.locator("#stages").click()
    expect(page.locator("#status")).to_contain_text("Picture 1 of 3")
    changes_by(lambda: visit.drag((0.2, 0.2), (0.8, 0.2)))  # the strip leaves the slider to previews
    expect(page.locator("#status")).to_contain_text("Picture 1 of 3")
    page.locator("#stop").click()
    visit.says("Stopped.")
    expect(page.locator("#stages")).to_be_enabled()
    page.locator("[data-example=house]").click()
    visit.says("Drawn from nothing")
    expect(page.locator("#strip figure")).to_have_count(0)  # it was of another picture
