"""What the server keeps of each tab is separate and bounded."""

from __future__ import annotations

import httpx

from tests.ui.http_tab import Tab


def test_state_of_a_tab_is_its_own(served):
    page, address = served
    one, other = Tab(address, "session-one"), Tab(address, "session-other")
    cleared = page.fns[one.body("clear_original")["fn_index"]]
    states = [part._id for part in cleared.outputs if type(part).__name__ == "State"]
    initial = [page.app.state_holder[other.session][state] for state in states]
    one.ask("clear_original")
    assert "process_completed" in str(list(one.answers()))
    assert [page.app.state_holder[one.session][state] for state in states] != initial
    assert [page.app.state_holder[other.session][state] for state in states] == initial and initial[0] is not None


def test_stop_does_not_stop_another_tab(address, held_decode):
    one, other = Tab(address, "session-decoding"), Tab(address, "session-stopping")
    one.ask("decode_layers")
    messages = []
    for message in one.answers():
        messages.append(str(message))
        if held_decode.started.is_set() and not held_decode.released.is_set():
            assert "Nothing is being decoded" in str(other.run("stop_decode"))
            held_decode.released.set()
    assert "Decoded in" in str(messages) and not held_decode.stopped.is_set()


def test_stop_stops_the_own_decode(address, held_decode):
    tab = Tab(address, "session-stopped")
    tab.ask("decode_layers")
    for _ in tab.answers():
        if held_decode.started.is_set() and not held_decode.stopped.is_set():
            tab.run("stop_decode")
            assert held_decode.stopped.wait(20)
    assert held_decode.stopped.is_set() and not held_decode.released.is_set()


def test_a_bounded_number_of_tabs_is_kept(served, monkeypatch):
    page, address = served
    holder = page.app.state_holder
    assert holder.capacity == 200
    capacity = len(holder.session_data) + 20
    monkeypatch.setattr(holder, "capacity", capacity)
    with httpx.Client() as client:
        for n in range(capacity + 5):
            request = {"session_hash": f"crowd-{n}", "component_id": 1, "fn_name": "none", "data": None}
            assert client.post(f"{address}gradio_api/component_server/", json=request).status_code == 404
    assert len(holder.session_data) == capacity and f"crowd-{capacity + 4}" in holder.session_data
    assert "crowd-0" not in holder.session_data and len(holder.time_last_used) <= capacity
