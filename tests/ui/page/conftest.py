"""The page for tests of the canvas, reset between them without the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codec.decoders import registry
from codec.decoders.painter import painter
from tests.ui.page.canvas_page import Canvas
from ui.services import comparison

SMALL_AREA = 128 * 128  # pixels of a preview's painting; the tests look at what the page does with it


@pytest.fixture(scope="module", autouse=True)
def fast_previews() -> Iterator[None]:
    """Previews are painted small, which takes a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painter, "MAX_PREVIEW_AREA", SMALL_AREA)
        patch.setattr(painter, "MIN_DETAIL_AREA", SMALL_AREA)
        patch.setitem(registry._built, "painter-preview", painter.Painter.preview())
        yield
    comparison._preview_jpeg.cache_clear()


@pytest.fixture(scope="module")
def opened(session_page) -> Canvas:
    """The page with the starting example and its original, and a large canvas."""
    session_page.put_back(loads=True)
    session_page.page.set_viewport_size({"width": 1400, "height": 1000})
    session_page.page.evaluate("window.first = document.querySelector('.lc').canvas.snapshot()")
    return session_page


@pytest.fixture
def canvas(opened) -> Iterator[Canvas]:
    """The example, not zoomed and without selections, with the pen chosen."""
    opened.faults.clear()
    opened.page.unroute_all()
    opened.page.evaluate("document.querySelector('.lc').canvas.restore(window.first)")
    opened.page.locator(".lc-stage").scroll_into_view_if_needed()
    opened.page.locator(".lc-stage").focus()
    opened.keys("Escape", "0", "b")
    opened.slide(".lc-smooth", 0)
    opened.page.evaluate("document.querySelector('.lc-color').value = '#c8553d'")
    yield opened
    assert opened.faults == []
