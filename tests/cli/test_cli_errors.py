"""Errors of the command line: one line with a remedy, an exit code, and no file left behind."""

from __future__ import annotations

import io
import sys

import pytest

from codec.cli.main import main
from codec.layers import Layers


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "{dir}/absent.png", "-o", "{dir}/x"],
        ["encode", "{dir}", "-o", "-"],
        ["encode", "{dir}", "-o", "{tril}"],
        ["decode", "{dir}", "-o", "{png}"],
        ["encode", "{tril}", "-o", "{dir}/x"],
        ["encode", "{png}", "-o", "{dir}/no/folder/x"],
        ["encode", "{png}", "-o", "{dir}"],
        ["encode", "{png}", "-o", "{dir}/x", "--budget", "5"],
        ["encode", "{png}", "-o", "{dir}/x", "--edges", "nonsense"],
        ["encode", "{png}", "-o", "{dir}/x", "--prompt", "\udcff"],
        ["encode", "{png}", "-o", "{dir}/x", "--prompt", "p" * 5000],
        ["encode", "{png}", "-o", "{dir}/x", "--seed", "99999999999999999999"],
        ["inspect", "{dir}/absent\n\x1b[31m.tril"],
        ["inspect", "{dir}"],
        ["inspect", "{png}"],
        ["inspect", "/dev/null"],
        ["inspect", "/dev/zero"],
        ["decode", "{png}", "-o", "{dir}/x"],
        ["decode", "{tril}", "-o", "{dir}/x", "--decoder", "nonsense"],
        ["decode", "{empty}", "-o", "{dir}/x", "--decoder", "painter-preview"],
        ["layers", "{tril}", "-o", "-"],
        ["layers", "{tril}", "-o", "{png}"],
        ["layers", "{dir}", "-o", "{dir}/x"],
        ["layers", "{dir}/absent", "-o", "{dir}/x"],
    ],
    ids=lambda arguments: " ".join(map(ascii, arguments))[:60],
)
def test_error_is_one_line_and_leaves_no_file(arguments, canned_encoder, tril, png, tmp_path, capsys):
    empty = tmp_path / "empty.tril"
    empty.write_bytes(Layers(9, 9).to_bytes())
    before = sorted(tmp_path.iterdir())
    names = {"{dir}": tmp_path, "{tril}": tril, "{png}": png, "{empty}": empty}
    for name, path in names.items():
        arguments = [argument.replace(name, str(path)) for argument in arguments]
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("trilayer: ") and shown.err.count("\n") == 1 and shown.err[:-1].isprintable()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unheard-of"],
        ["inspect"],
        ["encode", "a.png"],
        ["encode", "a.png", "-o", "b", "--budget", "0"],
        ["encode", "a.png", "-o", "b", "--budget", "1e3"],
        ["encode", "a.png", "-o", "b", "--seed", "-1"],
        ["encode", "a.png", "-o", "b", "--grid", "4x4x4"],
        ["encode", "a.png", "-o", "b", "--grid", "65"],
        ["decode", "a.tril", "-o", "b", "--layers", "4"],
        ["decode", "a.tril", "-o", "b", "--layers", ""],
        ["decode", "a.tril", "-o", "b", "--lay", "1"],
    ],
    ids=str,
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt, 130), (MemoryError, 1), (PermissionError(13, "no"), 1)]
)
def test_interruption_is_one_line(raised, code, tril, capsys, monkeypatch):
    def stop(data: bytes) -> Layers:
        raise raised

    monkeypatch.setattr(Layers, "from_bytes", stop)
    assert main(["inspect", str(tril)]) == code
    shown = capsys.readouterr().err
    assert shown.startswith("trilayer: ") and shown.count("\n") == 1


def test_binary_output_is_not_written_to_a_terminal(canned_encoder, png, capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    assert main(["encode", str(png), "-o", "-", "--budget", "300"]) == 1
    assert sys.stdout.getvalue() == "" and "not written to a terminal" in capsys.readouterr().err


def test_missing_weights_are_one_line_with_a_remedy(tril, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main(["decode", str(tril), "-o", str(out), "--decoder", "sd15", "--preset", "fast"]) == 1
    error = capsys.readouterr().err
    assert (
        error.count("\n") == 1 and "sd15, lcm-lora" in error and "are missing" in error and "models fetch sd15" in error
    )
    assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--preset", "magic"],
        ["--guidance", "nan"],
        ["--structure-strength", "9"],
        ["--control", "wishes"],
        ["--steps", "999"],
        ["--checkpoint", "nowhere.ckpt"],
    ],
)
def test_invalid_decoder_option_is_one_line(tril, tmp_path, capsys, options):
    out = str(tmp_path / "out.png")
    assert main(["decode", str(tril), "-o", out, "--decoder", "sd15", *options]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "PNG", "-o", "OUT", "--decoder", "painter-preview"],
        ["encode", "PNG", "-o", "OUT", "--steps", "4"],
        ["encode", "PNG", "-o", "OUT", "--seed", "7", "--best-of", "2"],
        ["decode", "TRIL", "-o", "OUT", "--preset", "fast"],
    ],
)
def test_options_without_effect_are_refused(tril, png, tmp_path, capsys, arguments):
    names = {"PNG": str(png), "TRIL": str(tril), "OUT": str(tmp_path / "out")}
    assert main([names.get(argument, argument) for argument in arguments]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
