"""Hubs by a generator: logins, redirects, entity tags, proxies, caches and faults in random combinations."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import random
import string
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest
import torch
from safetensors.torch import save

from codec.cli.main import main
from codec.errors import CodecError
from codec.models import catalog, download, hub, locate
from codec.models.catalog import Model, ModelFile
from tests.lanes import variants
from tests.models.fake_hub import CONFIG, REVISION, FakeHub, git_sha1

WEIGHTS = save({"w": torch.arange(20_000.0)})
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
FILES = (ModelFile("config.json", len(CONFIG)), ModelFile("net.safetensors", len(WEIGHTS), DIGEST))
MODEL = Model("net", "draws", "owner/net", REVISION, FILES, "MIT", aliases=("before/old-net",))
SECRET_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + "äß€ "
TAGS = {
    "git": f'"{git_sha1(CONFIG)}"', "weak": f'W/"{git_sha1(CONFIG)}"', "bare": git_sha1(CONFIG).upper(),
    "sha256": f'"sha256:{hashlib.sha256(CONFIG).hexdigest()}"', "gzip": f'W/"{git_sha1(CONFIG)}-gzip"',
    "md5": f'"{hashlib.md5(CONFIG).hexdigest()}"', "nginx": '"5f3a1b2c-11"', "none": "",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A hub, the user's settings, and what goes wrong.

    login: user and password in the endpoint, or no user; token_source: variable that holds the token; hops: redirects
    on the hub; fault: what happens once and is survived, or an error that stays.
    """

    user: str
    password: str
    token: str
    token_source: str
    hops: int
    hop_status: int
    mirror_status: int  # of a redirect to another host, or 0
    is_renamed: bool
    tag: str
    through_proxy: bool
    cache: str
    fault: str


PASSING_FAULTS = ("", "", "503 once", "cut off", "stall", "no ranges", "false range")
LASTING_FAULTS = ("401", "404", "500", "loop", "to http", "wrong content", "login page")


def random_text(chance: random.Random) -> str:
    return "".join(chance.choices(SECRET_CHARACTERS, k=chance.randint(8, 20))).strip() + "~"


