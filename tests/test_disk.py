"""A full disk: what is written comes whole or not at all, the old file stays, and one line says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codec import Layers, Prompt
from codec.atomic_write import write_files
from codec.batch.folders import MANIFEST
from codec.images.io import encode_png
from tests.bench.test_bench import picture

ROOT = Path(__file__).resolve().parent.parent
MOST = 40  # bytes that a file may have where the system lets none grow further
COMMAND = """
import resource, sys
from codec.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


def run(*arguments: object, most: int = MOST) -> subprocess.CompletedProcess[str]:
    """The command line, whose files cannot be larger than that: as on a full disk, the write itself fails."""
    command = [sys.executable, "-B", "-c", COMMAND, *map(str, (most, *arguments))]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def one_line(ran: subprocess.CompletedProcess[str]) -> bool:
    return ran.returncode == 1 and ran.stderr.startswith("trilayer: ") and ran.stderr.count("\n") == 1


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in.png").write_bytes(encode_png(picture(1, 64)))
    layers = Layers(64, 64, Prompt("some words that take more than a few bytes, all of them rare: zyx, qwv, jkq"))
    (tmp_path / "in.tril").write_bytes(layers.to_bytes())
    for name in ("out.tril", "out.png"):
        (tmp_path / name).write_bytes(b"what was there")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "source", "target"),
    [
        (("encode",), "in.png", "out.tril"),
        (("decode",), "in.tril", "out.png"),
        (("cut", "--bytes", "900"), "in.tril", "out.tril"),
    ],
)
def test_the_old_file_stays(folder, command, source, target):
    before = sorted(folder.iterdir())
    ran = run(command[0], folder / source, *command[1:], "-o", folder / target)
    assert one_line(ran) and "File too large" in ran.stderr
    assert (folder / target).read_bytes() == b"what was there" and sorted(folder.iterdir()) == before


def test_a_new_file_is_not_begun(folder):
    assert one_line(run("encode", folder / "in.png", "-o", folder / "new.tril"))
    assert not (folder / "new.tril").exists()


def test_a_folder_of_layers_is_replaced_whole_or_not_at_all(folder):
    out = folder / "layers"
    assert run("layers", folder / "in.tril", "-o", out, most=10_000).returncode == 0
    (folder / "in.tril").write_bytes(Layers(64, 64, Prompt("short"), seed=2**63).to_bytes())
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    ran = run("layers", folder / "in.tril", "-o", out, most=20)  # enough for the prompt, too little for the notes
    assert one_line(ran), ran
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """A power cut leaves the old file or the new one, not an empty one."""
    order = []
    monkeypatch.setattr(os, "fsync", lambda handle: order.append(os.fstat(handle).st_size))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: (order.append(target.name), replace(path, target)))
    write_files({tmp_path / "a": b"abc", tmp_path / "b": b"de"})
    assert order == [3, 2, "a", "b"] and (tmp_path / "b").read_bytes() == b"de"


def test_a_manifest_outlives_it(folder):
    pictures, out = folder / "pictures", folder / "many"
    pictures.mkdir()
    (folder / "in.png").rename(pictures / "a.png")
    assert run("encode", pictures, "-o", out, most=10_000).returncode == 0
    manifest = (out / MANIFEST).read_bytes()
    (pictures / "b.png").write_bytes(encode_png(picture(2, 64)))
    assert one_line(run("encode", pictures, "-o", out))
    assert (out / MANIFEST).read_bytes() == manifest
    assert run("encode", pictures, "-o", out, most=10_000).returncode == 0
    assert (out / MANIFEST).read_bytes().startswith(manifest)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("target", ["/dev/full", "-"])
def test_a_device_that_is_full(folder, target):
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "codec", "decode", str(folder / "in.tril"), "-o", target]
        ran = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 1 and "trilayer: " in ran.stderr and "No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr
