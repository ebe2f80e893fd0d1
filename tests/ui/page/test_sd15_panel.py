"""Stable Diffusion on the page: options, missing weights, steps, Stop and the edited area, with tiny networks."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from codec import Prompt
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import Settings
from codec.decoders.diffusion.masks import changed_region
from codec.errors import Cancelled
from codec.images.io import load
from codec.texture.repaint import repaint
from tests import samples, tiny
from tests.ui.page.looks import INSIDE, set_mode, violations
from ui.services import sd15_options

EXAMPLE = replace(samples.example(), width=64, height=64)
OPTIONS = {
    "preset": "paper", "follow": False, "steps": 3, "guidance": 2.5, "structure": 1, "colors": 0.5,
    "until": 0.75, "control": "t2i",
}  # fmt: skip
BUILT_IN, SD15 = "Built-in painter", "Stable Diffusion 1.5"


@pytest.fixture(scope="module", autouse=True)
def tiny_networks(tmp_path_factory):
    """Tiny networks at 64 pixels are installed, and no others."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILAYER_MODELS", str(tiny.models_dir()))
        patch.setenv("TRILAYER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        patch.setattr(sd15_options, "SIDE", 64)
        yield
    sd15_options.release_networks()
    torch.set_num_threads(threads)


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """No weights are installed."""
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))


# the work of a decode


def run(layers, edited_only=False, cached=None, seed=1):
    """Decode and return the result."""
    task = sd15_options.decode_task(layers, seed, sd15_options.parse_options(**OPTIONS), edited_only, cached)
    return task(lambda step: True)


def test_only_the_edited_area_is_decoded_again():
    whole = run(EXAMPLE)
    assert whole.scope == "" and whole.pixels.shape == (64, 64, 3)
    cells = EXAMPLE.texture.cells.copy()
    cells[0, 0] = 255 - cells[0, 0]
    edited = replace(EXAMPLE, texture=repaint(EXAMPLE.texture, cells))
    mask = changed_region(EXAMPLE, edited)
    part = run(edited, True, whole.cache_entry, seed=9)
    assert "edited area" in part.scope and "%" in part.scope
    assert (part.pixels[~mask] == whole.pixels[~mask]).all() and (part.pixels[mask] != whole.pixels[mask]).any()
    assert part.cache_entry.layers is edited


def test_the_whole_picture_is_decoded_if_no_part_can_be():
    whole = run(EXAMPLE)
    again = run(EXAMPLE, True, whole.cache_entry, seed=9)
    assert again.scope is None and again.pixels is whole.pixels
    reworded = replace(EXAMPLE, semantic=Prompt("another thing"))
    assert "all of it changed" in run(reworded, True, whole.cache_entry).scope
    assert "there was no earlier decode" in run(EXAMPLE, True, None).scope
    assert "all of it changed" in run(replace(EXAMPLE, width=80), True, whole.cache_entry).scope


# the page


@pytest.fixture
def page(visit):
    """The page with Stable Diffusion and its options; the built-in painter is chosen again afterwards."""
    choose(visit)
    more_options(visit)
    yield visit
    visit.page.unroute_all()
    choose(visit, BUILT_IN)
    expect(visit.page.locator("#sd15")).to_be_hidden()


def choose(visit, decoder=SD15):
    """Choose a decoder."""
    visit.page.locator("#decoder input").click()
    visit.page.get_by_role("option", name=decoder, exact=True).click()
    expect(visit.page.locator("#decoder input")).to_have_value(decoder)


def preset(visit, name):
    """Choose a preset."""
    visit.page.locator(f"#preset input[value={name}]").check()


def more_options(visit):
    """Open the fold of further options."""
    fold = visit.page.get_by_role("button", name="More options")
    if fold.get_attribute("aria-expanded") != "true" and not visit.page.locator("#steps").is_visible():
        fold.click()
    expect(visit.page.locator("#steps input")).to_be_visible()


def saved_picture(visit):
    """Return the pixels of the file that Save picture gives."""
    with visit.page.expect_download() as download:
        visit.page.locator("#result").click()
    return load(download.value.path()).pixels


