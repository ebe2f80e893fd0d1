"""The page as a person uses it, in a real browser."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from codec import Layers, Pose, Prompt
from codec.bitstream.settings import Settings
from codec.images.io import encode_png, load
from codec.layers import MAX_SEED
from ui.page.layout import EXAMPLE

POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A small drawn picture, with a prompt in its metadata."""
    pixels = np.full((120, 160, 3), (200, 180, 140), np.uint8)
    pixels[30:90, 50:110] = (40, 60, 160)
    path = tmp_path_factory.mktemp("pictures") / "blue square.png"
    path.write_bytes(encode_png(pixels, {"parameters": "a blue square on sand\nSteps: 20, Seed: 7"}))
    return path


def test_an_example_is_there_and_saves_as_it_is(visit):
    assert visit.bytes() == EXAMPLE.stat().st_size
    assert visit.save() == EXAMPLE.read_bytes()


def test_a_stroke_is_one_request_and_real_bytes(visit):
    before, posts = visit.bytes(), len(visit.posts)
    strokes = Layers.from_bytes(EXAMPLE.read_bytes()).structure.strokes
    visit.drag((0.1, 0.1), (0.3, 0.9), (0.5, 0.4))
    after = visit.bytes_change_from(before)
    visit.says("Preview of your edit")
    assert [url.split("gradio_api/")[1] for url in visit.posts[posts:]] == ["run/predict"]
    data = visit.save()
    drawn = Layers.from_bytes(data).structure.strokes
    assert len(data) == after
    assert drawn[-len(strokes) :] == strokes and len(drawn) > len(strokes)  # the others are untouched


def test_the_eraser_takes_only_what_it_meets(visit):
    old = set(Layers.from_bytes(EXAMPLE.read_bytes()).structure.strokes)
    before = visit.bytes()
    visit.tool("eraser")
    visit.drag((0.45, 0.05), (0.55, 0.05))
    visit.drag((0.3, 0.5), (0.6, 0.5))
    visit.bytes_change_from(before)
    visit.says("Preview of your edit")
    left = Layers.from_bytes(visit.save()).structure.strokes
    whole = old.intersection(left)
    assert 0 < len(whole) < len(old)
    points = {point for stroke in old for point in stroke}
    assert all(set(stroke) <= points for stroke in left)


def test_painting_a_cell_with_pointer_and_keyboard(visit):
    base = Layers.from_bytes(EXAMPLE.read_bytes()).texture
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
    changed = np.argwhere((cells != base.cells).any(axis=2)).tolist()
    assert [0, 0] in changed and [1, 1] in changed


def test_picking_a_color_paints_with_it(visit):
    visit.tool("pick")
    visit.drag((0.5, 0.99))
    expect(visit.page.locator(".lc")).to_have_attribute("data-tool", "cell")
    assert visit.page.locator(".lc-color").input_value() != "#c8553d"


def test_an_object_is_erased_from_both_layers_and_comes_back(visit):
    before = visit.bytes()
    visit.tool("mask")
    for y in (0.4, 0.45, 0.5, 0.55, 0.6):
        visit.drag((0.4, y), (0.65, y))
    visit.canvas_has("masked", "true")
    visit.page.get_by_role("button", name="Erase masked").click()
    expect(visit.page.locator(".lc-say")).to_contain_text("Erased from")
    visit.canvas_has("masked", "false")
    visit.bytes_change_from(before)
    layers = Layers.from_bytes(visit.save())
    cols, rows = layers.structure.cols, layers.structure.rows
    left = [point for stroke in layers.structure.strokes for point in stroke]
    assert left and not [1 for x, y in left if 0.42 < x / cols < 0.63 and 0.42 < y / rows < 0.58]
    visit.undo()
    visit.canvas_has("masked", "true")
    expect(visit.page.locator(".tl-total strong")).to_have_text(f"{before:,}")
    assert visit.save() == EXAMPLE.read_bytes()


