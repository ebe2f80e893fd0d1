"""The answers to requests for previews that overlap."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from ui.page.handlers.edit_preview import PreviewHandlers
from ui.page.handlers.sessions import MAX_TABS, NewestRequests, Sessions


def test_a_late_answer_to_an_older_request_is_dropped(monkeypatch):
    newer_is_answered = threading.Event()

    def answer(self, request, name):
        if name == "older":
            assert newer_is_answered.wait(20)
        return {"readout": name}

    monkeypatch.setattr(PreviewHandlers, "_update_preview", answer)
    handlers = PreviewHandlers(SimpleNamespace(status="status"), Sessions())

    async def run() -> list:
        tab, other = SimpleNamespace(session_hash="tab"), SimpleNamespace(session_hash="other")
        older = asyncio.create_task(handlers.update_preview(tab, "older"))
        await asyncio.sleep(0)  # lets it arrive
        answers = [await handlers.update_preview(tab, "newer"), await handlers.update_preview(other, "apart")]
        newer_is_answered.set()
        return [*answers, await older]

    with ThreadPoolExecutor(1) as thread:  # Playwright's event loop may run in this one
        newer, apart, older = thread.submit(asyncio.run, run()).result()
    assert (newer, apart) == ({"readout": "newer"}, {"readout": "apart"})
    assert set(older) == {"status"}  # which it does not change


def test_a_bounded_number_of_tabs_is_known():
    requests = NewestRequests()
    first = requests.register("first")
    for n in range(MAX_TABS):
        requests.register(f"tab {n}")
    assert len(requests._numbers) == MAX_TABS and requests.is_newest("first", first)
