"""Decoding on the page: steps, the finished picture, Stop, and edits in the meantime."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import expect

from codec import Layers
from codec.images.io import load
from tests.ui.visit import DECODE_WAIT, DESKTOP
from ui.services import actions
from ui.services.examples import START_FILE

PHONE = {"width": 360, "height": 800}
IN_VIEW = "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight && b.top; }"


@pytest.fixture
def phone(visit):
    """The page on a phone's screen."""
    visit.page.set_viewport_size(PHONE)
    yield visit
    visit.page.set_viewport_size(DESKTOP)


@pytest.fixture
def held(monkeypatch):
    """Hold decodes after their first step; -> the event that lets them go on."""
    decode_task, go_on = actions.decode_task, threading.Event()

    def held_task(*given):
        def work(on_step):
            def report_and_wait(step):
                wanted = on_step(step)
                go_on.wait(DECODE_WAIT / 1000)
                return wanted

            return decode_task(*given)(report_and_wait)

        return work

    monkeypatch.setattr(actions, "decode_task", held_task)
    return go_on


def test_a_decode_shows_its_steps_and_the_finished_picture(phone, held):
    def offsets() -> list[float]:
        """Return the places of elements down the page; reading them may round to the next pixel."""
        return [phone.page.locator(x).evaluate("e => e.offsetTop") for x in ("#stages", "#how", "#budget", "#canvas")]

    phone.page.locator("#seed input").fill("5")
    before = offsets()
    phone.page.keyboard.press("Control+Enter")
    expect(phone.page.locator("#status progress")).to_be_visible()
    assert offsets() == pytest.approx(before, abs=1), "the layout must not jump"
    expect(phone.page.locator("#stop")).to_be_enabled()
    phone.says("Colors")
    held.set()
    phone.says("Decoded in", timeout=DECODE_WAIT)
    phone.says("with the built-in painter, seed 5")
    phone.shows("decoded")
    assert offsets() == pytest.approx(before, abs=1), "the layout must not jump"
    phone.shoot("page-360-decoded")
    expect(phone.page.locator("#decode")).to_be_enabled()
    expect(phone.page.locator("#stop")).to_be_disabled()
    with phone.page.expect_download() as download:
        phone.page.locator("#result").click()
    assert download.value.suggested_filename == "coffee-decoded.png"
    layers = Layers.from_bytes(START_FILE.read_bytes())
    assert load(download.value.path()).pixels.shape == (layers.height, layers.width, 3)
    phone.tool("cell")
    phone.drag((0.5, 0.5))
    phone.shows("preview")
    expect(phone.page.locator("#result")).to_be_disabled()  # the picture is no longer that of the layers


def test_on_a_phone_decode_stays_in_view_and_scrolls_to_the_picture(phone, endless):
    assert phone.page.locator("#decode").evaluate(IN_VIEW) > 700
    phone.page.locator("#decode").click()
    phone.says("Round")
    assert phone.page.locator("#compare").evaluate("e => e.getBoundingClientRect().top") < 100
    assert phone.page.locator("#status").evaluate(IN_VIEW)
    phone.shoot("page-360-decoding")
    phone.page.locator("#stop").click()
    phone.says("Stopped.")


def test_stop_stops_the_page_and_the_work(visit, endless):
    visit.page.locator("#decode").click()
    visit.says("Round")
    expect(visit.page.locator("#decode")).to_be_disabled()
    visit.page.locator("#stop").click()
    visit.says("Stopped.")
    expect(visit.page.locator("#decode")).to_be_enabled()
    expect(visit.page.locator("#stop")).to_be_disabled()
    assert endless.wait(10)


def test_closing_the_tab_stops_the_work(new_tab, endless):
    tab = new_tab().restart()
    tab.page.locator("#decode").click()
    tab.says("Round")
    tab.page.close()
    assert endless.wait(20)


def test_edits_during_a_decode_count_bytes_and_are_shown_after_stop(visit, endless):
    visit.page.locator("#decode").click()
    visit.says("Round")
    before = visit.bytes()
    visit.drag((0.2, 0.2), (0.8, 0.2))
    visit.bytes_change_from(before)
    right = visit.page.locator("#compare img").last
    during = right.get_attribute("src")
    visit.page.locator("#stop").click()
    visit.says("Stopped.")
    expect(right).not_to_have_attribute("src", during)
    visit.shows("preview")


HOSTILE = "${alert(1)} {{constructor}} <img src=x onerror=alert(2)> </textarea><script>alert(3)</script> \u202egnp"


def test_a_prompt_is_shown_as_text(visit):
    visit.open_small()
    visit.page.locator("#prompt textarea").fill(HOSTILE)
    visit.page.locator("#decode").click()
    visit.says("Decoded in", timeout=DECODE_WAIT)
    data = visit.save()
    assert Layers.from_bytes(data).semantic.text == HOSTILE
    name = "<img src=x onerror=alert(4)>.tril"
    visit.put("open", {"name": name, "mimeType": "application/octet-stream", "buffer": data})
    visit.says("Opened")
    visit.prompt_is(HOSTILE)
    assert visit.page.locator("img[src=x], #bench script").count() == 0
