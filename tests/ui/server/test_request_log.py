"""The log of the running page names requests and decodes, but nothing of their content."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from codec import Layers, Prompt
from tests.ui.http_tab import Tab
from ui.services import canvas_state, logs

SECRET = "zanzibar"
LAYERS = Layers(64, 48, Prompt(SECRET))
REQUEST_FIELDS = {"time", "level", "event", "kind", "method", "status", "ms"}


def upload(address: str, path: Path) -> dict:
    """Upload a file; return its value for an event."""
    paths = httpx.post(f"{address}gradio_api/upload", files={"files": (path.name, path.read_bytes())}).json()
    return {"path": paths[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def use_the_page(address: str, folder: Path) -> None:
    """Send the secret in every part of a request: values, file names, paths, queries and headers."""
    tril, broken = folder / f"{SECRET}.tril", folder / f"{SECRET}-broken.tril"
    tril.write_bytes(LAYERS.to_bytes())
    broken.write_bytes(b"no file")
    tab = Tab(address, SECRET)
    canvas = canvas_state.to_json(canvas_state.write(LAYERS, SECRET))
    tab.ask("decode_layers", canvas=canvas, prompt=f"{SECRET} at night", seed="7")
    assert "Decoded in" in str(list(tab.answers()))
    tab.run("update_preview", canvas=canvas, prompt=f"{SECRET} by day")
    tab.run("update_preview", canvas=json.dumps({"name": SECRET, "base": SECRET}))
    client = Client(address, verbose=False)
    client.predict(handle_file(str(tril)), api_name="/decode")
    for values in ({"seed": SECRET}, {"tril": handle_file(str(broken))}, {"decoder": SECRET}):
        with pytest.raises(AppError):
            client.predict(**({"tril": handle_file(str(tril))} | values), api_name="/decode")
    httpx.post(f"{address}gradio_api/queue/join", content=f'{{"data": "{SECRET}')
    foreign = {"path": f"/etc/{SECRET}", "meta": {"_type": "gradio.FileData"}}
    httpx.post(f"{address}gradio_api/call/inspect", json={"data": [foreign]})
    for path in (f"?t={SECRET}", f"{SECRET}?{SECRET}", f"gradio_api/file=/tmp/{SECRET}", f"gradio_api/{SECRET}"):
        httpx.get(address + path, headers={"X-Forwarded-For": SECRET, "User-Agent": SECRET})
    for _ in range(3):  # a request is logged after its answer: the last ones may be missing
        httpx.get(address)


def check_log(text: str) -> None:
    """Check the log after `use_the_page`, or of a server that has done the same."""
    assert SECRET not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"time", "level", "event"} <= set.intersection(*(set(line) for line in lines))
    decodes = [line for line in lines if line["event"] == "decode"]
    assert [line["outcome"] for line in decodes] == ["done", "done"]
    assert all(line["decoder"] == "painter" and 0 <= line["seconds"] < 100 for line in decodes)
    requests = [line for line in lines if line["event"] == "request"]
    assert all(line.keys() == REQUEST_FIELDS for line in requests)
    assert {"page", "upload", "event", "stream", "file", "other"} <= {line["kind"] for line in requests}
    assert {200, 404, 422} <= {line["status"] for line in requests}
    printed = [line for line in lines if line["event"] == "printed"]  # by Gradio, about the broken file and the decoder
    assert printed and all(line["error"] and line["trace"] for line in printed)


def test_log_of_the_page_holds_no_content(address, tmp_path, monkeypatch, capsys):
    root, own = logging.getLogger(), logging.getLogger("trilayer")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logging, "raiseExceptions", True)
    levels = root.level, own.level
    try:
        with logs.log_to_stderr("info"):
            use_the_page(address, tmp_path)
    finally:
        root.setLevel(levels[0])
        own.setLevel(levels[1])
    output = capsys.readouterr()
    check_log(output.err)
    assert SECRET not in output.out
