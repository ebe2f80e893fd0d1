"""Folders: manifest, broken files, going on, processes; the same bytes as one file at a time."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import codec
from codec import CodecError, EncodeOptions
from codec.batch import folders, workers
from codec.batch.folders import MANIFEST, Decode, Encode, read, run
from codec.batch.workers import default_jobs, results
from codec.cli.main import main
from codec.images.io import encode_png, load
from tests.bench.test_bench import picture


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "in"
    (out / "deeper").mkdir(parents=True)
    for number, name in enumerate(("a.png", "deeper/b.png", "deeper/a.png")):
        (out / name).write_bytes(encode_png(picture(number, 64)))
    (out / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (out / "notes.txt").write_text("no picture")
    (out / "captions.tsv").write_text("\ufeffa.png\ta disc\n", encoding="utf-8")  # as some editors begin a file
    return out


def test_a_folder_becomes_the_files_that_one_at_a_time_gives(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["encode", str(folder), "-o", str(out), "--budget", "300"]) == 1  # one is broken
    said = capsys.readouterr().err
    assert "3 of 4 files" in said and "1 failed" in said
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.tril"))
    assert made == ["a.tril", "deeper/a.tril", "deeper/b.tril"]
    assert (out / "a.tril").read_bytes() == codec.encode(folder / "a.png", prompt="a disc", budget=300).to_bytes()

    rows = {row["file"]: row for row in read(out / MANIFEST)}
    assert set(rows) == {"a.png", "deeper/b.png", "deeper/a.png", "broken.jpg"}
    assert rows["broken.jpg"]["error"] and not rows["broken.jpg"]["bytes"]
    row = rows["deeper/b.png"]
    assert row["sha256"] == hashlib.sha256((folder / "deeper/b.png").read_bytes()).hexdigest()[:16]
    parts = ("semantic", "structure", "texture", "extensions", "overhead")
    assert int(row["bytes"]) == sum(int(row[name]) for name in parts) == (out / "deeper/b.tril").stat().st_size

    pictures = tmp_path / "pictures"
    assert main(["decode", str(out), "-o", str(pictures), "--decoder", "painter-preview"]) == 0
    shown = load(pictures / "deeper/b.png").pixels
    layers = codec.Layers.from_bytes((out / "deeper/b.tril").read_bytes())
    assert np.array_equal(shown, codec.decode(layers, decoder="painter-preview"))


def test_what_is_done_is_not_done_again(folder, tmp_path):
    out, work = tmp_path / "out", Encode(EncodeOptions(budget=250))
    assert run(work, folder, out) == (3, 1)
    done = {path: path.stat().st_mtime_ns for path in out.rglob("*.tril")}
    manifest = (out / MANIFEST).read_text()

    changed, gone = out / "a.tril", out / "deeper" / "b.tril"
    (folder / "a.png").write_bytes(encode_png(picture(9, 64)))
    gone.unlink()
    (out / MANIFEST).write_text(manifest[:-9])  # stopped within the last line: that of broken.jpg or another's
    steps = []
    assert run(work, folder, out, on_progress=lambda *step: steps.append(step)) == (3, 1)
    untouched = [path for path, when in done.items() if path.exists() and path.stat().st_mtime_ns == when]
    assert changed not in untouched and gone not in untouched
    assert steps[-1][:2] == (4, 4)
    assert {row["file"] for row in read(out / MANIFEST)} == {"a.png", "deeper/b.png", "deeper/a.png", "broken.jpg"}

    steps.clear()
    assert run(work, folder, out, on_progress=lambda *step: steps.append(step)) == (3, 1)
    assert [name for _, _, name in steps] == ["broken.jpg"]  # errors are tried again, nothing else
    assert run(Encode(EncodeOptions(budget=400)), folder, out) == (3, 1)
    assert all(path.stat().st_mtime_ns != when for path, when in done.items())  # other options


def test_names_that_break_lines_or_are_no_text(folder, tmp_path):
    names = ["\u2028\x0b\x85 ,\"'.png", "one\ntwo.png", os.fsdecode(b"\xff.png")]
    for name in names:
        (folder / name).write_bytes((folder / "a.png").read_bytes())
    assert run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "out") == (6, 1)
    rows = {row["file"]: row for row in read(tmp_path / "out" / MANIFEST)}
    assert set(rows) >= {*names[:2], r"\udcff.png"} and len(rows) == 7
    steps = []
    assert run(
        Encode(EncodeOptions(budget=250)), folder, tmp_path / "out", on_progress=lambda *step: steps.append(step)
    ) == (6, 1)
    assert [name for _, _, name in steps] == ["broken.jpg"]


@pytest.mark.parametrize(
    "data", [b"name,size\r\na,1\r\n", b"\xff\xd8\n\n", b"a,b\r\n" + b"x" * 200_000 + b"\r\n", b"\0\n", b'"\n']
)
def test_a_manifest_of_somebody_else_is_left_alone(folder, tmp_path, data):
    (tmp_path / MANIFEST).write_bytes(data)
    with pytest.raises(CodecError, match="not one of ours"):
        run(Encode(EncodeOptions(budget=250)), folder, tmp_path)
    assert (tmp_path / MANIFEST).read_bytes() == data


def test_alike_names_do_not_overwrite_one_another(folder, tmp_path):
    (folder / "a.webp").write_bytes(encode_png(picture(5, 64)))
    run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "out")
    assert (tmp_path / "out/a.png.tril").exists() and (tmp_path / "out/a.webp.tril").exists()


def test_processes_write_the_same_bytes(folder, tmp_path):
    run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "one")
    run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "two", jobs=2)
    for path in (tmp_path / "one").rglob("*.tril"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_folder_takes_processes_by_default_and_networks_of_gigabytes_one(folder, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(folders, "run", lambda work, folder, out, jobs, *rest: taken.append(jobs) or (1, 0))
    monkeypatch.setattr(workers, "default_jobs", lambda: 5)
    for jobs, words in (
        (5, "encode"), (5, "encode --captioner none"), (3, "encode --jobs 3"), (1, "encode --captioner blip"),
        (5, "encode --captioner blip --prompt a"), (5, "encode --ray local"), (1, "encode --ray far:1"),
        (5, "decode"), (1, "decode --decoder sd15"), (2, "decode --decoder sd15 --jobs 2"),
    ):  # fmt: skip
        command, *more = words.split()
        assert main([command, str(folder), "-o", str(tmp_path / "out"), *more]) == 0
        assert taken.pop() == jobs, words


def test_the_default_suits_cores_and_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_room", lambda: 100 << 30)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert default_jobs() == 6
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert default_jobs() == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert default_jobs() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for room, jobs in ((100 << 30, 4), (3 << 30, 3), ((2 << 30) - 1, 1), (0, 1)):
        monkeypatch.setattr(workers, "_room", lambda room=room: room)
        assert default_jobs() == jobs


def test_free_memory_is_the_systems_or_the_containers(tmp_path):
    assert workers._room(tmp_path) == 8 << 30  # a system that does not tell: no limit
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable:    4000000 kB\nBuffers: 1 kB\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    for text, room in (("max\n", 4_096_000_000), ("2000000000\n", 2_000_000_000), ("9000000000\n", 4_096_000_000)):
        (tmp_path / "sys/fs/cgroup/memory.max").write_text(text)
        assert workers._room(tmp_path) == room


def test_one_task_needs_no_second_process():
    assert list(results(lambda task: (task, os.getpid()), ["a"], jobs=8)) == [("a", ("a", os.getpid()))]


def test_ctrl_c_ends_all_processes_with_one_line(folder, tmp_path):
    for number in range(60):
        (folder / f"{number}.png").write_bytes((folder / "a.png").read_bytes())
    command = [sys.executable, "-m", "codec", "encode", str(folder), "-o", str(tmp_path / "out"), "--jobs", "2"]
    root = Path(codec.__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        first = running.stderr.readline()
        os.killpg(running.pid, signal.SIGINT)
        rest = running.stderr.read().splitlines()
    assert "1 of 64" in first and running.returncode == 130
    assert rest[-1] == "trilayer: stopped" and all(line.startswith("[") for line in rest[:-1])
    assert len(read(tmp_path / "out" / MANIFEST)) < 64


def test_nothing_to_do_and_wrong_options_are_said(tmp_path, folder, capsys):
    (tmp_path / "empty").mkdir()
    for wrong in (
        ["encode", str(tmp_path / "empty")],
        ["decode", str(folder)],
        ["encode", str(folder), "--jobs", "0"],
        ["encode", str(folder), "--jobs", "65"],
        ["encode", str(folder), "--best-of", "2"],
    ):
        assert main([*wrong, "-o", str(tmp_path / "out")]) == 1
        assert capsys.readouterr().err.startswith("trilayer: ")


def end(task: int) -> None:
    """As the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def interrupted(task: int) -> None:
    """As Ctrl-C does, where a process hears it before the first one."""
    os.kill(os.getpid(), signal.SIGINT)


