"""A full disk: files are replaced atomically, the old file stays, and the error is one line."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from codec import Layers, Prompt
from codec.atomic_write import write_files
from codec.batch.manifest import MANIFEST
from codec.cli.main import main
from codec.images.io import encode_png
from tests import canned
from tests.pictures import disc

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE_SIZE = 40  # bytes, enforced by the system


@pytest.fixture
def run(monkeypatch, capsys):
    """-> run(*arguments, max_size) -> (exit code, stderr) of the command line with a limit on file sizes.

    A write beyond the limit fails as on a full disk. The encoder is replaced, since it is not what is tested here.
    """
    monkeypatch.setattr("codec.encoder.extract.extract", canned.extract)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)

    def run(*arguments: object, max_size: int = MAX_FILE_SIZE) -> tuple[int, str]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_size, unlimited[1]))
        try:
            code = main([str(argument) for argument in arguments])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        return code, capsys.readouterr().err

    return run


def is_one_line_error(ran: tuple[int, str]) -> bool:
    code, message = ran
    return code == 1 and message.startswith("trilayer: ") and message.count("\n") == 1


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.png").write_bytes(encode_png(disc(1, 64)))
    layers = Layers(64, 64, Prompt("some words that take more than a few bytes, all of them rare: zyx, qwv, jkq"))
    (tmp_path / "in.tril").write_bytes(layers.to_bytes())
    for name in ("out.tril", "out.png"):
        (tmp_path / name).write_bytes(b"old content")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "source", "target"),
    [
        (("encode", "--overwrite"), "in.png", "out.tril"),
        (("decode", "--overwrite"), "in.tril", "out.png"),
        (("cut", "--overwrite", "--bytes", "900"), "in.tril", "out.tril"),
    ],
)
def test_old_file_stays(run, folder, command, source, target):
    before = sorted(folder.iterdir())
    ran = run(command[0], folder / source, *command[1:], "-o", folder / target)
    assert is_one_line_error(ran) and "File too large" in ran[1]
    assert (folder / target).read_bytes() == b"old content" and sorted(folder.iterdir()) == before


def test_new_file_is_not_created(run, folder):
    assert is_one_line_error(run("encode", folder / "in.png", "-o", folder / "new.tril"))
    assert not (folder / "new.tril").exists()


def test_folder_of_layers_is_replaced_completely_or_not_at_all(run, folder):
    out = folder / "layers"
    assert run("layers", folder / "in.tril", "-o", out, max_size=10_000)[0] == 0
    (folder / "in.tril").write_bytes(Layers(64, 64, Prompt("short"), seed=2**63).to_bytes())
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    # enough for the prompt, not for layers.json
    ran = run("layers", folder / "in.tril", "-o", out, "--overwrite", max_size=20)
    assert is_one_line_error(ran), ran
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_data_is_flushed_before_files_are_renamed(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda handle: order.append(os.fstat(handle).st_size))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: (order.append(target.name), replace(path, target)))
    write_files({tmp_path / "a": b"abc", tmp_path / "b": b"de"})
    assert order == [3, 2, "a", "b"] and (tmp_path / "b").read_bytes() == b"de"


def test_manifest_survives_a_full_disk(run, folder):
    pictures, out = folder / "pictures", folder / "many"
    pictures.mkdir()
    (folder / "in.png").rename(pictures / "a.png")
    assert run("encode", pictures, "-o", out, "--jobs", "1", max_size=10_000)[0] == 0
    manifest = (out / MANIFEST).read_bytes()
    (pictures / "b.png").write_bytes(encode_png(disc(2, 64)))
    assert is_one_line_error(run("encode", pictures, "-o", out, "--jobs", "1"))
    assert (out / MANIFEST).read_bytes() == manifest
    assert run("encode", pictures, "-o", out, "--jobs", "1", max_size=10_000)[0] == 0
    assert (out / MANIFEST).read_bytes().startswith(manifest)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists on Linux only")
@pytest.mark.parametrize("target", ["/dev/full", "-"])
def test_full_device_is_an_error(folder, target):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "codec", "cut", str(folder / "in.tril"), "--bytes", "900", "-o", target]
        ran = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 1 and "trilayer: " in ran.stderr and "No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr
