"""Requests of the canvas: erase, borrow, regrid and shift."""

from __future__ import annotations

import errno
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from codec import Layers, Pose, Prompt, Sketch
from codec.images import png_chunk
from codec.images.io import encode_png
from codec.texture import rdoq
from ui.services import canvas_requests, canvas_state, import_layers
from ui.services.examples import START_FILE, START_PICTURE

EXAMPLE_LAYERS = Layers.from_bytes(START_FILE.read_bytes())
OTHER = Layers(
    320, 240, Prompt("another"), Sketch(64, 48, (((3, 3), (4, 4), (5, 5)), ((30, 30), (31, 30), (32, 31)))),
    rdoq.quantize(np.full((6, 8, 3), (20, 90, 200), np.uint8)),
)  # fmt: skip
POSED = Layers(64, 64, None, Pose((((1024, 200), (1024, 1800), *(None,) * 16),)))
SVG = b"<svg viewBox='0 0 100 100'><path d='M10 10 L90 10 90 90'/><path d='M10 90 Q50 50 60 90'/></svg>"


def masked(layers: Layers, x0: float, y0: float, x1: float, y1: float) -> dict:
    """Return an erase request for a rectangle, in 0..1 of the sides."""
    mask = np.zeros((100, 100), bool)
    mask[int(100 * y0) : int(100 * y1), int(100 * x0) : int(100 * x1)] = True
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask.ravel(), [False])).astype(int)))
    runs = np.diff(np.concatenate(([0], edges, [mask.size]))).tolist()
    return canvas_state.write(layers, "x") | {"mask": {"width": 100, "height": 100, "runs": runs}}


def test_erase_answers_indices_of_whole_strokes_and_points_of_pieces():
    request = masked(EXAMPLE_LAYERS, 0.6, 0.0, 1.0, 1.0)  # no line goes on beyond the right edge
    reply = canvas_requests.erase(request)
    whole = [s for s in reply["strokes"] if isinstance(s, int)]
    pieces = [s for s in reply["strokes"] if not isinstance(s, int)]
    assert 0 < len(whole) < len(request["strokes"]) and pieces and whole == sorted(whole)
    inside = 0.6 * EXAMPLE_LAYERS.width, EXAMPLE_LAYERS.width
    remaining = [x for i in whole for x in request["strokes"][i][::2]] + [x for piece in pieces for x in piece[::2]]
    assert not any(inside[0] < x < inside[1] for x in remaining)
    after = applied({"base": reply["base"], "grid": reply["grid"]})
    assert reply["cells"] and len(after.to_bytes()) < len(EXAMPLE_LAYERS.to_bytes())


def test_too_many_edits_of_colors_at_once_are_turned_away():
    places = canvas_requests.MAX_SEARCHES + canvas_requests.MAX_WAITING
    request = masked(EXAMPLE_LAYERS, 0, 0, 0, 0)
    for _ in range(places):
        assert canvas_requests._places.acquire(blocking=False)
    try:
        assert "try again in a few seconds" in canvas_requests.erase(request)["error"]
    finally:
        canvas_requests._places.release(places)
    assert "error" not in canvas_requests.erase(request)


def test_an_empty_mask_erases_nothing():
    request = masked(EXAMPLE_LAYERS, 0, 0, 0, 0)
    assert canvas_requests.erase(request) == {"strokes": list(range(len(request["strokes"]))), "cells": 0}


def test_erase_leaves_untouched_strokes_exactly_as_drawn():
    request = masked(Layers(100, 100, None, Sketch(32, 32, ())), 0, 0, 0.5, 1)
    request["strokes"] = [[60.1, 10.2, 90.3, 80.4], [10, 10, 20, 20]]
    assert canvas_requests.erase(request)["strokes"] == [0]


def test_erase_removes_joints_of_a_pose():
    layers = Layers(100, 100, Prompt("a dancer", "blurry"), Pose((((1900, 100), (100, 300), *(None,) * 16),)), seed=7)
    reply = canvas_requests.erase(masked(layers, 0.8, 0, 1, 1))
    assert reply["pose"][0][0] is None and reply["pose"][0][1]
    after = canvas_state.read(canvas_state.write(layers, "x") | {"pose": reply["pose"]}).layers("a dancer", "blurry", 7)
    assert after.structure.persons == ((None, (100, 300), *(None,) * 16),)
    assert (after.semantic, after.seed) == (layers.semantic, 7)


def test_an_invalid_erase_request_is_answered_with_an_error():
    assert set(canvas_requests.erase({"mask": 1})) == {"error"}
    assert set(canvas_requests.erase(None)) == {"error"}


