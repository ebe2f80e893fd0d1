"""The canvas's value: exact through a round trip, and rejected with a one-line message if it is invalid."""

from __future__ import annotations

import base64
import copy

import numpy as np
import pytest

from codec import Layers, Pose, Prompt, Sketch
from codec.bitstream.container import KEEPABLE, SKIPPABLE
from codec.errors import CodecError, InvalidLayer
from codec.texture import rdoq
from tests import samples
from ui.services import canvas_state

SKETCH = Sketch(32, 16, (((1, 1), (2, 2), (3, 2), (4, 3)), ((10, 5), (10, 6), (11, 7))))
CELLS = np.random.default_rng(1).integers(0, 256, (4, 8, 3)).astype(np.uint8)
LAYERS = Layers(257, 131, Prompt("a cat", "blurry"), SKETCH, rdoq.quantize(CELLS))
POSE = Pose((((1024, 100), (1024, 300), *(None,) * 16),))


def value(layers: Layers = LAYERS) -> dict:
    return canvas_state.write(layers, "cat")


@pytest.mark.parametrize(
    "layers",
    [
        LAYERS,
        Layers(1, 1, Prompt("x"), None, None),
        Layers(4096, 3, None, SKETCH, None, seed=7),
        Layers(100, 50, None, POSE, LAYERS.texture, seed=0),
        Layers(100, 50, None, Sketch(8, 8, ()), None),
    ],
)
def test_unedited_layers_keep_their_bytes(layers):
    prompt = layers.semantic or Prompt()
    drawing = canvas_state.read(value(layers))
    assert drawing.layers(prompt.text, prompt.negative, layers.seed).to_bytes() == layers.to_bytes()


def test_unknown_chunks_of_the_file_survive():
    extra = Layers(64, 64, Prompt("x"), extra=((SKIPPABLE | KEEPABLE | 17, b"later"),))
    assert canvas_state.read(value(extra)).layers("y", "", None).extra == extra.extra


def test_a_new_stroke_and_a_painted_cell_change_nothing_else():
    edited = value()
    edited["strokes"].insert(0, [100, 20, 180, 90.5])
    edited["grid"]["colors"][9] = "#FF0080"
    layers = canvas_state.read(edited).layers("a dog", "", 3)
    assert layers.structure.strokes[1:] == SKETCH.strokes
    assert layers.texture.step == LAYERS.texture.step
    assert layers.semantic == Prompt("a dog") and layers.seed == 3


def test_a_value_without_its_base_still_has_all_work():
    lost = value() | {"base": None}
    layers = canvas_state.read(lost).layers("a cat", "blurry", None)
    assert layers.structure == SKETCH
    assert (layers.width, layers.height, layers.texture.rows, layers.texture.cols) == (257, 131, 4, 8)


def test_a_base_of_another_size_is_ignored():
    other = canvas_state.encode_base(Layers(10, 10, Prompt("other")))
    assert canvas_state.read(value() | {"base": other}).base is None


def mutants():
    """Yield values that the canvas never sends, each with a name."""
    for key, wrong in {
        "width": [0, 4097, 1.5, "257", None, True, 10**30],
        "height": [-1, 4097, [], float("nan")],
        "cols": [7, 1025, None],
        "rows": [0, "8"],
        "base": [5, "!!!", "AAAA", "A" * 300_000, base64.b64encode(b"hello").decode()],
        "strokes": [
            None,
            {},
            "x",
            [[1, 2]],
            [[1, 2, 3]],
            [[1, 2, "3", 4]],
            [[1, 2, True, 4]],
            [[0, 0, float("inf"), 1]],
            [[0, 0, float("nan"), 1]],
            [[0, 0, 10**400, 1]],
            [[0, 0, 99999, 1]],
            [None],
            [[0, 0, 1, 1]] * 4097,
            [[0] * 200_002],
            [[0] * 100_002] * 2,
        ],
        "grid": [
            [],
            {},
            {"rows": 4, "cols": 8},
            {"rows": 4, "cols": 8, "colors": ["#000000"] * 31},
            {"rows": 4, "cols": 8, "colors": ["#00000"] * 32},
            {"rows": 4, "cols": 8, "colors": ["#000000\n"] * 32},
            {"rows": 4, "cols": 8, "colors": [0] * 32},
            {"rows": 65, "cols": 4, "colors": ["#000000"] * 132},
        ],
    }.items():
        for bad in wrong:
            yield f"{key}={str(bad)[:40]}", value() | {key: bad}
    for bad in (None, [], "x", 5, {}):
        yield f"value={bad}", bad


@pytest.mark.parametrize("wrong", [pytest.param(bad, id=name) for name, bad in mutants()])
def test_an_invalid_value_is_a_one_line_error(wrong):
    with pytest.raises(CodecError) as error:
        canvas_state.read(wrong)
    assert "\n" not in str(error.value) and len(str(error.value)) < 120


