"""A link that is the image, and work that the browser keeps."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from codec import CodecError, Layers, Pose, Prompt
from codec.folder_io import read_layers
from codec.images import png_chunk
from codec.images.io import encode_png, load
from codec.layers import MAX_SEED
from ui.page.handlers import saves
from ui.page.layout import EXAMPLE
from ui.services import canvas_state, share

LAYERS = Layers.from_bytes(EXAMPLE.read_bytes())
POSE = Layers(64, 64, Prompt("a dancer"), Pose((((1024, 200), (1024, 1800), *(None,) * 16),)), seed=MAX_SEED)


@pytest.mark.parametrize("layers", [LAYERS, POSE, Layers(1, 1, Prompt("x"))])
def test_a_link_holds_the_file(layers):
    assert share.from_link(share.to_link(layers)).layers == layers
    assert re.fullmatch("[A-Za-z0-9_-]+", share.to_link(layers))


@pytest.mark.parametrize(
    "text", [None, 5, [], {}, "", "=", "A", "AAAA", "a b", "é", "<img src=x>", "-_-_", "A" * 100_000, "s0w", "s0z///"]
)
def test_any_other_link_is_one_sentence(text):
    with pytest.raises(CodecError) as error:
        share.from_link(text)
    assert "link holds no image" in str(error.value) and len(str(error.value)) < 160


def test_of_a_link_that_was_cut_off_the_rest_opens():
    whole = share.to_link(LAYERS)
    for end in (1, 2, 3, 4):
        opened = share.from_link(whole[: -30 - end])
        assert opened.warning and opened.layers.semantic == LAYERS.semantic


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        {},
        "x",
        [None] * 5,
        [{}, "", "", "", True],
        [canvas_state.write(LAYERS, "x"), 1, "", "", True],
        [1] * 9,
    ],
)
def test_kept_work_that_is_none_is_one_sentence(state):
    with pytest.raises(CodecError) as error:
        saves.kept_work(state)
    assert len(str(error.value)) < 120


def test_a_prompt_that_cannot_be_is_kept_with_its_drawing():
    long = "x" * 30_000
    layers, name, fields = saves.kept_work([canvas_state.write(LAYERS, "cup"), long, "", "no seed", 1])
    assert (layers.structure, layers.texture, name) == (LAYERS.structure, LAYERS.texture, "cup")
    assert fields == (long, "", "no seed", False)


def test_the_copied_link_opens_the_same_layers_elsewhere(fresh):
    visit = fresh(permissions=["clipboard-read", "clipboard-write"]).open()
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    visit.page.locator("#prompt textarea").fill("ein Kaffee – ☕")
    visit.page.locator("#copy-link").click()
    visit.says("Copied a link of")
    link = visit.page.evaluate("navigator.clipboard.readText()")
    data = visit.save()
    assert link.startswith(f"{visit.address}?t=") and len(link) < 1200
    other = fresh()
    other.page.goto(link)
    other.says("Opened picture")
    expect(other.page.locator("#origin")).to_have_text("Prompt from the link")
    expect(other.page.locator("#prompt textarea")).to_have_value("ein Kaffee – ☕")
    assert other.save() == data
    assert "t=" not in other.page.url  # a reload brings what was made of it since


def test_where_nothing_can_be_copied_the_address_has_the_link(fresh):
    visit = fresh()
    visit.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject()")
    visit.open()
    visit.page.locator("#copy-link").click()
    visit.says("in the address bar")
    assert share.from_link(visit.page.url.partition("t=")[2]).layers == LAYERS


@pytest.mark.parametrize("t", ["%3Cimg src=x onerror=alert(1)%3E", "A" * 20_000, "s0w"])
def test_a_hostile_link_is_one_sentence_on_a_page_that_works(fresh, t):
    visit = fresh().open(f"?t={t}")
    visit.says("The link holds no image")
    assert visit.save() == EXAMPLE.read_bytes()


def test_a_long_link_stays_off_the_wire(fresh):
    long = Layers(64, 64, Prompt("".join(chr(0x4E00 + 7919 * i % 20000) for i in range(1300))))
    assert len(share.to_link(long)) > share.MAX_QUERY
    visit = fresh()
    visit.page.goto(f"{visit.address}#t={share.to_link(long)}")
    visit.says("Opened picture")
    assert visit.save() == long.to_bytes()


def test_work_comes_back_after_a_reload(visit):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    visit.page.locator("#prompt textarea").fill("mine <b>now</b>")
    visit.page.locator("#seed input").fill("12")
    visit.page.locator("#keep-seed input").check()
    data = visit.save()
    visit.reload()
    visit.says("Your last work, coffee, is open again")
    expect(visit.page.locator("#prompt textarea")).to_have_value("mine <b>now</b>")
    expect(visit.page.locator("#keep-seed input")).to_be_checked()
    assert visit.save() == data
    page = visit.page.context.new_page()  # the tab is gone, or the browser was
    visit.page.close()
    visit.page = page
    visit.page.goto(visit.address)
    visit.says("Your last work")
    assert visit.save() == data
    visit.page.locator("#over").click()
    visit.says("An example is open")
    assert visit.save() == EXAMPLE.read_bytes()
    visit.reload()
    visit.says("An example is open")


@pytest.mark.parametrize("kept", ["{", "5", '{"version": 1, "state": [1, 2]}', None])
def test_what_cannot_be_restored_is_no_trap(fresh, kept):
    if kept is None:
        value = canvas_state.write(LAYERS, "x") | {"strokes": [[0, 0, "<b>", 1]]}
        kept = json.dumps({"version": 1, "state": [value, "", "", "", True]})
    visit = fresh()
    visit.page.add_init_script(f"localStorage.setItem('trilayer.kept', {json.dumps(kept)})")
    visit.open()
    visit.says("cannot be opened" if "state" in kept else "An example is open")
    assert visit.save() == EXAMPLE.read_bytes()


def test_the_layers_as_a_zip_come_back_as_the_same_file(tmp_path):
    with zipfile.ZipFile(io.BytesIO(share.zipped(POSE))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    assert read_layers(tmp_path) == POSE
    assert share.zipped(POSE) == share.zipped(POSE)


def test_zip_and_prompt_leave_the_page(fresh):
    visit = fresh(permissions=["clipboard-read", "clipboard-write"]).open()
    with visit.page.expect_download() as download:
        visit.page.locator("#zip").click()
    assert download.value.suggested_filename == "coffee-layers.zip"
    assert "sketch.svg" in zipfile.ZipFile(download.value.path()).namelist()
    visit.page.locator("#prompt button").click()
    copied = "navigator.clipboard.readText().then((text) => text === 'a cup of coffee on a wooden table')"
    visit.page.wait_for_function(copied)


def test_the_saved_picture_opens_as_its_layers(fresh, tmp_path):
    visit = fresh().open()
    visit.put("open", {"name": "dancer.tril", "mimeType": "", "buffer": POSE.to_bytes()})
    visit.says("Opened dancer")
    visit.page.locator("#decode").click()
    expect(visit.page.locator("#result")).to_be_enabled()
    with visit.page.expect_download() as download:
        visit.page.locator("#result").click()
    png = Path(download.value.path()).read_bytes()
    assert png_chunk.take(png) == POSE.to_bytes()
    for where in ("picture", "open"):
        other = fresh().open()
        other.put(where, {"name": "dancer.png", "mimeType": "image/png", "buffer": png})
        other.says("Opened dancer")
        assert other.save() == POSE.to_bytes()
    plain = encode_png(load(png).pixels)  # saved anew elsewhere
    other.put("open", {"name": "plain.png", "mimeType": "image/png", "buffer": plain})
    other.says("no layers inside this PNG")
