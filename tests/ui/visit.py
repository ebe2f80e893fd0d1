"""A page of the running server in Chromium, and the steps that tests of the page have in common."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, expect

from codec import Layers, Prompt
from ui.services.examples import START_FILE

WAIT = 20_000  # ms that an expectation may take on a busy machine
FIRST_PREVIEW_WAIT = 60_000  # ms that the first preview may take, for which the server loads torch
DECODE_WAIT = 90_000  # ms that a decode may take
DESKTOP = {"width": 1400, "height": 900}
TRIL_TYPE = "application/octet-stream"
ARTIFACTS = os.environ.get("TRILAYER_ARTIFACTS")  # a folder for screenshots; without it, none are taken

# Gradio's client reports its own stream as aborted when the page is left.
LEAVING = re.compile("AbortError: signal is aborted without reason|Connection errored out")

# Opens the example that the page starts with, as a click on it does.
OPEN_EXAMPLE = """() => {
  const load = () => document.querySelector('.lc').canvas.snapshot().doc.load, before = load();
  window.trilayer.open({ example: 'coffee' });
  return new Promise((done) => {
    const check = () => (load() === before ? requestAnimationFrame(check) : done(load()));
    check();
  });
}"""


# Returns the values of the page's own controls, apart from the canvas's, and which parts are folded out.
OPTIONS = """() => [...document.querySelectorAll('gradio-app :is(input, textarea, .label-wrap)')]
  .filter((e) => !e.closest('.lc') && e.type !== 'file')
  .map((e) => e.matches('.label-wrap') ? e.classList.contains('open') : e.type === 'checkbox' || e.type === 'radio'
    ? e.checked : e.value).join()"""


class Visit:
    """An open page, which records faults, and the steps that tests have in common."""

    def __init__(self, page, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        self.posts: list[str] = []
        self._pending: set[Any] = set()  # requests for previews
        self._first_options = ""  # of the page as it was loaded, for `put_back`
        page.set_default_timeout(WAIT)
        page.on("dialog", self._on_dialog)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("console", self._on_console)
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_request_end)
        page.on("requestfailed", self._on_request_end)

    def _on_dialog(self, dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_console(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _on_request(self, request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.faults.append(f"request to {request.url}")
        if request.method == "POST":
            self.posts.append(request.url)
        if "run/predict" in request.url:
            self._pending.add(request)

    def _on_request_end(self, request) -> None:
        self._pending.discard(request)

    # loading

    def open(self, query: str = "") -> Visit:
        """Load the page and wait for the first preview, which completes the load."""
        self.page.goto(self.address + query)
        self.shows("preview", timeout=FIRST_PREVIEW_WAIT)
        return self

    def reload(self) -> None:
        """Reload the page."""
        self.leave(self.page.reload)

    def restart(
        self, query: str = "", *, local_storage: dict[str, str] | None = None,
        session_storage: dict[str, str] | None = None, wait: bool = True,
    ) -> Visit:  # fmt: skip
        """Load the page as for a first visit, but with a warm cache. The dicts are what the browser has stored."""
        # another document of the same origin, so that no event of the page stores anything afterwards
        self.leave(lambda: self.page.goto(f"{self.address}health"))
        self.page.evaluate(
            """(stored) => [localStorage, sessionStorage].forEach((storage, n) => {
              storage.clear();
              for (const [key, value] of Object.entries(stored[n])) storage.setItem(key, value);
            })""",
            [local_storage or {}, session_storage or {}],
        )
        if wait:
            return self.open(query)
        self.page.goto(self.address + query)
        return self

    def leave(self, leave: Callable[[], Any]) -> None:
        """Leave the page. What Gradio's client reports about its own stream is not a fault."""
        before = len(self.faults)
        leave()
        self.faults[before:] = [fault for fault in self.faults[before:] if not LEAVING.search(fault)]

    def put_back(self, *, loads: bool = False) -> None:
        """Make the page as for a first visit, without loading it if that is possible.

        loads: load it in any case; only then is there an original of the starting example
        """
        self.page.unroute_all()
        self.page.set_viewport_size(DESKTOP)
        if loads or not self._can_be_reset():
            self.restart()
            self._first_options = self.page.evaluate(OPTIONS)
            if not loads:
                self.reset()
        self.faults.clear()

    def _can_be_reset(self) -> bool:
        """Reset a loaded page; return False if a test left other options or, because it failed, unfinished work."""
        if not self._first_options:
            return False
        try:
            self.reset()
        except (AssertionError, Error):
            return False
        return bool(self.page.evaluate(OPTIONS) == self._first_options)

    def reset(self) -> None:
        """Open the starting example, and forget the stored work and the history, without loading the page again.

        Options of extraction and decoding stay as they are.
        """
        expect(self.page.locator("#decode")).to_be_enabled(timeout=DECODE_WAIT)
        self.settle()
        with self.page.expect_response(self._is_preview_of_example):
            self.page.evaluate(OPEN_EXAMPLE)
        self.says("Recolor: Pick a new color")
        self.shows("preview")
        self.settle()
        self.page.evaluate(
            """() => {
              const canvas = document.querySelector('.lc');
              for (const action of ['fit', 'clear']) canvas.querySelector(`[data-do=${action}]`).click();
              canvas.querySelector('[data-tool=pen]').click();
              document.querySelector('.tl-forget').click();
              localStorage.clear();
              sessionStorage.clear();
              dispatchEvent(new StorageEvent('storage', { key: 'trilayer.history' }));
              scrollTo(0, 0);
            }"""
        )
        self.canvas_has("rev", "0")
        self.bytes_are(START_FILE.stat().st_size)

    def settle(self) -> None:
        """Wait until no preview is under way: a late one would replace what a later test waits for."""
        two_frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(two_frames)
        while self._pending:
            self.page.evaluate(two_frames)  # also lets Playwright deliver its events

    def _is_preview_of_example(self, response) -> bool:
        """Return whether a response is the preview of the unedited example."""
        body = response.request.post_data or ""
        return "run/predict" in response.url and r"\"name\":\"coffee\"" in body and r"\"rev\":0" in body

    # what the page shows

    def shows(self, what: str, timeout: float = WAIT) -> None:
        """Wait until the right side of the compare slider is a `preview` or `decoded`."""
        expect(self.page.locator("#compare")).to_contain_text(f"| {what}", timeout=timeout)

    def says(self, text: str, timeout: float = WAIT) -> None:
        """Wait until the status box has this text."""
        expect(self.page.locator("#status")).to_contain_text(text, timeout=timeout)

    def bytes(self) -> int:
        """Return the total of the readout."""
        return int(self.page.locator(".tl-total strong").inner_text().replace(",", ""))

    def bytes_change_from(self, previous: int) -> int:
        """Wait until the readout differs, and return its total."""
        expect(self.page.locator(".tl-total strong")).not_to_have_text(f"{previous:,}")
        return self.bytes()

    def bytes_are(self, total: int) -> None:
        """Wait until the readout has this total."""
        expect(self.page.locator(".tl-total strong")).to_have_text(f"{total:,}")

    def prompt_is(self, text: str) -> None:
        """Wait until the prompt is this."""
        expect(self.page.locator("#prompt textarea")).to_have_value(text)

    def shoot(self, name: str, where: str = "") -> None:
        """Save a screenshot of the page or of a part of it, if TRILAYER_ARTIFACTS is set."""
        if not ARTIFACTS:
            return
        path = Path(ARTIFACTS, f"{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        if where:
            self.page.locator(where).screenshot(path=path, animations="disabled")
        else:
            self.page.screenshot(path=path, animations="disabled", full_page=True)

    # the canvas

    def canvas(self, name: str) -> str:
        """Return a data attribute of the canvas: rev, strokes, masked, ..."""
        return self.page.locator(".lc").get_attribute(f"data-{name}")

    def canvas_has(self, name: str, value: str | re.Pattern[str]) -> None:
        """Wait until a data attribute of the canvas has this value."""
        expect(self.page.locator(".lc")).to_have_attribute(f"data-{name}", value)

    def is_idle(self) -> None:
        """Wait until the server has answered the canvas's requests; the search for detail takes a second."""
        expect(self.page.locator(".lc")).to_have_attribute("data-busy", "false", timeout=DECODE_WAIT)

    def tool(self, name: str) -> None:
        """Choose a tool."""
        self.page.locator(f".lc button[data-tool={name}]").click()

    def do(self, action: str) -> None:
        """Press a button of the canvas that is not a tool."""
        self.page.locator(f".lc button[data-do={action}]").click()

    def drag(self, *points: tuple[float, float]) -> None:
        """Drag through points, in 0..1 of the canvas's sides."""
        self.page.locator(".lc-stage").scroll_into_view_if_needed()
        box = self.page.locator(".lc-stage").bounding_box()
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=2 if len(places) <= 4 else 1)  # each step takes a frame
        self.page.mouse.up()

    def undo(self) -> None:
        """Press Undo."""
        self.page.locator(".lc-undo").click()

    # files

    def save(self) -> bytes:
        """Press Save and return the file."""
        with self.page.expect_download() as download:
            self.page.locator("#save").click()
        return Path(download.value.path()).read_bytes()

    def put(self, where: str, *files) -> None:
        """Choose files in the upload of #picture or #open."""
        inputs = {"picture": "#picture input[type=file]", "open": "#top-buttons input[type=file]"}
        self.page.locator(inputs[where]).set_input_files(*files)

    def put_tril(self, name: str, data: bytes) -> None:
        """Open a .tril file with this stem."""
        self.put("open", {"name": f"{name}.tril", "mimeType": TRIL_TYPE, "buffer": data})
        self.says(f"Opened {name}")

    def open_small(self) -> None:
        """Open an image that decodes quickly."""
        self.put_tril("small", Layers(64, 64, Prompt("a small picture")).to_bytes())
