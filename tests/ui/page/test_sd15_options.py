"""Stable Diffusion on the page: options, missing weights, steps, Stop and the edited area, with tiny networks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from playwright.sync_api import expect

from codec import CodecError, Prompt
from codec.bitstream.settings import Settings
from codec.decoders.sd15.options import PRESETS
from codec.errors import Cancelled, ModelMissing
from codec.images.io import load
from tests import samples, tiny
from ui.page import html
from ui.services import sd15_options
from ui.services.sd15_options import Keeper, Kept, Users

ROOT = Path(__file__).resolve().parents[3]
FIELDS = {
    "preset": "paper", "follow": False, "steps": 3, "guidance": 2.5, "structure": 1, "colors": 0.5,
    "until": 0.75, "control": "t2i",
}  # fmt: skip
EXAMPLE = replace(samples.example(), width=64, height=64)


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory):
    """Tiny networks at 64 pixels, and no others."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRILAYER_MODELS", str(tiny.models()))
        patch.setenv("TRILAYER_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
        patch.setattr(sd15_options, "SIDE", 64)
        yield
    sd15_options.release()
    torch.set_num_threads(threads)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No weights anywhere."""
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))


# options


def test_the_fields_become_options():
    made = sd15_options.options(**FIELDS)
    assert (made.preset, made.steps, made.guidance, made.follow, made.control) == ("paper", 3, 2.5, False, "t2i")
    assert (made.structure_strength, made.color_strength, made.adapter_until) == (1, 0.5, 0.75)
    assert made.models is made.checkpoint is made.device is None  # the server's own matters


def test_an_empty_field_is_the_preset_s():
    made = sd15_options.options(**FIELDS | {"steps": None, "guidance": None})
    assert made.steps is None and made.guidance is None


FORGED = [None, "7", -1, 1e9, float("nan"), float("inf"), True, [1], {"a": 1}]


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "follow"])
@pytest.mark.parametrize("value", [*FORGED, "/etc/passwd", "x" * 100_000], ids=lambda value: repr(value)[:12])
def test_forged_fields_are_one_line(field, value):
    if value is None and field in ("steps", "guidance"):
        return
    with pytest.raises(CodecError) as raised:
        sd15_options.options(**FIELDS | {field: value})
    assert len(str(raised.value)) < 200 and "\n" not in str(raised.value)


@pytest.mark.parametrize("name", list(PRESETS))
def test_defaults_are_the_preset_s_or_the_file_s(name):
    preset, settings = PRESETS[name], Settings(31, 5.25, "euler")
    assert sd15_options.defaults(name, False, settings) == (preset.steps, preset.guidance)
    followed = (preset.steps, preset.guidance) if preset.lcm else (31, 5.25)
    assert sd15_options.defaults(name, True, settings) == followed


def test_what_a_file_offers():
    assert sd15_options.offered(Settings(30, 7.5, "euler_a", "some <b>model")) == "30 steps, guidance 7.5, euler a"
    assert sd15_options.offered(Settings(sampler="dpm2", model="x")) == sd15_options.offered(None) == ""
    assert sd15_options.offered(Settings(steps=1)) == "1 step"
    assert sd15_options.offered(Settings(sampler="euler_beta", size=(512, 768))) == "euler"


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(None, "graphics card"), (0.001, "about a second on"), (1.4, "84 seconds"), (12.4, "12 minutes")],
)
def test_the_outlook_in_words(monkeypatch, minutes, text):
    monkeypatch.setattr(sd15_options, "get", lambda *a: SimpleNamespace(expected_minutes=lambda layers: minutes))
    assert text in sd15_options.outlook(sd15_options.options(**FIELDS), EXAMPLE)


# what is kept


def kept(pixels=100, steps=0):
    from codec.decoders.sd15.pipeline import Decoded

    latents = np.zeros((4, 64, 64), np.float32)
    made = Decoded(np.zeros((pixels, pixels, 3), np.uint8), latents, (latents,) * steps, ("pndm", steps))
    return Kept(EXAMPLE, made)


def test_the_last_decodes_of_a_few_tabs_are_kept():
    keeper = Keeper()
    for n in range(12):
        keeper.put(f"tab {n}", kept())
    assert keeper.get("tab 3") is None and keeper.get("tab 4") is not None and keeper.get("tab 11") is not None
    keeper.drop("tab 11")
    assert keeper.get("tab 11") is None
    keeper.put(None, kept())
    assert keeper.get(None) is None


def test_large_decodes_are_kept_in_part_and_in_few():
    keeper = Keeper()
    keeper.put("long", kept(steps=400))
    assert keeper.get("long").decoded.trajectory == () and keeper.get("long").decoded.latents.shape == (4, 64, 64)
    for n in range(4):
        keeper.put(f"{n}", kept(pixels=4096))
    assert [keeper.get(f"{n}") is not None for n in range(4)] == [False, False, True, True]


def test_the_networks_go_with_the_last_tab(monkeypatch):
    released = []
    monkeypatch.setattr(sd15_options, "release", lambda: released.append(1))
    users = Users()
    users.add("a")
    users.add("b")
    users.remove("a")
    users.tidy()
    assert released == []
    users.remove("b")
    assert released == [1]


# work


def run(layers, only=False, before=None, seed=1, **fields):
    return sd15_options.decoding(layers, seed, sd15_options.options(**FIELDS | fields), only, before)(lambda step: True)


def test_only_the_edited_area_is_decoded_anew():
    whole = run(EXAMPLE)
    assert whole.what == "" and whole.pixels.shape == (64, 64, 3)
    cells = EXAMPLE.texture.cells.copy()
    cells[0, 0] = 255 - cells[0, 0]
    edited = replace(EXAMPLE, texture=EXAMPLE.texture.repaint(cells))
    from codec.decoders.sd15.masks import changed

    mask = changed(EXAMPLE, edited)
    part = run(edited, True, whole.kept, seed=9)
    assert "edited area" in part.what and "%" in part.what
    assert (part.pixels[~mask] == whole.pixels[~mask]).all() and (part.pixels[mask] != whole.pixels[mask]).any()
    assert part.kept.layers is edited


def test_where_no_part_can_be_decoded_all_is():
    whole = run(EXAMPLE)
    again = run(EXAMPLE, True, whole.kept, seed=9)
    assert again.what is None and again.pixels is whole.pixels
    reworded = replace(EXAMPLE, semantic=Prompt("another thing"))
    assert "all of it changed" in run(reworded, True, whole.kept).what
    assert "no decode was kept" in run(EXAMPLE, True, None).what
    assert "all of it changed" in run(replace(EXAMPLE, width=80), True, whole.kept).what


def test_without_weights_nothing_is_begun(bare):
    with pytest.raises(ModelMissing, match="sd15 is missing"):
        sd15_options.decoding(EXAMPLE, 1, sd15_options.options(**FIELDS), False, None)


def test_what_is_missing_is_known_before_anything_heavy_is_loaded(bare):
    code = "import sys; from ui import diffusion; print(diffusion.missing()[:15], 'torch' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ran.stdout, ran.stderr) == ("sd15 is missing False\n", "")


def test_the_missing_line_is_set_apart_and_escaped():
    view = html.missing("a is missing: <b>; python -m codec models fetch a, or put it in DIR/a", "The painter.")
    assert "<b>" not in view and "a is missing: &lt;b&gt;." in view and 'role="alert"' in view
    assert "<code>python -m codec models fetch a</code>, or put it in DIR/a." in view and "The painter." in view


# the page


def choose(visit, decoder="sd15"):
    visit.page.locator("#decoder input").click()
    visit.page.get_by_role("option", name=decoder, exact=True).click()


def put(visit, layers, name="mine"):
    visit.put("open", {"name": f"{name}.tril", "mimeType": "application/octet-stream", "buffer": layers.to_bytes()})
    visit.says(f"Opened {name}")


def picture(visit):
    with visit.page.expect_download() as download:
        visit.page.locator("#result").click()
    return load(download.value.path()).pixels


def test_the_options_are_there_when_they_matter(visit):
    panel, only = visit.page.locator("#sd15"), visit.page.locator("#only input")
    expect(panel).to_be_hidden()
    expect(only).to_be_disabled()
    choose(visit)
    expect(panel).to_be_visible()
    expect(visit.page.locator("#outlook")).to_contain_text("A decode takes")
    expect(visit.page.locator("#only")).to_contain_text("Once a picture is decoded")
    expect(only).to_be_disabled()
    for name, steps, guidance in (("paper", "50", "7.5"), ("fast", "4", "1")):
        visit.page.locator("#preset").get_by_label(name).check()
        expect(visit.page.locator("#steps input")).to_have_value(steps)
        expect(visit.page.locator("#guidance input")).to_have_value(guidance)
    visit.page.locator("#steps input").fill("0")
    expect(visit.page.locator("#outlook")).to_contain_text("whole number from 1 to 255")
    visit.page.locator("#steps input").fill("6")
    expect(visit.page.locator("#outlook")).to_contain_text("A decode takes")
    choose(visit, "painter")
    expect(panel).to_be_hidden()
    expect(visit.page.locator("#only")).to_contain_text("With the decoder sd15")


def test_the_file_s_own_settings_are_offered(visit):
    choose(visit)
    expect(visit.page.locator("#follow")).to_be_hidden()
    put(visit, replace(EXAMPLE, settings=Settings(31, 5.25, "euler")))
    expect(visit.page.locator("#follow")).to_contain_text("31 steps, guidance 5.25, euler")
    visit.page.locator("#follow input").check()
    expect(visit.page.locator("#steps input")).to_have_value("31")
    expect(visit.page.locator("#guidance input")).to_have_value("5.25")
    visit.page.locator("#preset").get_by_label("fast").check()
    expect(visit.page.locator("#steps input")).to_have_value("4")
    expect(visit.page.locator("#follow input")).to_be_disabled()
    put(visit, EXAMPLE, "other")
    expect(visit.page.locator("#follow input")).not_to_be_checked()
    visit.page.locator("#preset").get_by_label("paper").check()
    expect(visit.page.locator("#follow")).to_contain_text("30 steps")
    expect(visit.page.locator("#steps input")).to_have_value("50")


def test_missing_weights_are_named_with_the_remedy(visit, bare):
    choose(visit)
    box = visit.page.locator("#status")
    expect(box).to_contain_text("sd15 is missing: unet/diffusion_pytorch_model.safetensors", timeout=3000)
    visit.page.locator("#preset").get_by_label("paper").check()  # the box stays
    visit.page.locator("#prompt textarea").fill("another")
    expect(visit.page.locator("#origin")).to_contain_text("written by you")
    visit.page.locator("#decode").click()
    expect(box).to_contain_text("sd15 is missing", timeout=3000)
    expect(box.locator("code")).to_have_text("python -m codec models fetch sd15")
    expect(box).to_contain_text("The painter needs none of this")
    assert not [word for word in box.inner_text().split() if word.startswith("/")]  # no path of the server's
    expect(visit.page.locator("#decode")).to_be_enabled()
    expect(visit.page.locator("#stop")).to_be_disabled()


def test_a_decode_shows_its_steps_and_then_only_the_edit_is_decoded(visit):
    put(visit, EXAMPLE)
    choose(visit)
    visit.page.locator("#steps input").fill("5")
    visit.page.locator("#status").evaluate(
        "e => { window.said = []; new MutationObserver(() => said.push(e.innerText)).observe(e, "
        "{childList: true, subtree: true, characterData: true}) }"
    )
    visit.page.locator("#decode").click()
    visit.says("by sd15, seed 7")
    visit.shows("decoded")
    assert any("Step" in said and "of 5" in said for said in visit.page.evaluate("said"))
    expect(visit.page.locator("#result")).to_be_enabled()
    before = picture(visit)
    assert before.shape == (64, 64, 3)

    only = visit.page.locator("#only input")
    expect(visit.page.locator("#only")).to_contain_text("every pixel stays")
    only.check()
    visit.page.locator(".lc-color").fill("#00ff00")
    visit.tool("cell")
    visit.drag((0.02, 0.02))
    visit.says("Preview of your edit")
    visit.page.locator("#decode").click()
    visit.says("Decoded the edited area")
    expect(visit.page.locator("#result")).to_be_enabled()
    after = picture(visit)
    rows, cols = EXAMPLE.texture.rows, EXAMPLE.texture.cols
    assert (after[: 64 // rows, : 64 // cols] != before[: 64 // rows, : 64 // cols]).any()
    assert (after[32:, 32:] == before[32:, 32:]).all()

    visit.page.locator("#decode").click()
    visit.says("No layer has changed")
    put(visit, EXAMPLE, "other")
    expect(only).to_be_disabled()
    expect(only).not_to_be_checked()


def test_stop_ends_it_within_a_step(visit, monkeypatch):
    from codec.decoders.sd15 import pipeline as inside

    reached, go, ended, told = threading.Event(), threading.Event(), threading.Event(), []
    real = inside.preview

    def slow(latents):
        told.append(1)
        reached.set()
        go.wait(20)
        return real(latents)

    def noted(self, *args, **more):
        try:
            return whole(self, *args, **more)
        except Cancelled:
            ended.set()
            raise

    whole = inside.StableDiffusion.decode_full
    monkeypatch.setattr(inside, "preview", slow)
    monkeypatch.setattr(inside.StableDiffusion, "decode_full", noted)
    put(visit, EXAMPLE)
    choose(visit)
    visit.page.locator("#decode").click()
    assert reached.wait(60)
    visit.page.locator("#stop").click()
    visit.says("Stopped.")
    expect(visit.page.locator("#decode")).to_be_enabled()
    go.set()
    assert ended.wait(20) and len(told) == 1
    expect(visit.page.locator("#only input")).to_be_disabled()


def test_memory_is_released_when_another_decoder_is_chosen_or_the_tab_closed(visit, fresh, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(sd15_options, "release", released.set)
    other = fresh().open()
    for one in (visit, other):
        choose(one)
        one.says("Stable Diffusion 1.5 is chosen")
    choose(visit, "painter")
    visit.says("The painter is chosen")
    assert not released.is_set()  # the other tab has it chosen
    other.page.close()
    assert released.wait(20)


def test_forged_options_are_one_line_in_the_box(visit):
    def forge(route):
        body = json.loads(route.request.post_data)
        body["data"] = ["../../etc" if v == "balanced" else v for v in body["data"]]
        route.continue_(post_data=json.dumps(body))

    choose(visit)
    expect(visit.page.locator("#outlook")).to_contain_text("A decode takes")
    visit.page.route("**/queue/join*", forge)
    visit.page.locator("#decode").click()
    visit.says("There is no such preset; there are: paper, balanced, fast.")
    expect(visit.page.locator("#decode")).to_be_enabled()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(fresh, bare, mode):
    from axe_playwright_python.sync_playwright import Axe

    from tests.ui.page.test_page import ALLOWED

    visit = fresh(color_scheme=mode, viewport={"width": 360, "height": 800}).open(f"?__theme={mode}")
    put(visit, EXAMPLE)
    choose(visit)
    expect(visit.page.locator("#outlook")).to_contain_text("A decode takes")
    expect(visit.page.locator("#follow")).to_be_visible()
    found = Axe().run(visit.page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found if v["id"] not in ALLOWED] == []
    visit.shoot(f"page-360-{mode}-sd15")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
    inside = "e => e.getBoundingClientRect().right <= innerWidth + 1 && e.getBoundingClientRect().left >= -1"
    for place in visit.page.locator("#sd15 input, #status p, #only").all():
        assert place.evaluate(inside)
