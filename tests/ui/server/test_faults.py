"""Failures below a running page are one sentence on it, and afterwards the page works again.

The tests marked slow cause them in the real painter, and on a disk that is really full.
"""

from __future__ import annotations

import ctypes
import errno
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from types import FrameType

import httpx
import numpy as np
import pytest

from codec import Layers, Prompt
from codec.decoders.painter import painter, real_esrgan
from codec.decoders.registry import _built
from codec.models import weights
from codec.texture import rdoq
from tests.load.server import Server, start_server
from tests.ui.http_tab import Tab
from ui.services import actions, canvas_state, comparison, files
from ui.services.actions import DecodeResult

WAIT = 60  # s for a busy machine
COLORS = rdoq.quantize(np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3))
SMALL = Layers(64, 48, Prompt("a small picture"), texture=COLORS)
LARGE = Layers(1024, 768, Prompt("a large picture"), texture=COLORS)
PIXELS = np.zeros((48, 64, 3), np.uint8)


def canvas(layers: Layers = SMALL, revision: int = 0) -> str:
    """Return the canvas's value."""
    return canvas_state.to_json(canvas_state.write(layers, "picture") | {"rev": revision})


def decode(tab: Tab) -> str:
    """Decode the small picture; return all messages."""
    tab.ask("decode_layers", canvas=canvas())
    return str(list(tab.answers()))


def preview(tab: Tab, layers: Layers = SMALL) -> str:
    """Preview an edit; return the answer."""
    return json.dumps(tab.run("update_preview", canvas=canvas(layers, revision=1)))


def fail_once(function: Callable, error: BaseException) -> Callable:
    """Return a function that raises the error at its first call."""
    errors = [error]

    def wrapped(*arguments, **options):
        if errors:
            raise errors.pop()
        return function(*arguments, **options)

    return wrapped


# In the process of the tests, with decodes that take no time.


@pytest.mark.parametrize(
    ("error", "sentence"), [(SystemExit(), "Something went wrong"), (MemoryError(), "too little memory")]
)
def test_page_survives_a_decode_that_fails(address, monkeypatch, error, sentence):
    """A SystemExit would end the server."""
    work = fail_once(lambda on_step: DecodeResult(PIXELS), error)
    monkeypatch.setattr(actions, "decode_task", lambda *_: work)
    tab = Tab(address, f"failing-decode-{sentence[:4]}")
    assert sentence in decode(tab)
    assert "Decoded in" in decode(tab)


@pytest.mark.parametrize(
    ("error", "sentence"), [(SystemExit(), "Something went wrong"), (MemoryError(), "too little memory")]
)
def test_page_survives_a_preview_that_fails(address, monkeypatch, error, sentence):
    monkeypatch.setattr(comparison, "_preview_jpeg", fail_once(lambda *_: b"jpeg", error))
    tab = Tab(address, f"failing-preview-{sentence[:4]}")
    assert sentence in preview(tab)
    assert "Preview of your edit" in preview(tab)