@pytest.fixture
def borrow(tmp_path, monkeypatch):
    """-> borrow(data, what, how, add, layers), the answer to a request with an upload of this data."""
    monkeypatch.setattr(import_layers, "get_upload_folder", lambda: str(tmp_path))

    def ask(data: bytes, what="sketch", how="auto", add=False, layers=EXAMPLE_LAYERS):
        path = tmp_path / "upload"
        path.write_bytes(data)
        request = {"path": str(path), "name": "a <b>file", "what": what, "how": how, "add": add}
        return canvas_requests.borrow(canvas_state.write(layers, "x") | {"borrow": request})

    return ask


def applied(answer: dict, layers: Layers = EXAMPLE_LAYERS) -> Layers:
    """Return the layers after the canvas has applied an answer."""
    assert "error" not in answer, answer
    prompt = layers.semantic or Prompt()
    return canvas_state.read(canvas_state.write(layers, "x") | answer).layers(prompt.text, prompt.negative, layers.seed)


def drawing() -> Image.Image:
    """Return a drawing: a line and a filled rectangle, black on white."""
    image = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(image).line([(20, 100), (280, 100)], "black", 7)
    ImageDraw.Draw(image).rectangle([200, 20, 260, 70], fill="black")
    return image


def png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("wrapped", [False, True])
def test_layers_of_another_file_are_borrowed_unchanged(borrow, wrapped):
    data = OTHER.to_bytes()
    data = png_chunk.embed(encode_png(np.zeros((9, 9, 3), np.uint8)), data) if wrapped else data
    after = applied(borrow(data))
    assert after.structure == OTHER.structure
    assert (after.texture, after.semantic) == (EXAMPLE_LAYERS.texture, EXAMPLE_LAYERS.semantic)
    after = applied(borrow(data, "colors"))
    assert after.texture == OTHER.texture and after.structure == EXAMPLE_LAYERS.structure


def test_a_borrowed_pose_replaces_the_sketch(borrow):
    answer = borrow(POSED.to_bytes(), add=True)
    assert answer["strokes"] == [] and applied(answer).structure == POSED.structure
    back = applied(borrow(OTHER.to_bytes(), layers=POSED), POSED)
    assert back.structure == OTHER.structure


def test_borrowed_strokes_can_be_added(borrow):
    after = applied(borrow(SVG, add=True)).structure
    assert after.strokes[-len(EXAMPLE_LAYERS.structure.strokes) :] == EXAMPLE_LAYERS.structure.strokes
    assert len(after.strokes) == len(EXAMPLE_LAYERS.structure.strokes) + 2


def test_paths_of_an_svg_become_strokes(borrow):
    after = applied(borrow(SVG)).structure
    first = after.points(100, 100)[0]
    assert len(after.strokes) == 2
    assert np.abs(first[0] - 10).max() < 2 and np.abs(first[-1] - 90).max() < 2


def test_a_drawing_gives_center_lines_and_outlines_of_shapes(borrow):
    strokes = applied(borrow(png(drawing()))).structure.points(300, 200)
    line = [stroke for stroke in strokes if np.ptp(stroke[:, 0]) > 200]
    assert len(line) == 1 and np.abs(line[0][:, 1] - 100).max() < 4
    rim = np.concatenate([stroke for stroke in strokes if stroke[:, 1].max() < 85])
    inner = (rim[:, 0] > 208) & (rim[:, 0] < 252) & (rim[:, 1] > 28) & (rim[:, 1] < 62)
    assert np.ptp(rim[:, 0]) > 50 and np.ptp(rim[:, 1]) > 40 and not inner.any()


def test_a_photo_gives_edges_and_colors(borrow):
    photo = START_PICTURE.read_bytes()
    assert len(applied(borrow(photo, layers=OTHER), OTHER).structure.strokes) > 20
    after = applied(borrow(photo, "colors", layers=OTHER), OTHER).texture
    mean = np.array(Image.open(BytesIO(photo)).convert("RGB")).mean((0, 1))
    assert (after.rows, after.cols) == (6, 8) and np.abs(after.cells.mean((0, 1)) - mean).max() < 12


@pytest.mark.parametrize(
    ("data", "what", "message"),
    [
        (b"hello", "sketch", "PNG, JPEG, WebP"),
        (b"", "colors", "is empty"),
        (SVG, "colors", "no colors to copy"),
        (b"<svg viewBox='0 0 9 9'></svg>", "sketch", "no lines"),
        (png(Image.new("RGB", (40, 40), "white")), "sketch", "no lines"),
        (POSED.to_bytes(), "colors", "has no colors"),
        (OTHER.only((1,)).to_bytes(), "sketch", "no lines"),
        (OTHER.to_bytes()[:7], "sketch", "truncated"),
        (SVG, "prompt", "no such layer"),
    ],
)
def test_a_file_that_cannot_be_borrowed_from_is_a_one_line_error(borrow, data, what, message):
    answer = borrow(data, what)
    assert set(answer) == {"error"} and message in answer["error"] and "\n" not in answer["error"]


