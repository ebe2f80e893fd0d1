"""What the adapters see of the layers, and which part of a picture an edit concerns."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from codec.decoders.sd15 import conditions, masks
from codec.editing import edits
from codec.semantic.prompt import Prompt
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from tests import samples

LAYERS = samples.example()


# the size to work at


@pytest.mark.parametrize(
    ("file", "work"),
    [
        ((512, 512), (512, 512)),
        ((1, 1), (512, 512)),
        ((4096, 4096), (512, 512)),
        ((768, 512), (624, 416)),
        ((1920, 1080), (680, 384)),
        ((1080, 1920), (384, 680)),
        ((4096, 1), (1024, 256)),
        ((1, 4096), (256, 1024)),
    ],
)
def test_the_work_size_keeps_area_and_aspect(file, work):
    assert conditions.working_size(*file) == work


@pytest.mark.parametrize("size", [64, 256, 512, 1024])
@pytest.mark.parametrize("aspect", [0.25, 0.4, 0.77, 1, 1.5, 2.2, 3.9])
def test_any_work_size_is_one_that_the_networks_take(size, aspect):
    width, height = conditions.working_size(round(1000 * aspect), 1000, size)
    assert width % 8 == height % 8 == 0
    assert min(width, height) >= 32
    if size >= 256:
        assert abs(width / height / aspect - 1) < 0.04
        assert abs(width * height / size**2 - 1) < 0.05


# sketch, pose, colors


def test_a_sketch_is_one_channel_of_white_lines_on_black_and_nothing_between():
    seen = conditions.render_sketch(LAYERS.structure, 512, 312)
    assert (seen.shape, seen.dtype) == ((312, 512, 1), np.float32)
    assert set(np.unique(seen)) == {0, 1}
    assert 0.001 < seen.mean() < 0.1
    for x, y in LAYERS.structure.points(512, 312)[0]:
        assert seen[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].max() == 1


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_lines_have_the_thickness_that_was_asked_for(size):
    line = Sketch.from_polylines([np.array([[0.0, 50], [100, 50]])], 100, 100, 64)
    for thickness in (3.0, 5.0):
        column = conditions.render_sketch(line, size, size, thickness)[:, size // 2, 0]
        assert abs(column.sum() - thickness * size / 512) <= 1


def test_a_pose_has_openpose_s_colors_on_black():
    seen = conditions.render_pose(samples.pose(), 256, 256)
    assert (seen.shape, seen.dtype) == ((256, 256, 3), np.float32)
    np.testing.assert_array_equal(seen, samples.pose().render(256, 256).astype(np.float32) / 255)
    assert (seen == 0).all(2).mean() > 0.5
    assert (seen == [1, 0, 0]).all(2).any()  # the nose


def flat_blocks(seen, block=64):
    """The color of each block of a picture, after making sure that it has only one."""
    height, width = seen.shape[:2]
    parts = seen.reshape(height // block, block, width // block, block, 3)
    assert (parts == parts[:, :1, :, :1]).all()
    return parts[:, 0, :, 0]


@pytest.mark.parametrize("grid", [(8, 8), (16, 16), (32, 32), (4, 4), (12, 20), (9, 31)])
def test_colors_are_8_by_8_blocks_each_the_mean_of_its_area(grid):
    cells = np.random.default_rng(1).integers(0, 256, (*grid, 3), dtype=np.uint8)
    colormap = rdoq.quantize(cells, 0)
    seen = conditions.render_colors(colormap, 512, 512)
    assert (seen.shape, seen.dtype) == ((512, 512, 3), np.float32)
    # by another way: every cell so large that blocks fall on whole pixels
    large = np.repeat(np.repeat(colormap.cells, 8, 0), 8, 1).astype(np.float64)
    wanted = large.reshape(8, grid[0], 8, grid[1], 3).mean((1, 3))
    np.testing.assert_allclose(flat_blocks(seen) * 255, wanted, atol=0.51)


def test_blocks_stay_about_64_pixels_at_other_sizes():
    colormap = rdoq.quantize(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8), 0)
    assert len(np.unique(conditions.render_colors(colormap, 680, 384).reshape(-1, 3), axis=0)) == 11 * 6
    assert len(np.unique(conditions.render_colors(colormap, 64, 64).reshape(-1, 3), axis=0)) == 1


def test_the_cubic_variant_is_the_paper_s():
    colormap = rdoq.quantize(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8), 0)
    seen = flat_blocks(conditions.render_colors(colormap, 512, 512, cubic=True)) * 255
    wanted = cv2.resize(colormap.cells.astype(np.float64), (8, 8), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(seen, np.clip(wanted, 0, 255), atol=0.51)
    assert np.abs(seen - flat_blocks(conditions.render_colors(colormap, 512, 512)) * 255).max() > 5


def test_painted_cells_are_seen():
    red = edits.paint(LAYERS, 0, 0, (255, 0, 0)).texture
    before, after = (conditions.render_colors(one, 512, 512) for one in (LAYERS.texture, red))
    assert not np.array_equal(before[:64, :64], after[:64, :64])
    np.testing.assert_array_equal(before[256:], after[256:])


# what an edit concerns


def test_nothing_changes_where_nothing_was_edited():
    assert not masks.changed_region(LAYERS, LAYERS).any()
    assert not masks.changed_region(LAYERS, replace(LAYERS, seed=99)).any()


def test_a_new_line_concerns_its_surroundings():
    line = np.array([[20.0, 20], [60, 20]])
    mask = masks.changed_region(LAYERS, edits.draw(LAYERS, line))
    assert (mask.shape, mask.dtype) == ((120, 200), bool)
    assert mask[20, 20:60].all()
    assert not mask[60:].any() and not mask[:, 90:].any()
    np.testing.assert_array_equal(mask, masks.changed_region(edits.draw(LAYERS, line), LAYERS))


def test_a_painted_cell_concerns_its_block():
    mask = masks.changed_region(LAYERS, edits.paint(LAYERS, 5, 9, (255, 255, 0)))
    rows, cols = np.nonzero(mask)
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == (100, 119, 180, 199)
    assert mask[100:, 180:].all()


@pytest.mark.parametrize(
    "other",
    [
        replace(LAYERS, semantic=Prompt("something else")),
        replace(LAYERS, texture=None),
        replace(LAYERS, width=100),
    ],
)
def test_some_edits_concern_everything(other):
    assert masks.changed_region(LAYERS, other).all()
    assert masks.changed_region(other, LAYERS).all()


def test_a_mask_takes_every_latent_it_touches():
    mask = np.zeros((100, 100), bool)
    mask[37, 50] = True
    cells = masks.to_latent_mask(mask, 64, 64)
    assert cells.shape == (8, 8)
    assert cells.sum() == 1 or cells.sum() == 2
    assert cells[int(37.5 * 8 / 100), int(50.5 * 8 / 100)]
    assert masks.to_latent_mask(np.ones((7, 3), bool), 64, 128).all()
    assert masks.to_latent_mask(np.ones((7, 3), bool), 64, 128).shape == (16, 8)
    assert not masks.to_latent_mask(np.zeros((600, 600), bool), 512, 512).any()
    corner = np.zeros((3, 3), bool)
    corner[2, 2] = True
    np.testing.assert_array_equal(np.argwhere(masks.to_latent_mask(corner, 64, 64))[0], [5, 5])


def test_pasting_leaves_the_outside_alone_and_fades_in():
    old, new = np.full((120, 120, 3), 10, np.uint8), np.full((120, 120, 3), 250, np.uint8)
    mask = np.zeros((120, 120), bool)
    mask[30:90, 30:90] = True
    pasted = masks.composite(old, new, mask)
    assert (pasted[~mask] == 10).all()
    assert (pasted[40:80, 40:80] == 250).all()
    ramp = pasted[60, 28:34, 0].astype(int)
    assert (np.diff(ramp) >= 0).all() and 10 < ramp[2] < 250
    thin = np.zeros((120, 120), bool)
    thin[60] = True
    assert (masks.composite(old, new, thin)[60] > 150).all()
    np.testing.assert_array_equal(masks.composite(old, new, np.ones((120, 120), bool)), new)
