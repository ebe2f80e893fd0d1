"""Edits change what they should and leave the bytes of everything else unchanged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec import Layers, Sketch
from codec.editing import edits
from codec.errors import BudgetTooSmall, InvalidLayer
from codec.texture import rdoq
from tests.samples import example, pose


def mask_of(layers: Layers, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((layers.height, layers.width), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_erase_removes_the_object_from_sketch_and_colors() -> None:
    before = example()
    after = edits.erase(before, mask_of(before, 50, 10, 150, 75))
    # the upper part of the ball is erased; the horizon stays
    for points in after.structure.points(200, 120):
        assert not ((points[:, 0] > 50) & (points[:, 0] < 150) & (points[:, 1] > 10) & (points[:, 1] < 75)).any()
    assert before.structure.strokes[1] in after.structure.strokes
    assert after.semantic == before.semantic
    red = before.texture.cells[2, 4].astype(int)
    sky = before.texture.cells[2, 0].astype(int)
    erased = after.texture.cells[2, 4].astype(int)
    assert np.abs(erased - sky).sum() < np.abs(erased - red).sum()


def test_empty_mask_changes_nothing() -> None:
    before = example()
    assert edits.erase(before, np.zeros((120, 200), bool)) == before


def test_full_mask_removes_the_strokes_and_keeps_the_colors() -> None:
    after = edits.erase(example(), np.ones((120, 200), bool))
    assert after.structure.strokes == ()
    assert after.texture == example().texture


def test_erase_splits_a_stroke() -> None:
    before = example()
    after = edits.erase(before, mask_of(before, 90, 70, 110, 100))
    assert len(after.structure.strokes) > len(before.structure.strokes)


def test_erase_removes_joints_of_a_pose() -> None:
    before = replace(example(), structure=pose())
    after = edits.erase(before, mask_of(before, 0, 0, 200, 30))
    assert after.structure.persons[0][0] is None and after.structure.persons[0][8] is not None
    assert edits.erase(before, np.ones((120, 200), bool)).structure.persons == ()


def test_mask_of_another_size_or_type_is_rejected() -> None:
    with pytest.raises(InvalidLayer):
        edits.erase(example(), np.zeros((10, 10), bool))
    with pytest.raises(InvalidLayer):
        edits.erase(example(), np.zeros((120, 200), np.uint8))


def test_erase_on_a_grid_finer_than_the_pixels() -> None:
    small = Layers(2, 3, texture=rdoq.quantize(np.full((4, 4, 3), 90, np.uint8)))
    mask = np.array([[True, False], [False, False], [False, False]])
    assert edits.erase(small, mask).texture is not None


def test_drawn_stroke_is_the_most_important_one() -> None:
    before = example()
    after = edits.draw(before, np.array([[10.0, 10], [60, 40], [30, 100]]))
    assert after.structure.strokes[1:] == before.structure.strokes
    assert (after.texture, after.semantic) == (before.texture, before.semantic)


def test_draw_creates_a_sketch() -> None:
    after = edits.draw(Layers(300, 100), np.array([[0.0, 0], [299, 99]]))
    assert isinstance(after.structure, Sketch)
    assert (after.structure.cols, after.structure.rows) == (128, 43)


def test_resketch_with_the_same_points_changes_nothing() -> None:
    before = example()
    assert edits.resketch(before, before.structure.points(200, 120)) == before


def test_strokes_cannot_be_drawn_on_a_pose() -> None:
    with pytest.raises(InvalidLayer):
        edits.draw(replace(example(), structure=pose()), np.array([[0.0, 0], [9, 9]]))


def test_paint_changes_one_cell() -> None:
    before = example()
    after = edits.paint(before, 0, 9, (10, 10, 10))
    assert after.texture.cells[0, 9].sum() < before.texture.cells[0, 9].sum() / 2
    assert (after.structure, after.semantic) == (before.structure, before.semantic)


def test_paint_creates_a_colormap() -> None:
    after = edits.paint(Layers(300, 100), 0, 0, (255, 0, 0))
    assert (after.texture.rows, after.texture.cols) == (5, 16)


BLACK = (0, 0, 0)


@pytest.mark.parametrize(
    ("row", "col", "color"), [(-1, 0, BLACK), (6, 0, BLACK), (0, 10, BLACK), (0, 0, (0, 0)), (0, 0, (0, 0, 256))]
)
def test_invalid_cells_and_colors_are_rejected(row: int, col: int, color: tuple) -> None:
    with pytest.raises(InvalidLayer):
        edits.paint(example(), row, col, color)


def test_reprompt_keeps_the_negative_prompt_unless_one_is_given() -> None:
    assert edits.reprompt(example(), "a blue ball").semantic.negative == "blurry"
    assert edits.reprompt(example(), "a blue ball", "").semantic.negative == ""
    assert edits.reprompt(example(), "", "").semantic is None


def test_layers_can_be_swapped() -> None:
    other = Layers(512, 512, None, pose(), rdoq.quantize(np.zeros((8, 8, 3), np.uint8)))
    assert edits.swap_structure(example(), other).structure == pose()
    assert edits.swap_texture(example(), other).texture == other.texture
    assert edits.swap_texture(example(), other).structure == example().structure


def test_edit_drops_unknown_extensions_unless_keepable() -> None:
    before = replace(example(), extra=((0x80, b"about these very layers"), (0xDF, b"about the picture")))
    assert edits.reprompt(before, "a blue ball").extra == ((0xDF, b"about the picture"),)
    assert edits.reprompt(before, before.semantic.text).extra == before.extra


def test_cut_meets_every_budget_and_keeps_the_rest() -> None:
    wiggle = np.random.default_rng(4).integers(0, 2, (8, 24)).tolist()
    strokes = tuple(tuple((5 + x, 4 + 4 * y + w) for x, w in enumerate(row)) for y, row in enumerate(wiggle))
    full = replace(example(), structure=Sketch(64, 64, strokes))
    bare_size = len(replace(full, structure=Sketch(64, 64, ())).to_bytes())
    assert not edits.cut(full, bare_size).structure.strokes
    for max_bytes in range(bare_size, len(full.to_bytes())):
        layers = edits.cut(full, max_bytes)
        assert len(layers.to_bytes()) <= max_bytes
        assert layers.structure.strokes == full.structure.strokes[: len(layers.structure.strokes)]
        assert (layers.semantic, layers.texture) == (full.semantic, full.texture)
    assert edits.cut(full, len(full.to_bytes())) is full


def test_cut_truncates_the_colors_after_the_last_stroke() -> None:
    full = replace(example(), structure=Sketch(64, 64, ()))
    payload = full.texture.to_bytes()
    layers = edits.cut(full, len(full.to_bytes()) - 3)
    assert len(layers.to_bytes()) <= len(full.to_bytes()) - 3 and layers.semantic == full.semantic
    assert layers.texture.to_bytes() == payload[: len(layers.texture.to_bytes())]
    with pytest.raises(BudgetTooSmall, match="without any stroke"):
        edits.cut(full, len(replace(full, texture=None).to_bytes()) + 1)
    with pytest.raises(BudgetTooSmall, match="pose"):
        edits.cut(Layers(600, 400, structure=pose()), 5)


def test_regrid_keeps_the_colors_and_everything_else() -> None:
    before = example()
    finer = edits.regrid(before, 12, 20)
    assert finer.texture.cells.shape == (12, 20, 3) and finer.structure == before.structure
    coarse = edits.regrid(before, 2, 2).texture.cells.astype(float)
    assert np.abs(coarse.mean((0, 1)) - before.texture.cells.mean((0, 1))).max() < 12
    assert edits.regrid(before, *before.texture.cells.shape[:2]) == before
    assert (edits.regrid(Layers(30, 20), 4, 6).texture.cells > 250).all()


@pytest.mark.parametrize("shape", [(1, 8), (8, 65), (0, 0)])
def test_invalid_grids_are_rejected(shape: tuple[int, int]) -> None:
    with pytest.raises(InvalidLayer, match="2 to 64"):
        edits.regrid(example(), *shape)


def test_shift_changes_the_selected_cells() -> None:
    before = example()
    old = before.texture.cells.astype(int)
    where = np.zeros(old.shape[:2], bool)
    where[0, :2] = True
    new = edits.shift(before, 180, 0, 0.1, where).texture.cells.astype(int)
    assert (new != old).any(2)[where].all() and (new == old).all(2)[~where].all()
    gray = edits.shift(before, saturation=-1).texture.cells.astype(int)
    assert np.ptp(gray, axis=2).max() < 20 < np.ptp(old, axis=2).max()
    assert edits.shift(before).texture == before.texture
    with pytest.raises(InvalidLayer):
        edits.shift(before, 10, where=where[:1])


def test_pose_replaces_the_sketch() -> None:
    after = edits.repose(example(), pose())
    assert after.structure == pose() and after.texture == example().texture
    assert edits.repose(after, None).structure is None
