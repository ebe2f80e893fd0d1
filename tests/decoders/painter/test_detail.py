"""The painter with detail: one trained network gets the small picture and the lines."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from codec import Layers, Pose, Prompt, Sketch
from codec.decoders import get
from codec.decoders.base import Strengths
from codec.decoders.painter.painter import Painter
from codec.errors import Cancelled
from codec.texture import rdoq
from tests.samples import random_detail

CELLS = np.zeros((8, 8, 3), np.uint8)
CELLS[:4], CELLS[4:] = (70, 110, 220), (200, 60, 40)
TEXTURE = replace(rdoq.quantize(CELLS, 10), detail=random_detail(1, 16, 16, density=0.02))
LINE = Sketch.from_polylines([np.array([[40.0, 128], [216, 128]])], 256, 256, 64)
LAYERS = Layers(256, 256, None, LINE, TEXTURE)


@pytest.fixture(scope="module")
def preview() -> Painter:
    painter = get("painter-preview")
    assert isinstance(painter, Painter)
    return painter


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The largest difference of a channel, by pixel."""
    return np.asarray(np.abs(a.astype(int) - b).max(2))


def test_areas_keep_the_small_picture_s_mean_colors(preview: Painter) -> None:
    small = TEXTURE.small_picture(16, 16).astype(np.float32)
    picture = preview.decode(LAYERS).astype(np.float32)
    means = [cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA) for image in (small, picture)]
    assert np.abs(means[0] - means[1]).mean() < 2


def test_a_stroke_changes_the_picture_only_near_it(preview: Painter) -> None:
    changed = difference(preview.decode(LAYERS), preview.decode(replace(LAYERS, structure=None)))
    assert changed[120:137, 60:196].max() > 10
    assert changed[:90].max() <= 2 and changed[166:].max() <= 2


def test_strength_of_the_sketch_scales_its_effect(preview: Painter) -> None:
    without = preview.decode(replace(LAYERS, structure=None))
    weak, strong = (
        difference(preview.with_options(Strengths(structure=strength)).decode(LAYERS), without).mean()
        for strength in (0.3, 1.0)
    )
    assert 0 < weak < strong
    absent = preview.with_options(Strengths(structure=0.0)).decode(LAYERS)
    assert np.array_equal(absent, without)


def test_ink_is_drawn_only_for_words_that_ask_for_ink(preview: Painter) -> None:
    plain, anime, manga = (
        preview.decode(replace(LAYERS, semantic=Prompt(text))).astype(int) for text in ("a hill", "anime", "manga")
    )
    assert np.array_equal(plain, anime)
    assert (plain - manga)[126:131, 60:196].mean() > 5  # darker


def test_preview_and_final_picture_are_alike(preview: Painter) -> None:
    assert difference(preview.decode(LAYERS), get("painter").decode(LAYERS)).mean() < 2


@pytest.mark.parametrize("size", [(1, 1), (40, 200), (500, 90)])
@pytest.mark.parametrize("grid", [(2, 2), (16, 9)])
def test_any_size_and_grid(preview: Painter, size: tuple[int, int], grid: tuple[int, int]) -> None:
    width, height = size
    texture = replace(TEXTURE, detail=random_detail(2, *grid))
    for structure in (None, LINE, Pose((tuple((400 + 60 * n, 300 + 80 * n) for n in range(18)),))):
        assert preview.decode(Layers(width, height, None, structure, texture)).shape == (height, width, 3)


def test_threads_make_no_visible_difference(preview: Painter) -> None:
    before = torch.get_num_threads()
    try:
        pictures = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            pictures.append(preview.decode(LAYERS))
    finally:
        torch.set_num_threads(before)
    assert difference(*pictures).max() <= 1


def test_steps_are_counted_and_can_be_stopped(preview: Painter) -> None:
    steps = []
    preview.decode(LAYERS, on_step=steps.append)
    assert [step.index for step in steps] == list(range(1, steps[0].total + 1))
    assert steps[0].preview is not None and steps[-1].preview is not None
    with pytest.raises(Cancelled):
        preview.decode(LAYERS, on_step=lambda step: step.index < 2)


def test_cached_layers_of_an_edited_file_are_not_mixed_up(preview: Painter) -> None:
    first = preview.decode(LAYERS)
    moved = replace(LAYERS, structure=Sketch.from_polylines([np.array([[40.0, 60], [216, 60]])], 256, 256, 64))
    cleared = replace(LAYERS, texture=replace(TEXTURE, detail=random_detail(2, 16, 16, density=0.02)))
    for edited in (moved, cleared, replace(LAYERS, width=128)):
        assert not np.array_equal(preview.decode(edited), first)
    assert np.array_equal(preview.decode(LAYERS), first)


def test_residual_is_cached_and_read_only() -> None:
    assert TEXTURE.detail is not None
    residual = TEXTURE.detail.residual
    assert TEXTURE.detail.residual is residual and not residual.flags.writeable