@pytest.mark.parametrize("path", ["/etc/passwd", "..", "", None, 5, "a\0b"])
def test_files_that_are_not_uploads_are_rejected(borrow, path):
    answer = canvas_requests.borrow(
        canvas_state.write(OTHER, "x") | {"borrow": {"path": path, "what": "sketch", "how": "auto"}}
    )
    assert set(answer) == {"error"}


def test_regrid_keeps_the_colors():
    finer = canvas_requests.regrid(canvas_state.write(EXAMPLE_LAYERS, "x") | {"cells": 32})["grid"]
    assert (finer["cols"], finer["rows"]) == (32, 21)
    coarse = canvas_requests.regrid(canvas_state.write(EXAMPLE_LAYERS, "x") | {"cells": 4})
    cells = applied(coarse).texture.cells
    assert cells.shape == (3, 4, 3)
    assert np.abs(cells.mean((0, 1)) - EXAMPLE_LAYERS.texture.cells.mean((0, 1))).max() < 12


def test_regrid_creates_a_grid_where_there_is_none():
    empty = Layers(100, 50)
    answer = canvas_requests.regrid(canvas_state.write(empty, "x") | {"cells": 8})
    assert applied(answer, empty).texture.cells.shape == (4, 8, 3)


def test_shift_changes_hue_and_brightness():
    turned = canvas_requests.shift({"colors": ["#c03020", "#808080"], "hue": 120, "saturation": 0, "brightness": 0})[
        "colors"
    ]
    r, g, b = bytes.fromhex(turned[0][1:])
    assert g > r and g > b and turned[1] == "#808080"
    same = canvas_requests.shift({"colors": ["#c03021"], "hue": 0, "saturation": 0, "brightness": 0})
    assert same == {"colors": ["#c03021"]}
    light = canvas_requests.shift({"colors": ["#404040"], "hue": 0, "saturation": 0, "brightness": 20})["colors"][0]
    assert bytes.fromhex(light[1:])[0] > 0x60


@pytest.mark.parametrize(
    ("ask", "payload"),
    [
        (canvas_requests.shift, None),
        (canvas_requests.shift, {"colors": ["red"], "hue": 0, "saturation": 0, "brightness": 0}),
        (canvas_requests.shift, {"colors": ["#000000"] * 4097, "hue": 0, "saturation": 0, "brightness": 0}),
        (canvas_requests.shift, {"colors": [], "hue": "0", "saturation": 0, "brightness": 0}),
        (canvas_requests.shift, {"colors": [], "hue": float("nan"), "saturation": 0, "brightness": 0}),
        (canvas_requests.regrid, canvas_state.write(EXAMPLE_LAYERS, "x") | {"cells": 65}),
        (canvas_requests.regrid, canvas_state.write(EXAMPLE_LAYERS, "x") | {"cells": 1}),
        (canvas_requests.regrid, None),
        (canvas_requests.borrow, canvas_state.write(EXAMPLE_LAYERS, "x")),
        (canvas_requests.borrow, None),
    ],
)
def test_an_invalid_request_is_answered_with_an_error(ask, payload):
    answer = ask(payload)
    assert set(answer) == {"error"} and "went wrong" not in answer["error"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "too little memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk of the machine that serves this page is full"),
        (SystemExit(), "Something went wrong here; your layers are unchanged"),
        (KeyError("secret"), "Something went wrong here; your layers are unchanged"),
    ],
)
def test_an_internal_failure_is_answered_with_one_sentence(monkeypatch, error, message):
    def fail(*_):
        raise error

    monkeypatch.setattr(canvas_requests.canvas_state, "read", fail)
    answer = canvas_requests.erase({})
    assert set(answer) == {"error"} and message in answer["error"] and "secret" not in answer["error"]


def test_erase_answers_the_base_with_other_detail_under_the_mask():
    request = masked(EXAMPLE_LAYERS, 0.5, 0.1, 0.9, 0.5)
    reply = canvas_requests.erase(request)
    before, after = EXAMPLE_LAYERS.texture, canvas_state.read(request | reply_colors(reply)).layers_as_opened().texture
    assert after.detail != before.detail
    assert np.array_equal(after.detail.levels[:, :, :1], before.detail.levels[:, :, :1])
    assert len(after.to_bytes()) < len(before.to_bytes())
    assert "base" not in canvas_requests.erase(masked(EXAMPLE_LAYERS, 0, 0, 0, 0))


def reply_colors(reply: dict) -> dict:
    """Return the colors of an answer."""
    return {"base": reply["base"], "grid": reply["grid"]}


