"""Layers on and off, their strengths, and the layer strip."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import expect

from codec import Layers, Prompt
from codec.images import png_chunk
from tests.ui.page.looks import violations
from tests.ui.visit import DECODE_WAIT
from ui.services import actions
from ui.services.examples import START_FILE

EXAMPLE = Layers.from_bytes(START_FILE.read_bytes())
SMALL = Layers(96, 64, EXAMPLE.semantic, EXAMPLE.structure, EXAMPLE.texture)


def test_disabled_layers_and_strengths_change_the_preview_but_not_the_file(visit):
    page, right = visit.page, visit.page.locator("#compare img").last
    mine = visit.save()
    switches = {name: page.locator(f"#use-{name} input") for name in ("prompt", "sketch", "colors")}

    def changes_preview(act) -> None:
        before = right.get_attribute("src")
        act()
        expect(right).not_to_have_attribute("src", before)

    changes_preview(lambda: switches["colors"].uncheck())
    changes_preview(lambda: page.get_by_label("number input for Sketch strength").fill("0.2"))
    switches["sketch"].uncheck()
    switches["prompt"].uncheck()
    visit.says("No layer is left to decode")
    page.locator("#decode").click()
    visit.says("No layer is left to decode")
    assert visit.save() == mine
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


def test_one_of_several_seeds_is_kept_with_its_picture(visit, monkeypatch):
    page, entries = visit.page, visit.page.locator(".tl-history li")
    page.locator("#seeds").click()
    visit.says("paints this picture the same with every seed")
    expect(page.locator("#strip figure")).to_have_count(0)
    small = replace(SMALL, semantic=Prompt("a cup, oil painting"))
    visit.put_tril("small", small.to_bytes())
    expect(page.locator("#words")).to_contain_text("The built-in painter uses: oil painting.")
    page.locator("#seed input").fill("6")
    turns = threading.Semaphore(1)

    def one_by_one(*args):
        work = decode_task(*args)

        def wait(on_step):
            assert turns.acquire(timeout=60)
            return work(on_step)

        return wait

    decode_task = actions.decode_task
    monkeypatch.setattr(actions, "decode_task", one_by_one)
    page.locator("#seeds").click()
    page.get_by_role("button", name="Keep seed 6").click(timeout=DECODE_WAIT)  # while the others are decoded
    visit.shows("decoded", timeout=DECODE_WAIT)
    expect(page.locator("#strip .tl-wait")).to_have_count(3)
    expect(entries).to_have_count(1)
    turns.release(3)
    pictures = page.locator("#strip img")
    expect(pictures).to_have_count(4, timeout=DECODE_WAIT)
    expect(entries).to_have_count(4)
    assert len({picture.get_attribute("src") for picture in pictures.all()}) == 4
    assert violations(page, "#strip", "#strips", "#history", "#how", "#source") == []
    page.get_by_role("button", name="Keep seed 8").click()
    visit.says("Seed 8 is kept.")
    visit.shows("decoded")
    expect(page.locator("#seed input")).to_have_value("8")
    with page.expect_download() as download:
        page.locator("#result").click()
    assert png_chunk.extract(Path(download.value.path()).read_bytes()) == small.to_bytes()
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.shows("preview")
    visit.undo()
    visit.shows("decoded")  # the picture of these layers, again
    visit.says("These layers are decoded already.")
