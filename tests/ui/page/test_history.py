"""The decodes that the browser keeps."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from codec import Layers, Prompt
from codec.editing.edits import reprompt
from ui.page.layout import EXAMPLE
from ui.services import share

LAYERS = Layers.from_bytes(EXAMPLE.read_bytes())
THUMB = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


def entries(visit) -> list[dict]:
    return json.loads(visit.page.evaluate("localStorage.getItem('trilayer.history')"))


def test_a_decode_is_kept_and_comes_back_by_a_click(fresh):
    visit = fresh().open()
    past = visit.page.locator(".tl-history li button")
    expect(visit.page.locator(".tl-history")).to_be_hidden()
    visit.put("open", {"name": "small.tril", "mimeType": "", "buffer": (small := LAYERS.only((1,))).to_bytes()})
    visit.says("Opened small")
    visit.page.locator("#seed input").fill("77")
    visit.page.locator("#decode").click()
    expect(past).to_have_count(1)
    expect(past).to_contain_text(f"{len(small.to_bytes())} bytes, painter, seed 77")
    found = entries(visit)[0]
    assert found["seed"] == "77" and found["thumb"].startswith("data:image/webp") and len(found["thumb"]) < 20_000
    assert share.from_link(found["t"]).layers == small
    visit.page.locator("#prompt textarea").fill("something else")
    visit.page.locator("#seed input").fill("3")
    visit.page.locator("#decode").click()
    expect(past).to_have_count(2)
    visit.reload()
    visit.says("Your last work")
    past.nth(1).click()
    visit.says("small is back as it was decoded, by painter with seed 77")
    expect(visit.page.locator("#seed input")).to_have_value("77")
    assert visit.save() == small.to_bytes()
    visit.page.locator(".tl-forget").click()
    expect(visit.page.locator(".tl-history")).to_be_hidden()


def test_edited_work_is_not_lost_when_another_picture_is_opened(visit):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    mine = visit.save()
    visit.put("open", {"name": "x.tril", "mimeType": "", "buffer": Layers(64, 64, Prompt("x")).to_bytes()})
    visit.says("Opened x")
    visit.page.locator(".tl-history li button", has_text="edited").click()
    visit.says("Your last work, coffee, is open again")
    assert visit.save() == mine


@pytest.mark.parametrize("damage", ["{", "5", "[null, 1, {}]"])
def test_a_damaged_history_is_an_empty_one(fresh, damage):
    visit = fresh()
    visit.page.add_init_script(f"localStorage.setItem('trilayer.history', {json.dumps(damage)})")
    visit.open()
    expect(visit.page.locator(".tl-history")).to_be_hidden()


def test_entries_are_text_and_bounded(fresh):
    name = "<img src=x onerror=alert(1)>"
    entry = {"t": "AAAA", "name": name, "what": name, "seed": "1", "decoder": "<b>", "thumb": THUMB, "at": "<i>"}
    given = [entry | {"t": share.to_link(reprompt(LAYERS, str(i), ""))} for i in range(40)]
    visit = fresh()
    visit.page.add_init_script(f"localStorage.setItem('trilayer.history', {json.dumps(json.dumps(given))})")
    visit.open()
    expect(visit.page.locator(".tl-history li button")).to_have_count(30)
    assert visit.page.locator("img[src=x]").count() == 0
    visit.page.locator(".tl-history li button").first.click()
    visit.says("There is no such decoder")
    assert visit.save() == EXAMPLE.read_bytes()


def test_undo_goes_over_words_and_strokes_in_their_order(visit):
    prompt = visit.page.locator("#prompt textarea")
    before = prompt.input_value()
    prompt.click()
    visit.page.keyboard.type(" and cake")
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    mine = visit.save()
    prompt.fill("tea")
    visit.page.locator("h1").click()
    visit.page.keyboard.press("Control+z")
    expect(prompt).to_have_value(f"{before} and cake")
    assert visit.save() == mine
    visit.page.keyboard.press("Control+z")
    visit.canvas_has("rev", "2")
    expect(prompt).to_have_value(f"{before} and cake")
    visit.undo()
    expect(prompt).to_have_value(before)
    expect(visit.page.locator(".lc [data-do=undo]")).to_be_disabled()
    assert visit.save() == EXAMPLE.read_bytes()
    for _ in range(3):
        visit.page.locator(".lc [data-do=redo]").click()
    expect(prompt).to_have_value("tea")


def test_undo_in_a_text_box_is_the_browsers(visit):
    prompt = visit.page.locator("#prompt textarea")
    before = prompt.input_value()
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    prompt.click()
    visit.page.keyboard.type("x")
    visit.page.keyboard.press("Control+z")
    expect(prompt).to_have_value(before)
    visit.canvas_has("rev", "1")


def test_what_a_slide_of_the_budget_cut_is_kept_too(visit):
    visit.page.locator("#budget input[type=number]").fill("400")
    visit.page.locator("#budget input[type=number]").press("Enter")
    expect(visit.page.locator(".tl-total strong")).to_have_text(re.compile("^[1-4]..$"))
    visit.page.wait_for_function("localStorage.getItem('trilayer.kept')")
    data = visit.save()
    visit.reload()
    visit.says("Your last work")
    assert visit.save() == data
