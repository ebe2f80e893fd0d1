"""The canvas at three widths, light and dark: everything fits, the picture stays in place, and axe finds nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.ui.page.looks import set_mode, violations

TOOLS = (
    "pen", "eraser", "shape", "select", "object", "mask", "box", "lasso", "cell", "fill", "pick", "area", "pose",
    "hand",
)  # fmt: skip

MEASURE = """(tools) => tools.map((name) => {
  document.querySelector(`.lc button[data-tool=${name}]`).click();
  const out = [...document.querySelectorAll('.lc button, .lc input, .lc select, .lc output')]
    .filter((e) => e.offsetParent && !e.closest('.lc-grid'))
    .filter((e) => {
      // the bars of a narrow canvas scroll sideways
      if (e.closest('.lc-toolbar, .lc-options, .lc-footer')) e.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      return e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1;
    })
    .map((e) => e.outerHTML);
  const top = Math.round(document.querySelector('.lc-stage').offsetTop);
  const small = [...document.querySelectorAll('.lc-toolbar, .lc-options, .lc-footer')]
    .flatMap((bar) => [...bar.querySelectorAll('button, input, select')]).filter((e) => e.offsetParent)
    .map((e) => [e.title || e.textContent, (e.closest('label') ?? e).getBoundingClientRect()])
    .filter(([, { width, height }]) => Math.min(width, height) < 44).map(([name]) => name);
  const width = document.documentElement.scrollWidth;
  return { tool: document.querySelector('.lc').dataset.tool, out, small, top, width };
})"""


@pytest.mark.parametrize(
    ("width", "mode"), [(360, "light"), pytest.param(768, "dark", marks=pytest.mark.slow), (1400, "dark")]
)
def test_every_tool_fits_and_the_picture_stays_in_place(any_mode, width, mode):
    visit, page = any_mode, any_mode.page
    set_mode(page, mode)
    page.set_viewport_size({"width": width, "height": 900})
    visit.drag((0.1, 0.1), (0.3, 0.3))
    visit.says("Preview of your edit")
    measured = page.evaluate(MEASURE, TOOLS)
    assert [m["tool"] for m in measured] == list(TOOLS)
    assert [(m["tool"], m["out"]) for m in measured if m["out"]] == []
    assert max(m["width"] for m in measured) <= width
    assert len({m["top"] for m in measured}) == 1, "the picture must not jump"
    if width < 500:
        assert [(m["tool"], m["small"]) for m in measured if m["small"]] == [], "under 44 px"
    tools_for_axe = {(360, "light"): ("select", "mask", "area", "pose"), (1400, "dark"): ("area",)}.get(
        (width, mode), ()
    )
    for tool in ("select", "mask", "area", "pose"):
        visit.tool(tool)
        if tool == "pose":
            visit.do("add-person")
        elif tool == "area":
            visit.drag((0.2, 0.2), (0.5, 0.5))
        else:
            visit.drag((0.3, 0.3), (0.9, 0.9))
        if tool in tools_for_axe:
            assert violations(page, "#canvas") == [], tool
        visit.shoot(f"canvas-{width}-{mode}-{tool}", "#canvas")
    visit.undo()
    expect(page.locator(".lc-message")).to_have_text("Undone")
    visit.tool("pen")
    visit.shoot(f"canvas-{width}-{mode}-pen", "#canvas")
    page.keyboard.press("?")
    expect(page.locator(".lc-shortcuts")).to_be_visible()
    if tools_for_axe:
        assert violations(page, ".lc-shortcuts") == []
    visit.shoot(f"canvas-{width}-{mode}-shortcuts")
    page.keyboard.press("Escape")
