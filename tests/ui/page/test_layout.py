"""The page's layout at several widths, and its accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.page.looks import INSIDE, set_mode, violations


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1024, 768), (1400, 900)])
def test_nothing_scrolls_sideways_and_the_work_is_in_one_screen(any_mode, width, height):
    page = any_mode.page
    page.set_viewport_size({"width": width, "height": height})
    any_mode.shoot(f"page-{width}-opened")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for place in ("#save", ".lc-stage", "#compare", "#readout", "#decode", "#dice"):
        assert page.locator(place).first.evaluate(INSIDE), place
    for place in (".lc-stage", "#compare", "#decode"):
        assert page.locator(place).evaluate("e => e.getBoundingClientRect().bottom") <= height, place


def test_axe_finds_no_violations(any_mode):
    page = any_mode.page
    page.get_by_role("button", name="Extraction settings").click()
    page.get_by_role("button", name="Negative prompt").click()
    expect(page.locator("#again")).to_be_visible()
    expect(page.locator("#negative textarea")).to_be_visible()
    for mode in ("light", "dark"):
        set_mode(page, mode)
        any_mode.shoot(f"page-1400-{mode}-options")
        assert violations(page) == [], mode
    page.get_by_role("button", name="Extraction settings").click()
    page.get_by_role("button", name="Negative prompt").click()
