"""The conditioning pictures of the adapters, and the working size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from codec.decoders.diffusion import conditions
from codec.editing import edits
from codec.structure.sketch import Sketch
from codec.texture import rdoq
from tests import samples

LAYERS = samples.example()


# --- working size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "working_size"),
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
def test_working_size_keeps_area_and_aspect_ratio(size, working_size):
    assert conditions.working_size(*size) == working_size


@pytest.mark.parametrize("size", [64, 256, 512, 1024])
@pytest.mark.parametrize("aspect", [0.25, 0.4, 0.77, 1, 1.5, 2.2, 3.9])
def test_working_size_suits_the_networks(size, aspect):
    width, height = conditions.working_size(round(1000 * aspect), 1000, size)
    assert width % 8 == height % 8 == 0
    assert min(width, height) >= 32
    if size >= 256:
        assert abs(width / height / aspect - 1) < 0.04
        assert abs(width * height / size**2 - 1) < 0.05


# --- sketch, pose, colors -------------------------------------------------------------------------------


def test_sketch_is_one_channel_of_ones_on_zeros():
    picture = conditions.render_sketch(LAYERS.structure, 512, 312)
    assert (picture.shape, picture.dtype) == ((312, 512, 1), np.float32)
    assert set(np.unique(picture)) == {0, 1}
    assert 0.001 < picture.mean() < 0.1
    for x, y in LAYERS.structure.points(512, 312)[0]:
        assert picture[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].max() == 1


@pytest.mark.parametrize("size", [256, 512, 1024])
def test_lines_have_the_given_thickness(size):
    line = Sketch.from_polylines([np.array([[0.0, 50], [100, 50]])], 100, 100, 64)
    for thickness in (3.0, 5.0):
        column = conditions.render_sketch(line, size, size, thickness)[:, size // 2, 0]
        assert abs(column.sum() - thickness * size / 512) <= 1


def test_pose_has_openpose_colors_on_black():
    picture = conditions.render_pose(samples.pose(), 256, 256)
    assert (picture.shape, picture.dtype) == ((256, 256, 3), np.float32)
    np.testing.assert_array_equal(picture, samples.pose().render(256, 256).astype(np.float32) / 255)
    assert (picture == 0).all(2).mean() > 0.5
    assert (picture == [1, 0, 0]).all(2).any()  # the nose


def block_colors(picture, block=64):
    """Return the color of each block of a picture; assert that each block has only one."""
    height, width = picture.shape[:2]
    parts = picture.reshape(height // block, block, width // block, block, 3)
    assert (parts == parts[:, :1, :, :1]).all()
    return parts[:, 0, :, 0]


@pytest.mark.parametrize("grid", [(8, 8), (16, 16), (32, 32), (4, 4), (12, 20), (9, 31)])
def test_colors_are_8_by_8_blocks_with_the_mean_of_their_area(grid):
    cells = np.random.default_rng(1).integers(0, 256, (*grid, 3), dtype=np.uint8)
    colormap = rdoq.quantize(cells, 0)
    picture = conditions.render_colors(colormap, 512, 512)
    assert (picture.shape, picture.dtype) == ((512, 512, 3), np.float32)
    # computed differently: cells upscaled so that blocks have a whole number of pixels
    upscaled = np.repeat(np.repeat(colormap.cells, 8, 0), 8, 1).astype(np.float64)
    expected = upscaled.reshape(8, grid[0], 8, grid[1], 3).mean((1, 3))
    np.testing.assert_allclose(block_colors(picture) * 255, expected, atol=0.51)


def test_blocks_have_about_64_pixels_at_other_sizes():
    colormap = rdoq.quantize(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8), 0)
    assert len(np.unique(conditions.render_colors(colormap, 680, 384).reshape(-1, 3), axis=0)) == 11 * 6
    assert len(np.unique(conditions.render_colors(colormap, 64, 64).reshape(-1, 3), axis=0)) == 1


def test_cubic_colors_are_those_of_the_paper():
    colormap = rdoq.quantize(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8), 0)
    picture = block_colors(conditions.render_colors(colormap, 512, 512, cubic=True)) * 255
    expected = cv2.resize(colormap.cells.astype(np.float64), (8, 8), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(picture, np.clip(expected, 0, 255), atol=0.51)
    assert np.abs(picture - block_colors(conditions.render_colors(colormap, 512, 512)) * 255).max() > 5


def test_painted_cells_change_their_block():
    red = edits.paint(LAYERS, 0, 0, (255, 0, 0)).texture
    before, after = (conditions.render_colors(one, 512, 512) for one in (LAYERS.texture, red))
    assert not np.array_equal(before[:64, :64], after[:64, :64])
    np.testing.assert_array_equal(before[256:], after[256:])
