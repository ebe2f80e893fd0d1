"""Objects that are erased, moved and bent; lines joined behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec import Layers, Sketch
from codec.editing import edits, moods, objects
from codec.editing.cells import inpaint_cells
from codec.editing.join import join_gaps
from codec.errors import InvalidLayer, UnknownName
from codec.texture import rdoq

SIDE = 64
LINE = tuple((x, 40) for x in range(SIDE))
SQUARE = (
    *((x, 20) for x in range(20, 34)),
    *((33, y) for y in range(21, 34)),
    *((x, 33) for x in range(32, 20, -1)),
)


def scene() -> Layers:
    """Return a green square on blue, above a line; 256 x 256 px."""
    cells = np.full((16, 16, 3), (40, 60, 200), np.uint8)
    cells[5:9, 5:9] = (40, 200, 60)
    return Layers(256, 256, structure=Sketch(SIDE, SIDE, (SQUARE, LINE)), texture=rdoq.quantize(cells, 8))


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((256, 256), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def shifted(dx: float, dy: float) -> objects.Placement:
    return objects.Placement(np.array([[1, 0, dx], [0, 1, dy]]))


def test_a_line_is_joined_where_it_continues() -> None:
    halves = LINE[:20], LINE[36:]
    joined = join_gaps(Sketch(SIDE, SIDE, halves), box(80, 100, 144, 200))
    assert joined.strokes == (LINE,)
    turned = LINE[:20], tuple((36, y) for y in range(40, 60))
    assert join_gaps(Sketch(SIDE, SIDE, turned), box(80, 100, 144, 200)).strokes == turned
    assert join_gaps(Sketch(SIDE, SIDE, halves), box(80, 180, 144, 200)).strokes == halves


def test_lines_too_far_apart_for_their_lengths_stay_apart() -> None:
    far = LINE[:9], LINE[55:]
    assert join_gaps(Sketch(SIDE, SIDE, far), box(36, 100, 220, 200)).strokes == far


def test_lines_are_joined_only_where_an_object_no_longer_is() -> None:
    halves = Sketch(SIDE, SIDE, (LINE[:20], LINE[36:]))
    before, mask = replace(scene(), structure=halves), box(80, 100, 144, 200)
    assert objects.join_behind(halves, before, mask, shifted(90, 0)).strokes == (LINE,)
    assert objects.join_behind(halves, before, mask, shifted(0, 0)) == halves


def test_three_pieces_become_one_line() -> None:
    pieces = LINE[40:], LINE[:10], LINE[18:32]
    mask = box(40, 100, 72, 200) | box(128, 100, 160, 200)
    assert sorted(join_gaps(Sketch(SIDE, SIDE, pieces), mask).strokes[0]) == sorted(LINE)


def test_erasing_an_object_joins_the_line_behind_it() -> None:
    before = scene()
    erased = edits.erase(before, box(70, 70, 150, 180))
    assert erased.structure == Sketch(SIDE, SIDE, (LINE,))
    assert len(erased.to_bytes()) < len(before.to_bytes())
    alone = edits.erase(before, box(70, 150, 150, 180))  # the line is the object
    assert len(alone.structure.strokes) == 3


def test_a_moved_object_takes_lines_and_colors_along() -> None:
    before = scene()
    moved = objects.move(before, box(70, 70, 146, 146), shifted(96, 0))
    assert [(x + 24, y) for x, y in SQUARE] == list(moved.structure.strokes[0]) and LINE in moved.structure.strokes
    cells = moved.texture.cells.astype(int)
    assert cells[6, 12, 1] > cells[6, 12, 2] + 60 and cells[6, 6, 2] > cells[6, 6, 1] + 60
    kept = objects.move(before, box(70, 70, 146, 146), shifted(96, 0), keep=True)
    assert kept.texture.cells[6, 6, 1] > kept.texture.cells[6, 6, 2] and len(kept.structure.strokes) == 3


def test_a_bend_moves_the_middle_and_not_the_rim() -> None:
    bend = objects.Placement(np.eye(2, 3), (100, 100), (20, 0), 80)
    points = np.array([[100.0, 100], [100, 140], [181, 100]])
    bent = bend.forward(points)
    assert np.allclose(bent[0], (120, 100)) and 105 < bent[1, 0] < 118 and np.allclose(bent[2], points[2])
    assert np.abs(bend.backward(bent) - points).max() < 0.5


def test_walls_keep_colors_apart() -> None:
    cells = np.zeros((20, 20, 3), np.uint8)
    cells[10:] = 200
    holes, walls = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    holes[4:16, 5:15], walls[10, :] = True, True
    filled = inpaint_cells(cells, holes, walls)
    assert filled[8, 5:15].max() < 40 and filled[12, 5:15].min() > 160
    assert inpaint_cells(cells, holes)[8, 10, 0] > 40


def test_moods_and_palettes_keep_the_other_layers() -> None:
    before = scene()
    for mood in moods.MOODS:
        after = moods.apply_mood(before, mood)
        assert after.structure == before.structure and after.texture != before.texture
    red = np.zeros((8, 8, 3), np.uint8)
    red[:4, :, 0], red[4:, :, 0] = 120, 250
    assert (moods.transfer_palette(before, red).texture.cells.astype(int).mean((0, 1))[0]) > 120
    with pytest.raises(UnknownName, match="night"):
        moods.apply_mood(before, "noon")
    bare = replace(before, texture=None)
    assert moods.apply_mood(bare, "night") is bare and moods.transfer_palette(bare, red) is bare


def test_a_recolored_object_keeps_its_light_and_leaves_the_rest() -> None:
    before = scene()
    red = moods.recolor_object(before, box(80, 80, 144, 144), (200, 40, 40))
    cells, old = (layers.texture.cells.astype(int) for layers in (red, before))
    assert cells[6, 6, 0] > cells[6, 6, 1] + 80 and red.structure == before.structure
    assert np.abs(cells - old)[:, 11:].max() < 12
    assert moods.recolor_object(before, np.zeros((256, 256), bool), (0, 0, 0)) == before
    with pytest.raises(InvalidLayer, match="color"):
        moods.recolor_object(before, box(80, 80, 144, 144), (0, 0, 256))


def test_layers_without_colors_or_strokes_and_bad_masks() -> None:
    bare = replace(scene(), texture=None)
    assert objects.move(bare, box(70, 70, 146, 146), shifted(8, 0)).texture is None
    colors = replace(scene(), structure=None)
    assert objects.move(colors, box(70, 70, 146, 146), shifted(8, 0)).structure is None
    nothing = np.zeros((256, 256), bool)
    assert objects.move(scene(), nothing, shifted(8, 0)) == scene()
    everything = objects.move(scene(), ~nothing, shifted(500, 0))
    assert everything.texture is not None
    with pytest.raises(InvalidLayer, match="mask"):
        objects.move(scene(), nothing[1:], shifted(8, 0))
