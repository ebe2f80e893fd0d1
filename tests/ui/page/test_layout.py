"""The page's layout at several widths, and its accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

# Gradio's own: aria-label on a bare div of an image box
ALLOWED = {"aria-prohibited-attr"}
INSIDE = "e => e.getBoundingClientRect().right <= innerWidth + 1 && e.getBoundingClientRect().left >= -1"


def violations(page, context: str | None = None) -> list:
    """Return what axe finds that is not Gradio's own."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=context).response["violations"]
    return [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found if v["id"] not in ALLOWED]


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_nothing_scrolls_sideways(visit, width):
    visit.page.set_viewport_size({"width": width, "height": 800})
    visit.shoot(f"page-{width}-opened")
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    for place in ("#save", ".lc-stage", ".lc-apply", "#compare", "#readout table", "#decode", "#dice"):
        assert visit.page.locator(place).first.evaluate(INSIDE), place


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_no_violations(shared_page, mode):
    page = shared_page.page
    page.emulate_media(color_scheme=mode)
    shared_page.restart(f"?__theme={mode}")
    page.get_by_role("button", name="Extraction settings").click()
    page.get_by_role("button", name="Negative prompt").click()
    expect(page.locator("#again")).to_be_visible()
    expect(page.locator("#negative textarea")).to_be_visible()
    shared_page.shoot(f"page-1400-{mode}-options")
    assert violations(page) == []
    assert shared_page.faults == []
    page.emulate_media(color_scheme=None)
