"""Opening pictures and files, and the options of an encode."""

from __future__ import annotations

import pytest
from skimage import data

from codec import CodecError, Layers, Prompt
from codec.encoder.encode_options import EncodeOptions
from codec.errors import ImageError, ModelMissing, Truncated
from codec.images.io import encode_png
from tests import samples
from ui.services import actions
from ui.services.examples import START_FILE, START_PICTURE

EXAMPLE_LAYERS = Layers.from_bytes(START_FILE.read_bytes())


def test_the_starting_example_has_a_picture_and_all_layers():
    assert START_PICTURE.stat().st_size < 100_000
    assert EXAMPLE_LAYERS.semantic and EXAMPLE_LAYERS.structure.strokes and EXAMPLE_LAYERS.texture


def test_the_preview_decoder_cannot_be_chosen():
    assert actions.DEFAULT_DECODER in actions.decoder_names()
    assert actions.PREVIEW_DECODER not in actions.decoder_names()
    assert set(actions.DECODER_LABELS) == set(actions.decoder_names())


def test_a_picture_is_encoded_within_the_budget():
    options = EncodeOptions(prompt="mine", budget=400, grid=8, edges="lineart")
    opened = actions.open_picture(str(START_PICTURE), options)
    assert len(opened.layers.to_bytes()) <= 400 and opened.layers.semantic == Prompt("mine")
    assert opened.original.shape == (400, 600, 3) and opened.name == "coffee" and opened.prompt_source


def test_picture_without_subject_asks_for_a_prompt(tmp_path):
    path = tmp_path / "plain.png"
    path.write_bytes(encode_png(samples.example().texture.render(32, 32)))
    opened = actions.open_picture(str(path), EncodeOptions(edges="lineart"))
    assert opened.prompt_source == "Nothing is known about this picture: type what it shows."
    assert opened.layers.semantic is None


def test_subject_is_named_and_asks_for_more(tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(encode_png(data.chelsea()))
    opened = actions.open_picture(str(path), EncodeOptions(edges="lineart"))
    assert opened.prompt_source == "Recognized automatically. Type more of what the picture shows."
    assert opened.layers.semantic == Prompt("cat")


@pytest.mark.parametrize("change", [{"budget": 0}, {"grid": 99}, {"edges": "none"}, {"edges": None}, {"budget": "7"}])
def test_invalid_options_are_rejected(change):
    options = {"prompt": None, "negative": "", "budget": None, "grid": 0, "edges": "canny"} | change
    with pytest.raises(CodecError):
        actions.encode_options(**options)


@pytest.mark.parametrize("edges", ["pidinet", "hed", "openpose"])
def test_a_detector_without_weights_is_a_one_line_error(monkeypatch, tmp_path, edges):
    monkeypatch.setenv("TRILAYER_MODELS", str(tmp_path))
    monkeypatch.setenv("TRILAYER_CACHE", str(tmp_path))
    with pytest.raises(ModelMissing) as error:
        actions.open_picture(str(START_PICTURE), EncodeOptions(prompt="x", edges=edges))
    assert "\n" not in str(error.value)


def test_missing_files_are_rejected(tmp_path):
    with pytest.raises(ImageError):
        actions.open_picture(str(tmp_path / "no"), EncodeOptions(edges="canny"))
    with pytest.raises(CodecError):
        actions.open_file(str(tmp_path / "no"))


@pytest.mark.parametrize(
    ("length", "warning"),
    [
        (-30, "The colors are damaged and were skipped."),
        (40, "The sketch and the colors are damaged and were skipped."),
        (-1, "all of its layers can be read"),
    ],
)
def test_intact_layers_of_a_truncated_file_are_opened(tmp_path, length, warning):
    path = tmp_path / "truncated.tril"
    path.write_bytes(START_FILE.read_bytes()[:length])
    opened = actions.open_file(str(path))
    assert warning in opened.warning and opened.layers.semantic == EXAMPLE_LAYERS.semantic


def test_a_file_truncated_in_its_header_is_rejected(tmp_path):
    path = tmp_path / "truncated.tril"
    path.write_bytes(START_FILE.read_bytes()[:8])
    with pytest.raises(Truncated):
        actions.open_file(str(path))
