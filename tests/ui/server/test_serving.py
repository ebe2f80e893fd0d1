"""The program as it is started: whom it lets in, what it logs, how it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from codec.errors import Cancelled, FormatError
from tests.ui.asking import Tab
from ui.services.examples import START_PICTURE
from ui.server import rate_limit, serve
from ui.server.serve import Door
from ui.services import logs
from ui.services.jobs import Job, stop_all

ROOT = Path(__file__).resolve().parents[3]


class App:
    """app.py in a process of its own, whose files and log lie in `folder`."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.folder, self.log_file = folder, folder / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRILAYER_LOGIN")}
        with self.log_file.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", port, *arguments], cwd=ROOT, text=True,
                stdout=subprocess.PIPE, stderr=log, env=own | {"TMPDIR": str(folder)} | variables,
            )  # fmt: skip
        said = self.process.stdout.readline()
        assert re.match("Trilayer is at http", said), self.log_file.read_text()
        self.address = f"http://127.0.0.1:{port}/"

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """-> the exit code."""
        self.process.send_signal(how)
        return self.process.wait(60)

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def files(self) -> list[Path]:
        return list(self.folder.glob("trilayer-*"))


@pytest.fixture
def started(tmp_path) -> Iterator:
    """-> start(arguments, variables) -> an App."""
    apps = []

    def start(*arguments: str, **variables: str) -> App:
        apps.append(App(tmp_path, *arguments, **variables))
        return apps[-1]

    yield start
    for app in apps:
        if app.process.poll() is None:
            app.process.kill()
            app.process.wait()
        app.process.stdout.close()


# what it allows, and whom it lets in


def test_what_the_server_allows(served):
    given = serve.settings(Door())
    off = ("share", "show_error", "enable_monitoring", "ssr_mode", "mcp_server", "run_history", "pwa", "inbrowser")
    assert not any(given[name] for name in off)
    assert given["allowed_paths"] == [] and given["strict_cors"] and given["max_file_size"] == "20mb"
    page = served[0]
    assert (page.share, page.show_error, page.allowed_paths, page.blocked_paths) == (False, False, [], [])
    assert page.max_file_size == 20 << 20 and page._queue.max_size == 32 and not page.enable_monitoring
    assert not page.analytics_enabled and not page.api_open and page.mcp_server_obj is None
    assert page.app.state_holder.capacity == 200


def test_another_origin_is_refused(address):
    evil = {"Origin": "https://evil.example"}
    assert "access-control-allow-origin" not in httpx.get(address, headers=evil).headers
    preflight = evil | {"Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{address}gradio_api/queue/join", headers=preflight)
    assert answer.headers.get("access-control-allow-origin") != evil["Origin"]


