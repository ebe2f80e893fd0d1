"""The page's actions, without the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codec import CodecError, Colormap, Layers, Pose, Prompt
from codec.decoders import Strengths
from codec.encoder.options import EncodeOptions
from codec.errors import ImageError, InvalidLayer, ModelMissing, Truncated
from codec.layers import MAX_SEED
from ui.page.layout import EXAMPLE, EXAMPLE_PICTURE
from ui.services import actions, canvas_state, files, previews

EXAMPLE_LAYERS = Layers.from_bytes(EXAMPLE.read_bytes())


def test_the_example_is_what_its_picture_gives_in_kind():
    assert EXAMPLE_PICTURE.stat().st_size < 100_000
    assert EXAMPLE_LAYERS.semantic and EXAMPLE_LAYERS.structure.strokes and EXAMPLE_LAYERS.texture


def test_the_preview_is_no_choice_for_the_final_picture():
    assert actions.FINAL in actions.decoders() and actions.PREVIEW not in actions.decoders()


@pytest.mark.parametrize("bad", [None, "7", 5, 1e9, float("nan"), True, [600]])
def test_a_budget_that_is_no_budget_is_refused(bad):
    with pytest.raises(InvalidLayer):
        actions.whole(bad, "byte budget", *actions.BUDGETS)


@pytest.mark.parametrize(
    ("typed", "seed"), [("0", 0), (" 7 ", 7), (str(2**53 + 1), 2**53 + 1), (str(MAX_SEED), MAX_SEED)]
)
def test_a_seed_is_exact(typed, seed):
    assert actions.seed_of(typed) == seed
    _, layers = actions.current(canvas_state.write(EXAMPLE_LAYERS, "x"), "a", "", typed, True)
    assert Layers.from_bytes(layers.to_bytes()).seed == seed


@pytest.mark.parametrize("bad", [None, "", "-1", "1.5", "1e3", "7_0", "²", "٣", str(MAX_SEED + 1), "9" * 9999, 7, [1]])
def test_a_seed_that_is_no_seed_is_refused(bad):
    with pytest.raises(InvalidLayer):
        actions.seed_of(bad)


def test_a_picture_file_becomes_layers_within_the_budget():
    options = EncodeOptions(prompt="mine", budget=400, grid=8, edges="lineart")
    opened = actions.open_picture(str(EXAMPLE_PICTURE), options)
    assert len(opened.layers.to_bytes()) <= 400 and opened.layers.semantic == Prompt("mine")
    assert opened.original.shape == (400, 600, 3) and opened.name == "coffee" and opened.origin


@pytest.mark.parametrize("change", [{"budget": 0}, {"grid": 99}, {"edges": "none"}, {"edges": None}])
def test_bad_options_are_refused(change):
    options = {"prompt": None, "negative": "", "budget": None, "grid": 0, "edges": "canny"} | change
    with pytest.raises(CodecError):
        actions.encode_options(**options)


@pytest.mark.parametrize("edges", ["pidinet", "hed", "openpose"])
def test_an_edge_detector_without_its_weights_is_one_line(monkeypatch, tmp_path, edges):
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing) as error:
        actions.open_picture(str(EXAMPLE_PICTURE), EncodeOptions(prompt="x", edges=edges))
    assert "\n" not in str(error.value)


def test_a_missing_picture_or_file_is_refused(tmp_path):
    with pytest.raises(ImageError):
        actions.open_picture(str(tmp_path / "no"), EncodeOptions(edges="canny"))
    with pytest.raises(CodecError):
        actions.open_file(str(tmp_path / "no"))


@pytest.mark.parametrize(("most", "lost"), [(-30, "texture"), (40, "structure and texture"), (-1, "can be read")])
def test_of_a_file_that_was_cut_off_the_rest_is_there(tmp_path, most, lost):
    path = tmp_path / "cut.tril"
    path.write_bytes(EXAMPLE.read_bytes()[:most])
    opened = actions.open_file(str(path))
    assert lost in opened.warning and opened.layers.semantic == EXAMPLE_LAYERS.semantic


def test_a_file_cut_off_in_its_header_is_refused_as_such(tmp_path):
    path = tmp_path / "cut.tril"
    path.write_bytes(EXAMPLE.read_bytes()[:8])
    with pytest.raises(Truncated):
        actions.open_file(str(path))


@pytest.mark.parametrize(
    "layers",
    [
        EXAMPLE_LAYERS,
        EXAMPLE_LAYERS.only((1,)),
        EXAMPLE_LAYERS.only((2,)),
        EXAMPLE_LAYERS.only((3,)),
        EXAMPLE_LAYERS.only(()),
        Layers(2000, 1000, None, Pose((((1024, 100), (1024, 300), *(None,) * 16),))),
    ],
)
def test_the_layers_can_be_shown_as_they_are(layers):
    shown = actions.flat_picture(layers)
    scale = min(1, actions.SHOWN_SIDE / max(layers.width, layers.height))
    assert shown.shape == (round(layers.height * scale), round(layers.width * scale), 3) and shown.dtype == np.uint8


def test_the_preview_keeps_the_colors():
    cells = np.zeros((4, 4, 3), np.uint8)
    cells[:, :2], cells[:, 2:] = (200, 30, 30), (30, 30, 200)
    seen = previews.picture(Layers(64, 64, None, None, Colormap.from_cells(cells)), Strengths()).astype(int)
    left, right = seen[:, :24].mean((0, 1)), seen[:, -24:].mean((0, 1))
    assert left[0] > left[2] + 60 and right[2] > right[0] + 60


def test_a_picture_on_its_way_to_the_browser_is_not_written_again(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = Path(files.kept(b"picture", "preview.jpg"))
    before = path.stat().st_ino
    assert files.kept(b"picture", "preview.jpg") == str(path)
    assert (path.stat().st_ino, path.read_bytes()) == (before, b"picture")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
