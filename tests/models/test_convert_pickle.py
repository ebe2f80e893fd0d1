"""Pickled weights: converted once, verified each time, rejected if they hold anything but weights."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from codec.errors import ModelMissing
from codec.models import convert_pickle, locate, weights
from tests.models.model_files import make_pickled_model, snapshot, write_files

pytestmark = pytest.mark.usefixtures("isolated_caches")


def test_pickle_is_converted_once_and_verified_later(tmp_path, set_catalog, monkeypatch):
    set_catalog(make_pickled_model())
    folder = write_files(tmp_path / "net", pickled=True)
    converted = locate.locate("net", tmp_path)
    assert converted.parent == tmp_path / "ours" and sorted(path.name for path in converted.iterdir()) == [
        "config.json",
        "converted.json",
        "diffusion_pytorch_model.safetensors",
    ]
    tensors = load_file(converted / "diffusion_pytorch_model.safetensors")
    torch.testing.assert_close(tensors, torch.load(folder / "diffusion_pytorch_model.bin", weights_only=True))
    record = json.loads((converted / "converted.json").read_text())
    assert record["files"]["diffusion_pytorch_model.safetensors"] == weights.sha256(
        converted / "diffusion_pytorch_model.safetensors"
    )
    monkeypatch.setattr(convert_pickle, "convert", None)  # a second conversion would fail
    assert locate.locate("net", tmp_path) == converted
    assert set(locate.load_tensors("net", tmp_path)) == {"conv.weight", "conv.bias"}


@pytest.mark.parametrize("name", ["config.json", "diffusion_pytorch_model.safetensors"])
def test_modified_converted_file_is_converted_again(tmp_path, set_catalog, name):
    set_catalog(make_pickled_model())
    write_files(tmp_path / "net", pickled=True)
    converted = locate.locate("net", tmp_path)
    original = (converted / name).read_bytes()
    (converted / name).write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
    assert locate.locate("net", tmp_path) == converted
    assert (converted / name).read_bytes() == original


def test_changed_pickle_is_converted_again(tmp_path, set_catalog):
    set_catalog(make_pickled_model())
    folder = write_files(tmp_path / "net", pickled=True)
    locate.locate("net", tmp_path)
    torch.save({"other": torch.zeros(3)}, folder / "diffusion_pytorch_model.bin")
    assert set(locate.load_tensors("net", tmp_path)) == {"other"}


def test_conversion_of_a_downloaded_pickle_works_without_the_pickle(set_catalog):
    model = set_catalog(make_pickled_model())
    folder = write_files(snapshot(model), pickled=True)
    converted = locate.locate("net")
    (folder / "diffusion_pytorch_model.bin").unlink()
    assert locate.locate("net") == locate.fetch("net") == locate.status("net").path == converted
    (converted / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelMissing, match=r"damaged; delete that folder.*models fetch net"):
        locate.locate("net")


def test_pickle_from_the_hub_must_have_the_pinned_hash(set_catalog):
    model = set_catalog(make_pickled_model(sha256="0" * 64))
    write_files(snapshot(model), pickled=True)
    with pytest.raises(ModelMissing, match=r"is not the pinned diffusion_pytorch_model\.bin of owner/some-net"):
        locate.locate("net")


def test_folder_with_safetensors_is_used_directly(tmp_path, set_catalog):
    set_catalog(make_pickled_model())
    folder = write_files(tmp_path / "net")
    assert locate.locate("net", tmp_path) == folder
    assert not (tmp_path / "ours").exists()


def test_unwritable_cache_is_named(tmp_path, set_catalog, monkeypatch):
    set_catalog(make_pickled_model())
    write_files(tmp_path / "net", pickled=True)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelMissing, match="set TRILAYER_CACHE"):
        locate.locate("net", tmp_path)


def test_training_wrappers_are_removed(tmp_path):
    state = {"module.a": torch.ones(2), "module.b": torch.zeros(2, 2).T}
    torch.save({"epoch": 20, "state_dict": state}, tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    convert_pickle.convert(tmp_path / "net.pth", tmp_path / "net.safetensors")
    assert set(load_file(tmp_path / "net.safetensors")) == {"a", "b"}


class CodeOnLoad:
    """Unpickling an instance runs code: it creates the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def raw_pickle(path: Path, payload: CodeOnLoad) -> None:
    path.write_bytes(pickle.dumps({"w": payload}, protocol=2))


def old_torch(path: Path, payload: CodeOnLoad) -> None:
    torch.save({"w": payload}, path, _use_new_zipfile_serialization=False)


def new_torch(path: Path, payload: CodeOnLoad) -> None:
    torch.save({"w": torch.ones(2), "payload": payload}, path)


@pytest.mark.parametrize("write", [raw_pickle, old_torch, new_torch])
def test_code_in_a_pickle_is_rejected_and_does_not_run(tmp_path, set_catalog, write):
    set_catalog(make_pickled_model())
    folder = write_files(tmp_path / "net", pickled=True)
    write(folder / "diffusion_pytorch_model.bin", CodeOnLoad(tmp_path / "ran"))
    with pytest.raises(ModelMissing, match=r"diffusion_pytorch_model\.bin is refused") as raised:
        locate.locate("net", tmp_path)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "ran").exists()
    assert not [path for path in (tmp_path / "ours").rglob("*") if path.is_file()]
    with (folder / "diffusion_pytorch_model.bin").open("rb") as file:
        pickle.load(file) if write is raw_pickle else torch.load(file, weights_only=False)
    assert (tmp_path / "ran").exists()  # the payload works


def deflated(path: Path) -> None:
    torch.save({"w": torch.zeros(100_000)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    "write",
    [
        deflated,
        lambda path: torch.save({"w": torch.zeros(1).expand(1 << 20, 1 << 20)}, path),
        lambda path: torch.save([torch.ones(2)], path),
        lambda path: torch.save({"epoch": 3}, path),
        lambda path: torch.save({3: torch.ones(2)}, path),
        lambda path: torch.save({"w": torch.eye(3).to_sparse()}, path),
        lambda path: torch.save(torch.ones(2), path),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04" + bytes(40)),
        lambda path: path.write_bytes(b"\x80\x02" + b"(" * 5000),
        lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
    ],
    ids=["deflated", "expanded", "list", "no tensors", "number", "sparse", "bare", "empty", "zip", "marks", "pointer"],
)
def test_pickles_without_plain_weights_are_rejected(tmp_path, write):
    write(tmp_path / "net.bin")
    with pytest.raises(ModelMissing, match=r"net\.bin"):
        convert_pickle.convert(tmp_path / "net.bin", tmp_path / "net.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["net.bin"]


def test_truncated_pickle_is_rejected(tmp_path):
    torch.save({"w": torch.ones(1000)}, tmp_path / "net.bin")
    data = (tmp_path / "net.bin").read_bytes()
    for length in (1, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "net.bin").write_bytes(data[:length])
        with pytest.raises(ModelMissing):
            convert_pickle.convert(tmp_path / "net.bin", tmp_path / "net.safetensors")
