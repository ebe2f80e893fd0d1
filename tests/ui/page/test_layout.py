"""The page's layout at several widths, and its accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.page.looks import INSIDE, set_mode, violations


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_scrolls_sideways(any_mode, width):
    page = any_mode.page
    page.set_viewport_size({"width": width, "height": 800})
    any_mode.shoot(f"page-{width}-opened")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for place in ("#save", ".lc-stage", ".lc-apply", "#compare", "#readout table", "#decode", "#dice"):
        assert page.locator(place).first.evaluate(INSIDE), place


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
