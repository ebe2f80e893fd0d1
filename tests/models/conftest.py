"""Fixtures of the tests of models: empty caches, a catalog of one model, and a Hub on the loopback."""

from __future__ import annotations

import threading

import pytest

from codec.models import catalog, download
from codec.models.catalog import Model
from tests.models.fake_hub import FakeHub


@pytest.fixture
def isolated_caches(tmp_path, monkeypatch):
    """Hide the models of this machine."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRILAYER_MODELS", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "ours"))


@pytest.fixture
def set_catalog(monkeypatch):
    """Return a function that sets the catalog to a single model."""

    def set_model(model: Model) -> Model:
        monkeypatch.setattr(catalog, "_MODELS", (model,))
        return model

    return set_model


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "_RETRY_SECONDS", 0)
    for name in (
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "HF_TOKEN_PATH",
        "ALL_PROXY",
        "all_proxy",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "TRILAYER_MODELS",
    ):
        monkeypatch.delenv(name, raising=False)
    with FakeHub() as fake:
        threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", fake.address)
        yield fake
        fake.shutdown()
