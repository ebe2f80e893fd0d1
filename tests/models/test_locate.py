"""Models: located in all places, converted once, verified each time, or reported as missing in one line."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from codec.errors import ModelMissing, UnknownName
from codec.models import catalog, convert_pickle, hub, locate, weights
from codec.models.catalog import Model, ModelFile

REVISION = "0123456789abcdef0123456789abcdef01234567"
NAMES = (
    "sd15 sd-vae sketch-adapter sd14 sketch-adapter-sd14 openpose-adapter "
    "color-adapter controlnet-scribble controlnet-lineart controlnet-openpose "
    "lcm-lora taesd blip2 blip pidinet hed openpose-detector clip"
).split()


@pytest.fixture(autouse=True)
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


def make_model(*files: ModelFile, checkpoint: ModelFile | None = None) -> Model:
    files = files or (
        ModelFile("config.json"),
        ModelFile("diffusion_pytorch_model.safetensors", 1 << 20, approximate=True),
    )
    return Model("net", "draws", "owner/some-net", REVISION, files, "MIT", checkpoint=checkpoint)


def make_pickled_model(sha256: str | None = None) -> Model:
    return make_model(
        ModelFile("config.json"), ModelFile("diffusion_pytorch_model.bin", 1 << 20, sha256, approximate=True)
    )


def write_files(folder: Path, pickled: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"channels": [8]}')
    state = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}
    if pickled:
        torch.save(state, folder / "diffusion_pytorch_model.bin")
    else:
        save_file(state, folder / "diffusion_pytorch_model.safetensors")
    return folder


def snapshot(model: Model, revision: str = REVISION) -> Path:
    return hub.repository_dir(model) / "snapshots" / revision


# --- catalog ------------------------------------------------------------------------------------------


def test_catalog_is_complete_and_pinned():
    assert [model.name for model in locate.list_models()] == NAMES
    for model in locate.list_models():
        assert locate.get_model(model.name) is model
        assert len(model.revision) == 40 and set(model.revision) <= set("0123456789abcdef")
        assert model.purpose and model.license and model.repo.count("/") == 1
        for file in (*model.files, *((model.checkpoint,) if model.checkpoint else ())):
            assert file.sha256 is None or (len(file.sha256) == 64 and set(file.sha256) <= set("0123456789abcdef"))
            assert not Path(file.path).is_absolute() and ".." not in Path(file.path).parts
        assert model.weights_path.endswith(".safetensors")


def test_sizes_are_as_published():
    sizes = {model.name: locate.format_size(model.total_bytes) for model in locate.list_models()}
    assert {name: sizes[name] for name in ("sketch-adapter", "openpose-adapter", "color-adapter")} == {
        "sketch-adapter": "308 MB",
        "openpose-adapter": "309 MB",
        "color-adapter": "74.8 MB",
    }
    assert (sizes["pidinet"], sizes["hed"], sizes["openpose-detector"]) == ("2.87 MB", "29.4 MB", "209 MB")
    assert sizes["sd15"] == "2.13 GB"
    assert locate.format_size(locate.get_model("sd15").download_bytes(full_precision=True)) == "4.27 GB"


def test_unknown_name_lists_the_names():
    for function in (locate.get_model, locate.locate, locate.status, locate.fetch):
        with pytest.raises(UnknownName, match=r"'sd2'.*sd15, sd-vae"):
            function("sd2")


@pytest.mark.parametrize("name", NAMES)
def test_missing_model_is_reported_in_one_line(name):
    model = locate.get_model(name)
    with pytest.raises(ModelMissing) as raised:
        locate.locate(name)
    message = str(raised.value)
    assert "\n" not in message
    assert f"models fetch {name}" in message and "TRILAYER_MODELS" in message and "HF_HOME" in message
    assert model.repo in message and max(model.files, key=lambda f: f.size).path in message
    assert (".safetensors checkpoint" in message) == (name == "sd15")
    assert locate.status(name) == locate.Status("missing", None, message)


# --- places -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subfolder", ["", "net", "owner/some-net", "some-net"])
@pytest.mark.parametrize("from_environment", [False, True])
def test_folder_in_the_hub_s_layout_is_found(tmp_path, monkeypatch, set_catalog, subfolder, from_environment):
    set_catalog(make_model())
    folder = write_files(tmp_path / "mine" / subfolder)
    if from_environment:
        monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path / "mine"))
    assert locate.locate("net", None if from_environment else tmp_path / "mine") == folder
    assert locate.status("net", None if from_environment else tmp_path / "mine").path == folder


@pytest.mark.parametrize("suffix", ["fp16", "bf16", "fp32"])
def test_weights_in_another_precision_are_found(tmp_path, set_catalog, suffix):
    set_catalog(make_model())
    folder = write_files(tmp_path / "net")
    weights_file = folder / "diffusion_pytorch_model.safetensors"
    weights_file.rename(folder / f"diffusion_pytorch_model.{suffix}.safetensors")
    assert locate.locate("net", tmp_path) == folder
    (folder / f"diffusion_pytorch_model.{suffix}.safetensors").rename(
        folder / "diffusion_pytorch_model.ema.safetensors"
    )
    assert locate.status("net", tmp_path).state == "missing"


@pytest.mark.parametrize(
    "index",
    ['{"weight_map": {"a": "../../x.safetensors"}}', '{"weight_map": {"a": "absent.safetensors"}}', "[]", "{", "",
     '{"weight_map": {"a": 1}}', '{"weight_map": {"a": "x.bin"}}', '{"weight_map": {"a": []}}', "[" * 10_000],
)  # fmt: skip
def test_index_of_shards_that_is_damaged_counts_as_missing(tmp_path, set_catalog, index):
    set_catalog(make_model())
    folder = write_files(tmp_path / "a" / "net")
    (folder / "diffusion_pytorch_model.safetensors").rename(tmp_path / "x.safetensors")
    (folder / "x.bin").write_bytes(b"")
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelMissing, match=r"net is missing: diffusion_pytorch_model\.safetensors in .*net"):
        locate.locate("net", folder)


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"])
def test_hub_cache_is_found(tmp_path, monkeypatch, set_catalog, variable):
    model = set_catalog(make_model())
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv(variable, str(tmp_path / "x"))
    below = {"HF_HOME": "hub", "HF_HUB_CACHE": "", "XDG_CACHE_HOME": "huggingface/hub"}[variable]
    folder = write_files(tmp_path / "x" / below / "models--owner--some-net" / "snapshots" / REVISION)
    assert locate.locate(model.name) == folder


def test_given_folder_precedes_the_environment_and_that_the_hub_cache(tmp_path, monkeypatch, set_catalog):
    model = set_catalog(make_model())
    cached = write_files(snapshot(model))
    assert locate.locate("net", tmp_path) == cached  # the given folder has no model
    named = write_files(tmp_path / "env" / "net")
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path / "env"))
    assert locate.locate("net") == named
    given = write_files(tmp_path / "given")
    assert locate.locate("net", given) == given


def test_incomplete_folder_is_not_used(tmp_path, set_catalog):
    set_catalog(make_model())
    folder = write_files(tmp_path / "net")
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissing, match=r"net is missing.*looked in"):
        locate.locate("net", tmp_path)
    with pytest.raises(ModelMissing, match="there is no"):
        locate.locate("net", tmp_path / "nowhere")
    assert locate.status("net", tmp_path / "nowhere").state == "missing"


def test_another_revision_is_accepted_if_its_weights_have_the_pinned_hashes(set_catalog):
    digest = hashlib.sha256(b"x").hexdigest()
    model = set_catalog(
        make_model(ModelFile("config.json"), ModelFile("a.safetensors", 1 << 20, digest, approximate=True))
    )
    other = snapshot(model, "f" * 40)
    write_files(other)
    blob = hub.repository_dir(model) / "blobs" / digest
    blob.parent.mkdir(parents=True)
    (other / "diffusion_pytorch_model.safetensors").rename(blob)
    (other / "a.safetensors").symlink_to(blob)
    assert locate.locate("net") == other
    blob.rename(blob.with_name("1" * 64))
    (other / "a.safetensors").unlink()
    (other / "a.safetensors").symlink_to(blob.with_name("1" * 64))
    assert locate.status("net").state == "missing"


def test_file_of_another_size_in_the_hub_cache_counts_as_missing(set_catalog):
    model = set_catalog(
        make_model(
            ModelFile("config.json", 17), ModelFile("diffusion_pytorch_model.safetensors", 1 << 20, approximate=True)
        )
    )
    folder = write_files(snapshot(model))
    assert locate.status("net").state == "present"
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelMissing, match=r"config\.json"):
        locate.locate("net")


def test_checkpoint_file_is_accepted_where_the_model_allows_it(tmp_path, monkeypatch, set_catalog):
    checkpoint = ModelFile("all-in-one.safetensors", 1 << 20, approximate=True)
    model = set_catalog(make_model(checkpoint=checkpoint))
    mine = tmp_path / "dream.safetensors"
    save_file({"w": torch.ones(2)}, mine)
    assert locate.locate("net", mine) == mine
    monkeypatch.setenv("TRILAYER_MODELS", str(mine))
    assert locate.locate("net") == mine
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))
    mine.rename(tmp_path / "net.safetensors")
    assert locate.locate("net") == tmp_path / "net.safetensors"
    monkeypatch.delenv("TRILAYER_MODELS")
    snapshot(model).mkdir(parents=True)
    (tmp_path / "net.safetensors").rename(snapshot(model) / checkpoint.path)
    assert locate.locate("net") == snapshot(model) / checkpoint.path


def test_checkpoint_file_is_rejected_elsewhere(tmp_path, set_catalog):
    set_catalog(make_model())
    save_file({"w": torch.ones(2)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelMissing, match="give a folder of owner/some-net"):
        locate.locate("net", tmp_path / "w.safetensors")
    set_catalog(make_model(checkpoint=ModelFile("x.safetensors")))
    (tmp_path / "x.ckpt").write_bytes(b"\x80")
    with pytest.raises(ModelMissing, match=r"\.safetensors file"):
        locate.locate("net", tmp_path / "x.ckpt")


# --- validation before files are opened ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "phrase"),
    [
        (lambda data: data[:-1], "truncated"),
        (lambda data: data + b"\0", "truncated"),
        (lambda data: data[:5], "truncated"),
        (lambda data: b"\xff" * 8 + data[8:], "truncated"),
        (lambda data: data[:8] + b"[" + data[9:], "not safetensors"),
        (lambda data: (2).to_bytes(8, "little") + b"[]", "not safetensors"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"),
    ],
)
def test_damaged_weights_are_named_before_a_library_opens_them(tmp_path, set_catalog, damage, phrase):
    set_catalog(make_model())
    path = write_files(tmp_path / "net") / "diffusion_pytorch_model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelMissing, match=phrase) as raised:
        locate.locate("net", tmp_path)
    assert str(path) in str(raised.value)


def test_oversized_files_are_rejected(tmp_path):
    path = tmp_path / "huge.safetensors"
    save_file({"w": torch.ones(64)}, path)
    weights.validate(path)
    with pytest.raises(ModelMissing, match="more than the 100 allowed"):
        weights.validate(path, max_bytes=100)
    torch.save({"w": torch.ones(64)}, tmp_path / "huge.bin")
    with pytest.raises(ModelMissing, match="more than the 100 allowed"):
        convert_pickle.convert(tmp_path / "huge.bin", path, max_bytes=100)


# --- pickles ------------------------------------------------------------------------------------------


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
