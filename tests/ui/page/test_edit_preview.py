"""The answers to requests for previews that overlap."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from ui.page.handlers import edit_preview
from ui.page.handlers.edit_preview import PreviewHandlers
from ui.page.handlers.sessions import MAX_TABS, NewestRequests, Sessions
from ui.services.editor_state import EditorState


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


@pytest.mark.parametrize(("session", "shown"), [("tab", {"bytes"}), ("other", {"bytes", "slider", "save", "status"})])
def test_a_preview_does_not_replace_a_decode_that_began_later(monkeypatch, session, shown):
    sessions = Sessions()

    def preview(*_):
        sessions.new_decodes.register(session)
        return "preview"

    monkeypatch.setattr(edit_preview.comparison, "compare_preview", preview)
    monkeypatch.setattr(edit_preview, "compare_update", str)
    monkeypatch.setattr(edit_preview, "is_original_prompt", lambda *_: True)
    monkeypatch.setattr(PreviewHandlers, "_readout", lambda *_: {"bytes": 655})
    monkeypatch.setattr(PreviewHandlers, "show_hints", lambda *_: {})
    parts = SimpleNamespace(compare="slider", decoded_file="save", status="status")
    state = SimpleNamespace(
        read=lambda: (SimpleNamespace(rev=1), None), selection=lambda: SimpleNamespace(apply=lambda _: None),
        automatic_prompt=lambda: None, shown=None, original=None,
    )  # fmt: skip
    monkeypatch.setattr(EditorState, "split", lambda values: (state, ()))
    answer = PreviewHandlers(parts, sessions)._update_preview(SimpleNamespace(session_hash="tab"))
    assert set(answer) == shown


def test_a_bounded_number_of_tabs_is_known():
    requests = NewestRequests()
    first = requests.register("first")
    for n in range(MAX_TABS):
        requests.register(f"tab {n}")
    assert len(requests._numbers) == MAX_TABS and requests.is_newest("first", first)
