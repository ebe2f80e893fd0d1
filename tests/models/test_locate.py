"""Models: located in all places, or reported as missing in one line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from codec.errors import ModelMissing, UnknownName
from codec.models import convert_pickle, hub, locate, weights
from codec.models.catalog import ModelFile
from tests.models.model_files import REVISION, make_model, snapshot, write_files

pytestmark = pytest.mark.usefixtures("isolated_caches")


NAMES = (
    "sd15 sd-vae sketch-adapter sd14 sketch-adapter-sd14 openpose-adapter "
    "color-adapter controlnet-scribble controlnet-lineart controlnet-openpose "
    "lcm-lora taesd sdxl sdxl-vae sdxl-sketch-adapter sdxl-openpose-adapter sdxl-controlnet-union "
    "sdxl-lightning sdxl-turbo blip2 blip pidinet hed openpose-detector clip"
).split()


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
