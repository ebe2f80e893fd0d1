"""The server is unreachable or refuses something: the status box says so, and no work is lost."""

from __future__ import annotations

import functools
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from codec import Layers
from tests.ui.visit import Visit

ROOT = Path(__file__).resolve().parents[3]
UNREACHABLE = "The server does not answer. Your work is stored in this browser"


def expect_one_status(visit) -> None:
    """Expect one message in the status box, and none of Gradio's own notices."""
    expect(visit.page.locator(".toast-wrap")).to_be_hidden()
    expect(visit.page.locator("#status .tl-status:visible")).to_have_count(1)


def forget_console_errors(visit) -> None:
    """Forget what the browser itself reports about failed requests."""
    visit.faults[:] = [fault for fault in visit.faults if not fault.startswith("console: ")]


def test_work_survives_while_the_server_is_unreachable(visit):
    visit.drag((0.1, 0.1), (0.5, 0.4))
    visit.says("Preview of your edit")
    strokes = int(visit.canvas("strokes"))
    visit.page.route("**/*", lambda route: route.abort())
    visit.drag((0.1, 0.9), (0.5, 0.8))
    visit.says(UNREACHABLE)
    expect_one_status(visit)
    visit.page.unroute_all()
    visit.says("is open again")  # Gradio has reloaded the page
    expect(visit.page.locator("#lost")).to_be_hidden()
    visit.canvas_has("strokes", str(strokes + 1))
    visit.drag((0.1, 0.5), (0.5, 0.6))
    visit.says("Preview of your edit")
    forget_console_errors(visit)


def test_refused_files_are_reported_in_the_status_box(visit, tmp_path):
    large = tmp_path / "large.png"
    large.write_bytes(bytes(21 << 20))
    visit.put("picture", large)
    visit.says('Too large: "large.png". The limit is 20 MB; choose a smaller file.')
    expect_one_status(visit)
    text = {"name": "text.txt", "mimeType": "text/plain", "buffer": b"text"}
    for where, message in (
        ("picture", "Choose a PNG, JPEG, WebP or AVIF."),
        ("open", "Choose a picture (PNG, JPEG, WebP, AVIF), a .tril file, or a .zip"),
    ):
        visit.put(where, text)
        visit.says(message)
    before = visit.bytes()
    visit.drag((0.1, 0.1), (0.5, 0.4))
    visit.bytes_change_from(before)
    expect(visit.page.locator("#lost")).to_be_hidden()
    forget_console_errors(visit)


def fulfill(answer, route) -> None:
    route.fulfill(**answer)


def test_refused_requests_are_reported_in_the_servers_words(visit):
    visit.open_small()
    for status, body, message in (
        (413, {"error": "that is too large"}, "That is too large"),
        (429, {"error": "that was one too many; wait 3 seconds"}, "That was one too many; wait 3 seconds"),
        (503, {"detail": "Queue is full. Max size is 32 and size is 32."}, "The server is busy with many pictures."),
        (503, {}, "The server does not answer"),
    ):
        answer = {"status": status, "json": body}
        visit.page.route("**/queue/join*", functools.partial(fulfill, answer), times=1)
        visit.page.locator("#decode").click()
        visit.says(message)
        expect_one_status(visit)
        # the decode is over with what follows it, a preview of what was edited meanwhile
        with visit.page.expect_response(lambda response: "run/predict" in response.url):
            visit.page.locator("#decode").click()
        visit.says("Decoded in")
        expect(visit.page.locator("#lost")).to_be_hidden()
    forget_console_errors(visit)


class Server:
    """The page in a process of its own, which can be killed and started again at the same address."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(self.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert re.search(r"http://\S+", self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.kill()


@pytest.mark.slow
def test_a_restart_of_the_server_loses_no_work(context, server):
    visit = Visit(context.new_page(), server.address).open()
    visit.drag((0.1, 0.1), (0.5, 0.4))
    visit.says("Preview of your edit")
    strokes = int(visit.canvas("strokes"))
    server.kill()
    visit.drag((0.1, 0.9), (0.5, 0.8))
    visit.says(UNREACHABLE)
    expect_one_status(visit)
    server.start()
    visit.says("is open again")
    expect(visit.page.locator("#lost")).to_be_hidden()
    visit.canvas_has("strokes", str(strokes + 1))
    visit.drag((0.1, 0.5), (0.5, 0.6))
    visit.says("Preview of your edit")
    assert len(Layers.from_bytes(visit.save()).structure.strokes) >= strokes + 2
    visit.open_small()
    visit.page.locator("#decode").click()
    visit.says("Decoded in")
    visit.page.close()
