"""The command line: mostly run in this process, and through real pipes where these matter.

Tests of what surrounds the encoder replace it by `tests.canned`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
import codec.encoder.extract
from codec.cli.main import main
from codec.cli.terminal import printable
from codec.editing import objects
from codec.images.io import load
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from tests.cli.conftest import SMALL
from tests.samples import pose

ROOT = Path(__file__).resolve().parents[2]


CONTROLS = "a \x1b[31mred\x07 \u202ecat\n\r\x9b2J"


def run(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "codec", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT)


# --- each command


def test_encode_keeps_to_the_budget_and_reports_the_source_of_the_prompt(png, tmp_path, capsys):
    out = tmp_path / "photo.tril"
    assert main(["encode", str(png), "-o", str(out), "--budget", "400"]) == 0
    assert "prompt: from the picture's AUTOMATIC1111 metadata" in capsys.readouterr().out
    layers = Layers.from_bytes(out.read_bytes())
    assert out.stat().st_size <= 400 and layers.structure.strokes
    assert (layers.semantic, layers.seed) == (Prompt("an astronaut"), 5)


def test_encode_accepts_every_option(png, tmp_path):
    out = tmp_path / "photo.tril"
    options = "--prompt mine --negative not --budget 500 --grid 6x7 --edges lineart --seed 9".split()
    assert main(["encode", str(png), "-o", str(out), *options]) == 0
    layers = Layers.from_bytes(out.read_bytes())
    assert (layers.semantic, layers.seed) == (Prompt("mine", "not"), 9)
    assert (layers.texture.rows, layers.texture.cols) == (6, 7)


def test_inspect_shows_every_part_and_property(tril, capsys):
    assert main(["inspect", str(tril)]) == 0
    shown = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line}
    sizes = SMALL.sizes()
    for name, size in [*sizes._asdict().items(), ("total", tril.stat().st_size)]:
        assert rows[name] == [str(size), str(8 * size), f"{8 * size / (64 * 48):.5f}"]
    lines = "sketch of 1 strokes, 3 points on 16 x 12 cells"
    settings = "steps 20, sampler euler_a, model dreamshaper_8, size 512 x 384"
    for text in ("64 x 48", "a cat", "no dog", lines, "4 x 5 cells", settings):
        assert text in shown


def test_inspect_prints_json(tril, capsys):
    assert main(["inspect", str(tril), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["parts"]["total"]["bytes"] == tril.stat().st_size
    assert sum(part["bytes"] for part in summary["parts"].values()) == 2 * tril.stat().st_size
    assert (summary["prompt"], summary["negative"], summary["seed"]) == ("a cat", "no dog", 7)
    settings = {"steps": 20, "guidance": None, "sampler": "euler_a", "model": "dreamshaper_8", "size": [512, 384]}
    assert summary["settings"] == settings
    assert summary["structure"] == {"kind": "sketch", "strokes": 1, "points": 3, "cols": 16, "rows": 12}


def test_inspect_of_an_empty_file_and_of_a_pose(tmp_path, capsys):
    path = tmp_path / "a.tril"
    person = ((5, 5), *[None] * 17)
    for layers, text in ((Layers(9, 9), "lines       none"), (Layers(9, 9, structure=Pose((person,))), "persons: 1")):
        path.write_bytes(layers.to_bytes())
        assert main(["inspect", str(path)]) == 0
        assert text in capsys.readouterr().out


def test_layers_are_written_to_a_folder_and_back(tril, tmp_path, capsys):
    folder, back = tmp_path / "folder", tmp_path / "back.tril"
    assert main(["layers", str(tril), "-o", str(folder)]) == 0
    assert "prompt.txt, negative.txt, sketch.svg" in capsys.readouterr().out
    assert main(["layers", str(folder), "-o", str(back)]) == 0
    assert back.read_bytes() == tril.read_bytes()


def test_cut_removes_the_last_strokes_and_keeps_everything_else(tmp_path, capsys):
    whole, shorter = tmp_path / "whole.tril", tmp_path / "shorter.tril"
    strokes = tuple(tuple((x, 3 * y) for x in range(1, 40)) for y in range(20))
    layers = replace(SMALL, structure=Sketch(64, 64, strokes))
    whole.write_bytes(layers.to_bytes())
    max_bytes = whole.stat().st_size - 25
    assert main(["cut", str(whole), "--bytes", str(max_bytes), "-o", str(shorter)]) == 0
    smaller = Layers.from_bytes(shorter.read_bytes())
    count = len(smaller.structure.strokes)
    assert f"{shorter.stat().st_size} bytes, {count} of 20 strokes" in capsys.readouterr().out
    assert shorter.stat().st_size <= max_bytes and 0 < count < 20
    assert replace(smaller, structure=None) == replace(layers, structure=None)
    assert smaller.structure.strokes == strokes[:count]


@pytest.mark.parametrize("name", ["mask.png", "mask.tiff", "mask.gif"])
def test_erase_reads_masks_of_any_format(tmp_path, capsys, name):
    mask = np.zeros((SMALL.height, SMALL.width), bool)
    mask[:, : SMALL.width // 2] = True
    Image.fromarray(mask).save(tmp_path / name)
    Image.fromarray(mask & False).save(tmp_path / "empty.png")
    (tmp_path / "a.tril").write_bytes(SMALL.to_bytes())
    source, out = str(tmp_path / "a.tril"), tmp_path / "b.tril"
    assert main(["erase", source, str(tmp_path / name), "-o", str(out)]) == 0
    assert Layers.from_bytes(out.read_bytes()) == objects.erase(SMALL, mask)
    for given, output, message in (
        ("empty.png", "c.tril", "marks nothing"), ("a.tril", "c.tril", "GIF, BMP, TIFF"), (name, name, "is the input"),
        (name, "b.tril", "exists already"),
    ):  # fmt: skip
        assert main(["erase", source, str(tmp_path / given), "-o", str(tmp_path / output)]) == 1
        assert message in capsys.readouterr().err


def test_cut_keeps_a_pose_or_fails(tmp_path, capsys):
    path, out = tmp_path / "pose.tril", tmp_path / "out.tril"
    path.write_bytes(Layers(512, 512, Prompt("a dancer"), pose()).to_bytes())
    size = path.stat().st_size
    assert main(["cut", str(path), "--bytes", str(size), "-o", str(out)]) == 0
    assert out.read_bytes() == path.read_bytes()
    out.unlink()
    assert main(["cut", str(path), "--bytes", str(size - 1), "-o", str(out)]) == 1
    assert f"the file needs {size} bytes with its pose, which cannot be cut" in capsys.readouterr().err
    assert not out.exists()


def test_salvage_uses_the_undamaged_layers(tril, tmp_path, capsys):
    data = bytearray(tril.read_bytes())
    at = data.index(SMALL.texture.to_bytes())
    data[at] ^= 0xFF
    tril.write_bytes(data)
    assert main(["inspect", str(tril)]) == 1
    assert main(["inspect", str(tril), "--salvage"]) == 0
    shown = capsys.readouterr()
    assert "a cat" in shown.out and "left out: texture" in shown.err


# --- through real pipes


def test_encode_and_inspect_through_pipes(png):
    options = ("--budget", 300, "--prompt", "an astronaut", "--edges", "canny", "--grid", 4, "--balance", "structure")
    encoded = run("encode", "-", "-o", "-", *options, stdin=png.read_bytes())
    assert (encoded.returncode, encoded.stderr) == (0, b"")
    assert Layers.from_bytes(encoded.stdout).semantic == Prompt("an astronaut")
    copied = run("cut", "/dev/stdin", "--bytes", 300, "-o", "/dev/stderr", stdin=encoded.stdout)
    assert copied.stderr == encoded.stdout
    inspected = run("inspect", "-", stdin=encoded.stdout)
    assert (inspected.returncode, inspected.stderr) == (0, b"")
    assert b"an astronaut" in inspected.stdout


def test_decode_through_pipes_gives_the_same_picture(tril, tmp_path):
    decoded = run("decode", "-", "-o", "-", "--decoder", "painter-preview", "--seed", 3, stdin=tril.read_bytes())
    assert (decoded.returncode, decoded.stderr) == (0, b"")
    out = tmp_path / "out.png"
    assert main(["decode", str(tril), "-o", str(out), "--decoder", "painter-preview", "--seed", "3"]) == 0
    assert out.read_bytes() == decoded.stdout
    assert load(out).pixels.shape == (48, 64, 3)
    assert (
        main(["decode", str(tril), "-o", str(out), "--decoder", "painter-preview", "--layers", "2", "--overwrite"]) == 0
    )
    assert out.read_bytes() != decoded.stdout


def test_closed_output_pipe_is_no_traceback(tril):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "codec", "inspect", str(tril)]
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (141, b"")


def test_ascii_terminal_gets_escapes(tmp_path):
    path = tmp_path / "a.tril"
    path.write_bytes(Layers(9, 9, Prompt("café 猫")).to_bytes())
    command = [sys.executable, "-m", "codec", "inspect", str(path)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    assert ran.returncode == 0 and rb"caf\xe9 \u732b" in ran.stdout


# --- text from a file


def test_prompt_cannot_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "a.tril"
    path.write_bytes(Layers(9, 9, Prompt(CONTROLS, CONTROLS)).to_bytes())
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert r"a \x1b[31mred\x07 \u202ecat\n\r\x9b2J" in shown
    assert main(["inspect", str(path), "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["prompt"] == CONTROLS
    assert all(line.isascii() and line.isprintable() for line in shown.splitlines())


def test_printable_keeps_ordinary_text():
    assert printable("café 猫 \\ 'x'") == "café 猫 \\ 'x'"


def test_help_and_version_are_printed(capsys):
    for arguments, text in ((["--version"], codec.__version__), (["--help"], "examples:"), (["decode", "-h"], "1,2,3")):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0 and text in capsys.readouterr().out


# --- decoders and models


def test_best_of_stores_a_seed_within_the_budget(canned_encoder, png, tmp_path):
    out = tmp_path / "best.tril"
    arguments = ["--best-of", "3", "--decoder", "painter-preview", "--budget", "300", "--prompt", "x"]
    assert main(["encode", str(png), "-o", str(out), *arguments]) == 0
    layers = Layers.from_bytes(out.read_bytes())
    assert layers.seed in (None, 1, 2)
    assert len(out.read_bytes()) <= 300


def test_models_are_listed_without_a_network(capsys):
    assert main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"sd15", "sketch-adapter", "color-adapter", "blip2"} <= {model["name"] for model in listed}


def test_budget_over_the_format_limit_is_accepted(png, tmp_path):
    out = tmp_path / "big.tril"
    assert main(["encode", str(png), "-o", str(out), "--budget", "100000000", "--edges", "canny", "--grid", "4"]) == 0
    assert len(out.read_bytes()) < 65536