def cases(count: int) -> list[Case]:
    """Return random cases; a third of them ends with an error."""
    chance = random.Random(5)
    result = []
    for number in range(count):
        faults = LASTING_FAULTS if number % 3 == 2 else PASSING_FAULTS
        through_proxy = chance.random() < 0.25  # then the hub has another name, and may not redirect to http
        result.append(
            Case(
                user=chance.choice(("", "me", "a@b c")),
                password=random_text(chance),
                token=f"hf_{chance.getrandbits(80):x}",
                token_source=chance.choice(("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "file", "")),
                hops=chance.choice((0, 0, 1, 2)),
                hop_status=chance.choice((301, 302, 303, 307, 308)),
                mirror_status=0 if through_proxy else chance.choice((0, 0, 302, 307, 308)),
                is_renamed=chance.random() < 0.3,
                tag=chance.choice(list(TAGS)),
                through_proxy=through_proxy,
                cache=chance.choice(("", "", "", "renamed", "other weights")),
                fault=faults[number // 3 % len(faults)],
            )
        )
    return result


@contextlib.contextmanager
def running_hub() -> Iterator[FakeHub]:
    with FakeHub() as fake:
        fake.files["net.safetensors"] = WEIGHTS
        threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        fake.released.set()
        fake.shutdown()


@pytest.fixture
def other():
    """Another hub, on another port: another host to the program."""
    with running_hub() as fake:
        yield fake


def set_up_hubs(case: Case, server: FakeHub, other: FakeHub) -> None:
    """Let the hub, and the host that it redirects to, behave as the case says."""
    server.files["net.safetensors"] = WEIGHTS
    sender = other if case.mirror_status else server
    server.hop_status = case.hop_status
    if case.mirror_status:
        server.redirect = (case.mirror_status, other.address)
    sender.etag = TAGS[case.tag]
    sender.supports_ranges = case.fault != "no ranges"
    sender.is_honest = case.fault != "wrong content"
    if case.fault in ("cut off", "no ranges", "false range"):
        sender.disconnect_after = 30_000
    sender.lies_about_range = case.fault == "false range"
    sender.stall_after = 30_000 if case.fault == "stall" else 0
    server.passing_errors = 1 if case.fault == "503 once" else 0
    if case.fault in ("401", "404", "500"):
        server.redirect, server.status = None, int(case.fault)
    elif case.fault == "loop":
        server.redirect = (307, server.address)
    elif case.fault == "to http":
        server.redirect = (302, "http://203.0.113.5")
    elif case.fault == "login page":
        sender.files = {"config.json": b"<html>", "net.safetensors": b"<html>"}
        sender.etag, sender.sends_commit = '"5f3a-6"', False


def set_up_user(case: Case, server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment and the cache of the case."""
    host = "hub.invalid" if case.through_proxy else server.address.removeprefix("http://")
    login = f"{quote(case.user, safe='')}:{quote(case.password, safe='')}@" if case.user else ""
    path = f"/hop{case.hops}" if case.hops else ""
    monkeypatch.setenv("HF_ENDPOINT", f"http://{login}{host}{path}")
    if case.through_proxy:
        address = server.address.removeprefix("http://")
        monkeypatch.setenv("http_proxy", f"http://proxy-user:{quote(case.password, safe='')}@{address}")
    token_file = tmp_path / "hf" / "token" if case.token_source == "file" else tmp_path / "token"
    token_file.parent.mkdir(exist_ok=True)
    if case.token_source in ("file", "HF_TOKEN_PATH"):
        token_file.write_text(f"{case.token}\n")
    if case.token_source not in ("file", ""):
        monkeypatch.setenv(case.token_source, str(token_file) if case.token_source == "HF_TOKEN_PATH" else case.token)
    monkeypatch.setattr(catalog, "_MODELS", (replace(MODEL, repo="old/net") if case.is_renamed else MODEL,))
    monkeypatch.setattr(download, "_TIMEOUT_SECONDS", 0.3)
    if case.cache:
        snapshot = hub.cache_dir() / "models--before--old-net" / "snapshots" / ("f" * 40)
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_bytes(CONFIG)
        (snapshot / "net.safetensors").write_bytes(WEIGHTS if case.cache == "renamed" else WEIGHTS[:-1] + b"x")


def expected_authorization(case: Case) -> str:
    if case.user:
        return f"Basic {base64.b64encode(f'{case.user}:{case.password}'.encode()).decode()}"
    if not case.token_source or case.through_proxy:  # a token is not sent to a foreign host without encryption
        return ""
    return f"Bearer {case.token}"


def secrets(case: Case) -> list[str]:
    login = f"{case.user}:{case.password}"
    forms = [case.password, quote(case.password, safe=""), repr(case.password)[1:-1]]
    return [*forms, case.token, base64.b64encode(login.encode()).decode()]


@pytest.mark.parametrize("case", variants(cases(160), 40))
def test_hub(case, server, other, tmp_path, monkeypatch, capfd):
    set_up_hubs(case, server, other)
    set_up_user(case, server, tmp_path, monkeypatch)
    shown = ""
    try:
        path = locate.fetch("net")
    except CodecError as error:
        assert case.fault in LASTING_FAULTS
        assert "\n" not in str(error) and ("/net" in str(error) or "redirects" in str(error))
        shown = f"{error}{error!r}" + "".join(traceback.format_exception(error))
        assert main(["models", "fetch", "net"]) == 1
    else:
        assert case.fault in PASSING_FAULTS or case.cache == "renamed"
        assert (path / "config.json").read_bytes() == CONFIG and (path / "net.safetensors").read_bytes() == WEIGHTS
        assert locate.status("net").state == "present"
        assert main(["models", "fetch", "net"]) == 0
    if case.cache == "renamed":
        assert not server.requests and not other.requests
    assert set(server.authorizations) <= {expected_authorization(case)}
    assert set(other.authorizations) <= {""}
    assert len(server.requests) < 40
    out, err = capfd.readouterr()
    for secret in secrets(case):
        assert secret not in shown and secret not in out and secret not in err


@pytest.mark.parametrize(
    "location", ["/ein Ordner/Größe.bin", "/%7Ea/b?x=1&y=%20z", "/a?response=attachment; filename=x"]
)
def test_addresses_with_spaces_and_letters_are_followed(location):
    from email.message import Message

    headers = Message()
    headers["Location"] = location.encode().decode("latin-1")  # as http.client reads a header
    target = hub._redirect_target("https://hub.example/x", headers)
    assert target.isascii() and " " not in target
    assert target.startswith("https://hub.example/")
