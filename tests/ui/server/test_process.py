"""The server as a process of its own, from its start to its end. The other files test the parts in one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import httpx
import pytest

from codec import Layers, Prompt
from tests.load.server import ROOT, start_server
from tests.ui.http_tab import Tab
from tests.ui.server.test_request_log import SECRET, check_log, use_the_page
from ui.services import canvas_state

pytestmark = pytest.mark.slow

LARGE = canvas_state.to_json(canvas_state.write(Layers(1024, 768, Prompt("a large picture")), "large"))


def test_process_logs_no_content_and_leaves_no_files(tmp_path):
    with start_server(TRILAYER_RATE="0") as server:
        use_the_page(server.address, tmp_path)
        assert server.stop() == 0
        assert not list(server.folder.glob("trilayer-*"))
        assert SECRET not in server.process.stdout.read()
        log = server.log_file.read_text()
    check_log(log)
    lines = [json.loads(line) for line in log.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_decodes_and_leaves_no_files(number):
    with start_server(TRILAYER_RATE="0") as server:
        tabs = [Tab(server.address, f"tab{n}") for n in range(6)]
        assert list(server.folder.glob("trilayer-*"))
        for tab in tabs:
            tab.ask("decode_layers", canvas=LARGE)
        assert any("Decoding" in str(message) for message in tabs[0].answers())
        server.process.send_signal(number)
        assert server.stop(number) == 0  # a second signal does not interrupt the shutdown
        assert not list(server.folder.glob("trilayer-*"))
        log = [json.loads(line) for line in server.log_file.read_text().splitlines()]
    assert log[-1]["event"] == "stopped"  # and "clean", if a step takes less than the timeout
    outcomes = [line["outcome"] for line in log if line["event"] == "decode"]
    assert len(outcomes) < len(tabs) and set(outcomes) <= {"done", "stopped"}
    assert "error" not in [line["level"] for line in log]


def test_login_is_required_and_not_logged():
    arguments = ("--host", "0.0.0.0", "--auth", "me:secret", "--proxy", "127.0.0.1")
    with start_server(*arguments, TRILAYER_LOGIN="") as server:
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        client = {"X-Forwarded-For": "192.0.2.1"}
        assert httpx.get(f"{address}gradio_api/queue/status", headers=client).status_code == 401
        login = {"username": "me", "password": "secret"}
        assert httpx.post(f"{address}login", data=login, headers=client).json() == {"success": True}
        assert server.stop() == 0
        log = server.log_file.read_text()
    assert "192.0.2" not in log and "secret" not in log


def test_process_that_cannot_start_prints_one_line(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path), "TRILAYER_LOGIN": ""}
    command = [sys.executable, "app.py", "--auth", "me"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert ran.returncode == 1 and ran.stderr == "Trilayer cannot start: a login must be NAME:PASSWORD\n"
    assert not list(tmp_path.glob("trilayer-*"))