def test_a_process_that_ctrl_c_ended_first_ends_all():
    with pytest.raises(KeyboardInterrupt):
        list(results(interrupted, [1, 2], jobs=2))


def test_a_killed_process_is_one_clear_error():
    with pytest.raises(CodecError, match="memory"):
        list(results(end, [1, 2], jobs=2))


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is an option")
def test_ray_writes_the_same_bytes(folder, tmp_path):
    run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "one")
    assert run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "two", jobs=2, ray="local") == (3, 1)
    for path in (tmp_path / "one").rglob("*.tril"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="for those without Ray")
def test_without_ray_the_remedy_is_named(folder, tmp_path):
    with pytest.raises(CodecError, match="pip install"):
        run(Encode(), folder, tmp_path / "out", ray="local")


def test_decoding_keeps_one_decoder(tmp_path, folder, monkeypatch):
    decoders = importlib.import_module("codec.decoders")
    run(Encode(EncodeOptions(budget=250)), folder, tmp_path / "out")
    made = []
    real = decoders.get
    monkeypatch.setattr(decoders, "get", lambda *given: made.append(given) or real(*given))
    folders._decoder.cache_clear()
    run(Decode("painter-preview", layers=(2, 3), seed=3), tmp_path / "out", tmp_path / "pictures")
    assert len(made) == 1 and len(list((tmp_path / "pictures").rglob("*.png"))) == 3
