"""Downloads from a Hub on the loopback that redirects, disconnects, lies or does not respond."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from codec.errors import Cancelled, ModelMissing
from codec.models import catalog, download, hub, locate
from codec.models.catalog import Model, ModelFile
from tests.models.fake_hub import CONFIG, DIGEST, REVISION, WEIGHTS, Handler, git_sha1


@pytest.fixture
def net(server, monkeypatch) -> Model:
    return set_catalog(monkeypatch, ModelFile("net.safetensors", len(WEIGHTS), DIGEST))


def set_catalog(monkeypatch, *files: ModelFile, repo: str = "owner/net") -> Model:
    model = Model("net", "draws", repo, REVISION, (ModelFile("config.json", len(CONFIG)), *files), "MIT")
    monkeypatch.setattr(catalog, "_MODELS", (model,))
    return model


def test_model_is_downloaded_into_the_hub_s_cache(server, net):
    assert locate.status("net").state == "missing"
    path = locate.fetch("net")
    assert path == locate.locate("net") == locate.status("net").path
    assert (path / "config.json").read_bytes() == CONFIG
    assert (path / "net.safetensors").read_bytes() == WEIGHTS
    assert os.readlink(path / "net.safetensors") == f"../../blobs/{DIGEST}"
    assert sorted(entry.name for entry in (path.parent.parent / "blobs").iterdir()) == sorted(
        [DIGEST, git_sha1(CONFIG)]
    )
    server.requests.clear()
    assert locate.fetch("net") == path
    assert server.requests == []  # a second fetch sends no request


def test_huggingface_hub_finds_downloaded_files(server, net):
    hub_library = pytest.importorskip("huggingface_hub")
    path = locate.fetch("net")
    for name in ("config.json", "net.safetensors"):
        cached = hub_library.try_to_load_from_cache("owner/net", name, cache_dir=hub.cache_dir(), revision=REVISION)
        assert cached == str(path / name)


def test_progress_reports_add_up(server, net, monkeypatch):
    monkeypatch.setattr(download, "_REPORT_SECONDS", 0)
    reports: list[download.DownloadProgress] = []
    locate.fetch("net", reports.append)
    total = len(CONFIG) + len(WEIGHTS)
    assert [report.file for report in reports if report.checking] == ["config.json", "net.safetensors"]
    assert len([report for report in reports if report.file == "net.safetensors" and not report.checking]) >= 4
    assert all(report.model_total == total and report.done <= report.total for report in reports)
    assert [report.model_done for report in reports] == sorted(report.model_done for report in reports)
    assert (reports[-1].done, reports[-1].total, reports[-1].model_done) == (len(WEIGHTS), len(WEIGHTS), total)


@pytest.mark.parametrize("supports_ranges", [True, False])
def test_broken_connection_is_resumed(server, net, supports_ranges):
    server.disconnect_after, server.supports_ranges = 1_500_000, supports_ranges
    path = locate.fetch("net")
    assert (path / "net.safetensors").read_bytes() == WEIGHTS
    assert server.ranges_of("GET", "/cdn/net.safetensors") == ["", "bytes=1500000-"]


def test_cancelled_download_is_resumed(server, net, monkeypatch):
    monkeypatch.setattr(download, "_REPORT_SECONDS", 0)
    with pytest.raises(Cancelled, match="continues"):
        locate.fetch("net", lambda report: report.file == "config.json")
    assert locate.status("net").state == "missing"
    server.requests.clear()
    path = locate.fetch("net")
    assert (path / "net.safetensors").read_bytes() == WEIGHTS
    (sent,) = server.ranges_of("GET", "/cdn/net.safetensors")
    assert int(sent.removeprefix("bytes=").removesuffix("-")) > 0
    assert server.ranges_of("GET", "config.json") == []


def test_download_without_progress_ends_with_a_remedy(server, net, monkeypatch):
    monkeypatch.setattr(Handler, "body", lambda self, data: self.head(503))
    model = Model("net", "draws", "owner/net", REVISION, (ModelFile("net.safetensors", len(WEIGHTS), DIGEST),), "MIT")
    monkeypatch.setattr(catalog, "_MODELS", (model,))
    with pytest.raises(ModelMissing, match=r"net\.safetensors of owner/net stopped at 0\.0 of 4\.0 MB.*503.*fetch net"):
        locate.fetch("net")
    assert len(server.ranges_of("GET", "/cdn/net.safetensors")) == 3


def test_content_with_the_wrong_hash_is_deleted(server, net):
    server.is_honest = False
    with pytest.raises(ModelMissing, match=r"config\.json of owner/net has the wrong SHA-256.*fetch net again"):
        locate.fetch("net")
    assert not [path for path in hub.repository_dir(net).rglob("*") if path.is_file()]
    server.is_honest = True
    assert locate.fetch("net") == locate.locate("net")


def test_file_with_another_hash_than_listed_is_rejected_even_if_the_hub_announces_it(server, monkeypatch):
    set_catalog(monkeypatch, ModelFile("net.safetensors", len(WEIGHTS), "0" * 64))
    with pytest.raises(ModelMissing, match=r"net\.safetensors of owner/net has the wrong SHA-256"):
        locate.fetch("net")
    assert locate.status("net").state == "missing"


def test_file_without_a_listed_hash_must_match_the_hub_s(server, monkeypatch):
    set_catalog(monkeypatch, ModelFile("net.safetensors", 4_000_000, approximate=True))
    locate.fetch("net")
    hub.repository_dir(locate.get_model("net")).rename(hub.cache_dir() / "away")
    server.is_honest = False
    with pytest.raises(ModelMissing, match="wrong SHA-256"):
        locate.fetch("net")


def test_damaged_file_in_the_cache_is_downloaded_again(server, net):
    path = locate.fetch("net")
    (path / "net.safetensors").resolve().write_bytes(WEIGHTS[:1000])
    assert locate.status("net").state == "missing"
    locate.fetch("net")
    assert (path / "net.safetensors").read_bytes() == WEIGHTS


def test_pickle_is_converted_after_the_download(server, monkeypatch, tmp_path):
    torch.save({"w": torch.ones(1_000_000)}, tmp_path / "net.bin")
    data = (tmp_path / "net.bin").read_bytes()
    server.files["net.bin"] = data
    set_catalog(monkeypatch, ModelFile("net.bin", len(data), hashlib.sha256(data).hexdigest()))
    path = locate.fetch("net")
    assert sorted(entry.name for entry in path.iterdir()) == ["config.json", "converted.json", "net.safetensors"]
    assert path == locate.locate("net")


def test_optional_file_may_be_absent(server, monkeypatch):
    set_catalog(monkeypatch, ModelFile("extra.json", optional=True))
    assert sorted(entry.name for entry in locate.fetch("net").iterdir()) == ["config.json"]
    set_catalog(monkeypatch, ModelFile("needed.json"))
    with pytest.raises(ModelMissing, match=r"owner/net has no needed\.json"):
        locate.fetch("net")


def test_redirect_of_a_renamed_repository_is_followed(server, monkeypatch):
    set_catalog(monkeypatch, repo="old/net")
    assert (locate.fetch("net") / "config.json").read_bytes() == CONFIG


@pytest.mark.parametrize(
    ("status", "phrase"), [(401, "needs a login"), (404, "removed or renamed"), (500, "try again later")]
)
def test_refusal_is_explained(server, net, status, phrase):
    server.status = status
    with pytest.raises(ModelMissing, match=f"owner/net cannot be fetched.*{phrase}.*"):
        locate.fetch("net")


def test_another_revision_or_size_is_rejected(server, net, monkeypatch):
    server.commit = "f" * 40
    with pytest.raises(ModelMissing, match="another revision"):
        locate.fetch("net")
    server.commit = REVISION
    server.files["config.json"] = CONFIG + b" "
    with pytest.raises(ModelMissing, match=r"config\.json has 18 bytes there, not 17"):
        locate.fetch("net")


def test_approximate_and_unknown_sizes_have_limits(server, monkeypatch):
    set_catalog(monkeypatch, ModelFile("net.safetensors", 4_200_000, approximate=True))
    with pytest.raises(ModelMissing, match=r"net\.safetensors has 4000080 bytes there, not 4200000"):
        locate.fetch("net")
    set_catalog(monkeypatch, ModelFile("net.safetensors"))
    monkeypatch.setattr(hub, "_MAX_UNLISTED_BYTES", 1_000_000)
    with pytest.raises(ModelMissing, match="not at most 1000000"):
        locate.fetch("net")
    assert server.ranges_of("GET", "net.safetensors") == []


def test_server_that_is_no_hub_is_reported(server, net, monkeypatch):
    monkeypatch.setattr(Handler, "answer", lambda self: self.head(200))
    with pytest.raises(ModelMissing, match="does not answer like the Hugging Face Hub"):
        locate.fetch("net")
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    with pytest.raises(ModelMissing, match="must start with https"):
        locate.fetch("net")


def test_offline_mode_sends_no_request(server, net, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelMissing, match="HF_HUB_OFFLINE forbids"):
        locate.fetch("net")
    assert server.requests == []


def test_full_disk_is_noticed_in_advance(server, net, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=5))
    with pytest.raises(ModelMissing, match=r"does not fit on the disk.*config\.json needs"):
        locate.fetch("net")
    assert server.ranges_of("GET", "") == []


def test_concurrent_downloads_of_a_file_are_rejected(server, net, monkeypatch):
    pytest.importorskip("fcntl")
    monkeypatch.setattr(download, "_REPORT_SECONDS", 0)
    errors: list[str] = []

    def fetch_again(report: download.DownloadProgress) -> None:
        if report.file == "net.safetensors" and not report.checking and not errors:
            try:
                locate.fetch("net")
            except ModelMissing as error:
                errors.append(str(error))

    path = locate.fetch("net", fetch_again)
    assert "being fetched by another program" in errors[0]
    assert (path / "net.safetensors").read_bytes() == WEIGHTS


# --- unresponsive servers -----------------------------------------------------------------------------


@contextmanager
def unresponsive_server():
    """Yield the address of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_unresponsive_hub_times_out(server, net, monkeypatch):
    with unresponsive_server() as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(
            ModelMissing,
            match=rf"config\.json of owner/net.*{address} cannot be reached \(.*no answer.*TRILAYER_MODELS",
        ):
            download.download(net, timeout=0.2)


def test_refused_connection_is_reported(server, net, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", unused_address())
    with pytest.raises(
        ModelMissing, match=r"config\.json of owner/net.*cannot be reached \(Connection refused\).*DIR/net"
    ):
        locate.fetch("net")


def test_unresolvable_name_is_reported(server, net, monkeypatch):
    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ModelMissing, match=r"hub\.invalid cannot be reached \(Name or service not known\)"):
        locate.fetch("net")


def test_hanging_name_resolution_times_out(server, net, monkeypatch):
    release = threading.Event()
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: release.wait(30) and [])
    with pytest.raises(ModelMissing, match=r"hub\.invalid cannot be reached \(no answer within 0\.2 s\)"):
        download.download(net, timeout=0.2)
    release.set()
