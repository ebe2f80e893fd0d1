"""Helpers of tests about the page's layout, colors and accessibility."""

from __future__ import annotations

# Gradio's own: aria-label on a bare div of an image box
ALLOWED = {"aria-prohibited-attr"}
INSIDE = "e => e.getBoundingClientRect().right <= innerWidth + 1 && e.getBoundingClientRect().left >= -1"


def violations(page, *selectors: str) -> list:
    """Return what axe finds that is not Gradio's own, in the whole page or within the selectors."""
    from axe_playwright_python.sync_playwright import Axe

    context = {"include": [[selector] for selector in selectors]} if selectors else None
    found = Axe().run(page, context=context).response["violations"]
    return [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found if v["id"] not in ALLOWED]


def set_mode(page, mode: str) -> None:
    """Switch to light or dark, as Gradio does when the page is loaded."""
    page.evaluate("(isDark) => document.body.classList.toggle('dark', isDark)", mode == "dark")
