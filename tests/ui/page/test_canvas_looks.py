"""The canvas at three widths, light and dark: nothing sticks out, nothing jumps, and pictures of it to look at."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

TOOLS = ("pen", "eraser", "select", "mask", "box", "lasso", "cell", "fill", "pick", "area", "pose", "hand")

LOOKS = """(tools) => tools.map((name) => {
  document.querySelector(`.lc button[data-tool=${name}]`).click();
  const out = [...document.querySelectorAll('.lc button, .lc input, .lc select, .lc output')]
    .filter((e) => e.offsetParent && !e.closest('.lc-grid'))
    .filter((e) => e.getBoundingClientRect().right > innerWidth || e.getBoundingClientRect().left < 0)
    .map((e) => e.outerHTML);
  const top = Math.round(document.querySelector('.lc-stage').offsetTop);
  return { tool: document.querySelector('.lc').dataset.tool, out, top, wide: document.documentElement.scrollWidth };
})"""


@pytest.mark.parametrize(("width", "mode"), [(360, "light"), (768, "dark"), (1400, "light"), (1400, "dark")])
def test_every_tool_fits_and_the_picture_stays_where_it_is(fresh, width, mode):
    from axe_playwright_python.sync_playwright import Axe

    visit = fresh(viewport={"width": width, "height": 900}, color_scheme=mode).open(f"?__theme={mode}")
    visit.drag((0.1, 0.1), (0.3, 0.3))
    visit.says("Preview of your edit")
    found = visit.page.evaluate(LOOKS, TOOLS)
    assert [seen["tool"] for seen in found] == list(TOOLS)
    assert [(seen["tool"], seen["out"]) for seen in found if seen["out"]] == []
    assert max(seen["wide"] for seen in found) <= width
    assert len({seen["top"] for seen in found}) == 1, "the picture jumps"
    axe = Axe() if (width, mode) in ((360, "light"), (1400, "dark")) else None
    for tool in ("select", "mask", "area", "pose"):
        visit.tool(tool)
        if tool == "pose":
            visit.page.locator(".lc [data-do=add-person]").click()
        elif tool == "area":
            visit.drag((0.2, 0.2), (0.5, 0.5))
        else:
            visit.drag((0.3, 0.3), (0.9, 0.9))
        found = axe.run(visit.page, context="#canvas").response["violations"] if axe else []
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == [], tool
        visit.shoot(f"canvas-{width}-{mode}-{tool}", "#canvas")
    visit.undo()
    expect(visit.page.locator(".lc-message")).to_have_text("Undone")
    visit.tool("pen")
    visit.shoot(f"canvas-{width}-{mode}-pen", "#canvas")
    visit.page.keyboard.press("?")
    assert not axe or axe.run(visit.page, context=".lc-shortcuts").response["violations"] == []
    visit.shoot(f"canvas-{width}-{mode}-sheet")