def test_the_options_are_shown_with_the_decoder_they_belong_to(visit):
    panel, only = visit.page.locator("#sd15"), visit.page.locator("#only")
    steps, guidance = visit.page.locator("#steps input"), visit.page.locator("#guidance input")
    expect(panel).to_be_hidden()
    choose(visit)
    expect(panel).to_be_visible()
    expect(visit.page.locator("#outlook")).to_contain_text("A decode takes")
    expect(only).to_be_hidden()  # until a picture is decoded
    expect(visit.page.locator("#preset label")).to_have_text(["Fast", "Good", "Paper"])
    expect(visit.page.locator("#sd15 input:visible")).to_have_count(3)  # the rest is folded
    more_options(visit)
    for name, step_count, guidance_value in (("paper", "50", "7.5"), ("fast", "4", "1"), ("quality", "20", "7.5")):
        preset(visit, name)
        expect(steps).to_have_value(step_count)
        expect(guidance).to_have_value(guidance_value)
    steps.fill("0")
    expect(visit.page.locator("#outlook")).to_contain_text("whole number from 1 to 255")
    steps.fill("20")
    expect(visit.page.locator("#outlook")).to_contain_text("A decode takes")
    choose(visit, "Stable Diffusion XL")
    expect(steps).to_have_value("30")
    expect(visit.page.locator("#outlook")).to_contain_text("Stable Diffusion XL, the image decoder")
    expect(visit.page.locator("#preset label")).to_have_text(["Fast", "Turbo", "Good"])
    preset(visit, "turbo")
    expect(steps).to_have_value("4")
    expect(guidance).to_have_value("0")
    expect(visit.page.locator("#outlook")).to_contain_text("SDXL-Turbo")
    choose(visit)
    expect(steps).to_have_value("20")
    expect(visit.page.locator("#preset label")).to_have_text(["Fast", "Good", "Paper"])
    choose(visit, BUILT_IN)
    expect(panel).to_be_hidden()


def test_the_settings_in_a_file_can_be_used(page):
    follow, steps = page.page.locator("#follow"), page.page.locator("#steps input")
    expect(follow).to_be_hidden()
    page.put_tril("mine", replace(EXAMPLE, settings=Settings(31, 5.25, "euler")).to_bytes())
    expect(follow).to_contain_text("31 steps, guidance 5.25, euler")
    follow.locator("input").check()
    expect(steps).to_have_value("31")
    expect(page.page.locator("#guidance input")).to_have_value("5.25")
    preset(page, "fast")
    expect(steps).to_have_value("4")
    expect(follow.locator("input")).to_be_disabled()
    page.put_tril("other", EXAMPLE.to_bytes())
    expect(follow.locator("input")).not_to_be_checked()
    preset(page, "paper")
    expect(follow).to_contain_text("30 steps")
    expect(steps).to_have_value("50")
    preset(page, "quality")
    expect(steps).to_have_value("20")


def test_a_recipe_is_followed_unless_it_is_unticked(page):
    follow, outlook = page.page.locator("#follow"), page.page.locator("#outlook")
    made = Settings(20, 7, "euler_a", "dreamshaper_8")
    page.put_tril("recipe", replace(EXAMPLE, settings=made, recipe=Recipe("a1111")).to_bytes())
    page.says("has the recipe of its picture")
    expect(follow).to_contain_text("Make the picture again from its recipe")
    expect(follow).to_contain_text("dreamshaper_8, 20 steps")
    expect(outlook).to_contain_text("The checkpoint of the recipe, dreamshaper_8, is not on this machine")
    expect(page.page.locator("#decode")).to_be_disabled()
    follow.locator("input").uncheck()
    expect(outlook).to_contain_text("A decode takes")
    expect(page.page.locator("#decode")).to_be_enabled()
    choose(page, "Stable Diffusion XL")  # which follows no recipes
    expect(follow).to_contain_text("Use the settings in the file")
    expect(outlook).to_contain_text("Stable Diffusion XL, the image decoder")
    choose(page)
    expect(follow).to_contain_text("Make the picture again from its recipe")


def test_missing_weights_are_named_with_the_remedy(visit, no_weights):
    choose(visit)
    box, buttons = visit.page.locator("#outlook"), visit.page.locator("#decode, #seeds, #stages")
    visit.says("Stable Diffusion cannot decode here yet. Use the built-in painter instead.")
    expect(box).to_contain_text("Stable Diffusion 1.5, the sketch adapter and the color adapter are missing (")
    expect(box.locator("code")).to_have_text("python -m codec models fetch sd15 sketch-adapter color-adapter")
    assert not [word for word in box.inner_text().split() if word.startswith("/")]  # no path of the server
    assert all(button.is_disabled() for button in buttons.all())
    expect(visit.page.locator("#words p")).to_have_count(0)
    expect(visit.page.locator("#colors-hint")).to_contain_text("uses the base colors, not the detail")
    visit.page.locator("#prompt textarea").fill("another")
    expect(visit.page.locator("#origin")).to_contain_text("written by you")
    preset(visit, "fast")  # it needs other models
    more_options(visit)
    expect(box.locator("code")).to_contain_text("lcm-lora")
    visit.page.get_by_role("button", name="Negative prompt").click()
    expect(visit.page.locator("#negative-hint")).to_contain_text("Used only with a guidance above 1.")
    visit.page.get_by_role("button", name="Negative prompt").click()
    preset(visit, "quality")
    expect(visit.page.locator("#steps input")).to_have_value("20")
    choose(visit, BUILT_IN)
    expect(visit.page.locator("#decode")).to_be_enabled()
    expect(visit.page.locator("#words")).to_contain_text("only uses style words")