def test_a_stroke_drawn_while_the_server_erases_is_kept(visit):
    held = []
    visit.page.route("**/component_server**", lambda route: held.append(route))
    visit.tool("mask")
    visit.drag((0.4, 0.5), (0.6, 0.5))
    visit.page.get_by_role("button", name="Erase masked").click()
    visit.tool("pen")
    visit.drag((0.05, 0.05), (0.06, 0.9))
    visit.canvas_has("rev", "1")
    count = int(visit.canvas("strokes"))
    expect(visit.page.locator(".lc-say")).to_contain_text("Erasing")
    assert len(held) == 1
    held[0].continue_()
    expect(visit.page.locator(".lc-say")).to_contain_text("Erased from")
    strokes = Layers.from_bytes(visit.save()).structure.strokes
    column = [x for x, _ in strokes[0]]
    assert max(column) < 10 and len(column) > 50, "the stroke drawn meanwhile"
    visit.undo()
    visit.canvas_has("strokes", str(count))


def test_what_was_erased_of_another_picture_is_dropped(visit):
    held = []
    visit.page.route("**/component_server**", lambda route: held.append(route))
    visit.tool("mask")
    visit.drag((0.4, 0.5), (0.6, 0.5))
    visit.page.get_by_role("button", name="Erase masked").click()
    expect(visit.page.locator(".lc-say")).to_contain_text("Erasing")
    other = Layers(64, 64, Prompt("another"), POSE).to_bytes()
    visit.put("open", {"name": "other.tril", "mimeType": "application/octet-stream", "buffer": other})
    visit.says("Opened other")
    assert len(held) == 1
    held[0].continue_()
    expect(visit.page.locator(".lc-say")).to_have_text("Nothing was erased.")
    assert visit.save() == other


def test_joints_are_erased_and_counted(visit):
    posed = Layers(64, 64, Prompt("a dancer"), POSE).to_bytes()
    visit.put("open", {"name": "posed.tril", "mimeType": "application/octet-stream", "buffer": posed})
    visit.says("Opened posed")
    visit.tool("mask")
    visit.drag((0.5, 0.1), (0.5, 0.15))
    visit.page.get_by_role("button", name="Erase masked").click()
    expect(visit.page.locator(".lc-say")).to_have_text("Erased 1 joint and 0 color cells")
    layers = Layers.from_bytes(visit.save())
    assert layers.semantic == Prompt("a dancer")
    assert layers.structure.persons[0] == (None, *POSE.persons[0][1:])


DROP = """(target, [name, type, text]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  return ['dragenter', 'dragover', 'drop'].map((kind) => !target.dispatchEvent(
    new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true })))
}"""


def drop(visit, where, name, kind, data):
    """A file dropped on the first element `where`; the page must take it, or the browser leaves for it."""
    _, over, dropped = visit.page.locator(where).first.evaluate(DROP, [name, kind, base64.b64encode(data).decode()])
    assert over and dropped


@pytest.mark.parametrize("where", ["body", ".lc-stage", "#picture", "#picture img", "#prompt textarea"])
def test_a_file_of_ours_dropped_anywhere_opens(visit, where):
    data = Layers(64, 64, Prompt("dropped"), POSE).to_bytes()
    drop(visit, where, "Dropped.TRIL", "", data)
    visit.says("Opened Dropped")
    assert visit.save() == data


@pytest.mark.parametrize("where", ["body", ".lc-stage", "#compare", "#picture", "#picture img"])
def test_a_picture_dropped_anywhere_is_taken_apart_once(visit, picture, where):
    uploads = len([url for url in visit.posts if "/upload" in url])
    drop(visit, where, picture.name, "image/png", picture.read_bytes())
    visit.says("Opened blue-square, 160 × 120")
    assert len([url for url in visit.posts if "/upload" in url]) == uploads + 1


def test_undo_and_redo_with_the_keyboard(visit):
    before = visit.bytes()
    visit.drag((0.1, 0.2), (0.9, 0.8))
    after = visit.bytes_change_from(before)
    visit.page.keyboard.press("Control+z")
    expect(visit.page.locator(".tl-total strong")).to_have_text(f"{before:,}")
    visit.page.keyboard.press("Control+Shift+z")
    expect(visit.page.locator(".tl-total strong")).to_have_text(f"{after:,}")