def test_decodes_of_one_decoder_take_turns_whoever_asks(monkeypatch, address):
    from ui import api
    from ui.page.handlers import decode

    assert api.decoder_lock is decode.decoder_lock
    assert api.decoder_lock("painter") is decode.decoder_lock("painter") is not api.decoder_lock("sd15")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_another_host_needs_a_login_or_a_word(monkeypatch, host):
    monkeypatch.delenv("TRILAYER_LOGIN", raising=False)
    with pytest.raises(ValueError, match=r"TRILAYER_LOGIN=NAME:PASSWORD \(or --auth\), or give --public"):
        Door(host).auth()
    assert Door(host, public=True).auth() is None
    assert Door(host, login="me:se:cret").auth() == ("me", "se:cret")
    monkeypatch.setenv("TRILAYER_LOGIN", "she:secret")
    assert Door(host).auth() == Door(host, public=True).auth() == ("she", "secret")
    assert serve.settings(Door(host))["auth"] == ("she", "secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_this_machine_needs_none_but_asks_for_one_that_is_set(monkeypatch, host):
    monkeypatch.delenv("TRILAYER_LOGIN", raising=False)
    assert Door(host).auth() is None
    monkeypatch.setenv("TRILAYER_LOGIN", "she:secret")
    assert Door(host).auth() == ("she", "secret")


def test_a_page_is_private_unless_others_are_let_in(monkeypatch, address):
    monkeypatch.delenv("TRILAYER_LOGIN", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert Door().private() and Door("::1").private()
    open_doors = [Door(login="a:b"), Door(public=True), Door(proxies="127.0.0.1"), Door("0.0.0.0", public=True)]
    assert not any(door.private() for door in open_doors)
    assert httpx.get(address, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("login", ["", "x", "x:", ":x"])
def test_a_login_is_a_name_and_a_password(login):
    with pytest.raises(ValueError, match="a login is NAME:PASSWORD"):
        Door(login=login).auth()


WRONG = {  # arguments and variables of an app that cannot start: what it says
    "an open host": (["--host", "0.0.0.0"], {}, "set TRILAYER_LOGIN=NAME:PASSWORD"),
    "half a login": (["--auth", "me"], {}, "a login is NAME:PASSWORD"),
    "no rate": ([], {"TRILAYER_RATE": "often"}, "TRILAYER_RATE must be a number"),
    "a port that is taken": (["--port", "TAKEN"], {}, ""),
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory) -> dict[str, tuple[Path, subprocess.CompletedProcess]]:
    """Each of them run, side by side: {name: (its folder for files, what came of it)}."""
    own = {name: value for name, value in os.environ.items() if name != "TRILAYER_LOGIN"}

    def run(name: str) -> tuple[Path, subprocess.CompletedProcess]:
        arguments, variables, _ = WRONG[name]
        folder = tmp_path_factory.mktemp("failed")
        command = [sys.executable, "app.py", *(port if given == "TAKEN" else given for given in arguments)]
        env = own | {"TMPDIR": str(folder)} | variables
        return folder, subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env)

    with socket.socket() as taken, ThreadPoolExecutor(2) as beside:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        return dict(zip(WRONG, beside.map(run, WRONG), strict=True))


@pytest.mark.parametrize("name", WRONG)
def test_an_app_that_cannot_start_says_why_in_one_line(failed, name):
    folder, ran = failed[name]
    assert not list(folder.glob("trilayer-*"))
    assert ran.returncode == 1 and ran.stderr.startswith("Trilayer cannot start: ") and ran.stderr.count("\n") == 1
    assert WRONG[name][2] in ran.stderr


def test_the_help_says_how_a_login_stays_hidden():
    ran = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    said = " ".join(ran.stdout.split())
    assert "see it in the list of processes, but not the variable TRILAYER_LOGIN" in said and "TRILAYER_RATE" in said
    both = [sys.executable, "app.py", "--public", "--auth", "a:b"]
    assert subprocess.run(both, cwd=ROOT, capture_output=True).returncode == 2


def test_a_login_is_asked_for_and_a_proxy_that_is_named_tells_who_asks(started):
    app = started("--host", "0.0.0.0", "--auth", "me:secret", "--proxy", "127.0.0.1", TRILAYER_RATE="0.001")
    asked = f"{app.address}gradio_api/queue/status"
    one, other, spoofed = ({"X-Forwarded-For": who} for who in ("192.0.2.1", "192.0.2.2", "192.0.2.99, 192.0.2.1"))
    answers = [httpx.get(asked, headers=one) for _ in range(int(rate_limit.LEAST_BURST) + 20)]
    assert [answers[0].status_code, answers[-1].status_code] == [401, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 1000
    assert httpx.get(asked, headers=spoofed).status_code == 429
    assert httpx.get(asked, headers=other).status_code == 401
    assert httpx.get(f"{app.address}health", headers=one).json()["status"] == "ok"
    with httpx.Client() as client:
        said = {"username": "me", "password": "secret"}
        entered = client.post(f"{app.address}login", data=said, headers={"X-Forwarded-For": "192.0.2.3"})
        assert entered.json() == {"success": True}
        assert client.get(asked, headers={"X-Forwarded-For": "192.0.2.4"}).status_code == 200
    wrong = httpx.post(f"{app.address}login", data=said | {"password": "x"}, headers={"X-Forwarded-For": "192.0.2.5"})
    assert wrong.status_code == 400
    assert app.end() == 0
    assert {401, 429, 400} <= {line.get("status") for line in app.log()}
    assert not re.search(r"192\.0|secret", app.log_file.read_text())


def test_without_a_proxy_nobody_is_believed_about_another_address(monkeypatch, address):
    seen, real = [], rate_limit.client

    def client(given):
        seen.append(real(given))
        return seen[-1]

    monkeypatch.setattr(rate_limit, "client", client)
    httpx.get(f"{address}health", headers={"X-Forwarded-For": "192.0.2.1"})
    assert set(seen) == {"127.0.0.1"}


def test_more_connections_than_two_clients_may_have():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, before[1]))
        serve.many_files()
        few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert most == before[1] and few == (serve.MANY if most == resource.RLIM_INFINITY else min(serve.MANY, most))
        serve.many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# the end


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_end_stops_decodes_and_leaves_nothing_behind(started, how):
    app = started(TRILAYER_RATE="0")
    tabs = [Tab(app.address, f"tab{n}") for n in range(6)]
    assert app.files()
    tabs[0].ask("decode_layers")  # the first one loads the networks, which takes its time
    assert "Decoded in" in str(list(tabs[0].answers()))
    for tab in tabs:
        tab.ask("decode_layers")
    assert any("Decoding" in str(said) for said in tabs[0].answers())
    for number in (how, how):
        app.process.send_signal(number)  # who asks twice does not cut the end short
    assert app.process.wait(60) == 0
    assert not app.files()
    log = app.log()
    assert log[-1]["event"] == "stopped"  # "clean", too, where a step takes less than the grace
    ended = [line["outcome"] for line in log if line["event"] == "decode"]
    assert ended[0] == "done" and len(ended) < 1 + len(tabs) and set(ended) <= {"done", "stopped"}
    assert "error" not in [line["level"] for line in log]


def test_all_jobs_are_stopped_and_waited_for_as_long_as_is_said():
    go, told = threading.Event(), []

    def work(on_step):
        on_step("begun")
        go.wait(20)
        told.append(on_step("more"))

    steps = iter(Job(work))
    assert next(steps) == "begun"
    assert not stop_all(0.05)
    with pytest.raises(Cancelled):
        next(steps)
    go.set()
    assert stop_all(20) and told == [False]
    assert list(Job(lambda on_step: None)) == []  # others may come after


# the log


def test_the_log_tells_of_requests_and_decodes_and_of_nothing_in_them(started, tmp_path):
    secret = "zanzibar"
    app = started()
    picture = tmp_path / f"{secret}.jpg"
    picture.write_bytes(START_PICTURE.read_bytes())
    client = Client(app.address, verbose=False)
    tril, _ = client.predict(handle_file(str(picture)), prompt=f"a {secret}", budget=500, api_name="/encode")
    client.predict(handle_file(tril), api_name="/decode")
    (tmp_path / f"{secret}.tril").write_bytes(b"no file")
    for given in ({"seed": secret}, {"tril": handle_file(str(tmp_path / f"{secret}.tril"))}, {"decoder": secret}):
        with pytest.raises(AppError):
            client.predict(**({"tril": handle_file(tril)} | given), api_name="/decode")
    foreign = {"path": f"/etc/{secret}", "meta": {"_type": "gradio.FileData"}}
    httpx.post(f"{app.address}gradio_api/call/inspect", json={"data": [foreign]})
    tab = Tab(app.address, secret)
    tab.ask("decode_layers", prompt=f"{secret} at night", seed="7")
    assert "Decoded in" in str(list(tab.answers()))
    tab.run("update_preview", prompt=f"{secret} by day")
    tab.run("update_preview", canvas=json.dumps({"name": secret, "base": secret}))
    for path in (f"?t={secret}", f"{secret}?{secret}", f"gradio_api/file=/tmp/{secret}", f"gradio_api/{secret}"):
        httpx.get(app.address + path, headers={"X-Forwarded-For": secret, "User-Agent": secret})
    httpx.post(f"{app.address}gradio_api/queue/join", content=f'{{"data": "{secret}')
    assert app.end() == 0
    assert secret not in app.log_file.read_text() + app.process.stdout.read()
    log = app.log()
    assert {"time", "level", "event"} <= set.intersection(*(set(line) for line in log))
    decodes = [line for line in log if line["event"] == "decode"]
    assert [line["outcome"] for line in decodes] == ["done", "done"]
    assert all(line["decoder"] == "painter" and 0 < line["seconds"] < 100 for line in decodes)
    requests = [line for line in log if line["event"] == "request"]
    assert all(line.keys() == {"time", "level", "event", "kind", "method", "status", "ms"} for line in requests)
    assert {"page", "upload", "event", "stream", "file", "other"} <= {line["kind"] for line in requests}
    assert {200, 404, 422} <= {line["status"] for line in requests}
    printed = [line for line in log if line["event"] == "printed"]  # by Gradio, of a decoder and a file that are none
    assert printed and all(line["error"] and line["trace"] for line in printed)


def lines(monkeypatch, capsys, level: str, work) -> list[dict]:
    """What `work` makes the log of a process say."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logging, "raiseExceptions", True)
    before = root.level, logging.getLogger("trilayer").level
    try:
        with logs.log_to_stderr(level):
            work()
    finally:
        root.setLevel(before[0])
        logging.getLogger("trilayer").setLevel(before[1])
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail(text: str):
    raise ValueError(text)


def noisy() -> None:
    import traceback
    import warnings

    for work in (lambda: fail("secret"), lambda: fail("two\nsecret")):
        try:
            work()
        except ValueError:
            logging.getLogger("trilayer").exception("%s failed", "secret")
            traceback.print_exc()
    logging.getLogger("httpx").warning("secret")
    warnings.warn("secret", stacklevel=1)
    print("secret", file=sys.stderr)


def test_errors_are_types_and_places_and_messages_only_for_who_debugs(monkeypatch, capsys):
    quiet = lines(monkeypatch, capsys, "info", noisy)
    assert "secret" not in str(quiet)
    assert [line["event"] for line in quiet] == ["message", "printed"] * 2 + ["message"] * 2
    for line in quiet[:4]:
        assert line["error"] == "ValueError" and re.fullmatch(r"test_serving\.py:\d+ fail", line["trace"][-1])
    assert quiet[4]["logger"] == "httpx" and re.fullmatch(r"test_serving\.py:\d+", quiet[4]["where"])
    assert str(lines(monkeypatch, capsys, "debug", noisy)).count("secret") > 6


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "done"), (Cancelled, "stopped"), (FormatError, "refused"), (KeyError, "failed")]
)
def test_the_log_says_how_a_decode_ended(monkeypatch, capsys, error, outcome):
    def work() -> None:
        with contextlib.suppress(error or ()), logs.log_decode("painter"):
            if error is not None:
                raise error("x")

    (line,) = lines(monkeypatch, capsys, "info", work)
    assert (line["event"], line["decoder"], line["outcome"]) == ("decode", "painter", outcome)


def test_a_level_that_is_none_is_refused():
    with pytest.raises(ValueError, match="one of debug, info"), logs.log_to_stderr("loud"):
        pass


def test_what_a_killed_server_left_goes_with_the_next_start_and_nothing_else(started):
    killed = started()
    left = killed.files()
    alive = started()
    kept = [path for path in alive.files() if path not in left]
    killed.end(signal.SIGKILL)
    for path in left + kept:
        os.utime(path, (time.time() - 3600,) * 2)  # neither has been used for an hour
    last = started()
    assert [len(left), len(kept)] == [1, 1] and not left[0].exists() and kept[0].exists()
    alive.end()
    last.end()
    assert last.files() == []
