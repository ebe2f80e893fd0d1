"""A colormap survives encoding, rejects invalid bytes, and can be cut anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.errors import BudgetTooSmall, Corrupt, InvalidLayer
from codec.images.io import resize_area
from codec.texture import rate_control, rdoq
from codec.texture.colormap import Colormap
from codec.texture.quantizer import STEPS
from codec.texture.rate_control import mean_difference
from tests.samples import colormaps

EXAMPLES = 25  # the fuzz lane runs many more


@given(st.binary(max_size=60))
def test_any_bytes_decode_canonically_or_raise_corrupt(payload: bytes) -> None:
    try:
        colormap = Colormap.from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("texture",)
    else:
        assert colormap.to_bytes() == payload
        assert colormap.cells.shape == (colormap.rows, colormap.cols, 3)


@settings(max_examples=EXAMPLES)
@given(st.data(), colormaps())
def test_damaged_payload_decodes_canonically_or_raises_corrupt(data: st.DataObject, colormap: Colormap) -> None:
    payload = bytearray(colormap.to_bytes())
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decoded = Colormap.from_bytes(bytes(payload))
    except Corrupt:
        return
    assert decoded.to_bytes() == bytes(payload)


@settings(max_examples=EXAMPLES)
@given(colormaps(), st.data())
def test_payload_round_trip_and_every_prefix_is_a_canonical_colormap(colormap: Colormap, data: st.DataObject) -> None:
    payload = colormap.to_bytes()
    assert Colormap.from_bytes(payload) == colormap
    size = data.draw(st.integers(12, max(len(payload), 12)))
    cut = colormap.cut(size)
    assert cut.to_bytes() == payload[:size] and Colormap.from_bytes(payload[:size]) == cut
    changed = np.flatnonzero(np.array(cut.levels) != colormap.levels)
    assert not np.array(cut.levels)[changed].any() and cut.spots == colormap.spots[: len(cut.spots)]


def test_longer_prefixes_are_closer_to_the_cells(photo: np.ndarray) -> None:
    cells = resize_area(photo, 12, 12)
    whole = rate_control.fit(cells, 120)
    differences = [mean_difference(cells, whole.cut(size).cells) for size in (8, 20, 40, 80, 120)]
    assert differences == sorted(differences, reverse=True) and differences[-1] < differences[0] / 3
    with pytest.raises(BudgetTooSmall):
        whole.cut(1)


@pytest.mark.parametrize(
    ("rows", "cols", "step", "levels"),
    [
        (1, 4, 0, [0] * 12),
        (4, 65, 0, [0] * 780),
        (4, 4, 64, [0] * 48),
        (4, 4, -1, [0] * 48),
        (4, 4, 0, [0] * 47),
        (4, 4, 0, [*[0] * 47, 32768]),
        (4, 4, 0, [-1, *[0] * 47]),
        (4, 4, 0, [32000, *[0] * 47]),
    ],
)
def test_invalid_grid_step_or_levels_are_rejected(rows: int, cols: int, step: int, levels: list[int]) -> None:
    with pytest.raises(InvalidLayer):
        Colormap(rows, cols, step, tuple(levels))


BLACK, WHITE = (0, 0, 0), (63, 63, 63)


@pytest.mark.parametrize(
    "spots",
    [
        ((16, BLACK),),
        ((-1, BLACK),),
        ((2, BLACK), (1, WHITE)),
        ((1, BLACK), (1, WHITE)),
        ((0, (0, 0, 64)),),
    ],
    ids=["beyond the grid", "before the grid", "unsorted", "twice the same cell", "color out of range"],
)
def test_invalid_spots_are_rejected(spots: tuple[tuple[int, tuple[int, int, int]], ...]) -> None:
    with pytest.raises(InvalidLayer):
        Colormap(4, 4, 0, (0,) * 48, spots)


@pytest.mark.parametrize("ratio", [-1, 4])
def test_invalid_ratio_is_rejected(ratio: int) -> None:
    with pytest.raises(InvalidLayer):
        Colormap(4, 4, 0, (0,) * 48, (), ratio)


def test_largest_levels_decode_without_overflow() -> None:
    levels = [0] + [32767, -32767] * 1535 + [32767]
    cells = Colormap(32, 32, len(STEPS) - 1, tuple(levels), (), 3).cells
    assert cells.shape == (32, 32, 3) and cells.dtype == np.uint8


def test_render_draws_each_cell_as_a_block() -> None:
    cells = np.zeros((4, 5, 3), np.uint8)
    cells[0, 0] = 255
    colormap = rdoq.quantize(cells, 0)
    picture = colormap.render(50, 40)
    assert picture.shape == (40, 50, 3)
    assert (picture == np.repeat(np.repeat(colormap.cells, 10, 0), 10, 1)).all()
    assert colormap.render(3, 1).shape == (1, 3, 3)
