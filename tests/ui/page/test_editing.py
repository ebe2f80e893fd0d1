"""Edits of the layers on the page, with the server's answers: bytes, previews, erased objects, the budget."""

from __future__ import annotations

import json
import re

import numpy as np
from playwright.sync_api import expect

from codec import Layers, Pose, Prompt, Sketch
from codec.editing import objects
from codec.texture import rdoq
from ui.services import automatic_prompt
from ui.services.examples import START_FILE

POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))
EXAMPLE = Layers.from_bytes(START_FILE.read_bytes())
LONG_PROMPT = " ".join(f"w{7919 * i % 9973:x}q" for i in range(60))


def test_the_starting_example_is_saved_unchanged(reloaded):
    assert reloaded.bytes() == START_FILE.stat().st_size
    assert reloaded.save() == START_FILE.read_bytes()


def test_a_stroke_is_one_request_and_counts_real_bytes(visit):
    before, posts = visit.bytes(), len(visit.posts)
    visit.drag((0.1, 0.1), (0.3, 0.9), (0.5, 0.4))
    after = visit.bytes_change_from(before)
    visit.says("Preview of your edit")
    assert [url.split("gradio_api/")[1] for url in visit.posts[posts:]] == ["run/predict"]
    data = visit.save()
    strokes = Layers.from_bytes(data).structure.strokes
    old = EXAMPLE.structure.strokes
    assert len(data) == after
    assert strokes[-len(old) :] == old and len(strokes) > len(old)


def test_the_eraser_removes_only_what_it_touches(visit):
    old = set(EXAMPLE.structure.strokes)
    before = visit.bytes()
    visit.tool("eraser")
    visit.drag((0.45, 0.05), (0.55, 0.05))
    visit.drag((0.3, 0.5), (0.6, 0.5))
    visit.bytes_change_from(before)
    visit.says("Preview of your edit")
    left = Layers.from_bytes(visit.save()).structure.strokes
    assert 0 < len(old.intersection(left)) < len(old)
    points = {point for stroke in old for point in stroke}
    assert all(set(stroke) <= points for stroke in left)


def test_cells_are_painted_with_pointer_and_keyboard(visit):
    visit.page.locator(".lc-color").fill("#00ff00")
    visit.tool("cell")
    visit.drag((0.02, 0.02))
    visit.canvas_has("rev", "1")
    visit.page.locator(".lc-grid [role=gridcell]").first.focus()
    visit.page.keyboard.press("ArrowRight")
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    visit.canvas_has("rev", "2")
    cells = Layers.from_bytes(visit.save()).texture.cells.astype(int)
    for row, col in ((0, 0), (1, 1)):
        assert cells[row, col, 1] > max(cells[row, col, 0], cells[row, col, 2]) + 60
    changed = np.argwhere((cells != EXAMPLE.texture.cells).any(axis=2)).tolist()
    assert [0, 0] in changed and [1, 1] in changed


def test_an_object_is_pasted_into_another_picture_and_before_shows_it_without(visit):
    """The cup goes onto a blue picture; Before, held, shows the result that the paste changed."""
    blue = Layers(
        320, 240, Prompt("the sea"), Sketch(64, 48, ()), rdoq.quantize(np.full((6, 8, 3), (20, 90, 200), np.uint8))
    )
    picture, before = visit.page.locator(".lc-underlay"), visit.page.locator("[data-hold=before]")
    visit.tool("object")
    visit.drag((0.5, 0.3))
    visit.do("copy")
    selected = int(visit.canvas("selected"))
    visit.put_tril("sea", blue.to_bytes())
    visit.page.locator(".lc-underlay-choice").select_option("decoded")
    visit.canvas_has("strokes", "0")
    visit.settle()
    expect(before).to_be_disabled()
    without = picture.get_attribute("src")
    visit.do("paste")
    visit.canvas_has("strokes", str(selected))
    visit.is_idle()
    expect(picture).not_to_have_attribute("src", without)
    visit.settle()
    visit.shoot("pasted", "#canvas")
    before.hover()
    visit.page.mouse.down()
    expect(picture).to_have_attribute("src", without)
    visit.page.mouse.up()
    expect(picture).not_to_have_attribute("src", without)
    visit.page.locator(".lc-underlay-choice").select_option("none")
    pasted = Layers.from_bytes(visit.save())
    assert selected >= 1 and len(pasted.structure.strokes) >= selected
    red = objects.small_picture(pasted)[..., 0].astype(int)
    assert red.max() > 120 and np.median(red) < 60  # the cup is bright, the sea stays blue


