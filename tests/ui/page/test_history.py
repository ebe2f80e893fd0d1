"""The history that the browser stores, and the undo of text and drawing in one order."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from codec import Layers, Prompt
from codec.editing.edits import reprompt
from ui.services import canvas_state, share
from ui.services.examples import START_FILE

LAYERS = Layers.from_bytes(START_FILE.read_bytes())
HOSTILE = "<img src=x onerror=alert(1)>"
ENTRY = {
    "t": "AAAA", "name": HOSTILE, "what": HOSTILE, "seed": "1", "decoder": "<b>", "at": "<i>",
    "thumb": "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
}  # fmt: skip


def stored_entries(visit) -> list[dict]:
    return json.loads(visit.page.evaluate("localStorage.getItem('trilayer.history')"))


def test_a_decode_is_stored_and_restored_by_a_click(visit):
    entries = visit.page.locator(".tl-history li button")
    expect(visit.page.locator(".tl-history")).to_be_hidden()
    visit.put_tril("small", (small := LAYERS.only((1,))).to_bytes())
    visit.page.locator("#seed input").fill("77")
    visit.page.locator("#decode").click()
    # the work that was opened before was not edited, so it is not an entry
    expect(entries).to_have_count(1)
    expect(entries).to_contain_text(f"{len(small.to_bytes())} bytes, Built-in painter, seed 77")
    entry = stored_entries(visit)[0]
    assert entry["seed"] == "77" and entry["thumb"].startswith("data:image/webp") and len(entry["thumb"]) < 20_000
    assert share.from_link(entry["t"]).layers == small
    visit.page.locator("#prompt textarea").fill("something else")
    visit.page.locator("#seed input").fill("3")
    visit.page.locator("#decode").click()
    expect(entries).to_have_count(2)
    visit.reload()
    visit.says("Your last work")
    visit.shows("preview")
    entries.nth(1).click()
    visit.says("Restored.")
    visit.shows("decoded")  # the picture is kept, too
    expect(visit.page.locator("#result")).to_be_enabled()
    expect(visit.page.locator("#seed input")).to_have_value("77")
    assert visit.save() == small.to_bytes()
    visit.page.locator(".tl-forget").click()
    expect(entries).to_have_count(0)
    visit.page.locator(".tl-unforget").click()
    expect(entries).to_have_count(2)


def test_edited_work_is_stored_when_another_image_is_opened(visit):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    mine = visit.save()
    visit.put_tril("other", Layers(64, 64, Prompt("x")).to_bytes())
    visit.page.locator(".tl-history li button", has_text="edited").click()
    visit.says("Your last work, coffee, is open again")
    assert visit.save() == mine


def store_history(visit, text: str) -> None:
    """Store a history as another tab of the page would."""
    visit.page.evaluate(
        """(text) => {
          localStorage.setItem('trilayer.history', text);
          dispatchEvent(new StorageEvent('storage', { key: 'trilayer.history' }));
        }""",
        text,
    )


def test_a_damaged_history_is_ignored(visit):
    store_history(visit, json.dumps([ENTRY]))
    expect(visit.page.locator(".tl-history li")).to_have_count(1)
    for damage in ("{", "5", "[null, 1, {}]"):
        store_history(visit, damage)
        expect(visit.page.locator(".tl-history")).to_be_hidden()


def test_entries_are_shown_as_text_and_are_limited(session_page):
    entries = [ENTRY | {"t": share.to_link(reprompt(LAYERS, str(i), ""))} for i in range(40)]
    visit = session_page.restart(local_storage={"trilayer.history": json.dumps(entries)})
    buttons = visit.page.locator(".tl-history li button")
    expect(buttons).to_have_count(30)
    assert visit.page.locator("img[src=x]").count() == 0
    buttons.first.click()
    visit.says("There is no such decoder")
    assert visit.save() == START_FILE.read_bytes()
    assert visit.faults == []


def test_undo_of_text_and_strokes_follows_their_order(visit):
    prompt = visit.page.locator("#prompt textarea")
    before = prompt.input_value()
    prompt.click()
    visit.page.keyboard.press("End")
    visit.page.keyboard.type(" and cake")
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    mine = visit.save()
    prompt.fill("tea")
    visit.page.locator("h1").click()
    visit.page.keyboard.press("Control+z")
    visit.prompt_is(f"{before} and cake")
    assert visit.save() == mine
    visit.page.keyboard.press("Control+z")
    visit.canvas_has("rev", "2")
    visit.prompt_is(f"{before} and cake")
    visit.undo()
    visit.prompt_is(before)
    expect(visit.page.locator(".lc [data-do=undo]")).to_be_disabled()
    assert visit.save() == START_FILE.read_bytes()
    for _ in range(3):
        visit.do("redo")
    visit.prompt_is("tea")


def test_undo_in_a_text_box_is_the_browsers_own(visit):
    prompt = visit.page.locator("#prompt textarea")
    before = prompt.input_value()
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    prompt.click()
    visit.page.keyboard.type("x")
    visit.page.keyboard.press("Control+z")
    visit.prompt_is(before)
    visit.canvas_has("rev", "1")


def test_trimmed_work_is_stored(visit):
    budget = visit.page.locator("#budget input[type=number]")
    budget.fill("400")
    budget.press("Enter")
    expect(visit.page.locator(".tl-total strong")).to_have_text(re.compile("^[1-4]..$"))
    visit.page.wait_for_function("localStorage.getItem('trilayer.kept')")
    data = visit.save()
    visit.reload()
    visit.says("Your last work")
    assert visit.save() == data


def test_work_is_restored_in_the_tab_and_in_a_new_one(visit, new_tab):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    visit.page.locator("#prompt textarea").fill("mine <b>now</b>")
    visit.page.locator("#seed input").fill("12")
    visit.page.locator("#keep-seed input").check()
    data = visit.save()
    visit.reload()
    visit.says("Your last work, coffee, is open again")
    visit.prompt_is("mine <b>now</b>")
    expect(visit.page.locator("#keep-seed input")).to_be_checked()
    assert visit.save() == data
    tab = new_tab()
    tab.page.goto(tab.address)
    tab.says("Your last work")
    assert tab.save() == data
    tab.page.locator("#over").click()
    tab.says("An example is open")
    assert tab.save() == START_FILE.read_bytes()
    assert tab.page.evaluate("[localStorage, sessionStorage].map((s) => s.getItem('trilayer.kept'))") == [None, None]
    tab.page.locator(".tl-history li button", has_text="edited").first.click()
    tab.says("Your last work")
    assert tab.save() == data


def test_the_work_of_a_tab_that_is_closed_last_is_not_lost(visit, new_tab):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    mine = visit.save()
    tab = new_tab()
    tab.page.goto(tab.address)
    tab.says("Your last work")
    tab.page.locator("#prompt textarea").fill("of the other tab")
    tab.page.wait_for_function("localStorage.getItem('trilayer.kept').includes('of the other tab')")
    for _ in range(2):  # it is stored once
        visit.reload()
        visit.says("Your last work")
        assert visit.save() == mine
    expect(tab.page.locator(".tl-history li")).to_have_count(1)
    tab.page.locator(".tl-history li button").click()
    tab.says("Your last work, coffee, is open again")
    assert tab.save() == mine


def test_unreadable_stored_work_is_ignored(session_page):
    visit = session_page.restart(local_storage={"trilayer.kept": "{"}, session_storage={"trilayer.kept": "5"})
    visit.says("An example is open")
    assert visit.save() == START_FILE.read_bytes()
    assert visit.faults == []


def test_invalid_stored_work_is_reported(session_page):
    drawing = canvas_state.write(LAYERS, "x") | {"strokes": [[0, 0, "<b>", 1]]}
    stored = json.dumps({"version": 1, "state": [drawing, "", "", "", True]})
    visit = session_page.restart(local_storage={"trilayer.kept": stored})
    visit.says("Your last work in this browser cannot be opened: The points of a stroke must be finite numbers")
    assert visit.save() == START_FILE.read_bytes()
    visit.page.evaluate("window.trilayer.open({ state: [1, 2] })")
    visit.says("cannot be opened: It was stored by another version of the page.")
    assert visit.faults == []
