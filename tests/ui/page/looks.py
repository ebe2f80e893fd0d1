"""Helpers of tests about the page's layout, colors and accessibility."""

from __future__ import annotations

# Gradio's own: aria-label on a bare div of an image box
ALLOWED = {"aria-prohibited-attr"}
INSIDE = "e => e.getBoundingClientRect().right <= innerWidth + 1 && e.getBoundingClientRect().left >= -1"


RUN_AXE = """async (context) => {
  const results = await axe.run(context ?? document, { resultTypes: ['violations'] });
  return results.violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html.slice(0, 120))]);
}"""


def violations(page, *selectors: str) -> list:
    """Return what axe finds that is not Gradio's own, in the whole page or within the selectors."""
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    context = {"include": [[selector] for selector in selectors]} if selectors else None
    return [violation for violation in page.evaluate(RUN_AXE, context) if violation[0] not in ALLOWED]


def set_mode(page, mode: str) -> None:
    """Switch to light or dark, as Gradio does when the page is loaded, and wait until the colors have changed."""
    page.evaluate(
        """(isDark) => {
          document.body.classList.toggle('dark', isDark);
          const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
          return Promise.allSettled(transitions.map((transition) => transition.finished));
        }""",
        mode == "dark",
    )