def test_a_picked_color_is_used_for_painting(visit):
    color = visit.page.locator(".lc-color")
    color.fill("#c8553d")
    visit.tool("pick")
    visit.drag((0.5, 0.99))
    visit.canvas_has("tool", "cell")
    assert color.input_value() != "#c8553d"


def test_an_erased_object_leaves_both_layers_and_can_be_restored(visit):
    before = visit.bytes()
    visit.tool("box")
    visit.drag((0.38, 0.38), (0.67, 0.62))
    visit.canvas_has("masked", "true")
    visit.do("erase")
    expect(visit.page.locator(".lc-message")).to_contain_text("Erased")
    visit.canvas_has("masked", "false")
    visit.bytes_change_from(before)
    data = visit.save()
    layers, original = Layers.from_bytes(data), Layers.from_bytes(START_FILE.read_bytes())
    assert layers.structure != original.structure and layers.texture != original.texture
    assert len(data) < START_FILE.stat().st_size
    visit.undo()
    visit.canvas_has("masked", "true")
    visit.bytes_are(before)
    assert visit.save() == START_FILE.read_bytes()


def hold_requests(visit) -> list:
    """Hold the requests of the canvas; -> the held ones, for `continue_()`."""
    held: list = []
    visit.page.route("**/component_server**", lambda route: held.append(route))
    return held


def test_a_stroke_drawn_while_the_server_erases_is_kept(visit):
    held = hold_requests(visit)
    visit.tool("mask")
    visit.drag((0.4, 0.5), (0.6, 0.5))
    visit.do("erase")
    visit.tool("pen")
    visit.drag((0.05, 0.05), (0.06, 0.9))
    visit.canvas_has("rev", "1")
    count = int(visit.canvas("strokes"))
    expect(visit.page.locator(".lc-message")).to_contain_text("Erasing")
    assert len(held) == 1
    held[0].continue_()
    expect(visit.page.locator(".lc-message")).to_contain_text("Erased")
    strokes = Layers.from_bytes(visit.save()).structure.strokes
    columns = [x for x, _ in strokes[0]]
    assert max(columns) < 10 and len(columns) > 50  # the stroke that was drawn
    visit.undo()
    visit.canvas_has("strokes", str(count))


def test_an_erase_of_an_image_that_was_replaced_is_dropped(visit):
    held = hold_requests(visit)
    visit.tool("mask")
    visit.drag((0.4, 0.5), (0.6, 0.5))
    visit.do("erase")
    expect(visit.page.locator(".lc-message")).to_contain_text("Erasing")
    other = Layers(64, 64, Prompt("another"), POSE).to_bytes()
    visit.put_tril("other", other)
    assert len(held) == 1
    held[0].continue_()
    expect(visit.page.locator(".lc-message")).to_have_text("Nothing was erased.")
    assert visit.save() == other


def test_joints_are_erased(visit):
    visit.put_tril("posed", Layers(64, 64, Prompt("a dancer"), POSE).to_bytes())
    visit.tool("mask")
    visit.drag((0.5, 0.1), (0.5, 0.15))
    visit.do("erase")
    expect(visit.page.locator(".lc-message")).to_contain_text("1 joint")
    layers = Layers.from_bytes(visit.save())
    assert layers.semantic == Prompt("a dancer")
    assert layers.structure.persons[0] == (None, *POSE.persons[0][1:])


def test_undo_and_redo_with_the_keyboard(visit):
    before = visit.bytes()
    visit.drag((0.1, 0.2), (0.9, 0.8))
    after = visit.bytes_change_from(before)
    visit.page.keyboard.press("Control+z")
    visit.bytes_are(before)
    visit.page.keyboard.press("Control+Shift+z")
    visit.bytes_are(after)


def test_layers_over_the_budget_can_be_trimmed(visit):
    before, trim = visit.bytes(), visit.page.locator("#fit")
    expect(trim).to_be_disabled()
    visit.page.locator("#prompt textarea").fill(LONG_PROMPT)
    visit.bytes_change_from(before)
    expect(visit.page.locator("#readout")).to_contain_text("over the budget")
    expect(visit.page.locator("#origin")).to_have_text("Prompt written by you")
    expect(trim).to_be_enabled()
    trim.click()
    visit.says("Trimmed to")
    expect(trim).to_be_disabled()
    expect(visit.page.locator("#readout")).to_contain_text("left")
    assert len(visit.save()) <= START_FILE.stat().st_size + 8  # the budget, 0.02 bpp


def test_re_extracted_layers_can_be_undone(reloaded):
    before = reloaded.bytes()
    reloaded.page.get_by_role("button", name="Extraction settings").click()
    reloaded.page.locator("#budget input[type=number]").fill("300")
    reloaded.page.locator("#again").click()
    reloaded.says("Opened")
    assert reloaded.bytes_change_from(before) <= 300
    reloaded.undo()  # the extraction
    reloaded.undo()  # the change of the budget
    reloaded.bytes_are(before)


