"""The command `models`: its table, its JSON and downloads."""

from __future__ import annotations

import argparse
import io
import json
import sys

import pytest

from codec.cli import model_commands
from codec.errors import ModelMissing, UnknownName
from codec.models import locate
from codec.models.download import DownloadProgress


@pytest.fixture(autouse=True)
def isolated_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path / "ours"))
    monkeypatch.delenv("TRILAYER_MODELS", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


def run(*arguments: str) -> None:
    parser = argparse.ArgumentParser(prog="python -m codec", allow_abbrev=False)
    model_commands.add_parser(parser.add_subparsers(required=True))
    options = parser.parse_args(["models", *arguments])
    options.run(options)


def write_taesd(folder):
    """Write a stand-in for the model and return its folder."""
    import torch
    from safetensors.torch import save_file

    (folder / "taesd").mkdir()
    (folder / "taesd" / "config.json").write_text("{}")
    save_file({"w": torch.ones(1)}, folder / "taesd" / "diffusion_pytorch_model.safetensors")
    return folder / "taesd"


def test_table_shows_every_model(capsys, tmp_path, monkeypatch):
    folder = write_taesd(tmp_path)
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))
    run()
    text = capsys.readouterr().out
    for model in locate.list_models():
        assert model.name in text and model.purpose in text and model.license in text
        assert locate.format_size(model.total_bytes) in text
        assert (f"get it: python -m codec models fetch {model.name}\n" in text) == (model.name != "taesd")
    assert str(folder) in text
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 100


def test_folder_option_is_searched(capsys, tmp_path):
    folder = write_taesd(tmp_path)
    run("--folder", str(tmp_path), "--json")
    (found,) = [entry for entry in json.loads(capsys.readouterr().out) if entry["state"] == "present"]
    assert (found["name"], found["path"]) == ("taesd", str(folder))


def test_json_has_a_stable_set_of_fields(capsys):
    run("--json")
    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries] == [model.name for model in locate.list_models()]
    sketch = next(entry for entry in entries if entry["name"] == "sketch-adapter")
    assert sketch["repository"] == "TencentARC/t2iadapter_sketch_sd15v2"
    assert sketch["revision"] == locate.get_model("sketch-adapter").revision
    assert (sketch["state"], sketch["path"], sketch["license"]) == ("missing", None, "Apache-2.0")
    assert sketch["files"] == ["config.json", "diffusion_pytorch_model.bin"]
    assert sketch["get"] == "python -m codec models fetch sketch-adapter"


def test_fetch_prints_size_license_and_path(capsys, monkeypatch, tmp_path):
    fetched = []
    monkeypatch.setattr(locate, "fetch", lambda *arguments: fetched.append(arguments) or tmp_path)
    run("fetch", "taesd", "pidinet")
    assert fetched == [("taesd", None, False), ("pidinet", None, False)]  # no progress bar without a terminal
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "taesd: 9.79 MB from madebyollin/taesd, license: MIT"
    assert lines[1] == f"taesd: {tmp_path}"
    assert "license: other (see repository)" in lines[2]


def test_full_precision_is_fetched_on_request(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        locate, "fetch", lambda name, bar, full_precision: tmp_path if full_precision else pytest.fail()
    )
    run("fetch", "--full-precision", "sd15")
    assert capsys.readouterr().out.startswith("sd15: 4.27 GB from ")


def test_unknown_name_fetches_nothing(monkeypatch):
    monkeypatch.setattr(locate, "fetch", pytest.fail)
    with pytest.raises(UnknownName, match="'sd9'"):
        run("fetch", "taesd", "sd9")
    with pytest.raises(SystemExit):
        run("fetch")


def test_offline_mode_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelMissing, match=r"madebyollin/taesd cannot be fetched: HF_HUB_OFFLINE.*DIR/taesd"):
        run("fetch", "taesd")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_shows_a_progress_bar_that_is_cleared_at_the_end(monkeypatch, tmp_path):
    def fetch(name, on_progress, full_precision):
        on_progress(DownloadProgress("unet/a.safetensors", 0, 200, 0, 400_000_000))
        on_progress(DownloadProgress("unet/a.safetensors", 100, 200, 100_000_000, 400_000_000))
        on_progress(DownloadProgress("unet/a.safetensors", 200, 200, 400_000_000, 400_000_000, checking=True))
        return tmp_path

    terminal = Terminal()
    monkeypatch.setattr(locate, "fetch", fetch)
    monkeypatch.setattr(sys, "stderr", terminal)
    run("fetch", "taesd")
    drawn = terminal.getvalue().split("\r\033[K")
    assert drawn[0] == drawn[-1] == ""
    assert drawn[1].startswith("unet/a.safetensors [........................]   0% 0/400 MB")
    assert drawn[2].startswith("unet/a.safetensors [######..................]  25% 100/400 MB")
    assert drawn[3] == "unet/a.safetensors [########################] 100% 400/400 MB checking"


def test_control_characters_in_paths_are_escaped(capsys, monkeypatch, tmp_path):
    folder = tmp_path / "a\033[2Jb"
    folder.mkdir()
    write_taesd(folder)
    monkeypatch.setenv("TRILAYER_MODELS", str(folder))
    run()
    assert "\033" not in capsys.readouterr().out
