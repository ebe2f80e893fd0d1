"""The page in Debian's Chromium: one server and one browser for all, a fresh page for each test."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
ARTIFACTS = Path(os.environ.get("TRILAYER_ARTIFACTS", Path(__file__).parent.parent / "artifacts"))  # not in git
WAIT = 20_000  # ms that an expectation may take, on a busy machine


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[Any, str]]:
    """The page, and where it listens, on a free port."""
    from ui.server import serve

    page, address = serve.launch()
    yield page, address
    serve.close(page)


@pytest.fixture(scope="session")
def address(served) -> str:
    """Where the app listens."""
    return served[1]


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import expect, sync_playwright

    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is not installed: run python3 -m tests")
    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


# Gradio's client closes its stream when the page is left, and says this of it.
LEFT = re.compile("AbortError: signal is aborted without reason|Connection errored out")


class Visit:
    """A page that notes what must not happen on it, and how a test speaks of it."""

    def __init__(self, page, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        self.posts: list[str] = []
        page.set_default_timeout(WAIT)
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)

    def _dialog(self, dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")
        if request.method == "POST":
            self.posts.append(request.url)

    def open(self, query: str = "") -> Visit:
        """Loads the page and waits for the first preview: nothing is under way then."""
        self.page.goto(self.address + query)
        self.shows("preview")
        return self

    def reload(self) -> None:
        """Loads the page again; what Gradio's client then says of its own stream is no fault."""
        before = len(self.faults)
        self.page.reload()
        self.faults[before:] = [fault for fault in self.faults[before:] if not LEFT.search(fault)]

    def shows(self, what: str) -> None:
        """Waits until the right side of the slider is a `preview` or `decoded`."""
        from playwright.sync_api import expect

        expect(self.page.locator("#compare")).to_contain_text(f"| {what}")

    def says(self, text: str) -> None:
        """Waits until the status box has this."""
        from playwright.sync_api import expect

        expect(self.page.locator("#status")).to_contain_text(text)

    def bytes(self) -> int:
        """The total of the readout."""
        return int(self.page.locator(".tl-total strong").inner_text().replace(",", ""))

    def bytes_change_from(self, before: int) -> int:
        """Waits until the readout is another; -> what it is then."""
        from playwright.sync_api import expect

        expect(self.page.locator(".tl-total strong")).not_to_have_text(f"{before:,}")
        return self.bytes()

    def canvas(self, name: str) -> str:
        """What the canvas says of itself: rev, strokes, masked."""
        return self.page.locator(".lc").get_attribute(f"data-{name}")

    def canvas_has(self, name: str, value: str | re.Pattern[str]) -> None:
        """Waits until it says so."""
        from playwright.sync_api import expect

        expect(self.page.locator(".lc")).to_have_attribute(f"data-{name}", value)

    def tool(self, name: str) -> None:
        self.page.locator(f".lc button[data-tool={name}]").click()

    def drag(self, *points: tuple[float, float]) -> None:
        """A gesture through points in 0..1 of the picture's sides."""
        self.page.locator(".lc-stage").scroll_into_view_if_needed()
        box = self.page.locator(".lc-stage").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()

    def undo(self) -> None:
        self.page.locator(".lc-undo").click()

    def save(self) -> bytes:
        """What Save writes."""
        with self.page.expect_download() as download:
            self.page.locator("#save").click()
        return Path(download.value.path()).read_bytes()

    def shoot(self, name: str, where: str = "") -> None:
        """Keeps a picture, of the whole page or of a part of it, for a person to look at."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        if where:
            self.page.locator(where).screenshot(path=path, animations="disabled")
        else:
            self.page.screenshot(path=path, animations="disabled", full_page=True)

    def small(self) -> None:
        """Opens a picture that decodes in no time."""
        from codec import Layers, Prompt

        data = Layers(64, 64, Prompt("a small picture")).to_bytes()
        self.put("open", {"name": "small.tril", "mimeType": "application/octet-stream", "buffer": data})
        self.says("Opened small")

    def put(self, where: str, *files) -> None:
        """Chooses files in the upload of #where."""
        inside = {"picture": "#picture input[type=file]", "open": "#top-buttons input[type=file]"}
        self.page.locator(inside[where]).set_input_files(*files)


@pytest.fixture
def fresh(browser, address):
    """-> make(**context options) -> a Visit that is not opened yet; it fails the test on any fault."""
    contexts, visits = [], []

    def make(**options) -> Visit:
        contexts.append(browser.new_context(**{"viewport": {"width": 1400, "height": 900}} | options))
        visits.append(Visit(contexts[-1].new_page(), address))
        return visits[-1]

    yield make
    for context in contexts:
        context.close()
    assert [fault for visit in visits for fault in visit.faults] == []


@pytest.fixture
def visit(fresh) -> Visit:
    """The page, opened, with its example."""
    return fresh().open()


@pytest.fixture
def endless(monkeypatch):
    """A decode that ends only by being stopped; -> the event that it has been."""
    from codec.decoders import Step
    from codec.errors import Cancelled
    from ui.services import actions

    ended = threading.Event()

    def work(on_step):
        n = 0
        while on_step(Step(1 + n % 3, 4, f"round {n}")):
            n += 1
            ended.wait(0.1)
        ended.set()
        raise Cancelled("stopped")

    monkeypatch.setattr(actions, "decoding", lambda *_: work)
    return ended
