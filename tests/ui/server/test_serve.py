"""Configuration, start and shutdown of the server, in the process of the tests."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

import app
from codec.errors import Cancelled
from tests.ui.http_tab import Tab
from ui import api
from ui.page.handlers import decode
from ui.server import rate_limit, serve
from ui.server.serve import ServerConfig
from ui.services.jobs import Job, stop_all

WAIT = 20  # s for a busy machine


@pytest.fixture(autouse=True)
def no_login(monkeypatch):
    monkeypatch.delenv("TRILAYER_LOGIN", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)


# Configuration.


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_other_hosts_need_a_login_or_public(monkeypatch, host):
    with pytest.raises(ValueError, match=r"TRILAYER_LOGIN=NAME:PASSWORD \(or --auth\), or pass --public"):
        ServerConfig(host).credentials()
    assert ServerConfig(host, public=True).credentials() is None
    assert ServerConfig(host, login="me:se:cret").credentials() == ("me", "se:cret")
    monkeypatch.setenv("TRILAYER_LOGIN", "she:secret")
    assert ServerConfig(host).credentials() == ServerConfig(host, public=True).credentials() == ("she", "secret")
    assert serve.launch_arguments(ServerConfig(host))["auth"] == ("she", "secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_login_but_uses_one_that_is_set(monkeypatch, host):
    assert ServerConfig(host).credentials() is None
    monkeypatch.setenv("TRILAYER_LOGIN", "she:secret")
    assert ServerConfig(host).credentials() == ("she", "secret")


@pytest.mark.parametrize("login", ["", "x", "x:", ":x"])
def test_malformed_login_is_rejected(login):
    with pytest.raises(ValueError, match="a login must be NAME:PASSWORD"):
        ServerConfig(login=login).credentials()


@pytest.mark.parametrize(
    ("config", "private"),
    [
        (ServerConfig(), True),
        (ServerConfig("::1"), True),
        (ServerConfig(login="a:b"), False),
        (ServerConfig(public=True), False),
        (ServerConfig(proxies="127.0.0.1"), False),
        (ServerConfig("0.0.0.0", public=True), False),
    ],
)
def test_page_is_private_unless_others_are_admitted(config, private):
    assert config.is_private() is private


def test_gradio_is_launched_without_what_the_page_does_not_use(served):
    arguments = serve.launch_arguments(ServerConfig())
    off = ("share", "show_error", "enable_monitoring", "ssr_mode", "mcp_server", "run_history", "pwa", "inbrowser")
    assert not any(arguments[name] for name in off)
    assert arguments["allowed_paths"] == [] and arguments["strict_cors"] and arguments["max_file_size"] == "20mb"
    page = served[0]
    assert (page.share, page.show_error, page.allowed_paths, page.blocked_paths) == (False, False, [], [])
    assert page.max_file_size == 20 << 20 and page._queue.max_size == 32 and not page.enable_monitoring
    assert not page.analytics_enabled and not page.api_open and page.mcp_server_obj is None
    assert page.app.state_holder.capacity == 200


def test_page_and_api_decode_with_the_same_locks():
    assert api.decoder_lock is decode.decoder_lock
    assert api.decoder_lock("painter") is api.decoder_lock("painter") is not api.decoder_lock("sd15")
    assert api.decoder_lock("sd15") is api.decoder_lock("sdxl")  # their networks share memory


def test_limit_of_open_files_is_raised():
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, limits[1]))
        serve.raise_file_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = serve.MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(serve.MAX_OPEN_FILES, hard)
        assert (soft, hard) == (wanted, limits[1])
        serve.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# The command.


def test_command_line_becomes_a_configuration(monkeypatch):
    calls = []
    monkeypatch.setattr(app, "serve", lambda *arguments: calls.append(arguments))
    command = "app.py a.parquet#b.png --host 0.0.0.0 --port 8000 --auth me:secret --proxy 127.0.0.1 --log-level debug"
    monkeypatch.setattr(sys, "argv", command.split())
    app.main()
    assert calls == [(ServerConfig("0.0.0.0", 8000, "me:secret", proxies="127.0.0.1"), "debug", "a.parquet#b.png")]


def test_help_explains_how_to_hide_a_login(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["app.py", "--help"])
    with pytest.raises(SystemExit):
        app.main()
    text = " ".join(capsys.readouterr().out.split())
    assert "process list, unlike the variable TRILAYER_LOGIN" in text and "TRILAYER_RATE" in text


def test_login_and_public_exclude_each_other(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["app.py", "--public", "--auth", "a:b"])
    with pytest.raises(SystemExit) as exit_:
        app.main()
    assert exit_.value.code == 2 and "not allowed with" in capsys.readouterr().err


@pytest.fixture
def restore_process(monkeypatch, tmp_path):
    """Restore what `serve` and `launch` change in the process; temporary directories go to `tmp_path`."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for variable in ("GRADIO_TEMP_DIR", "FORWARDED_ALLOW_IPS"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("config", "rate", "message"),
    [
        (ServerConfig("0.0.0.0"), "", "set TRILAYER_LOGIN=NAME:PASSWORD"),
        (ServerConfig(login="me"), "", "a login must be NAME:PASSWORD"),
        (ServerConfig(), "often", "TRILAYER_RATE must be a number"),
    ],
)
def test_server_that_cannot_start_exits_with_one_line(restore_process, monkeypatch, tmp_path, config, rate, message):
    monkeypatch.setenv("TRILAYER_RATE", rate)
    with pytest.raises(SystemExit) as exit_:
        serve.serve(config)
    assert str(exit_.value).startswith("Trilayer cannot start: ") and message in str(exit_.value)
    assert "\n" not in str(exit_.value) and not list(tmp_path.iterdir())


