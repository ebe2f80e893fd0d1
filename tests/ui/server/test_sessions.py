"""What the server keeps of each tab: apart from the others', and bounded."""

from __future__ import annotations

import httpx

from tests.ui.asking import Tab


def test_a_tab_sees_nothing_of_another(served):
    page, address = served
    one, other = Tab(address, "session-one"), Tab(address, "session-other")
    cleared = page.fns[one.body("clear_original")["fn_index"]]
    states = [part._id for part in cleared.outputs if type(part).__name__ == "State"]
    before = [page.app.state_holder[other.session][state] for state in states]
    one.ask("clear_original")
    assert "no longer shown" in str(list(one.answers()))
    assert [page.app.state_holder[one.session][state] for state in states] == [None, None]
    assert [page.app.state_holder[other.session][state] for state in states] == before and None not in before


def test_stop_stops_no_other_tab(address):
    one, other = Tab(address, "session-decoding"), Tab(address, "session-stopping")
    one.ask("decode_layers")
    said = []
    for answer in one.answers():
        said.append(str(answer))
        if "Decoding…" in said[-1]:
            assert "Nothing is being decoded" in str(other.run("stop_decode"))
    assert "Decoding…" in str(said) and "Decoded in" in str(said)


def test_of_many_tabs_a_bounded_number_is_kept(served):
    page, address = served
    with httpx.Client() as client:
        for n in range(230):
            asked = {"session_hash": f"crowd-{n}", "component_id": 1, "fn_name": "none", "data": None}
            assert client.post(f"{address}gradio_api/component_server/", json=asked).status_code == 404
    kept = page.app.state_holder.session_data
    assert len(kept) == 200 and "crowd-229" in kept and "crowd-0" not in kept
    assert len(page.app.state_holder.time_last_used) <= 200