def test_full_disk_is_reported_and_layers_stay(address, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(actions, "decode_task", lambda *_: lambda on_step: DecodeResult(PIXELS))
    monkeypatch.setattr(comparison, "_preview_jpeg", lambda *_: b"preview on a full disk")
    tab = Tab(address, "full-disk")
    with monkeypatch.context() as patched:
        patched.setattr(files, "store", full)
        for message in (decode(tab), preview(tab)):
            assert "full (No space left on device)" in message and "layers are unchanged" in message
        tab.ask("save_file", canvas=canvas())
        assert "full (No space left on device)" in str(list(tab.answers()))
    assert "Preview of your edit" in preview(tab) and "Decoded in" in decode(tab)


def test_client_that_disconnects_stops_its_decode(address, held_decode):
    tab = Tab(address, "disconnecting")
    tab.ask("decode_layers", canvas=canvas())
    for _ in tab.answers():
        if held_decode.started.wait(0):
            break  # closes the stream
    assert held_decode.stopped.wait(WAIT)


@pytest.fixture
def copied_weights(tmp_path, monkeypatch):
    """The weights in a folder of the test's own, of which nothing is loaded."""
    folder = shutil.copytree(weights.FOLDER, tmp_path / "weights")
    monkeypatch.setattr(weights, "FOLDER", folder)
    monkeypatch.setitem(_built, "painter", None)
    _built.pop("painter")
    return folder


def test_missing_and_damaged_weights_are_named_and_can_be_restored(address, copied_weights):
    file, tab = copied_weights / real_esrgan.RRDB.name, Tab(address, "weights")
    data = file.read_bytes()
    file.unlink()
    messages = decode(tab)
    assert f"{file.name} cannot be read" in messages and "restore it" in messages
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert f"{file.name} are damaged" in decode(tab)
    file.write_bytes(data)
    assert "Decoded in" in decode(tab)
    file.unlink()  # it is in memory now
    assert "Decoded in" in decode(tab)


# In the real painter.


def is_inside(frame: FrameType | None, function: str) -> bool:
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None


def raise_inside(function: str, error: type[BaseException]) -> None:
    """Wait for a thread to run a function; raise the error there, at whatever instruction."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for thread, frame in sys._current_frames().items():
            if thread != threading.get_ident() and is_inside(frame, function):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
                return
        time.sleep(0.001)
    pytest.fail(f"no thread ran {function}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "sentence"), [(SystemExit, "Something went wrong"), (MemoryError, "not enough memory to paint")]
)
def test_page_survives_an_error_at_any_instruction_of_the_painter(address, error, sentence):
    with ThreadPoolExecutor(1) as beside:
        for work, success in ((decode, "Decoded in"), (preview, "Preview of your edit")):
            comparison._preview_jpeg.cache_clear()
            tab = Tab(address, f"interrupted-{work.__name__}-{error.__name__}")  # another would show its decode again
            raised = beside.submit(raise_inside, "_paint", error)
            assert sentence in work(tab)
            raised.result()
            assert success in work(tab)


@pytest.mark.slow
def test_client_that_disconnects_stops_the_painter(address, monkeypatch):
    outcomes: list[str] = []
    painter_decode = painter.Painter.decode

    def recorded(*arguments, **options):
        try:
            pixels = painter_decode(*arguments, **options)
        except BaseException as error:
            outcomes.append(type(error).__name__)
            raise
        outcomes.append("finished")
        return pixels

    monkeypatch.setattr(painter.Painter, "decode", recorded)
    tab = Tab(address, "disconnecting-painter")
    tab.ask("decode_layers", canvas=canvas(LARGE))
    for number, _ in enumerate(tab.answers()):
        if number == 3:
            break
    deadline = time.monotonic() + WAIT
    while not outcomes and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outcomes == ["Cancelled"]


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A page in a process of its own, whose limits can be set."""
    with start_server() as server:
        yield server


@pytest.mark.slow
def test_really_full_disk_is_reported_and_loses_nothing(own_server):
    def limit_file_size(max_bytes: int) -> None:
        """Make writes fail as on a full disk: here for files of more bytes."""
        prlimit(own_server.process.pid, RLIMIT_FSIZE, (max_bytes, RLIM_INFINITY))

    tab = Tab(own_server.address, "full-disk")
    assert "Preview of your edit" in preview(tab)
    limit_file_size(16)
    for message in (preview(tab, LARGE), decode(tab)):
        assert "full (File too large)" in message and "layers are unchanged" in message
    tab.ask("save_file", canvas=canvas())
    assert "full (File too large)" in str(list(tab.answers()))
    refused = httpx.post(f"{own_server.address}gradio_api/upload", files={"files": ("x.png", bytes(100))}, timeout=WAIT)
    assert refused.status_code == 507 and "full (File too large)" in refused.json()["detail"]
    limit_file_size(RLIM_INFINITY)
    assert "Preview of your edit" in preview(tab) and "Decoded in" in decode(tab)
    tab.ask("save_file", canvas=canvas())
    assert ".tril" in str(list(tab.answers()))
    assert not list(own_server.folder.rglob("*.part"))
