"""Outputs of the command line never replace their input or, without --overwrite, another file."""

from __future__ import annotations

from codec.cli.main import main
from codec.layers import Layers


def test_an_output_never_replaces_its_input_or_another_file(tmp_path, png, tril, capsys):
    photo = tmp_path / "other.png"
    photo.write_bytes(png.read_bytes())
    (tmp_path / "link.tril").symlink_to(photo)
    for arguments, message in (
        (["encode", photo, "-o", photo], "other.png is the input, which would be lost"),
        (["encode", photo, "-o", photo, "--overwrite"], "is the input"),
        (["encode", photo, "-o", tmp_path / "link.tril", "--overwrite"], "is the input"),
        (["encode", png, "-o", photo], "other.png exists already: use another name after -o, or add --overwrite"),
        (["decode", tril, "-o", photo], "exists already"),
        (["decode", tril, "-o", tril], "is the input"),
    ):
        assert main([str(argument) for argument in arguments]) == 1
        assert message in capsys.readouterr().err
    assert photo.read_bytes() == png.read_bytes()
    assert main(["encode", str(png), "-o", str(photo), "--budget", "400", "--overwrite"]) == 0
    assert photo.read_bytes().startswith(tril.read_bytes()[:3])
    assert main(["encode", str(tmp_path), "-o", str(tmp_path / "out"), "--overwrite"]) == 1


def test_cut_and_layers_never_replace_their_input_or_another_file(tmp_path, tril, capsys):
    folder, other = tmp_path / "folder", tmp_path / "other.tril"
    assert main(["layers", str(tril), "-o", str(folder)]) == 0
    (folder / "prompt.txt").write_text("edited")
    other.write_bytes(b"other")
    before = {path.name: path.read_bytes() for path in (*folder.iterdir(), other, tril)}
    for arguments, message in (
        (["cut", tril, "--bytes", "900", "-o", tril, "--overwrite"], "small.tril is the input, which would be lost"),
        (["cut", tril, "--bytes", "900", "-o", other], "other.tril exists already: use another name after -o"),
        (["layers", tril, "-o", folder], "prompt.txt exists already"),
        (["layers", folder / "colormap.png", "-o", folder, "--overwrite"], "colormap.png is the input"),
        (["layers", folder, "-o", folder / "layers.json", "--overwrite"], "layers.json is the input"),
        (["layers", folder, "-o", other], "other.tril exists already"),
    ):
        assert main([str(argument) for argument in arguments]) == 1
        assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (*folder.iterdir(), other, tril)} == before
    assert main(["layers", str(folder), "-o", str(other), "--overwrite"]) == 0
    assert Layers.from_bytes(other.read_bytes()).semantic.text == "edited"
    assert main(["layers", str(tril), "-o", str(folder), "--overwrite"]) == 0
    assert (folder / "prompt.txt").read_bytes() == before["prompt.txt"].replace(b"edited", b"a cat\n")


def test_an_output_that_comes_into_being_meanwhile_is_kept(tmp_path, tril, capsys, monkeypatch):
    out = tmp_path / "out.tril"
    to_bytes = Layers.to_bytes
    monkeypatch.setattr(Layers, "to_bytes", lambda layers: (out.write_bytes(b"other"), to_bytes(layers))[1])
    assert main(["cut", str(tril), "--bytes", "900", "-o", str(out)]) == 1
    assert "out.tril exists already" in capsys.readouterr().err and out.read_bytes() == b"other"


def test_an_archive_is_not_replaced_by_one_of_its_entries(tmp_path, capsys):
    archive = tmp_path / "many.parquet"
    archive.write_bytes(b"an archive")
    assert main(["cut", f"{archive}#a.png", "--bytes", "900", "-o", str(archive), "--overwrite"]) == 1
    assert "many.parquet is the input" in capsys.readouterr().err and archive.read_bytes() == b"an archive"
