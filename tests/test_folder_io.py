"""A folder of layers is read back without loss and with edits; errors name the file."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from codec.atomic_write import write_file
from codec.bitstream.container import KEEPABLE, SKIPPABLE
from codec.bitstream.settings import Settings
from codec.errors import CodecError, FormatError, ImageError, InvalidLayer, LimitExceeded
from codec.folder_io import read_layers, write_layers
from codec.images.io import encode_png, load
from codec.layers import Layers
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from codec.texture.repaint import repaint
from tests import samples

SKETCH = Sketch(64, 48, (((3, 3), (4, 4), (5, 4)), ((10, 40), (10, 39), (11, 38)), ((0, 0), (1, 0))))
COLORS = rdoq.quantize(np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8), 30)
FULL = Layers(
    320, 240, Prompt("a cat\n", "no\r\ndog"), SKETCH, COLORS, seed=7, settings=Settings(steps=20, guidance=7.5)
)
PERSON = tuple((100 + 10 * i, 90 * i) if i % 3 else None for i in range(18))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_layers(FULL, tmp_path)
    return tmp_path


@given(samples.layers)
@settings(max_examples=40)
def test_written_layers_are_read_back_exactly(layers):
    layers = replace(layers, width=min(layers.width, 133), height=min(layers.height, 80))  # fast to render
    with tempfile.TemporaryDirectory() as name:
        write_layers(layers, name)
        assert read_layers(name).to_bytes() == layers.to_bytes()


@pytest.mark.parametrize(("width", "height"), [(4096, 4096), (1, 1), (4096, 1), (777, 1024)])
def test_strokes_are_exact_at_any_picture_size(width, height, tmp_path, monkeypatch):
    monkeypatch.setattr(Sketch, "render", lambda *size: np.zeros((1, 1, 3), np.uint8))  # slow and not read back
    walk = tuple((i, 6 - abs(i % 12 - 6)) for i in range(1024))
    for cols, rows in ((1024, 1024), (8, 8), (1024, 8)):
        chain = tuple(point for point in walk if point[0] < cols)
        layers = Layers(width, height, structure=Sketch(cols, rows, (chain, ((0, 0), (1, 1)))))
        write_layers(layers, tmp_path)
        assert read_layers(tmp_path) == layers


def test_files_have_the_documented_content(folder):
    assert (folder / "prompt.txt").read_bytes() == b"a cat\n\n"
    assert (folder / "negative.txt").read_bytes() == b'"no\\r\\ndog"\n'
    assert np.array_equal(load(folder / "colormap.png").pixels, COLORS.cells)
    assert np.array_equal(load(folder / "sketch.png").pixels, SKETCH.render(320, 240))
    assert (folder / "sketch.svg").read_text().count("<path") == 3
    assert sorted(path.name for path in folder.iterdir()) == [
        "colormap.png",
        "layers.json",
        "negative.txt",
        "prompt.txt",
        "sketch.png",
        "sketch.svg",
    ]


def test_writing_again_replaces_and_removes_only_layer_files(folder):
    (folder / "notes.txt").write_text("mine")
    pose = Layers(64, 64, structure=Pose((PERSON,)))
    write_layers(pose, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["layers.json", "notes.txt", "pose.json", "pose.png"]
    assert read_layers(folder) == pose


def test_edited_prompt_is_read(folder):
    (folder / "prompt.txt").write_text("a dog")
    (folder / "negative.txt").unlink()
    assert read_layers(folder) == replace(FULL, semantic=Prompt("a dog"))


def test_edited_sketch_is_read(folder):
    text = (folder / "sketch.svg").read_text()
    first = text.index("<path")
    second = text.index("<path", first + 1)
    (folder / "sketch.svg").write_text(text[:first] + text[second:])
    assert read_layers(folder) == replace(FULL, structure=Sketch(64, 48, SKETCH.strokes[1:]))
    added = text.replace("</g>", '<path d="M100 102.5H141"/></g>')
    (folder / "sketch.svg").write_text(added)
    strokes = read_layers(folder).structure.strokes
    assert strokes[:3] == SKETCH.strokes
    assert strokes[3] == tuple((x, 20) for x in range(20, 29))


def test_edited_colors_are_read(folder):
    cells = COLORS.cells.copy()
    cells[2, 3] = 255, 0, 0
    (folder / "colormap.png").write_bytes(encode_png(cells))
    assert read_layers(folder) == replace(FULL, texture=repaint(COLORS, cells))
    enlarged = np.repeat(np.repeat(COLORS.cells, 40, axis=0), 40, axis=1)  # resized in an editor
    (folder / "colormap.png").write_bytes(encode_png(enlarged))
    assert read_layers(folder) == FULL
    (folder / "colormap.png").write_bytes(encode_png(cells[:4, :4]))
    assert read_layers(folder).texture.cells.shape == (4, 4, 3)


def test_removed_file_is_an_absent_layer(folder):
    (folder / "colormap.png").unlink()
    (folder / "prompt.txt").unlink()
    (folder / "negative.txt").unlink()
    (folder / "sketch.svg").unlink()
    with pytest.raises(FormatError, match=r"sketch\.png but not sketch\.svg"):
        read_layers(folder)
    (folder / "sketch.png").unlink()
    assert read_layers(folder) == Layers(320, 240, seed=7, settings=FULL.settings)


def test_folder_without_layers_json_is_read(tmp_path):
    (tmp_path / "sketch.svg").write_text('<svg viewBox="0 0 300.4 200"><path d="M0 0L300 200"/></svg>')
    (tmp_path / "prompt.txt").write_text("a line\n")
    (tmp_path / "colormap.png").write_bytes(encode_png(COLORS.cells))
    layers = read_layers(tmp_path)
    assert (layers.width, layers.height, layers.semantic) == (301, 200, Prompt("a line"))
    assert len(layers.structure.strokes) == 1 and layers.texture.cells.shape == (6, 8, 3)


def test_unknown_chunks_are_kept_unless_the_layers_were_edited(tmp_path):
    kept, dropped = (SKIPPABLE | KEEPABLE | 9, b"kept"), (SKIPPABLE | 9, b"about these exact layers")
    layers = replace(FULL, extra=(dropped, kept))
    write_layers(layers, tmp_path)
    assert read_layers(tmp_path) == layers
    (tmp_path / "prompt.txt").write_text("other\n")
    assert read_layers(tmp_path).extra == (kept,)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("prompt.txt", b"\xff", FormatError),
        ("prompt.txt", b"x" * 5000, InvalidLayer),
        ("negative.txt", b"x" * 100_000, LimitExceeded),
        ("colormap.png", b"not a picture", ImageError),
        ("colormap.png", encode_png(np.zeros((1, 3, 3), np.uint8)), InvalidLayer),
        ("sketch.svg", b"<!DOCTYPE svg [<!ENTITY a >]><svg/>", FormatError),
        ("sketch.svg", b'<svg viewBox="0 0 9 9"><text/></svg>', FormatError),
        ("sketch.svg", b'<svg><path d="M0 0' + b"L320 0L0 1" * 3000 + b'"/></svg>', InvalidLayer),
        ("pose.json", b"{}", FormatError),
        ("layers.json", b"", FormatError),
        ("layers.json", b"[]", FormatError),
        ("layers.json", b'{"width": 5}', FormatError),
        ("layers.json", b"[" * 100_000, FormatError),
        ("layers.json", b" " * 2_000_000, LimitExceeded),
    ],
)
def test_invalid_file_is_named_in_the_error(name, data, error, folder):
    (folder / name).write_bytes(data)
    with pytest.raises(error) as caught:
        read_layers(folder)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": 5000},
        {"width": 1.5},
        {"width": None},
        {"height": "240"},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": "7"},
        {"seed": 2**64},
        {"settings": {"steps": 999}},
        {"settings": {"steps": 1.5}},
        {"settings": {"steps": "many"}},
        {"settings": {"unknown": 1}},
        {"settings": 5},
        {"settings": {"model": 5}},
        {"sketch": {"cols": 7, "rows": 48}},
        {"sketch": {"cols": 10**9, "rows": 48}},
        {"sketch": {"cols": 64.5, "rows": 48}},
        {"sketch": {"cols": float("nan"), "rows": 48}},
        {"sketch": {"cols": "64", "rows": 48}},
        {"sketch": {"rows": 48}},
        {"sketch": 3},
        {"colormap": "zz"},
        {"colormap": ""},
        {"colormap": "00ff"},
        {"colormap": 5},
        {"extra": [[300, "00"]]},
        {"extra": [["x", "00"]]},
        {"extra": 5},
        {"extra": [[129 + 64, "00"]]},
    ],
    ids=str,
)
def test_invalid_layers_json_is_rejected(change, folder):
    notes = json.loads((folder / "layers.json").read_text())
    (folder / "layers.json").write_text(json.dumps({**notes, **change}))
    with pytest.raises(CodecError) as caught:
        read_layers(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "persons",
    [
        5,
        [5],
        [[]],
        [[None] * 18],
        [[[1, 2]] * 17],
        [[[1, 5000]] * 18],
        [[[1.5, 2]] * 18],
        [[["1", 2]] * 18],
        [[[1]] * 18],
    ],
    ids=str,
)
def test_invalid_pose_json_is_rejected(persons, tmp_path):
    write_layers(Layers(64, 64, structure=Pose((PERSON,))), tmp_path)
    (tmp_path / "pose.json").write_text(json.dumps({"persons": persons}))
    with pytest.raises(CodecError, match=r"pose\.json"):
        read_layers(tmp_path)


def test_folder_without_layers_or_with_two_structures_is_rejected(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FormatError):
            read_layers(path)
    write_layers(FULL, tmp_path)
    (tmp_path / "pose.json").write_text('{"persons": []}')
    with pytest.raises(FormatError, match="remove the one"):
        read_layers(tmp_path)


def test_file_is_replaced_atomically(tmp_path, monkeypatch):
    target = tmp_path / "a.tril"
    target.write_bytes(b"before")
    target.chmod(0o640)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_file(target, b"after")
    assert target.read_bytes() == b"before" and list(tmp_path.iterdir()) == [target]
    monkeypatch.undo()
    link = tmp_path / "link"
    link.symlink_to(target)
    write_file(link, b"after")
    assert (target.read_bytes(), target.stat().st_mode & 0o777, link.is_symlink()) == (b"after", 0o640, True)
    write_file("/dev/null", b"nowhere")


def test_detail_is_a_file_of_its_own_that_can_be_deleted(tmp_path):
    layers = samples.detailed()
    write_layers(layers, tmp_path)
    assert (tmp_path / "detail.bin").read_bytes() == layers.texture.detail.to_bytes()
    assert read_layers(tmp_path).to_bytes() == layers.to_bytes()
    cells = load(tmp_path / "colormap.png").pixels.copy()
    cells[0, 0] = (255, 0, 255)
    write_file(tmp_path / "colormap.png", encode_png(cells))
    assert read_layers(tmp_path).texture.detail == layers.texture.detail
    (tmp_path / "layers.json").write_text(json.dumps({"width": 512, "height": 512}))
    assert read_layers(tmp_path).texture.detail == layers.texture.detail
    (tmp_path / "detail.bin").unlink()
    assert read_layers(tmp_path).texture.detail is None


PROMPT_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")


@pytest.mark.parametrize("seed", range(100))
def test_prompt_files_of_other_editors_by_a_generator(tmp_path, seed):
    """Any encoding with a mark and any line end give the prompt; any prompt at all comes back from its own files."""
    rng = random.Random(seed)
    text = "".join(rng.choices(["a red cup", " ", "\n", "\u2028", "\x85", "\x0b", "日本", "é", '"', "\\r", ","], k=6))
    write_layers(Layers(64, 64, Prompt(text or "x", "bad")), tmp_path)
    end = rng.choice(["\n", "\r\n", "\r"])
    written = (text + rng.choice(["", "\n"])).replace("\n", end).encode(rng.choice(PROMPT_ENCODINGS))
    (tmp_path / "prompt.txt").write_bytes(written)
    assert read_layers(tmp_path).semantic.text.rstrip("\n") == text.rstrip("\n")

    strange = "".join(rng.choices(['"', "\\", "\r", "\ufeff", "\n", "\0", "r", "\r\n"], k=rng.randint(1, 6)))
    layers = Layers(64, 64, Prompt(strange, f'"{strange}"'))
    write_layers(layers, tmp_path)
    assert read_layers(tmp_path) == layers


def test_prompt_file_in_another_encoding_is_one_clear_error(tmp_path):
    write_layers(Layers(64, 64, Prompt("x")), tmp_path)
    (tmp_path / "prompt.txt").write_bytes("café".encode("cp1252"))
    with pytest.raises(FormatError, match=r"prompt.txt is not UTF-8 text \(line 1\): save it as UTF-8"):
        read_layers(tmp_path)


@pytest.mark.parametrize("name", ["prompt.txt", "sketch.svg", "colormap.png", "layers.json"])
def test_names_in_capitals_are_one_clear_error(tmp_path, name):
    write_layers(samples.example(), tmp_path)
    (tmp_path / name).rename(tmp_path / name.upper())
    with pytest.raises(FormatError, match=f"rename {name.upper()} to {name}"):
        read_layers(tmp_path)