def test_a_dropped_picture_brings_its_prompt(visit, picture):
    visit.put("picture", picture)
    expect(visit.page.locator("#prompt textarea")).to_have_value("a blue square on sand")
    visit.says("Opened blue-square, 160 × 120")
    visit.canvas_has("strokes", re.compile("^[1-9]"))
    told = "Prompt from the picture's AUTOMATIC1111 metadata. Made with 20 steps."
    expect(visit.page.locator("#origin")).to_have_text(told)
    layers = Layers.from_bytes(visit.save())
    assert (layers.width, layers.height, layers.semantic.text) == (160, 120, "a blue square on sand")
    assert (layers.seed, layers.settings) == (7, Settings(20))
    expect(visit.page.locator(".tl-total strong")).to_have_text(f"{len(layers.to_bytes()):,}")


def test_extract_again_can_be_undone(visit):
    before = visit.bytes()
    visit.page.get_by_role("button", name="Budget and extraction").click()
    visit.page.locator("#budget input[type=number]").fill("300")
    visit.page.locator("#again").click()
    visit.says("Opened")
    assert visit.bytes_change_from(before) <= 300
    visit.undo()  # the extraction
    visit.undo()  # the slide
    expect(visit.page.locator(".tl-total strong")).to_have_text(f"{before:,}")


def test_over_the_budget_it_says_so_and_can_be_cut(visit):
    before, fit = visit.bytes(), visit.page.get_by_role("button", name="Cut to fit")
    expect(fit).to_be_disabled()
    visit.page.locator("#prompt textarea").fill(" ".join(f"w{7919 * i % 9973:x}q" for i in range(60)))
    visit.bytes_change_from(before)
    expect(visit.page.locator("#readout")).to_contain_text("over the budget")
    expect(visit.page.locator("#origin")).to_have_text("Prompt written by you")
    expect(fit).to_be_enabled()
    fit.click()
    visit.says("Cut to")
    expect(fit).to_be_disabled()
    expect(visit.page.locator("#readout")).to_contain_text("left")
    assert len(visit.save()) <= EXAMPLE.stat().st_size + 8  # the budget, 0.02 bpp


def test_decode_shows_steps_and_finishes(fresh):
    visit = fresh(viewport={"width": 360, "height": 800}).open()

    def tops() -> list[float]:
        return [visit.page.locator(x).evaluate("e => e.offsetTop") for x in ("#stages", "#how", "#budget", "#canvas")]

    visit.page.locator("#seed input").fill("5")
    places = tops()
    visit.page.keyboard.press("Control+Enter")
    expect(visit.page.locator("#status progress")).to_be_visible()
    assert tops() == places
    expect(visit.page.locator("#stop")).to_be_enabled()
    expect(visit.page.locator("#status")).to_contain_text("Decoded in", timeout=90_000)
    visit.says("seed 5")
    visit.shows("decoded")
    assert tops() == places, "the page jumps"
    visit.shoot("page-360-decoded")
    expect(visit.page.locator("#decode")).to_be_enabled()
    expect(visit.page.locator("#stop")).to_be_disabled()
    with visit.page.expect_download() as download:
        visit.page.locator("#result").click()
    assert download.value.suggested_filename == "coffee.png"
    layers = Layers.from_bytes(EXAMPLE.read_bytes())
    assert load(download.value.path()).pixels.shape == (layers.height, layers.width, 3)
    visit.tool("cell")
    visit.drag((0.5, 0.5))
    visit.shows("preview")
    expect(visit.page.locator("#result")).to_be_disabled()  # it is no longer what the layers say


@pytest.mark.parametrize(("wrong", "right"), [("", "600"), ("5", "4000")])
def test_an_error_goes_when_it_is_put_right(visit, wrong, right):
    visit.page.get_by_role("button", name="Budget and extraction").click()
    visit.page.locator("#budget input[type=number]").fill(wrong)
    visit.says("byte budget must be a whole number")
    visit.page.locator("#budget input[type=number]").fill(right)
    visit.says("All there is")
    expect(visit.page.locator("#status .tl-bad")).to_have_count(0)
    visit.page.locator("#keep-seed input").check()
    visit.page.locator("#seed input").fill("five")
    visit.says("seed must be a whole number")
    visit.page.locator("#seed input").fill("5")
    visit.says("put right")