def placement(dx: float, dy: float, **others) -> dict:
    return {"matrix": [1, 0, dx, 0, 1, dy], "center": [0, 0], "shift": [0, 0], "radius": 0} | others


def test_move_takes_the_colors_along_and_fills_what_was_behind():
    width = EXAMPLE_LAYERS.width
    request = masked(EXAMPLE_LAYERS, 0.28, 0.04, 0.72, 0.52) | {"placement": placement(0.25 * width, 0)}
    reply = canvas_requests.move(request)
    after = applied(reply_colors(reply))
    assert after.semantic == EXAMPLE_LAYERS.semantic
    before, small = (layers.texture.small_picture(0, 0).astype(int) for layers in (EXAMPLE_LAYERS, after))
    rows, cols = before.shape[:2]
    cup = before[int(0.1 * rows) : int(0.45 * rows), int(0.33 * cols) : int(0.65 * cols)]
    there = small[int(0.1 * rows) : int(0.45 * rows), int(0.58 * cols) : int(0.9 * cols)]
    assert np.abs(cup - there).mean() < 25
    assert len(after.texture.to_bytes()) <= len(EXAMPLE_LAYERS.texture.to_bytes())


def test_a_copy_from_another_picture_leaves_its_colors():
    source = {key: canvas_state.write(OTHER, "o")[key] for key in ("base", "width", "height", "grid")}
    mask = {"width": 4, "height": 4, "runs": [5, 2, 2, 2, 5]}
    request = canvas_state.write(EXAMPLE_LAYERS, "x") | {
        "mask": mask, "placement": placement(100, 50), "keep": True, "source": source,
    }  # fmt: skip
    reply = canvas_requests.move(request)
    assert reply["strokes"] == list(range(len(EXAMPLE_LAYERS.structure.strokes)))
    small = applied(reply_colors(reply)).texture.small_picture(0, 0)
    y, x = int(170 / 400 * small.shape[0]), int(260 / 600 * small.shape[1])
    assert small[y, x, 2] > small[y, x, 0] + 60  # blue


def test_an_object_takes_another_color():
    request = masked(EXAMPLE_LAYERS, 0.4, 0.15, 0.6, 0.4)
    after = applied(canvas_requests.recolor(request | {"color": "#2040d0"}))
    rows, cols = after.texture.small_picture(0, 0).shape[:2]
    inside = after.texture.small_picture(0, 0)[int(0.2 * rows) : int(0.35 * rows), int(0.45 * cols) : int(0.55 * cols)]
    assert inside[..., 2].mean() > inside[..., 0].mean() + 60 and after.structure == EXAMPLE_LAYERS.structure
    assert set(canvas_requests.recolor(request | {"color": "blue"})) == {"error"}


@pytest.mark.parametrize("mood", ["night", "gray", "sunset"])
def test_a_mood_changes_base_and_detail(mood):
    reply = canvas_requests.recolor(canvas_state.write(EXAMPLE_LAYERS, "x") | {"mood": mood})
    small = applied(reply_colors(reply)).texture.small_picture(0, 0).astype(int)
    before = EXAMPLE_LAYERS.texture.small_picture(0, 0).astype(int)
    red_over_blue, old_red_over_blue = ((p[..., 0] - p[..., 2]).mean() for p in (small, before))
    if mood == "night":
        assert small.mean() < 0.8 * before.mean() and red_over_blue < old_red_over_blue
    elif mood == "gray":
        assert np.abs(small[..., 0] - small[..., 2]).mean() < 12
    else:
        assert small[..., 0].mean() > small[..., 2].mean() + 40


@pytest.mark.parametrize(
    "change",
    [
        {"placement": None},
        {"placement": {"matrix": [1, 0, 0], "center": [0, 0], "shift": [0, 0], "radius": 0}},
        {"placement": placement(float("nan"), 0)},
        {"placement": placement(0, 0, matrix=[0, 0, 0, 0, 0, 0])},
        {"placement": placement(0, 0, matrix=[1e5, 0, 0, 0, 1, 0])},
        {"placement": placement(0, 0, shift=[9, 9])},
        {"placement": placement(0, 0, radius=-1)},
        {"placement": placement(1, 1), "source": 5, "keep": True},
        {"placement": placement(1, 1), "source": {"width": 0, "height": 5}, "keep": True},
        {"placement": placement(1, 1), "mask": {"width": 4, "height": 4, "runs": [3]}},
    ],
)
def test_an_invalid_move_is_answered_with_an_error(change):
    answer = canvas_requests.move(masked(EXAMPLE_LAYERS, 0, 0, 0.5, 0.5) | change)
    assert set(answer) == {"error"} and "went wrong" not in answer["error"]
