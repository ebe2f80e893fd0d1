"""Layers on and off, their strengths, and the layer strip."""

from __future__ import annotations

from playwright.sync_api import expect

from codec import Layers
from tests.ui.conftest import DECODE_WAIT
from ui.services.examples import START_FILE

EXAMPLE = Layers.from_bytes(START_FILE.read_bytes())
SMALL = Layers(96, 64, EXAMPLE.semantic, EXAMPLE.structure, EXAMPLE.texture)


def test_disabled_layers_and_strengths_change_the_preview_but_not_the_file(reloaded):
    page, right = reloaded.page, reloaded.page.locator("#compare img").last
    mine = reloaded.save()
    switches = {name: page.locator(f"#use-{name} input") for name in ("prompt", "sketch", "colors")}

    def changes_preview(act) -> None:
        before = right.get_attribute("src")
        act()
        expect(right).not_to_have_attribute("src", before)

    changes_preview(lambda: switches["colors"].uncheck())
    changes_preview(lambda: page.get_by_label("number input for Sketch strength").fill("0.2"))
    switches["sketch"].uncheck()
    switches["prompt"].uncheck()
    reloaded.says("No layer is left to decode")
    page.locator("#decode").click()
    reloaded.says("No layer is left to decode")
    assert reloaded.save() == mine
    for switch in switches.values():
        switch.check()


def test_the_strip_shows_a_decode_of_each_stage(visit):
    page = visit.page
    visit.put_tril("small", SMALL.to_bytes())
    page.locator("#stages").click()
    expect(page.locator("#strip img")).to_have_count(3, timeout=DECODE_WAIT)
    names = [page.locator("#strip img").nth(n).get_attribute("alt") for n in range(3)]
    sizes = [len(SMALL.only(range(1, n + 1)).to_bytes()) for n in (1, 2, 3)]
    assert names == [
        f"Decoded from {layers}, {size} bytes"
        for layers, size in zip(("prompt", "prompt, sketch", "prompt, sketch, colors"), sizes, strict=True)
    ]
    expect(page.locator("#strip")).to_contain_text(f"{sizes[1]} bytes {SMALL.bpp(sizes[1]):.4f} bpp")
    visit.says("Decoded from prompt and")
    visit.shoot("page-1400-strip")
    expect(page.locator("#decode")).to_be_enabled()


def test_the_strip_leaves_the_slider_to_previews_and_can_be_stopped(visit, endless):
    page, right = visit.page, visit.page.locator("#compare img").last
    page.locator("#stages").click()
    visit.says("Picture 1 of 3")
    expect(page.locator("#stop")).to_be_enabled()
    expect(page.locator("#strip figure")).to_have_count(3)
    before = right.get_attribute("src")
    visit.drag((0.2, 0.2), (0.8, 0.2))
    expect(right).not_to_have_attribute("src", before)
    visit.says("Picture 1 of 3")
    page.locator("#stop").click()
    visit.says("Stopped.")
    expect(page.locator("#stages")).to_be_enabled()
    page.locator("[data-example=house]").click()
    visit.says("Drawn from nothing")
    expect(page.locator("#strip figure")).to_have_count(0)  # it was of another image
