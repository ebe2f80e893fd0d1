"""Checkpoints found by hash, by the web UI's older hash, or by name."""

from __future__ import annotations

import hashlib
import json

import pytest

from codec.errors import ModelMissing
from codec.models import checkpoint_search
from codec.models.checkpoint_search import find_checkpoint

CONTENT = bytes(range(256)) * 6000  # 1.5 MB
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()[:10]}"
LEGACY = f"webui:{hashlib.sha256(CONTENT[0x100000:0x110000]).hexdigest()[:8]}"


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A folder with a checkpoint among other files, and no other models."""
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("TRILAYER_MODELS", raising=False)
    models = tmp_path / "models"
    (models / "deep" / "down").mkdir(parents=True)
    (models / "deep" / "down" / "Mine_v2.safetensors").write_bytes(CONTENT)
    (models / "other.safetensors").write_bytes(CONTENT + b"x")
    (models / "small.safetensors").write_bytes(b"x")
    (models / "note.txt").write_bytes(CONTENT)
    return models


@pytest.mark.parametrize(
    ("digest", "name"), [(SHA256, None), (LEGACY, "Mine_v2"), (SHA256, "another name"), (None, "mine_V2")]
)
@pytest.mark.parametrize("place", ["argument", "TRILAYER_MODELS"])
def test_checkpoint_is_found(monkeypatch, folder, digest, name, place):
    if place == "argument":
        found = find_checkpoint(digest, name, folder)
    else:
        monkeypatch.setenv("TRILAYER_MODELS", str(folder))
        found = find_checkpoint(digest, name)
    assert found.name == "Mine_v2.safetensors"


def test_digests_are_remembered_until_the_file_changes(monkeypatch, folder):
    path = find_checkpoint(SHA256, None, folder)
    monkeypatch.setattr(checkpoint_search, "sha256", lambda path: pytest.fail("read again"))
    assert find_checkpoint(SHA256, None, folder) == path
    monkeypatch.undo()


@pytest.mark.parametrize("record", [b"", b"[]", b"{", b'{"x": 5}', json.dumps({"a": [1]}).encode()])
def test_damaged_record_of_digests_is_ignored(tmp_path, folder, record):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "checkpoint_digests.json").write_bytes(record)
    assert find_checkpoint(SHA256, None, folder).name == "Mine_v2.safetensors"


def test_given_file_must_be_the_checkpoint(folder):
    other = folder / "other.safetensors"
    assert find_checkpoint(SHA256, None, folder / "deep" / "down" / "Mine_v2.safetensors", is_given=True)
    with pytest.raises(ModelMissing, match=r"other\.safetensors is not the checkpoint of the recipe, x \(sha256:"):
        find_checkpoint(SHA256, "x", other, is_given=True)


@pytest.mark.parametrize(
    ("digest", "name", "message"),
    [
        ("sha256:879db523c3", "dreamshaper_8", r"dreamshaper_8 \(sha256:879db523c3\) is not here.*--checkpoint FILE"),
        ("webui:81761151", None, "models fetch sd15, or give the file"),
        (None, "sd-v1-4", "models fetch sd14, or give the file"),
        (None, None, "the recipe's checkpoint is not here"),
    ],
)
def test_missing_checkpoint_is_named_with_the_remedy(folder, digest, name, message):
    with pytest.raises(ModelMissing, match=message):
        find_checkpoint(digest, name, folder)


def test_link_of_the_hub_s_cache_is_not_read(monkeypatch, tmp_path, folder):
    blob = tmp_path / "hub" / "blobs" / hashlib.sha256(CONTENT).hexdigest()
    blob.parent.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    (tmp_path / "hub" / "snapshot.safetensors").symlink_to(blob)
    monkeypatch.setattr(checkpoint_search, "sha256", lambda path: pytest.fail("read"))
    assert find_checkpoint(SHA256, None).name == "snapshot.safetensors"