def test_stop_stops_at_once_and_the_work_too(visit, endless):
    visit.page.locator("#decode").click()
    visit.says("Round")
    expect(visit.page.locator("#decode")).to_be_disabled()
    visit.page.locator("#stop").click()
    visit.says("Stopped.")
    expect(visit.page.locator("#decode")).to_be_enabled()
    expect(visit.page.locator("#stop")).to_be_disabled()
    assert endless.wait(10)


def test_closing_the_tab_ends_the_work(fresh, endless):
    visit = fresh().open()
    visit.page.locator("#decode").click()
    visit.says("Round")
    visit.page.close()
    assert endless.wait(20)


def test_edits_while_decoding_keep_the_picture_and_count_bytes(visit, endless):
    visit.page.locator("#decode").click()
    visit.says("Round")
    before = visit.bytes()
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.bytes_change_from(before)
    shown = visit.page.locator("#compare img").last.get_attribute("src")
    visit.page.locator("#stop").click()
    visit.says("Stopped.")
    expect(visit.page.locator("#compare img").last).not_to_have_attribute("src", shown)  # the edit is seen at last
    visit.shows("preview")


def test_on_a_phone_decode_is_in_sight_and_leads_to_its_picture(fresh, endless):
    visit = fresh(viewport={"width": 360, "height": 800}).open()
    seen = "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight && b.top; }"
    assert visit.page.locator("#decode").evaluate(seen) > 700
    assert visit.page.locator("#compare").evaluate("e => e.getBoundingClientRect().top") > 800
    visit.page.locator("#decode").click()
    visit.says("Round")
    assert visit.page.locator("#compare").evaluate("e => e.getBoundingClientRect().top") < 100
    assert visit.page.locator("#status").evaluate(seen)
    visit.shoot("page-360-decoding")
    visit.page.locator("#stop").click()
    visit.says("Stopped.")


def test_saved_work_opens_again_with_the_same_bytes(visit, fresh):
    visit.page.locator("#prompt textarea").fill("ein Kaffee – ☕")
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    visit.page.locator("#keep-seed input").check()
    data = visit.save()
    assert Layers.from_bytes(data).seed == 0
    other = fresh().open()
    other.put("open", {"name": "mine.tril", "mimeType": "application/octet-stream", "buffer": data})
    other.says("Opened mine")
    expect(other.page.locator("#prompt textarea")).to_have_value("ein Kaffee – ☕")
    expect(other.page.locator("#compare")).to_contain_text("Layers | preview")
    assert other.save() == data


def test_the_largest_seed_comes_back_exactly_and_decodes(visit):
    data = Layers(64, 64, Prompt("x"), POSE, seed=MAX_SEED).to_bytes()
    visit.put("open", {"name": "large.tril", "mimeType": "application/octet-stream", "buffer": data})
    visit.says("Opened large")
    expect(visit.page.locator("#seed input")).to_have_value(str(MAX_SEED))
    assert visit.save() == data
    visit.page.locator("#decode").click()
    expect(visit.page.locator("#status")).to_contain_text(f"seed {MAX_SEED}", timeout=90_000)
    visit.page.locator("#dice").click()
    expect(visit.page.locator("#seed input")).not_to_have_value(str(MAX_SEED))
    assert 0 <= Layers.from_bytes(visit.save()).seed < 2**32


@pytest.mark.parametrize(
    ("where", "name", "data", "says"),
    [
        ("open", "no.tril", b"hello", "choose a .tril"),
        ("open", "cut.tril", EXAMPLE.read_bytes()[:8], "cut off"),
        ("picture", "no.png", b"hello", "PNG, JPEG, WebP"),
        (
            "picture",
            "cut.png",
            encode_png(np.tile(np.arange(99, dtype=np.uint8), 99).reshape(33, 99, 3))[:90],
            "damaged",
        ),
    ],
)
def test_a_bad_file_is_one_message_and_nothing_is_lost(visit, where, name, data, says):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.says("Preview of your edit")
    mine = visit.save()
    visit.put(where, {"name": name, "mimeType": "image/png", "buffer": data})
    expect(visit.page.locator("#status .tl-bad")).to_have_count(1)
    visit.says(says)
    assert visit.save() == mine


