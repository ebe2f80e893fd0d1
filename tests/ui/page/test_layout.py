"""The page's layout at several widths, and its accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.page.looks import INSIDE, set_mode, violations

# The share of an element's area that is on the screen and not covered by another element, on a grid of 20 x 20 points.
VISIBLE_SHARE = """(element) => {
  const box = element.getBoundingClientRect(), at = (n) => (n + 0.5) / 20;
  let visible = 0;
  for (let i = 0; i < 20; i++) for (let j = 0; j < 20; j++) {
    const top = document.elementFromPoint(box.left + at(i) * box.width, box.top + at(j) * box.height);
    visible += element.contains(top);
  }
  return box.width * box.height ? visible / 400 : 0;
}"""


@pytest.mark.parametrize(
    ("width", "height"), [(360, 640), (390, 844), (768, 1024), (1024, 768), (1400, 900), (1920, 1080)]
)
def test_nothing_scrolls_sideways_and_the_work_is_in_one_screen(any_mode, width, height):
    page = any_mode.page
    page.set_viewport_size({"width": width, "height": height})
    any_mode.shoot(f"page-{width}-opened")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for place in ("#save", ".lc-stage", "#compare", "#readout", "#decode", "#dice"):
        assert page.locator(place).first.evaluate(INSIDE), place
    for place in (".lc-stage", "#compare", "#decode"):
        assert page.locator(place).evaluate(VISIBLE_SHARE) > 0.97, place
    sides = page.locator(".lc-stage").evaluate("e => [e.clientWidth, e.clientHeight]")
    assert min(sides) >= 120, "the canvas is large enough to draw on"


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
