"""The server goes away and comes back, and what Gradio itself refuses: said in the status box, and no work is lost."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from codec import Layers
from tests.ui.conftest import Visit

ROOT = Path(__file__).resolve().parents[3]


class Server:
    """The page in a process of its own that can be ended and started again at the same address."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(self.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert re.search(r"http://\S+", self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()


def test_a_restart_of_the_server_loses_nothing(browser, server):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    visit = Visit(context.new_page(), server.address).open()
    visit.drag((0.1, 0.1), (0.5, 0.4))
    visit.says("Preview of your edit")
    strokes = visit.canvas("strokes")
    server.end()
    visit.drag((0.1, 0.9), (0.5, 0.8))
    visit.says("The server does not answer. Your work is kept in this browser")
    expect(visit.page.locator(".toast-wrap")).to_be_hidden()
    expect(visit.page.locator("#status .tl-status:visible")).to_have_count(1)
    server.start()
    visit.says("is open again")
    expect(visit.page.locator("#lost")).to_be_hidden()
    visit.canvas_has("strokes", str(int(strokes) + 1))
    visit.drag((0.1, 0.5), (0.5, 0.6))
    visit.says("Preview of your edit")
    visit.page.locator("#decode").click()
    visit.says("Decoded in")
    assert len(Layers.from_bytes(visit.save()).structure.strokes) >= int(strokes) + 2
    context.close()


def test_what_gradio_refuses_is_said_in_the_status_box(visit, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(bytes(21 << 20))
    visit.put("picture", large)
    visit.says('Too large: "large.png". A file may have 20 MB here; choose a smaller one.')
    expect(visit.page.locator(".toast-wrap")).to_be_hidden()
    before = visit.bytes()
    visit.drag((0.1, 0.1), (0.5, 0.4))
    visit.bytes_change_from(before)
    expect(visit.page.locator("#lost")).to_be_hidden()
    visit.faults[:] = [fault for fault in visit.faults if not fault.startswith("console: ")]  # the browser's own words


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (413, {"error": "that is too large"}, "That is too large"),
        (429, {"error": "that was one too many; wait 3 seconds"}, "That was one too many; wait 3 seconds"),
        (503, {"detail": "Queue is full. Max size is 32 and size is 32."}, "Many pictures are being worked on here"),
        (503, {}, "The server does not answer"),
    ],
    ids=["large", "often", "full", "gone"],
)
def test_what_the_server_turns_down_is_said_in_its_own_words(visit, status, body, said):
    visit.small()
    answer = {"status": status, "json": body}
    visit.page.route("**/queue/join*", lambda route: route.fulfill(**answer), times=1)
    visit.page.locator("#decode").click()
    visit.says(said)
    expect(visit.page.locator("#status .tl-status:visible")).to_have_count(1)
    visit.page.locator("#decode").click()
    visit.says("Decoded in")
    expect(visit.page.locator("#lost")).to_be_hidden()
    visit.faults[:] = [fault for fault in visit.faults if not fault.startswith("console: ")]
