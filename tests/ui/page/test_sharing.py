"""Links, ZIP files and pictures that contain the layers."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from playwright.sync_api import expect

from codec import Layers, Pose, Prompt
from codec.bitstream.container import KEEPABLE, SKIPPABLE
from codec.images import png_chunk
from codec.images.io import encode_png, load
from codec.layers import MAX_SEED
from ui.services import share
from ui.services.examples import START_FILE

LAYERS = Layers.from_bytes(START_FILE.read_bytes())
POSED = Layers(64, 64, Prompt("a dancer"), Pose((((1024, 200), (1024, 1800), *(None,) * 16),)), seed=MAX_SEED)


def test_a_copied_link_opens_the_same_layers(visit):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.canvas_has("rev", "1")
    visit.page.locator("#prompt textarea").fill("ein Kaffee – ☕")
    visit.settle()
    visit.page.locator("#copy-link").click()
    visit.says("Copied a link of")
    visit.says("The link contains all layers.")
    link = visit.page.evaluate("navigator.clipboard.readText()")
    data = visit.save()
    assert link.startswith(f"{visit.address}?t=") and len(link) < 1200
    visit.reset()
    visit.leave(lambda: visit.page.goto(link))
    visit.says("Opened picture")
    expect(visit.page.locator("#origin")).to_have_text("Prompt from the link")
    visit.prompt_is("ein Kaffee – ☕")
    assert visit.save() == data
    assert "t=" not in visit.page.url  # so that a reload opens the edited work


def test_without_a_clipboard_the_link_is_in_the_address_bar(visit):
    visit.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    visit.page.locator("#copy-link").click()
    visit.says("in the address bar")
    assert share.from_link(visit.page.url.partition("t=")[2]).layers == LAYERS


def test_a_hostile_link_is_one_message(session_page):
    session_page.restart("?t=%3Cimg src=x onerror=alert(1)%3E", wait=False)
    session_page.says("The link contains no image")
    for t in ("A" * 20_000, "s0w"):
        session_page.page.locator("#save").click()
        session_page.says("Saved coffee.tril")
        session_page.page.evaluate("(t) => { location.hash = `t=${t}`; }", t)
        session_page.says("The link contains no image")
    assert session_page.save() == START_FILE.read_bytes()
    assert session_page.faults == []


def test_a_long_link_is_not_sent_to_the_server(visit):
    long = Layers(64, 64, Prompt("long"), extra=((SKIPPABLE | KEEPABLE | 17, bytes(range(256)) * 8),))
    assert len(share.to_link(long)) > share.MAX_QUERY_CHARS
    visit.put_tril("long", long.to_bytes())
    visit.page.locator("#copy-link").click()
    visit.says("Copied a link of")
    link = visit.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{visit.address}#t={share.to_link(long)}"
    visit.reset()
    visit.page.evaluate("(hash) => { location.hash = hash; }", link.partition("#")[2])
    visit.says("Opened picture")
    assert visit.save() == long.to_bytes()


def test_layers_are_saved_as_a_zip_that_opens_again(visit):
    with visit.page.expect_download() as download:
        visit.page.locator("#zip").click()
    assert download.value.suggested_filename == "coffee-layers.zip"
    data = Path(download.value.path()).read_bytes()
    assert "sketch.svg" in zipfile.ZipFile(io.BytesIO(data)).namelist()
    visit.open_small()
    visit.put("open", {"name": "coffee-layers.zip", "mimeType": "application/zip", "buffer": data})
    visit.says("Opened coffee, 600 × 400")
    assert visit.save() == START_FILE.read_bytes()


def test_a_saved_picture_opens_as_its_layers(visit):
    visit.put_tril("dancer", POSED.to_bytes())
    visit.page.locator("#decode").click()
    visit.shows("decoded")
    expect(visit.page.locator("#result")).to_be_enabled()
    with visit.page.expect_download() as download:
        visit.page.locator("#result").click()
    png = Path(download.value.path()).read_bytes()
    assert png_chunk.extract(png) == POSED.to_bytes()
    for where in ("picture", "open"):
        visit.put(where, {"name": f"from-{where}.png", "mimeType": "image/png", "buffer": png})
        visit.says(f"Opened from-{where}")
        assert visit.save() == POSED.to_bytes()
    plain = encode_png(load(png).pixels)  # as if saved by another program
    visit.put("open", {"name": "plain.png", "mimeType": "image/png", "buffer": plain})
    visit.says("Opened plain, 64 × 64")  # as a picture, of which layers are extracted
    expect(visit.page.locator("#picture img")).to_be_visible()
    with visit.page.expect_file_chooser():
        visit.page.locator("#picture img").click()  # chooses another picture
