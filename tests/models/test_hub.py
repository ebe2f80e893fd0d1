"""Hubs as people have them: mirrors, other servers' entity tags, logins, proxies, renamed repositories."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
import string
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from codec.errors import ModelMissing
from codec.models import catalog, credentials, hub, locate
from codec.models.catalog import Model, ModelFile
from tests.models.fake_hub import CONFIG, DIGEST, REVISION, WEIGHTS, FakeHub, git_sha1

SMALL = Model("net", "draws", "owner/net", REVISION, (ModelFile("config.json", len(CONFIG)),), "MIT")
LARGE = replace(SMALL, files=(*SMALL.files, ModelFile("net.safetensors", len(WEIGHTS), DIGEST)))


@pytest.fixture
def other():
    """Another hub, on another port: another host to the program."""
    with FakeHub() as fake:
        threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield fake
        fake.shutdown()


@pytest.fixture
def fetch(monkeypatch, tmp_path):
    """Return a function that fetches a model into an empty cache."""
    counter = itertools.count()

    def fetch_model(model: Model = SMALL) -> Path:
        monkeypatch.setenv("HF_HOME", str(tmp_path / f"hf{next(counter)}"))
        monkeypatch.setattr(catalog, "_MODELS", (model,))
        return locate.fetch("net")

    return fetch_model


# --- redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_mirror_that_redirects_to_another_host_is_followed(server, other, fetch, status):
    server.redirect = (status, other.address)
    assert (fetch(LARGE) / "net.safetensors").read_bytes() == WEIGHTS


def test_endless_redirects_end(server, fetch):
    server.redirect = (308, server.address)
    with pytest.raises(ModelMissing, match="redirects more than 5 times"):
        fetch()
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd?", "ftp://127.0.0.1", "http://203.0.113.5", "//203.0.113.5", "http://[::"]
)
def test_redirect_to_another_host_without_https_is_refused(server, fetch, target):
    server.redirect = (302, target)
    with pytest.raises(ModelMissing, match="redirects to an address that is not https"):
        fetch()


# --- entity tags of other servers ---------------------------------------------------------------------

ETAGS = {
    "git": f'"{git_sha1(CONFIG)}"', "weak": f'W/"{git_sha1(CONFIG)}"', "bare": git_sha1(CONFIG),
    "upper": f'"{git_sha1(CONFIG).upper()}"', "gzip": f'"{git_sha1(CONFIG)}-gzip"',
    "sha1": f'"{hashlib.sha1(CONFIG).hexdigest()}"', "md5": f'"{hashlib.md5(CONFIG).hexdigest()}"',
    "sha256": f'"{hashlib.sha256(CONFIG).hexdigest()}"', "prefix": f'"sha256:{hashlib.sha256(CONFIG).hexdigest()}"',
    "nginx": '"5f3a1b2c-11"', "apache": '"11-5e0f0a"', "s3": f'"{hashlib.md5(CONFIG).hexdigest()}-2"', "none": "",
}  # fmt: skip


@pytest.mark.parametrize("kind", ETAGS)
def test_every_tag_under_every_redirect_gives_the_file(server, other, fetch, kind):
    """13 tags x 5 redirects, one or two of them in a row: 130 variants."""
    other.etag, other.sends_commit = ETAGS[kind], kind != "md5"
    for status in (301, 302, 303, 307, 308):
        server.redirect = (status, other.address)
        path = fetch()
        assert (path / "config.json").read_bytes() == CONFIG
        assert (path / "config.json").resolve().name in (git_sha1(CONFIG), hashlib.sha256(CONFIG).hexdigest())
        assert locate.status("net").state == "present"


@pytest.mark.parametrize("kind", ["git", "sha1", "md5", "sha256"])
def test_wrong_content_under_a_digest_is_rejected(server, fetch, kind):
    server.etag, server.is_honest = ETAGS[kind], False
    with pytest.raises(ModelMissing, match="wrong SHA-256"):
        fetch()


def test_weights_without_any_digest_are_rejected(server, fetch):
    server.files["w.safetensors"], server.etag = b"x" * 100, '"5f3a-64"'
    model = replace(SMALL, files=(ModelFile("w.safetensors", 100),))
    with pytest.raises(ModelMissing, match="does not answer like"):
        fetch(model)
    model = replace(SMALL, files=(ModelFile("w.safetensors", 100, hashlib.sha256(b"x" * 100).hexdigest()),))
    assert (fetch(model) / "w.safetensors").read_bytes() == b"x" * 100


def test_page_of_a_login_portal_is_no_file(server, fetch):
    server.files["config.json"], server.etag, server.sends_commit = b"<html>", '"5f3a-6"', False
    with pytest.raises(ModelMissing, match="does not answer like"):
        fetch(replace(SMALL, files=(ModelFile("config.json"),)))


# --- users, passwords, tokens -------------------------------------------------------------------------


def random_passwords(count: int) -> list[str]:
    generator = random.Random(5)
    letters = string.ascii_letters + string.digits + string.punctuation + "äß€ "
    return ["".join(generator.choices(letters, k=generator.randint(8, 20))) for _ in range(count)]


def with_login(address: str, user: str, password: str) -> str:
    return address.replace("://", f"://{quote(user, safe='')}:{quote(password, safe='')}@")


def test_user_and_password_are_used_at_the_hub_only_and_never_shown(server, other, fetch, monkeypatch, capfd):
    for number, password in enumerate(random_passwords(100)):
        endpoint = with_login(server.address, "me", password)
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        server.redirect, server.status = ((308, other.address), 0) if number % 2 else (None, 500)
        server.authorizations.clear()
        try:
            assert (fetch() / "config.json").read_bytes() == CONFIG
        except ModelMissing as error:
            assert number % 2 == 0
            assert password not in str(error) and quote(password, safe="") not in str(error)
            assert server.address in str(error)
        expected = f"Basic {base64.b64encode(f'me:{password}'.encode()).decode()}"
        assert set(server.authorizations) == {expected}
    assert set(other.authorizations) == {""}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("form", ["http://me:{}@{}", "me:{}@{}", "ftp://me:{}@{}", "http://me:{}@{}:x", "//me:{}@{}"])
def test_password_is_not_shown_in_any_error(server, fetch, monkeypatch, form):
    host = server.address.removeprefix("http://")
    for password in [*random_passwords(40), "a/b#c?d@e", "p%zz", "[x]"]:
        monkeypatch.setenv("HF_ENDPOINT", form.format(password, host))
        server.status = 500
        with pytest.raises(ModelMissing) as raised:
            fetch()
        assert password not in str(raised.value)


def test_endpoint_is_shown_without_its_password(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://me:secret@mirror.example/hf/")
    assert hub.endpoint() == "https://mirror.example/hf"
    assert "secret" not in repr(credentials.parse_endpoint())


@pytest.mark.parametrize("source", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH"])
def test_token_goes_to_the_hub_only(server, other, fetch, monkeypatch, tmp_path, source):
    (tmp_path / "token").write_text("hf_abc\n")
    monkeypatch.setenv(source, str(tmp_path / "token") if source == "HF_TOKEN_PATH" else "hf_abc")
    fetch(LARGE)
    assert set(server.authorizations) == {"Bearer hf_abc"}
    server.redirect = (307, other.address)
    fetch(LARGE)
    assert set(other.authorizations) == {""}


@pytest.mark.parametrize(
    ("endpoint", "url", "expected"),
    [
        ("https://hub.example", "https://hub.example/a", "Bearer hf_abc"),
        ("https://hub.example", "https://hub.example:443/a", "Bearer hf_abc"),
        ("https://hub.example", "https://cdn.hub.example/a", ""),
        ("https://hub.example", "https://hub.example.evil.example/a", ""),
        ("https://hub.example", "http://hub.example/a", ""),
        ("https://hub.example", "https://hub.example:8443/a", ""),
        ("http://hub.example", "http://hub.example/a", ""),  # not without encryption
        ("http://hub.example", "https://hub.example/a", "Bearer hf_abc"),
        ("http://me:pw@hub.example", "http://hub.example/a", "Basic bWU6cHc="),
    ],
)
def test_credentials_are_for_one_host(monkeypatch, endpoint, url, expected):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_abc")
    assert credentials.authorization(url) == expected


def test_token_that_cannot_be_one_is_refused_unseen(server, fetch, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret\r\nX: y")
    with pytest.raises(ModelMissing, match="token in HF_TOKEN") as raised:
        fetch()
    assert "secret" not in str(raised.value)


def test_refused_token_is_said_to_be_refused(server, fetch, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    server.status = 401
    with pytest.raises(ModelMissing, match=r"answered 401 to your token.*renew") as raised:
        fetch()
    assert "hf_old" not in str(raised.value)


# --- patience and proxies -----------------------------------------------------------------------------


@pytest.mark.parametrize("errors", [1, 2])
def test_hub_is_asked_three_times(server, fetch, errors):
    server.passing_errors = errors
    assert (fetch() / "config.json").read_bytes() == CONFIG


def test_hub_that_stays_down_is_reported(server, fetch):
    server.status = 503
    with pytest.raises(ModelMissing, match="answered 503; try again later"):
        fetch()
    assert len(server.requests) == 3


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_proxies_are_used(server, other, fetch, monkeypatch, variable):
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv(variable.lower(), other.address.replace("://", "://me:secret@"))
    monkeypatch.setenv("no_proxy", "example.org")
    assert (fetch() / "config.json").read_bytes() == CONFIG
    assert other.requests and not server.requests


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "SOCKS", "quic"])
def test_socks_proxies_are_named(fetch, monkeypatch, server, scheme):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv("all_proxy", f"{scheme}://me:secret@127.0.0.1:1080")
    with pytest.raises(
        ModelMissing, match=rf"{scheme.lower()} proxy, which is not supported: set HTTPS_PROXY"
    ) as raised:
        fetch()
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "proxy", ["http://me:sec#ret@127.0.0.1:9", "http://me:secret@127.0.0.1:port", "http://me:secret@"]
)
def test_password_of_a_proxy_is_not_shown(fetch, monkeypatch, server, proxy):
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(ModelMissing) as raised:
        fetch()
    assert "secret" not in str(raised.value) and "sec#ret" not in str(raised.value)


# --- renamed repositories -----------------------------------------------------------------------------


def write_snapshot(repo: str, revision: str, data: bytes = WEIGHTS, as_links: bool = True) -> Path:
    """Write a repository into the Hub's cache as the Hub's libraries do; return the snapshot."""
    folder = hub.cache_dir() / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_bytes(CONFIG + b"\n")  # another revision's
    blob = folder / "blobs" / hashlib.sha256(data).hexdigest() if as_links else snapshot / "net.safetensors"
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(data)
    if as_links:
        (snapshot / "net.safetensors").symlink_to(blob)
    return snapshot


@pytest.mark.parametrize("repo", ["alias/old-net", "someone/net", "owner/net"])
@pytest.mark.parametrize("as_links", [True, False])
def test_same_weights_under_another_name_or_revision_are_used(server, monkeypatch, repo, as_links):
    monkeypatch.setattr(catalog, "_MODELS", (replace(LARGE, aliases=("alias/old-net",)),))
    snapshot = write_snapshot(repo, "f" * 40, as_links=as_links)
    assert locate.locate("net") == locate.status("net").path == locate.fetch("net") == snapshot
    assert server.requests == []


@pytest.mark.parametrize("data", [WEIGHTS[:-1], WEIGHTS[:-1] + b"x"])
@pytest.mark.parametrize("repo", ["alias/old-net", "someone/net"])
def test_other_weights_under_a_name_are_not_used(server, monkeypatch, repo, data):
    monkeypatch.setattr(catalog, "_MODELS", (replace(LARGE, aliases=("alias/old-net",)),))
    snapshot = write_snapshot(repo, "f" * 40, data, as_links=False)
    assert locate.status("net").state == "missing"
    assert locate.fetch("net") != snapshot


def test_stable_diffusion_is_found_under_its_old_name():
    model = locate.get_model("sd15")
    assert "runwayml/stable-diffusion-v1-5" in model.aliases
    assert all(file.fp16 for file in model.files if file.path.endswith(".safetensors"))


# --- half precision -----------------------------------------------------------------------------------


@pytest.fixture
def two_precisions(server):
    import torch
    from safetensors.torch import save

    half = save({"w": torch.arange(10_000.0).half()})
    server.files["net.fp16.safetensors"] = half
    fp16 = ModelFile("net.fp16.safetensors", len(half), hashlib.sha256(half).hexdigest())
    return replace(SMALL, files=(*SMALL.files, ModelFile("net.safetensors", len(WEIGHTS), DIGEST, fp16=fp16)))


def test_half_precision_is_fetched_by_default_and_full_on_request(server, two_precisions, fetch):
    path = fetch(two_precisions)
    assert sorted(file.name for file in path.iterdir()) == ["config.json", "net.fp16.safetensors"]
    assert locate.locate("net") == locate.fetch("net") == path
    assert locate.get_model("net").total_bytes < len(WEIGHTS)
    assert locate.fetch("net", full_precision=True) == path
    assert (path / "net.safetensors").read_bytes() == WEIGHTS


def test_full_precision_is_fetched_where_the_repository_has_no_other(server, two_precisions, fetch):
    del server.files["net.fp16.safetensors"]
    path = fetch(two_precisions)
    assert sorted(file.name for file in path.iterdir()) == ["config.json", "net.safetensors"]
