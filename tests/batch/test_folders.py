"""Folders: the manifest, broken files, continued runs, and the same bytes as one file at a time.

Most tests replace the encoder by `tests.canned`, since they test what surrounds it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codec
import codec.decoders
import codec.encoder.extract
from codec import CodecError, EncodeOptions
from codec.batch import folders, tasks, workers
from codec.batch.folders import process_folder
from codec.batch.manifest import MANIFEST, read_manifest
from codec.batch.tasks import DecodeTask, EncodeTask
from codec.cli.main import main
from codec.images.io import encode_png, load
from tests import canned
from tests.pictures import disc

BUDGET_400 = EncodeTask(EncodeOptions(budget=400))


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "in"
    (out / "deeper").mkdir(parents=True)
    for number, name in enumerate(("a.png", "deeper/b.png", "deeper/a.png")):
        (out / name).write_bytes(encode_png(disc(number, 64)))
    (out / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (out / "notes.txt").write_text("no picture")
    (out / "captions.tsv").write_text("\ufeffa.png\ta disc\n", encoding="utf-8")  # some editors write a BOM
    return out


@pytest.fixture
def canned_encoder(monkeypatch):
    monkeypatch.setattr(codec.encoder.extract, "extract", canned.extract)


def rows_of(output: Path) -> dict[str, dict[str, str]]:
    return {row["file"]: row for row in read_manifest(output / MANIFEST)}


def test_folder_is_encoded_and_decoded_with_a_manifest(folder, tmp_path, canned_encoder, capsys):
    out = tmp_path / "out"
    assert main(["encode", str(folder), "-o", str(out), "--budget", "300", "--jobs", "1"]) == 1  # one is broken
    message = capsys.readouterr().err
    assert "3 of 4 files" in message and "1 failed" in message
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.tril"))
    assert written == ["a.tril", "deeper/a.tril", "deeper/b.tril"]
    expected = canned.extract(folder / "a.png", EncodeOptions(prompt="a disc", budget=300)).layers
    assert (out / "a.tril").read_bytes() == expected.to_bytes()

    rows = rows_of(out)
    assert set(rows) == {"a.png", "deeper/b.png", "deeper/a.png", "broken.jpg"}
    assert rows["broken.jpg"]["error"] and not rows["broken.jpg"]["bytes"]
    row = rows["deeper/b.png"]
    assert row["sha256"] == hashlib.sha256((folder / "deeper/b.png").read_bytes()).hexdigest()[:16]
    parts = ("semantic", "structure", "texture", "extensions", "overhead")
    assert int(row["bytes"]) == sum(int(row[name]) for name in parts) == (out / "deeper/b.tril").stat().st_size

    pictures = tmp_path / "pictures"
    arguments = ["decode", str(out), "-o", str(pictures), "--decoder", "painter-preview", "--jobs", "1"]
    assert main(arguments) == 0
    layers = codec.Layers.from_bytes((out / "deeper/b.tril").read_bytes())
    expected_pixels = codec.decode(layers, decoder="painter-preview")
    assert np.array_equal(load(pictures / "deeper/b.png").pixels, expected_pixels)


def test_finished_files_are_not_processed_again(folder, tmp_path, canned_encoder):
    out = tmp_path / "out"
    assert process_folder(BUDGET_400, folder, out) == (3, 1)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.tril")}
    manifest = (out / MANIFEST).read_text()

    deleted = out / "deeper" / "b.tril"
    (folder / "a.png").write_bytes(encode_png(disc(9, 64)))
    deleted.unlink()
    (out / MANIFEST).write_text(manifest[:-9])  # stopped while writing the last line
    steps = []
    assert process_folder(BUDGET_400, folder, out, on_progress=lambda *step: steps.append(step)) == (3, 1)
    assert {name for _, _, name in steps} >= {"a.png", "broken.jpg", "deeper/b.png"}
    assert deleted.exists() and steps[-1][:2] == (4, 4)
    assert set(rows_of(out)) == {"a.png", "deeper/b.png", "deeper/a.png", "broken.jpg"}

    steps.clear()
    assert process_folder(BUDGET_400, folder, out, on_progress=lambda *step: steps.append(step)) == (3, 1)
    assert [name for _, _, name in steps] == ["broken.jpg"]  # failed files are tried again
    steps.clear()
    task = EncodeTask(EncodeOptions(budget=500, seed=1))
    assert process_folder(task, folder, out, on_progress=lambda *step: steps.append(step)) == (3, 1)
    assert len(steps) == 4 and all(path.stat().st_mtime_ns != time for path, time in times.items())


def test_file_names_with_line_breaks_or_invalid_utf8(folder, tmp_path, canned_encoder):
    names = ["\u2028\x0b\x85 ,\"'.png", "one\ntwo.png", os.fsdecode(b"\xff.png")]
    for name in names:
        (folder / name).write_bytes((folder / "a.png").read_bytes())
    assert process_folder(BUDGET_400, folder, tmp_path / "out") == (6, 1)
    rows = rows_of(tmp_path / "out")
    assert set(rows) >= {*names[:2], r"\udcff.png"} and len(rows) == 7
    steps = []
    process_folder(BUDGET_400, folder, tmp_path / "out", on_progress=lambda *step: steps.append(step))
    assert [name for _, _, name in steps] == ["broken.jpg"]


@pytest.mark.parametrize(
    "data", [b"name,size\r\na,1\r\n", b"\xff\xd8\n\n", b"a,b\r\n" + b"x" * 200_000 + b"\r\n", b"\0\n", b'"\n']
)
def test_manifest_of_another_program_is_left_alone(folder, tmp_path, data):
    (tmp_path / MANIFEST).write_bytes(data)
    with pytest.raises(CodecError, match="not a manifest of this program"):
        process_folder(BUDGET_400, folder, tmp_path)
    assert (tmp_path / MANIFEST).read_bytes() == data


def test_files_that_differ_only_in_suffix_get_different_outputs(folder, tmp_path, canned_encoder):
    (folder / "a.webp").write_bytes(encode_png(disc(5, 64)))
    process_folder(BUDGET_400, folder, tmp_path / "out")
    assert (tmp_path / "out/a.png.tril").exists() and (tmp_path / "out/a.webp.tril").exists()


@pytest.mark.slow
def test_several_processes_write_the_bytes_of_single_encodes(folder, tmp_path):
    process_folder(EncodeTask(EncodeOptions(budget=250)), folder, tmp_path / "out", jobs=2)
    for name, prompt in (("a", "a disc"), ("deeper/b", None)):
        expected = codec.encode(folder / f"{name}.png", prompt=prompt, budget=250)
        assert (tmp_path / "out" / f"{name}.tril").read_bytes() == expected.to_bytes()


def test_default_number_of_processes_is_one_for_large_models(folder, tmp_path, monkeypatch):
    job_counts = []
    monkeypatch.setattr(
        folders, "process_folder", lambda task, folder, out, jobs, *rest, **more: job_counts.append(jobs) or (1, 0)
    )
    monkeypatch.setattr(workers, "default_job_count", lambda: 5)
    for jobs, words in (
        (5, "encode"), (5, "encode --captioner none"), (3, "encode --jobs 3"), (1, "encode --captioner blip"),
        (5, "encode --captioner blip --prompt a"), (5, "encode --ray local"), (4096, "encode --ray far:1"),
        (5, "decode"), (1, "decode --decoder sd15"), (2, "decode --decoder sd15 --jobs 2"),
    ):  # fmt: skip
        command, *more = words.split()
        assert main([command, str(folder), "-o", str(tmp_path / "out"), *more]) == 0
        assert job_counts.pop() == jobs, words


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_with_one_line(tmp_path):
    folder, count = tmp_path / "in", 60
    folder.mkdir()
    data = canned.samples.example().to_bytes()
    for number in range(count):
        (folder / f"{number}.tril").write_bytes(data)
    command = [sys.executable, "-m", "codec", "decode", str(folder), "-o", str(tmp_path / "out"), "--jobs", "2"]
    root = Path(codec.__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        first = running.stderr.readline()
        os.killpg(running.pid, signal.SIGINT)
        rest = running.stderr.read().splitlines()
    assert f"1 of {count}" in first and running.returncode == 130
    assert rest[-1] == "trilayer: stopped: finished files are kept; run the same command again to continue"
    assert all(line.startswith("[") for line in rest[:-1])
    assert len(list(read_manifest(tmp_path / "out" / MANIFEST))) < count


def test_empty_folder_and_wrong_options_are_errors(tmp_path, folder, capsys):
    (tmp_path / "empty").mkdir()
    for wrong in (
        ["encode", str(tmp_path / "empty")],
        ["decode", str(folder)],
        ["encode", str(folder), "--jobs", "0"],
        ["encode", str(folder), "--jobs", "65"],
        ["encode", str(folder), "--best-of", "2"],
    ):
        assert main([*wrong, "-o", str(tmp_path / "out")]) == 1
        assert capsys.readouterr().err.splitlines()[-1].startswith("trilayer: ")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is optional")
def test_ray_writes_the_bytes_of_single_encodes(folder, tmp_path):
    task = EncodeTask(EncodeOptions(budget=250))
    assert process_folder(task, folder, tmp_path / "out", jobs=2, ray="local") == (3, 1)
    expected = codec.encode(folder / "a.png", prompt="a disc", budget=250)
    assert (tmp_path / "out" / "a.tril").read_bytes() == expected.to_bytes()


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_missing_ray_is_an_error_with_its_remedy(folder, tmp_path):
    with pytest.raises(CodecError, match="pip install"):
        process_folder(EncodeTask(), folder, tmp_path / "out", ray="local")


def test_decoding_loads_one_decoder(tmp_path, folder, canned_encoder, monkeypatch):
    process_folder(BUDGET_400, folder, tmp_path / "out")
    loaded = []
    get = codec.decoders.get
    monkeypatch.setattr(codec.decoders, "get", lambda *given: loaded.append(given) or get(*given))
    tasks._get_decoder.cache_clear()
    process_folder(DecodeTask("painter-preview", layers=(2, 3), seed=3), tmp_path / "out", tmp_path / "pictures")
    assert len(loaded) == 1 and len(list((tmp_path / "pictures").rglob("*.png"))) == 3
