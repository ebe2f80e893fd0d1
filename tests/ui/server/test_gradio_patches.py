"""What Gradio would do for any stranger, and does not here."""

from __future__ import annotations

import gradio as gr
import httpx
import pytest
from gradio import processing_utils
from gradio.state_holder import SessionState, StateHolder

from tests.ui.asking import Tab
from ui.server import gradio_patches


@pytest.mark.parametrize("name", ["update_preview", "open_picture"])
def test_no_file_is_fetched_from_elsewhere(address, monkeypatch, name):
    """A value of a picture may name a web address; these two read one beside Gradio's queue and in it."""
    asked = []
    at = "http://198.51.100.1/large.png"
    file = {"path": at, "url": at, "meta": {"_type": "gradio.FileData"}}
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", lambda url: asked.append(url))
    tab = Tab(address, "fetching")
    if name == "update_preview":
        said = tab.run(name, canvas=file)
    else:
        tab.ask(name, picture=file)
        said = list(tab.answers())
    assert asked == [] and "fetches nothing" in str(said)


def test_gradio_has_no_other_way_to_fetch():
    for name in ("ssrf_protected_download", "save_url_to_cache", "unsafe_download"):
        with pytest.raises(gr.Error, match="fetches nothing"):
            getattr(processing_utils, name)("http://198.51.100.1/x", cache_dir="x")


def test_a_session_keeps_no_value_that_was_sent_to_it(served):
    page, address = served
    tab = Tab(address, "sending")
    tab.run("update_preview", canvas=["secret"] * 1000)
    state = page.app.state_holder.session_data[tab.session]
    assert len(state.config_values) < len(page.blocks) / 2  # what the answer changed
    assert "secret" not in str(state.config_values)


def test_a_sessions_name_is_short(served):
    page, address = served
    for length, status in ((gradio_patches.MAX_NAME, 404), (gradio_patches.MAX_NAME + 1, 400)):
        asked = {"session_hash": "x" * length, "component_id": 1, "fn_name": "none", "data": None}
        assert httpx.post(f"{address}gradio_api/component_server/", json=asked).status_code == status
    body = Tab(address, "x" * 100_000).body("inspect")
    refused = httpx.post(f"{address}gradio_api/queue/join", json=body)
    assert refused.status_code == 400 and "at most 64" in refused.json()["detail"]
    names = [*page.app.state_holder.session_data, *page._queue.pending_messages_per_session]
    assert max(map(len, names)) <= gradio_patches.MAX_NAME


def test_mending_twice_is_mending_once(served):
    before = StateHolder.__getitem__, SessionState.__init__
    gradio_patches.mend()
    assert (StateHolder.__getitem__, SessionState.__init__) == before
