"""The canvas at three widths, light and dark: nothing sticks out, nothing jumps, and pictures of it to look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

ARTEFACTS = Path(os.environ.get("TRILAYER_ARTEFACTS", Path(__file__).parent.parent / "artefacts"))  # not in git
TOOLS = ("pen", "eraser", "select", "mask", "box", "lasso", "cell", "fill", "pick", "area", "pose", "hand")


def shoot(visit, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    visit.page.locator("#canvas").screenshot(path=ARTEFACTS / f"canvas-{name}.png", animations="disabled")


@pytest.mark.parametrize(("width", "mode"), [(360, "light"), (768, "dark"), (1400, "light"), (1400, "dark")])
def test_every_tool_fits_and_the_picture_stays_where_it_is(fresh, width, mode):
    from axe_playwright_python.sync_playwright import Axe

    visit = fresh(viewport={"width": width, "height": 900}, color_scheme=mode).open(f"?__theme={mode}")
    visit.drag((0.1, 0.1), (0.3, 0.3))
    visit.says("Preview of your edit")
    tops = set()
    for tool in TOOLS:
        visit.tool(tool)
        tops.add(round(visit.page.locator(".lc-stage").evaluate("e => e.offsetTop")))
        out = visit.page.locator(".lc button, .lc input, .lc select, .lc output").evaluate_all(
            """all => all.filter((e) => e.offsetParent && !e.closest('.lc-grid'))
                 .filter((e) => e.getBoundingClientRect().right > innerWidth || e.getBoundingClientRect().left < 0)
                 .map((e) => e.outerHTML)"""
        )
        assert out == [], tool
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert len(tops) == 1, "the picture jumps"
    axe = Axe() if (width, mode) in ((360, "light"), (1400, "dark")) else None
    for tool in ("select", "mask", "area", "pose"):
        visit.tool(tool)
        if tool == "pose":
            visit.page.locator(".lc [data-do=person]").click()
        elif tool == "area":
            visit.drag((0.2, 0.2), (0.5, 0.5))
        else:
            visit.drag((0.3, 0.3), (0.9, 0.9))
        found = axe.run(visit.page, context="#canvas").response["violations"] if axe else []
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found] == [], tool
        shoot(visit, f"{width}-{mode}-{tool}")
    visit.undo()
    visit.tool("pen")
    shoot(visit, f"{width}-{mode}-pen")
    expect(visit.page.locator(".lc-say")).to_have_text("Undone")
    visit.page.keyboard.press("?")
    assert not axe or axe.run(visit.page, context=".lc-sheet").response["violations"] == []
    visit.page.screenshot(path=ARTEFACTS / f"canvas-{width}-{mode}-sheet.png")
