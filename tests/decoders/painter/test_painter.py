"""The painter as a decoder: any layers, any size, deterministic, cancellable."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
import torch

from codec.decoders import base, get
from codec.decoders.painter import figure
from codec.decoders.painter.painter import BAND_ROWS, Painter, _enlarge
from codec.decoders.painter.real_esrgan import Upscaler
from codec.errors import Cancelled, InvalidLayer, ModelMissing
from codec.layers import Layers
from codec.models import weights
from codec.semantic.prompt import Prompt
from codec.structure.pose import Pose
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from tests import samples

PROMPT = Prompt("a red hill under a blue sky")
HILL = [np.array([[0.0, 130.0], [60, 118], [128, 124], [190, 112], [256, 120]])]
SKETCH = Sketch.from_polylines(HILL, 256, 256, 64)
CELLS = np.zeros((8, 8, 3), np.uint8)
CELLS[:4], CELLS[4:] = [70, 110, 220], [200, 60, 40]
COLORS = rdoq.quantize(CELLS, 10)
JOINTS = tuple((400 + 60 * i, 300 + 80 * i) for i in range(18))
POSE = Pose((JOINTS,))
BOTH = Layers(128, 48, PROMPT, SKETCH, COLORS)  # flat pictures take less time


@pytest.fixture(scope="module", params=["painter", "painter-preview"])
def painter(request):
    return get(request.param)


@pytest.fixture(scope="module")
def preview():
    return get("painter-preview")


def lightness_range(picture):
    gray = picture.astype(int).mean(2)
    return gray.max() - gray.min()


# --- layers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", [None, SKETCH, POSE], ids=["no structure", "sketch", "pose"])
@pytest.mark.parametrize("texture", [None, COLORS], ids=["no colors", "colors"])
@pytest.mark.parametrize("semantic", [None, PROMPT], ids=["no prompt", "prompt"])
def test_every_subset_of_layers_gives_a_picture(painter, semantic, structure, texture):
    layers = Layers(80, 24, semantic, structure, texture)
    if layers.is_empty:
        with pytest.raises(InvalidLayer, match="nothing to decode"):
            painter.decode(layers)
        return
    picture = painter.decode(layers)
    assert picture.shape == (24, 80, 3)
    assert picture.dtype == np.uint8
    assert lightness_range(picture) > 5


def test_colors_of_the_cells_are_kept(painter):
    picture = painter.decode(Layers(192, 96, None, SKETCH, COLORS))
    means = cv2.resize(picture, (8, 8), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(means - COLORS.cells).mean() < 12


def test_line_separates_two_colors(painter):
    picture = painter.decode(Layers(256, 256, None, SKETCH, COLORS)).astype(int)
    for x in (60, 128, 190):
        line = np.interp(x, HILL[0][:, 0], HILL[0][:, 1])
        above, below = picture[int(line) - 9, x], picture[int(line) + 9, x]
        assert above[2] > above[0] + 60  # blue
        assert below[0] > below[2] + 60  # red


def test_sketch_alone_gives_dark_lines_on_light_paper(preview):
    picture = preview.decode(Layers(256, 256, None, SKETCH)).astype(int)
    lines = SKETCH.render(256, 256)[..., 0] > 128
    assert picture[~cv2.dilate(lines.astype(np.uint8), np.ones((9, 9))).astype(bool)].min() > 200
    assert picture[lines].mean() < 170


def test_pose_alone_gives_gray_figures_on_paper(preview):
    picture = preview.decode(Layers(128, 128, None, POSE)).astype(int)
    assert (picture.mean(2) < 160).mean() > 0.02 and np.median(picture) > 220
    assert np.ptp(picture, axis=2).max() < 30


@pytest.mark.parametrize(("color", "sign"), [((220, 180, 120), -1), ((40, 20, 60), 1)])
def test_figure_shows_on_any_color(preview, color, sign):
    colors = rdoq.quantize(np.full((8, 8, 3), color, np.uint8), 10)
    plain, posed = (preview.decode(Layers(128, 128, None, pose, colors)).astype(int) for pose in (None, samples.pose()))
    change = (posed - plain).mean(2) * sign
    assert (change > 40).mean() > 0.02
    assert (abs(change) < 8).mean() > 0.5


def test_crowd_and_scattered_joints_are_painted():
    corners = ((0, 0), (2047, 0), (0, 2047), (2047, 2047))
    scattered = tuple(corners[i % 4] for i in range(18))
    single = ((1000, 1000), *(None,) * 17)
    sheet = np.full((96, 64, 3), 0.5, np.float32)
    painting = figure.paint_figures(sheet, Pose((scattered, single) * 32))
    assert painting.shape == sheet.shape and 0 <= painting.min() < 0.4 and painting.max() <= 1
    np.testing.assert_array_equal(figure.paint_figures(sheet, Pose(())), sheet)


def test_prompt_alone_gives_a_card_with_its_text(preview):
    first, second = (preview.decode(Layers(256, 256, Prompt(text))) for text in ("one", "another"))
    assert not np.array_equal(first, second)
    assert lightness_range(first) > 100


def test_empty_sketch_and_prompt_give_a_card_too(preview):
    empty = Sketch(16, 16, ())
    card = preview.decode(Layers(64, 64, PROMPT, empty))
    np.testing.assert_array_equal(card, preview.decode(Layers(64, 64, PROMPT)))
    assert preview.decode(Layers(64, 64, None, empty)).min() > 200  # paper


# --- sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (200, 3), (1, 4096), (4096, 1), (97, 250)])
def test_any_size(painter, size):
    width, height = size
    picture = painter.decode(Layers(width, height, PROMPT, SKETCH, COLORS))
    assert picture.shape == (height, width, 3)


def test_largest_size(preview):
    picture = preview.decode(Layers(4096, 4096, None, SKETCH, COLORS))
    assert picture.shape == (4096, 4096, 3)
    assert picture[100, 100, 2] > picture[100, 100, 0] + 60


def test_bands_leave_no_seams():
    upscaler = Upscaler.srvgg()
    picture = np.random.default_rng(1).integers(0, 256, (2 * BAND_ROWS + 50, 40, 3), dtype=np.uint8)
    *_, whole = upscaler.run(picture.astype(np.float32) / 255)
    steps = []
    banded = _enlarge(upscaler, picture, *picture.shape[:2], base.StepReporter(3, steps.append))
    assert np.abs(banded - np.clip(whole, 0, 1) * 255).max() < 0.51
    assert len(steps) == 3


def test_pictures_larger_than_the_painting_are_enlarged_by_the_fast_network():
    layers, max_area = Layers(500, 480, None, SKETCH, COLORS), 200 * 200
    network, layered, enlarger = Upscaler.rrdb(), Upscaler.layered(), Upscaler.srvgg()
    steps = []
    refined = Painter("painter", network, layered, max_area, enlarger).decode(layers, on_step=steps.append)
    interpolated = Painter("painter", network, layered, max_area).decode(layers)
    assert refined.shape == (480, 500, 3) and [step.index for step in steps] == list(range(1, steps[0].total + 1))
    assert {step.label for step in steps} >= {"refining", "enlarging"}
    assert 0 < np.abs(refined.astype(int) - interpolated).mean() < 4


@pytest.mark.parametrize("grid", [(4, 4), (32, 32), (4, 32), (9, 16)])
def test_any_grid(preview, grid):
    cells = np.full((*grid, 3), 128, np.uint8)
    picture = preview.decode(Layers(160, 90, None, None, rdoq.quantize(cells, 10)))
    assert np.abs(picture.astype(int) - 128).mean() < 12


# --- determinism --------------------------------------------------------------------------------------


def test_same_layers_and_seed_give_the_same_picture(painter):
    np.testing.assert_array_equal(painter.decode(BOTH, seed=7), painter.decode(BOTH, seed=7))


def test_seed_is_the_argument_or_the_file_s_or_zero(preview):
    seeded = Layers(128, 48, PROMPT, SKETCH, COLORS, seed=7)
    np.testing.assert_array_equal(preview.decode(seeded), preview.decode(BOTH, seed=7))
    np.testing.assert_array_equal(preview.decode(BOTH), preview.decode(BOTH, seed=0))
    assert not np.array_equal(preview.decode(BOTH), preview.decode(BOTH, seed=7))
    assert not np.array_equal(preview.decode(seeded, seed=8), preview.decode(seeded))


@pytest.mark.parametrize("seed", [-1, 2**64 - 1, 2**200])
def test_any_integer_is_a_seed(preview, seed):
    assert preview.decode(Layers(32, 32, None, None, COLORS), seed=seed).shape == (32, 32, 3)


def test_number_of_threads_has_no_effect(painter):
    torch_threads, cv2_threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        pictures = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            cv2.setNumThreads(threads)
            pictures.append(painter.decode(Layers(120, 48, None, SKETCH, COLORS)).astype(int))
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv2_threads)
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_threads_share_one_decoder(preview):
    requests = [Layers(48, 48, None, SKETCH if i % 2 else None, COLORS, seed=i) for i in range(4)]
    expected = [preview.decode(layers) for layers in requests]
    pictures = [None] * len(requests)

    def decode(i):
        pictures[i] = preview.decode(requests[i])

    threads = [threading.Thread(target=decode, args=(i,)) for i in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for picture, reference in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(picture, reference)


# --- progress and cancellation ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers",
    [BOTH, Layers(64, 64, None, SKETCH), Layers(64, 64, PROMPT)],
    ids=["painting", "drawing", "card"],
)
def test_steps_count_up_to_the_total(painter, layers):
    steps = []
    painter.decode(layers, on_step=steps.append)
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1))
    assert {step.total for step in steps} == {steps[0].total}
    assert all(step.label for step in steps)
    previews = [step.preview for step in steps if step.preview is not None]
    assert previews
    for picture in previews:
        assert picture.dtype == np.uint8
        assert abs(picture.shape[1] / picture.shape[0] - layers.width / layers.height) < 0.05


def test_painting_shows_several_previews_before_the_last_step():
    steps = []
    get("painter").decode(BOTH, on_step=steps.append)
    assert sum(step.preview is not None for step in steps[:-1]) >= 3
    assert len(steps) >= 10  # so that cancelling takes effect soon


def test_progress_reports_do_not_change_the_picture(preview):
    np.testing.assert_array_equal(preview.decode(BOTH, on_step=lambda step: True), preview.decode(BOTH))


@pytest.mark.parametrize("last", [1, 3, 6])
def test_returning_false_cancels_at_once_and_the_next_decode_completes(painter, last):
    indices = []

    def on_step(step):
        indices.append(step.index)
        return step.index < last

    with pytest.raises(Cancelled):
        painter.decode(BOTH, on_step=on_step)
    assert indices == list(range(1, last + 1))
    assert painter.decode(BOTH).shape == (48, 128, 3)


# --- weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [Painter.full_quality, Painter.preview])
def test_missing_weights_are_named(monkeypatch, tmp_path, build):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(ModelMissing, match=r"\.safetensors"):
        build()