def test_port_in_use_is_reported_and_leaves_no_files(restore_process, tmp_path):
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        with pytest.raises(SystemExit, match="Trilayer cannot start: ") as exit_:
            serve.serve(ServerConfig(port=used.getsockname()[1]))
    assert "\n" not in str(exit_.value) and not list(tmp_path.iterdir())


class FakeServer:
    """A server that receives a signal after its start."""

    def __init__(self, folder: Path, number: signal.Signals | None) -> None:
        self.folder = folder
        self.number = number
        self.address = "http://127.0.0.1:7860/"
        self.closed = False

    def is_alive(self) -> bool:
        if self.number is None:
            return False
        for _ in range(2):  # the second one must not interrupt the shutdown
            signal.raise_signal(self.number)
        return True

    def close(self) -> bool:
        self.closed = True
        return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (None, 1)])
def test_signals_close_the_server_and_end_the_process(restore_process, monkeypatch, tmp_path, capsys, number, code):
    """Without a signal, the server has ended by itself: the exit code says so."""
    server = FakeServer(tmp_path / "files", number)
    server.folder.mkdir()
    monkeypatch.setattr(serve, "launch", lambda config: server)
    monkeypatch.setattr(serve, "os", SimpleNamespace(environ=os.environ, _exit=sys.exit))
    with pytest.raises(SystemExit) as exit_:
        serve.serve(ServerConfig(), "error")
    assert exit_.value.code == code and server.closed and not server.folder.exists()
    assert capsys.readouterr().out == "Trilayer is at http://127.0.0.1:7860/\n"


# A second server in this process.


@pytest.fixture
def started(restore_process, monkeypatch):
    """-> start(config) -> a RunningServer."""
    servers = []

    def start(config: ServerConfig) -> serve.RunningServer:
        servers.append(serve.launch(config))
        return servers[-1]

    yield start
    for server in servers:
        if server.folder.exists():
            server.close()


def test_login_is_required_and_a_proxy_tells_the_client(started, monkeypatch):
    monkeypatch.setenv("TRILAYER_RATE", "0.001")
    server = started(ServerConfig("0.0.0.0", login="me:secret", proxies="127.0.0.1"))
    address = server.address.replace("0.0.0.0", "127.0.0.1")
    url = f"{address}gradio_api/queue/status"

    def client(forwarded_for: str) -> dict:
        return {"headers": {"X-Forwarded-For": forwarded_for}}

    with httpx.Client() as http:
        first = [http.get(url, **client("192.0.2.1")).status_code for _ in range(int(rate_limit.MIN_BURST) + 20)]
        refused = http.get(url, **client("192.0.2.1"))
        assert first[0] == 401 and refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 1000
        assert http.get(url, **client("192.0.2.99, 192.0.2.1")).status_code == 429  # the first address may be forged
        assert http.get(url, **client("192.0.2.2")).status_code == 401
        assert http.get(f"{address}health", **client("192.0.2.1")).json()["status"] == "ok"
        login = {"username": "me", "password": "secret"}
        wrong = http.post(f"{address}login", data=login | {"password": "x"}, **client("192.0.2.5"))
        assert wrong.status_code == 400
        assert http.post(f"{address}login", data=login, **client("192.0.2.3")).json() == {"success": True}
        assert http.get(url, **client("192.0.2.4")).status_code == 200


def test_closing_stops_decodes_and_removes_all_files(started, held_decode):
    server = started(ServerConfig())
    tab = Tab(server.address, "closing")
    tab.ask("decode_layers")
    assert held_decode.started.wait(WAIT) and server.folder.exists() and server.is_alive()
    assert server.close()
    assert held_decode.stopped.is_set() and not server.is_alive()
    assert not server.folder.exists()


def test_stop_all_stops_jobs_and_waits_for_a_limited_time():
    go, continued = threading.Event(), []

    def work(on_step):
        on_step("begun")
        go.wait(WAIT)
        continued.append(on_step("more"))

    steps = iter(Job(work))
    assert next(steps) == "begun"
    assert not stop_all(0.05)
    with pytest.raises(Cancelled):
        next(steps)
    go.set()
    assert stop_all(WAIT) and continued == [False]
    assert list(Job(lambda on_step: None)) == []  # later jobs are not affected
