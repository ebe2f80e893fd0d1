"""Opening pictures, files, examples and blank canvases."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from codec import Layers, Pose, Prompt
from codec.bitstream.settings import Settings
from codec.images.io import encode_png
from codec.layers import MAX_SEED
from tests.ui.visit import DECODE_WAIT, TRIL_TYPE
from ui.services import actions, examples
from ui.services.actions import OpenedImage
from ui.services.examples import START_FILE

POSE = Pose((((1024, 200), (1024, 1800), *(None,) * 16),))
EXAMPLE = Layers.from_bytes(START_FILE.read_bytes())


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A small drawn picture, with a prompt in its metadata."""
    pixels = np.full((120, 160, 3), (200, 180, 140), np.uint8)
    pixels[30:90, 50:110] = (40, 60, 160)
    path = tmp_path_factory.mktemp("pictures") / "blue square.png"
    path.write_bytes(encode_png(pixels, {"parameters": "a blue square on sand\nSteps: 20, Seed: 7"}))
    return path


DROP = """(target, [name, type, text]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type }));
  return ['dragenter', 'dragover', 'drop'].map((kind) => !target.dispatchEvent(
    new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true })))
}"""


PASTE = """(target, text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], 'image.png', { type: 'image/png' }));
  target.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
}"""


def drop(visit, where, name, kind, data):
    """Drop a file on the first element `where`. The page must handle it, or the browser would leave for the file."""
    _, over, dropped = visit.page.locator(where).first.evaluate(DROP, [name, kind, base64.b64encode(data).decode()])
    assert over and dropped


def test_a_tril_file_dropped_anywhere_is_opened(reloaded):
    for number, where in enumerate(("#picture img", "#picture", "body", ".lc-stage", "#prompt textarea")):
        data = Layers(64, 64, Prompt(f"dropped {number}"), POSE).to_bytes()
        drop(reloaded, where, f"Dropped{number}.TRIL", "", data)
        reloaded.says(f"Opened Dropped{number}")
        assert reloaded.save() == data


def test_a_picture_dropped_anywhere_is_encoded_once(visit, monkeypatch, picture):
    encoded, posts = [], len(visit.posts)

    def open_picture(path, options):
        encoded.append(path)
        return OpenedImage(EXAMPLE, f"drop{len(encoded)}", "Prompt from a test", np.zeros((400, 600, 3), np.uint8))

    monkeypatch.setattr(actions, "open_picture", open_picture)
    for number, where in enumerate(("body", ".lc-stage", "#compare", "#picture", "#picture img"), start=1):
        drop(visit, where, picture.name, "image/png", picture.read_bytes())
        visit.says(f"Opened drop{number}, 600 × 400")
    visit.page.locator("body").evaluate(PASTE, base64.b64encode(picture.read_bytes()).decode())
    visit.says("Opened drop6, 600 × 400")
    assert len(encoded) == len([url for url in visit.posts[posts:] if "/upload" in url]) == 6


def test_a_picture_brings_its_prompt(visit, picture):
    visit.put("picture", picture)
    visit.prompt_is("a blue square on sand")
    visit.says("Opened blue square, 160 × 120")
    visit.canvas_has("strokes", re.compile("^[1-9]"))
    source = "Prompt from the picture's AUTOMATIC1111 metadata. Made with 20 steps."
    expect(visit.page.locator("#origin")).to_have_text(source)
    layers = Layers.from_bytes(visit.save())
    assert (layers.width, layers.height, layers.semantic.text) == (160, 120, "a blue square on sand")
    assert (layers.seed, layers.settings) == (7, Settings(20))
    visit.bytes_are(len(layers.to_bytes()))


def test_the_original_can_be_removed(reloaded):
    expect(reloaded.page.locator("#compare")).to_contain_text("Original | preview")
    reloaded.page.get_by_label("Remove Image").click()
    reloaded.says("Original removed; the layers are kept.")
    assert reloaded.save() == START_FILE.read_bytes()