JOINTS = [[10, 20], [30, 40], *[None] * 16]


def test_a_pose_replaces_the_strokes():
    given = canvas_state.write(Layers(100, 50, None, POSE), "x")
    moved = given | {"pose": [[[-9, 20.2], None, [190, 80], *[None] * 15]]}
    assert canvas_state.read(moved).layers("", "", None).structure == Pose(
        (((0, 827), None, (2047, 2047), *(None,) * 15),)
    )
    assert canvas_state.read(given | {"pose": None}).layers("", "", None).structure is None
    drawn = canvas_state.read(given | {"pose": None, "strokes": [[10, 10, 60, 40]]}).layers("", "", None).structure
    assert isinstance(drawn, Sketch) and (drawn.cols, drawn.rows) == (128, 64)
    begun = canvas_state.read(value() | {"pose": [JOINTS]}).layers("a cat", "blurry", None)
    assert len(begun.structure.persons) == 1 and begun.texture == LAYERS.texture


@pytest.mark.parametrize(
    "wrong",
    [
        *({}, "x", [JOINTS] * 65, [None], [[]], [JOINTS[:17]], [[None] * 18], [[[1], *JOINTS[1:]]]),
        *([[["1", 2], *JOINTS[1:]]], [[[True, 2], *JOINTS[1:]]], [[[float("nan"), 2], *JOINTS[1:]]]),
        *([[[0, 10**400], *JOINTS[1:]]], [[[0, 600], *JOINTS[1:]]]),
    ],
)
def test_an_invalid_pose_is_a_one_line_error(wrong):
    with pytest.raises(InvalidLayer) as error:
        canvas_state.read(value() | {"pose": wrong})
    assert "\n" not in str(error.value) and len(str(error.value)) < 120


def test_json_text_gives_the_same_layers():
    assert canvas_state.read(canvas_state.to_json(value())).layers("x", "", 5) == canvas_state.read(value()).layers(
        "x", "", 5
    )
    for text in ("", "{", "[" * 100_000, "NaN", "1" * 5000):
        with pytest.raises(InvalidLayer):
            canvas_state.read(text)


def test_reading_does_not_modify_the_value():
    given = value()
    before = copy.deepcopy(given)
    canvas_state.read(given).layers("x", "", None)
    assert given == before


@pytest.mark.parametrize(("text", "negative"), [("x" * 30_000, ""), (5, ""), ("", None), ("a\ud800", "")])
def test_an_invalid_prompt_is_rejected(text, negative):
    with pytest.raises(InvalidLayer):
        canvas_state.read(value()).layers(text, negative, None)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("photo", "photo"),
        ("../../etc/passwd", "etc-passwd"),
        ("<img src=x>", "img src=x"),
        ("", "picture"),
        (None, "picture"),
        ("é" * 9, "é" * 9),
        ("日本語 (1)", "日本語 (1)"),
        ("e\u0301te\u0301 \U0001f642", "été \U0001f642"),
        ("日" * 200, "日" * 60),
        ("a\u202egnp.exe\ud800", "a-gnp.exe"),
        ("NUL", "NUL-"),
        (" .-(a) & 'b'; $c ", "(a) - -b- -c"),
        ("a" * 200, "a" * 60),
        ("con\0.tril", "con-.tril"),
    ],
)
def test_file_names_are_sanitized(name, stem):
    assert canvas_state.file_stem(name) == stem


def test_a_mask_is_scaled_to_the_picture():
    mask = canvas_state.read_mask({"mask": {"width": 2, "height": 2, "runs": [1, 1, 2]}}, 6, 4)
    assert mask.shape == (4, 6) and mask[:2, 3:].all() and mask.sum() == 6


@pytest.mark.parametrize(
    "mask",
    [
        None,
        {},
        {"width": 2, "height": 2},
        {"width": 2, "height": 2, "runs": [1, 1]},
        {"width": 2, "height": 2, "runs": [5, -1]},
        {"width": 2, "height": 2, "runs": [4.0]},
        {"width": 2, "height": 2, "runs": [True, 3]},
        {"width": 2, "height": 2, "runs": [0] * 9},
        {"width": 1025, "height": 1, "runs": [1025]},
        {"width": 10**9, "height": 10**9, "runs": [10**18]},
    ],
)
def test_an_invalid_mask_is_rejected(mask):
    with pytest.raises(InvalidLayer):
        canvas_state.read_mask({"mask": mask}, 6, 4)


def test_painted_cells_keep_the_detail_of_the_base():
    layers = samples.detailed()
    value = canvas_state.write(layers, "x")
    assert canvas_state.read(value).layers_as_opened() == layers
    value["grid"]["colors"][9] = "#ff00ff"
    painted = canvas_state.read(value).layers_as_opened().texture
    assert painted.detail == layers.texture.detail and painted.cells[1, 1].tolist() == [255, 0, 255]