RECORD_STATUS = """e => {
  window.statuses = [];
  new MutationObserver(() => statuses.push(e.innerText))
    .observe(e, { childList: true, subtree: true, characterData: true });
}"""


def test_a_decode_shows_its_steps_and_then_only_the_edit_is_decoded(page):
    steps, only = page.page.locator("#steps input"), page.page.locator("#only")
    page.put_tril("mine", EXAMPLE.to_bytes())
    steps.fill("5")
    page.settle()
    page.page.locator("#status").evaluate(RECORD_STATUS)
    page.page.locator("#decode").click()
    page.says("with Stable Diffusion 1.5, seed 7")
    page.shows("decoded")
    assert any("Step" in status and "of 5" in status for status in page.page.evaluate("statuses"))
    expect(page.page.locator("#result")).to_be_enabled()
    before = saved_picture(page)
    assert before.shape == (64, 64, 3)

    expect(only).to_contain_text("Pixels outside your edits stay exactly as they are")
    only.locator("input").check()
    page.page.locator(".lc-color").fill("#00ff00")
    page.tool("cell")
    page.drag((0.02, 0.02))
    page.says("Preview of your edit")
    page.page.locator("#decode").click()
    page.says("Decoded the edited area")
    expect(page.page.locator("#result")).to_be_enabled()
    after = saved_picture(page)
    rows, cols = EXAMPLE.texture.rows, EXAMPLE.texture.cols
    assert (after[: 64 // rows, : 64 // cols] != before[: 64 // rows, : 64 // cols]).any()
    assert (after[32:, 32:] == before[32:, 32:]).all()

    page.page.locator("#decode").click()
    page.says("No layer has changed")
    page.put_tril("other", EXAMPLE.to_bytes())
    expect(only).to_be_hidden()
    steps.fill("20")


def test_stop_ends_a_decode_within_a_step(page, monkeypatch):
    from codec.decoders.sd15 import pipeline

    reached, go, ended, previews = threading.Event(), threading.Event(), threading.Event(), []
    preview, decode_full = pipeline.preview_latents, pipeline.StableDiffusion.decode_full

    def slow_preview(latents):
        previews.append(1)
        reached.set()
        go.wait(20)
        return preview(latents)

    def watched_decode(self, *args, **kwargs):
        try:
            return decode_full(self, *args, **kwargs)
        except Cancelled:
            ended.set()
            raise

    monkeypatch.setattr(pipeline, "preview_latents", slow_preview)
    monkeypatch.setattr(pipeline.StableDiffusion, "decode_full", watched_decode)
    page.put_tril("mine", EXAMPLE.to_bytes())
    page.page.locator("#decode").click()
    assert reached.wait(60)
    page.page.locator("#stop").click()
    page.says("Stopped.")
    expect(page.page.locator("#decode")).to_be_enabled()
    go.set()
    assert ended.wait(20) and len(previews) == 1
    expect(page.page.locator("#only")).to_be_hidden()


def test_memory_is_released_when_no_tab_has_the_decoder_chosen(visit, new_tab, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(sd15_options, "release_networks", released.set)
    monkeypatch.setenv("GRADIO_HEARTBEAT_INTERVAL", "0.2")  # s after which the server notices that a tab is closed
    other = new_tab().restart()
    for tab in (other, visit):
        tab.page.bring_to_front()  # a page in the background is slow
        choose(tab)
        tab.says("Stable Diffusion 1.5 is chosen")
    choose(visit, BUILT_IN)
    visit.says("The built-in painter is chosen")
    assert not released.is_set()  # the other tab has it chosen
    other.page.close()
    assert released.wait(20)


def test_forged_options_are_one_message(page):
    def forge(route):
        body = json.loads(route.request.post_data)
        body["data"] = ["../../etc" if value == "quality" else value for value in body["data"]]
        route.continue_(post_data=json.dumps(body))

    expect(page.page.locator("#outlook")).to_contain_text("A decode takes")
    page.page.route("**/queue/join*", forge)
    page.page.locator("#decode").click()
    page.says("There is no such preset; choose one of fast, quality, paper.")
    expect(page.page.locator("#decode")).to_be_enabled()


def test_the_panel_is_accessible_and_fits_a_phone(any_mode, no_weights):
    page = any_mode.page
    any_mode.put_tril("mine", EXAMPLE.to_bytes())
    choose(any_mode)
    expect(page.locator("#outlook")).to_contain_text("A decode takes")
    expect(page.locator("#follow")).to_be_visible()
    more_options(any_mode)
    page.set_viewport_size({"width": 360, "height": 800})
    for mode in ("light", "dark"):
        set_mode(page, mode)
        assert violations(page, "#how", "#status") == [], mode
        any_mode.shoot(f"page-360-{mode}-sd15")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for place in page.locator("#sd15 input, #status p").all():
        assert place.evaluate(INSIDE)
    choose(any_mode, BUILT_IN)