def test_of_a_damaged_file_the_rest_opens(visit):
    data = bytearray(EXAMPLE.read_bytes())
    colors = Layers.from_bytes(bytes(data)).texture.to_bytes()
    data[bytes(data).index(colors) + 3] ^= 0x40
    visit.put("open", {"name": "hurt.tril", "mimeType": "application/octet-stream", "buffer": bytes(data)})
    visit.says("damaged: texture")
    visit.canvas_has("strokes", re.compile("^[1-9]"))
    expect(visit.page.locator(".lc button[data-tool=cell]")).to_be_disabled()
    assert Layers.from_bytes(visit.save()).texture is None


def test_of_a_file_that_was_cut_off_the_rest_opens(visit):
    cut = EXAMPLE.read_bytes()[:-30]
    visit.put("open", {"name": "cut.tril", "mimeType": "application/octet-stream", "buffer": cut})
    visit.says("damaged: texture")
    whole = Layers.from_bytes(EXAMPLE.read_bytes())
    assert Layers.from_bytes(visit.save()) == whole.only((1, 2))


HOSTILE = "${alert(1)} {{constructor}} <img src=x onerror=alert(2)> </textarea><script>alert(3)</script> \u202egnp"


def test_a_prompt_is_text_never_markup(visit):
    visit.small()
    visit.page.locator("#prompt textarea").fill(HOSTILE)
    visit.page.locator("#decode").click()
    expect(visit.page.locator("#status")).to_contain_text("Decoded in", timeout=90_000)
    data = visit.save()
    assert Layers.from_bytes(data).semantic.text == HOSTILE
    name = "<img src=x onerror=alert(4)>.tril"
    visit.put("open", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
    visit.says("Opened")
    expect(visit.page.locator("#prompt textarea")).to_have_value(HOSTILE)
    assert visit.page.locator("img[src=x], #bench script").count() == 0


def test_a_value_that_no_canvas_sends_is_one_message(visit):
    def forge(route):
        body = json.loads(route.request.post_data)
        body["data"][0] = json.dumps(json.loads(body["data"][0]) | {"strokes": [[0, 0, "1", 1]]})
        route.continue_(post_data=json.dumps(body))

    visit.page.route("**/queue/join*", forge)
    visit.page.locator("#decode").click()
    visit.says("not a list of two points")
    expect(visit.page.locator("#decode")).to_be_enabled()


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_scrolls_sideways(fresh, width):
    visit = fresh(viewport={"width": width, "height": 800}).open()
    visit.shoot(f"page-{width}-opened")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    inside = "e => e.getBoundingClientRect().right <= innerWidth + 1 && e.getBoundingClientRect().left >= -1"
    for place in ("#save", ".lc-stage", ".lc-apply", "#compare", "#readout table", "#decode", "#dice"):
        assert visit.page.locator(place).first.evaluate(inside), place


def test_drawing_with_a_finger(fresh):
    visit = fresh(viewport={"width": 360, "height": 800}, has_touch=True, is_mobile=True).open()
    before = visit.bytes()
    visit.page.locator(".lc-stage").scroll_into_view_if_needed()
    box = visit.page.locator(".lc-stage").bounding_box()
    touch = visit.page.context.new_cdp_session(visit.page)
    for kind, x, y in (("touchStart", 0.2, 0.2), ("touchMove", 0.5, 0.5), ("touchMove", 0.8, 0.3), ("touchEnd", 0, 0)):
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})
    visit.canvas_has("rev", "1")
    assert visit.bytes_change_from(before) > before


# Gradio's own: aria-label on a bare div of an image box
ALLOWED = {"aria-prohibited-attr"}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_nothing_of_ours(fresh, mode):
    from axe_playwright_python.sync_playwright import Axe

    visit = fresh(color_scheme=mode).open(f"?__theme={mode}")
    visit.page.get_by_role("button", name="Budget and extraction").click()
    visit.page.get_by_role("button", name="Negative prompt").click()
    expect(visit.page.locator("#again")).to_be_visible()
    found = Axe().run(visit.page).response["violations"]
    visit.shoot(f"page-1400-{mode}-options")
    ours = [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found if v["id"] not in ALLOWED]
    assert ours == []