def test_an_error_disappears_when_the_input_is_fixed(visit):
    budget = visit.page.locator("#budget input[type=number]")
    for invalid, valid in (("", "600"), ("5", "4000")):
        budget.fill(invalid)
        visit.says("byte budget must be a whole number")
        budget.fill(valid)
        visit.says("Everything fits")
        expect(visit.page.locator("#status .tl-bad")).to_have_count(0)
    visit.page.locator("#keep-seed input").check()
    visit.page.locator("#seed input").fill("five")
    visit.says("seed must be a whole number")
    visit.page.locator("#seed input").fill("5")
    visit.says("Fixed.")


def test_saved_work_opens_again_with_the_same_bytes(visit):
    visit.page.locator("#prompt textarea").fill("ein Kaffee – ☕")
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    visit.page.locator("#keep-seed input").check()
    data = visit.save()
    assert Layers.from_bytes(data).seed == 0
    visit.reset()
    visit.put_tril("mine", data)
    visit.prompt_is("ein Kaffee – ☕")
    expect(visit.page.locator("#compare")).to_contain_text("Layers | preview")
    assert visit.save() == data


def test_a_forged_canvas_value_is_one_message(visit):
    def forge(route):
        body = json.loads(route.request.post_data)
        body["data"][0] = json.dumps(json.loads(body["data"][0]) | {"strokes": [[0, 0, "1", 1]]})
        route.continue_(post_data=json.dumps(body))

    visit.page.route("**/queue/join*", forge)
    visit.page.locator("#decode").click()
    visit.says("The points of a stroke must be finite numbers")
    expect(visit.page.locator("#decode")).to_be_enabled()


def test_the_prompt_is_counted_while_it_is_typed(visit):
    size, prompt = visit.page.locator("#tally"), visit.page.locator("#prompt textarea")
    title = size.locator("p")
    expect(title).to_have_attribute("title", re.compile("of 75 tokens"))
    prompt.fill("a (cat:1.3) on a <b>mat</b>")
    expect(title).to_have_attribute("title", "Prompt: 17 of 75 tokens")
    expect(size).to_contain_text(" bytes · ")
    prompt.fill("mat " * 80)
    expect(title).to_have_attribute("title", re.compile("80 tokens, read in 2 parts"))


def test_one_finger_draws(any_mode):
    page = any_mode.page
    page.set_viewport_size({"width": 360, "height": 800})
    before = any_mode.bytes()
    page.locator(".lc-stage").scroll_into_view_if_needed()
    box = page.locator(".lc-stage").bounding_box()
    touch = page.context.new_cdp_session(page)
    for kind, x, y in (("touchStart", 0.2, 0.2), ("touchMove", 0.5, 0.5), ("touchMove", 0.8, 0.3), ("touchEnd", 0, 0)):
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})
    any_mode.canvas_has("rev", "1")
    assert any_mode.bytes_change_from(before) > before


def test_an_automatic_prompt_is_stale_after_an_edit_until_it_is_described_anew(visit, monkeypatch):
    described: list[tuple[int, ...]] = []

    def caption(pixels):
        described.append(pixels.shape)
        return f"caption {len(described)}", "blip"

    page, source = visit.page, visit.page.locator("#origin")
    expect(page.locator("#describe")).to_have_count(0)  # no captioner is installed
    monkeypatch.setattr(automatic_prompt, "can_caption", lambda: True)
    monkeypatch.setattr(automatic_prompt.caption, "caption", caption)
    page.locator("[data-example=balloon]").click()
    page.locator("#describe").click()
    visit.prompt_is("caption 1")
    expect(source).to_have_text("Prompt captioned by BLIP")
    page.locator("#copy-prompt").click()
    expect(page.locator("#copy-prompt")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "caption 1"
    visit.tool("pen")
    visit.drag((0.2, 0.2), (0.8, 0.2))
    expect(source).to_have_text(automatic_prompt.STALE)
    visit.undo()
    expect(source).to_have_text("Prompt captioned by BLIP")
    visit.do("redo")
    expect(source).to_have_text(automatic_prompt.STALE)
    visit.reload()
    visit.says("is open again")
    visit.prompt_is("caption 1")
    expect(source).to_have_text(automatic_prompt.STALE)  # the browser remembers that it is automatic
    page.locator("#describe").click()
    visit.prompt_is("caption 2")
    expect(source).to_have_text("Prompt captioned by BLIP")
    page.locator("#prompt textarea").fill("mine")
    expect(source).to_have_text("Prompt written by you")
    assert len(described) == 2
