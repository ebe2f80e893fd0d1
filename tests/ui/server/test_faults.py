"""What breaks beneath a running page is one sentence on it, and once it is mended the page goes on."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit
from types import FrameType

import httpx
import pytest

from codec.decoders.registry import _built
from codec.decoders.painter import painter, real_esrgan
from codec.errors import Cancelled
from codec.models import weights
from tests.load.server import Server, served
from tests.load.tab import Counts, Page, Tab
from tests.load.visitor import Identity, Visitor, identities
from ui.services.jobs import THREAD_NAME, Job

WAIT = 60  # s for a busy machine


class Guest(Visitor):
    """A visitor who only reads the status box, after a decode or a stroke."""

    async def decode_says(self, tab: Tab) -> str:
        return (await tab.queued("decode_layers", self.decoded()))[1]["html"]

    async def stroke_says(self, tab: Tab) -> str:
        self.change("stroke")
        return (await tab.run("update_preview", self.edited()))[-1]["html"]


EVERYONE = identities(2)
LARGE = [Identity(768, 576, (90, 120, 200))]  # takes a while


def visit(address: str, steps: Callable[[Guest, Tab], Awaitable[None]], everyone: list[Identity] = EVERYONE) -> None:
    """A guest with a picture, in a tab of their own, through all the steps."""

    async def run() -> None:
        async with httpx.AsyncClient(base_url=address, timeout=WAIT, trust_env=False) as client:
            guest = Guest(0, everyone, await Page.read(client), Counts(), (0, 0))
            tab = Tab(client, guest.page, guest.counts)
            await guest.arrive(tab)
            await steps(guest, tab)
            await tab.close()

    with ThreadPoolExecutor(1) as beside:  # the browser's loop may run in this thread
        beside.submit(asyncio.run, run()).result()


def inside(frame: FrameType | None, function: str) -> bool:
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None


def strike(function: str, error: type[BaseException]) -> None:
    """Raises the error in the thread that comes to be inside that function, wherever it then is."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        for thread, frame in sys._current_frames().items():
            if thread != threading.get_ident() and inside(frame, function):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(error))
                return
        time.sleep(0.001)
    pytest.fail(f"nothing came to {function}")


@pytest.fixture
def striking() -> Iterator[Callable[[type[BaseException]], object]]:
    """-> strikes the next painting with an error, from a thread beside."""
    with ThreadPoolExecutor(1) as beside:
        yield lambda error: beside.submit(strike, "_paint", error)


@pytest.mark.parametrize(
    ("error", "says"), [(SystemExit, "Something went wrong"), (MemoryError, "not enough memory to paint")]
)
def test_a_decode_and_a_preview_that_die_leave_the_server_alive(address, striking, error, says):
    async def steps(guest: Guest, tab: Tab) -> None:
        for work, well in ((guest.decode_says, "Decoded in"), (guest.stroke_says, "Preview of your edit")):
            struck = striking(error)
            assert says in await work(tab)
            struck.result()
            assert well in await work(tab)

    visit(address, steps)


def test_a_reader_does_not_wait_for_a_thread_that_is_gone(monkeypatch):
    monkeypatch.setattr("ui.services.jobs._LIVENESS_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(Job, "_publish", lambda *_: None)  # as if it had died before its last word
    with pytest.raises(RuntimeError, match="thread was ended"):
        list(Job(lambda on_step: None))


def test_a_client_that_vanishes_ends_the_work(address, monkeypatch):
    ended: list[str] = []
    decode = painter.Painter.decode

    def watched(*given, **more):
        try:
            picture = decode(*given, **more)
        except Cancelled:
            ended.append("stopped")
            raise
        ended.append("finished")
        return picture

    async def steps(guest: Guest, tab: Tab) -> None:
        monkeypatch.setattr(painter.Painter, "decode", watched)
        await guest.decode(tab, leave_after=3)  # the first says that it begins, the second that it has
        worker = next((thread for thread in threading.enumerate() if thread.name == THREAD_NAME), None)
        if worker is not None:
            await asyncio.to_thread(worker.join, WAIT)

    visit(address, steps, LARGE)
    assert ended == ["stopped"]


@pytest.fixture
def other_weights(tmp_path, monkeypatch):
    """The weights in a folder of the test's own, nothing of the painter's loaded yet."""
    folder = shutil.copytree(weights.FOLDER, tmp_path / "weights")
    monkeypatch.setattr(weights, "FOLDER", folder)
    before = dict(_built)
    _built.clear()
    yield folder
    _built.clear()
    _built.update(before)


def test_weights_that_go_or_are_damaged_are_named_and_come_back(address, other_weights):
    file = other_weights / real_esrgan.RRDB.name
    whole = file.read_bytes()

    async def steps(guest: Guest, tab: Tab) -> None:
        file.unlink()
        assert f"{file.name} cannot be read" in (said := await guest.decode_says(tab))
        assert "restore it" in said
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert f"{file.name} are damaged" in await guest.decode_says(tab)
        file.write_bytes(whole)
        await guest.decode(tab, None)
        file.unlink()  # it is in memory now
        await guest.decode(tab, None)

    visit(address, steps)


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A page in a process of its own, whose limits can be set."""
    with served() as server:
        yield server


def test_a_full_disk_is_one_sentence_and_loses_nothing(own):
    def room(most: int) -> None:
        """As on a full disk, a write fails: here for files of more bytes than that."""
        prlimit(own.process.pid, RLIMIT_FSIZE, (most, RLIM_INFINITY))

    async def steps(guest: Guest, tab: Tab) -> None:
        await guest.edit(tab)
        room(16)
        for work in (guest.stroke_says, guest.decode_says):
            assert "full (File too large)" in (said := await work(tab))
            assert "layers are unchanged" in said
        saved = (await tab.queued("save_file", guest.edited()))[-1]["html"]
        assert "full (File too large)" in saved
        async with httpx.AsyncClient(base_url=own.address, timeout=WAIT, trust_env=False) as other:
            refused = await other.post("gradio_api/upload", files={"files": ("x.png", bytes(100))})
        assert refused.status_code == 507 and "full (File too large)" in refused.json()["detail"]
        room(RLIM_INFINITY)
        await guest.edit(tab)
        await guest.decode(tab, None)
        file = (await tab.queued("save_file", guest.edited()))[0]
        assert await tab.fetch(file) == guest.file()

    visit(own.address, steps)
    assert not list(own.folder.rglob("*.part"))
