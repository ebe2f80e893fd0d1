"""The page in Debian's Chromium: one server, one browser and one page for a whole run.

`visit` is that page with an example, reset without a load. Tests that need the original of the example, or look at
what a load does, take `reloaded`, which costs two seconds more; `new_tab` opens another tab.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.ui.page.canvas_page import Canvas
from tests.ui.visit import DESKTOP, WAIT, Visit

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Any, str]]:
    """The page and the address of its server, on a free port."""
    from ui.server import serve

    server = serve.launch()
    yield server.page, server.address
    server.close()


@pytest.fixture(scope="session", autouse=True)
def gradio_downloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Gradio's client leaves an empty folder for each file that it downloads; they are in a folder of the tests."""
    folder = tmp_path_factory.mktemp("downloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gradio_client.client.tempfile", SimpleNamespace(gettempdir=lambda: str(folder)))
        yield


@pytest.fixture(scope="session")
def address(served) -> str:
    """The address of the server."""
    return served[1]


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is not installed: run python3 -m tests")
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser):
    """The browser context of the run, whose cache makes later loads of the page fast."""
    context = browser.new_context(viewport=DESKTOP, permissions=["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture(scope="session")
def session_page(context, address) -> Canvas:
    """The page of the run, which is not loaded yet."""
    return Canvas(context.new_page(), address)


@pytest.fixture
def visit(session_page) -> Iterator[Visit]:
    """The page as for a first visit, but without the original of the example."""
    session_page.put_back()
    yield session_page
    assert session_page.faults == []


@pytest.fixture
def reloaded(session_page) -> Iterator[Visit]:
    """The page as for a first visit, loaded again."""
    session_page.put_back(loads=True)
    yield session_page
    assert session_page.faults == []


@pytest.fixture
def any_mode(visit) -> Iterator[Visit]:
    """The page for tests that change its size or its mode, which are reset afterwards."""
    yield visit
    visit.page.evaluate("document.body.classList.remove('dark')")
    visit.page.set_viewport_size(DESKTOP)


@pytest.fixture
def new_tab(context, address) -> Iterator[Callable[[], Visit]]:
    """Return a function that returns another tab of the same browser, not loaded yet."""
    visits: list[Visit] = []

    def make() -> Visit:
        visits.append(Visit(context.new_page(), address))
        return visits[-1]

    yield make
    for visit in visits:
        visit.page.close()
    assert [fault for visit in visits for fault in visit.faults] == []


@pytest.fixture
def endless(monkeypatch):
    """Make decodes endless until they are stopped; return the event that is set when one was stopped."""
    from codec.decoders import Step
    from codec.errors import Cancelled
    from ui.services import actions

    stopped = threading.Event()

    def work(on_step):
        number = 0
        while on_step(Step(1 + number % 3, 4, f"round {number}")):
            number += 1
            stopped.wait(0.5)
        stopped.set()
        raise Cancelled("stopped")

    monkeypatch.setattr(actions, "decode_task", lambda *_: work)
    return stopped