def test_the_largest_seed_is_exact_and_decodes(visit):
    data = Layers(64, 64, Prompt("x"), POSE, seed=MAX_SEED).to_bytes()
    visit.put_tril("large", data)
    expect(visit.page.locator("#seed input")).to_have_value(str(MAX_SEED))
    assert visit.save() == data
    visit.page.locator("#decode").click()
    visit.says(f"seed {MAX_SEED}", timeout=DECODE_WAIT)
    visit.page.locator("#dice").click()
    expect(visit.page.locator("#seed input")).not_to_have_value(str(MAX_SEED))
    assert 0 <= Layers.from_bytes(visit.save()).seed < 2**32


TRUNCATED_PNG = encode_png(np.tile(np.arange(99, dtype=np.uint8), 99).reshape(33, 99, 3))[:90]


def test_a_bad_file_is_one_message_and_no_work_is_lost(visit):
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.says("Preview of your edit")
    mine = visit.save()
    for where, name, data, message in (
        ("open", "no.tril", b"hello", "choose a .tril"),
        ("open", "cut.tril", START_FILE.read_bytes()[:8], "truncated"),
        ("picture", "no.png", b"hello", "PNG, JPEG, WebP"),
        ("picture", "cut.png", TRUNCATED_PNG, "damaged"),
    ):
        visit.put(where, {"name": name, "mimeType": "image/png", "buffer": data})
        visit.says(message)
        expect(visit.page.locator("#status .tl-bad")).to_have_count(1)
        assert visit.save() == mine  # and its status replaces the message


def test_the_intact_layers_of_a_damaged_file_are_opened(visit):
    data = bytearray(START_FILE.read_bytes())
    colors = EXAMPLE.texture.to_bytes()
    data[bytes(data).index(colors) + 3] ^= 0x40
    truncated = START_FILE.read_bytes()[:-30]
    for name, damaged in (("damaged", bytes(data)), ("truncated", truncated)):
        visit.put("open", {"name": f"{name}.tril", "mimeType": TRIL_TYPE, "buffer": damaged})
        visit.says("The colors are damaged and were skipped.")
        expect(visit.page.locator(".lc button[data-tool=cell]")).to_be_disabled()
        assert Layers.from_bytes(visit.save()) == EXAMPLE.only((1, 2))


def test_an_example_opens_by_click_and_by_keyboard(visit):
    expect(visit.page.locator("#start [data-example]")).to_have_count(6)
    visit.page.locator("[data-example=balloon]").click()
    visit.says("Draw over the balloon")
    visit.canvas_has("tool", "mask")  # the one that the hint names
    assert visit.save() == examples.load_example("balloon").to_bytes()
    visit.page.locator("[data-example=dancers]").focus()
    visit.page.keyboard.press("Enter")
    visit.says("Two people as skeletons")
    visit.prompt_is("two dancers on a stage, oil painting")
    assert visit.save() == examples.load_example("dancers").to_bytes()


def test_a_blank_canvas_is_drawn_on_and_decoded(visit):
    visit.page.locator(".tl-new select").select_option("768,512")
    visit.page.locator(".tl-new button").click()
    visit.says("New blank canvas")
    visit.prompt_is("")
    visit.canvas_has("strokes", "0")
    visit.drag((0.2, 0.7), (0.5, 0.2), (0.8, 0.7))
    visit.canvas_has("strokes", "1")
    visit.tool("cell")
    visit.drag((0.5, 0.5))
    visit.canvas_has("rev", "2")
    visit.page.locator("#prompt textarea").fill("a tent")
    layers = Layers.from_bytes(visit.save())
    assert (layers.width, layers.height, layers.semantic.text) == (768, 512, "a tent")
    assert len(layers.structure.strokes) >= 1
    visit.shows("preview")
    expect(visit.page.locator("#compare")).to_contain_text("Layers | preview")
