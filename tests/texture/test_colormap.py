"""Colors come back near what they were, in integers, within a budget."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from codec.bitstream.range_coder import Encoder, PrefixDecoder
from codec.color import ciede2000, oklab
from codec.errors import BudgetTooSmall, Corrupt, InvalidLayer
from codec.images.io import resize_area
from codec.texture import colormap_payload, context_model, rate_control, rdoq
from codec.texture.colormap import MAX_CELLS, MIN_CELLS, STEPS, Colormap
from tests.samples import colormaps


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(deltaE_ciede2000(rgb2lab(a), rgb2lab(b)).mean())


@given(colormaps())
def test_round_trip(colormap: Colormap) -> None:
    assert Colormap.from_bytes(colormap.to_bytes()) == colormap


@pytest.mark.parametrize(("grid", "budget", "most"), [(8, 60, 5.5), (16, 120, 7.0), (16, 200, 4.5), (32, 600, 5.0)])
def test_a_photo_within_a_budget(photo: np.ndarray, grid: int, budget: int, most: float) -> None:
    cells = resize_area(photo, grid, grid)
    colormap = Colormap.fit(cells, budget)
    assert len(colormap.to_bytes()) <= budget
    assert difference(cells, colormap.cells) < most


def test_more_bytes_are_closer(photo: np.ndarray) -> None:
    cells = resize_area(photo, 16, 12)
    found = [difference(cells, Colormap.fit(cells, budget).cells) for budget in (40, 80, 160, 320, 640)]
    assert found == sorted(found, reverse=True)


def test_the_finest_step_is_nearly_exact(photo: np.ndarray) -> None:
    cells = resize_area(photo, 16, 16)
    assert difference(cells, Colormap.from_cells(cells, 0).cells) < 0.5


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255), (128, 128, 128)])
def test_one_color_is_cheap(color: tuple[int, int, int]) -> None:
    cells = np.full((16, 16, 3), color, np.uint8)
    colormap = Colormap.from_cells(cells, 8)
    assert len(colormap.to_bytes()) < 12
    assert difference(cells, colormap.cells) < 1


def test_too_small_a_budget_is_refused(photo: np.ndarray) -> None:
    with pytest.raises(BudgetTooSmall):
        Colormap.fit(resize_area(photo, 16, 16), 1)


def test_repainting_nothing_changes_nothing(photo: np.ndarray) -> None:
    colormap = Colormap.fit(resize_area(photo, 16, 16), 100)
    assert colormap.repaint(colormap.cells) is colormap
    assert colormap.refill(colormap.cells) is colormap


def test_a_painted_cell_comes_back_and_the_others_stay(photo: np.ndarray) -> None:
    before = Colormap.fit(resize_area(photo, 16, 16), 100)
    cells = before.cells.copy()
    cells[3, 4] = (250, 10, 30)
    after = Colormap.from_bytes(before.repaint(cells).to_bytes())
    assert difference(after.cells[3:4, 4:5], cells[3:4, 4:5]) < 2
    rest = np.ones((16, 16), bool)
    rest[3, 4] = False
    assert (after.cells[rest] == before.cells[rest]).all()
    assert len(after.to_bytes()) <= len(before.to_bytes()) + 5


def test_a_row_of_one_color_costs_little(photo: np.ndarray) -> None:
    before = Colormap.fit(resize_area(photo, 16, 16), 100)
    cells = before.cells.copy()
    cells[5, 2:14] = (250, 10, 30)
    assert len(before.repaint(cells).to_bytes()) <= len(before.to_bytes()) + 10


def test_painting_most_of_the_map_transforms_it_anew(photo: np.ndarray) -> None:
    before = Colormap.fit(resize_area(photo, 16, 16), 200)
    after = before.repaint(before.cells[::-1].copy())
    assert after.spots == () and after.step == before.step


def test_render_shows_blocks() -> None:
    cells = np.zeros((4, 5, 3), np.uint8)
    cells[0, 0] = 255
    colormap = Colormap.from_cells(cells, 0)
    drawn = colormap.render(50, 40)
    assert drawn.shape == (40, 50, 3)
    assert (drawn == np.repeat(np.repeat(colormap.cells, 10, 0), 10, 1)).all()
    assert colormap.render(3, 1).shape == (1, 3, 3)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_colormap_or_corrupt(payload: bytes) -> None:
    try:
        colormap = Colormap.from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("texture",)
    else:
        assert colormap.to_bytes() == payload
        assert colormap.cells.shape == (colormap.rows, colormap.cols, 3)


@given(st.data(), colormaps())
def test_any_broken_payload_is_a_colormap_or_corrupt(data: st.DataObject, colormap: Colormap) -> None:
    payload = bytearray(colormap.to_bytes())
    payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = Colormap.from_bytes(bytes(payload))
    except Corrupt:
        return
    assert found.to_bytes() == bytes(payload)


def test_refuses_what_is_no_colormap() -> None:
    good = [0] * 48
    for rows, cols, step, levels in (
        (1, 4, 0, [0] * 12),
        (4, 65, 0, [0] * 780),
        (4, 4, 64, good),
        (4, 4, -1, good),
        (4, 4, 0, good[1:]),
        (4, 4, 0, [*good[1:], 32768]),
        (4, 4, 0, [-1, *good[1:]]),
        (4, 4, 0, [32000, *good[1:]]),
    ):
        with pytest.raises(InvalidLayer):
            Colormap(rows, cols, step, tuple(levels))
    black, white = (0, 0, 0), (63, 63, 63)
    swapped, twice = ((2, black), (1, white)), ((1, black), (1, white))
    for spots in (((16, black),), ((-1, black),), swapped, twice, ((0, (0, 0, 64)),)):
        with pytest.raises(InvalidLayer):
            Colormap(4, 4, 0, tuple(good), spots)


@pytest.mark.parametrize("shape", [(1, 4, 3), (4, 65, 3), (4, 4), (4, 4, 4), (0, 0, 3)])
def test_refuses_cells_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidLayer):
        Colormap.from_cells(np.zeros(shape, np.uint8))
    with pytest.raises(InvalidLayer):
        Colormap.from_cells(np.zeros((4, 4, 3), np.float32))


def test_extreme_levels_still_give_colors() -> None:
    """No overflow: the largest levels at the coarsest step clip to colors."""
    levels = [0] + [32767, -32767] * 1535 + [32767]
    cells = Colormap(32, 32, len(STEPS) - 1, tuple(levels), (), 3).cells
    assert cells.shape == (32, 32, 3) and cells.dtype == np.uint8


def test_oklab_there_and_back() -> None:
    """Within 1 level, over a lattice of all sRGB."""
    axis = np.arange(0, 256, 15, dtype=np.uint8)
    cells = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    there = np.rint(oklab.from_srgb(cells) * oklab.ONE).astype(np.int64)
    assert np.abs(oklab.to_srgb(there).astype(int) - cells).max() <= 1


def test_rounding_is_safe_on_every_machine() -> None:
    """The tables are made with floats: no value may come so near a tie that a libm could turn it."""
    for size in range(MIN_CELLS, MAX_CELLS + 1):
        frequency, position = np.mgrid[:size, :size]
        waves = np.cos(np.pi * (2 * position + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
        waves[0] = np.sqrt(1 / size)
        fraction = np.abs(waves * 8192) % 1
        assert np.abs(fraction - 0.5).min() > 1e-7
    encoded = (np.arange(255) + 0.5) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) * 65536
    assert np.abs(linear - np.rint(linear)).min() > 1e-7
    chances = 65536 / (1 + np.exp(-np.delete(np.arange(-2048, 2048), 2048) / 256))  # that of 0 is exact
    assert np.abs(chances % 1 - 0.5).min() > 1e-7


@given(colormaps(), st.data())
def test_any_first_part_is_a_map_that_comes_back(colormap: Colormap, data: st.DataObject) -> None:
    payload = colormap.to_bytes()
    size = data.draw(st.integers(12, max(len(payload), 12)))
    cut = colormap.cut(size)
    assert cut.to_bytes() == payload[:size] and Colormap.from_bytes(payload[:size]) == cut
    changed = np.flatnonzero(np.array(cut.levels) != colormap.levels)
    assert not np.array(cut.levels)[changed].any() and cut.spots == colormap.spots[: len(cut.spots)]


def test_longer_parts_are_closer(photo: np.ndarray) -> None:
    cells = resize_area(photo, 16, 16)
    whole = Colormap.fit(cells, 200)
    found = [difference(cells, whole.cut(size).cells) for size in (8, 20, 40, 80, 120, 200)]
    assert found == sorted(found, reverse=True) and found[-1] < found[0] / 3
    with pytest.raises(BudgetTooSmall):
        whole.cut(1)


def test_an_end_says_nothing_that_is_not_there(photo: np.ndarray) -> None:
    """Of the levels after the last one that is not 0, a reader finds none."""
    for step in range(12, 50, 2):
        colormap = Colormap.from_cells(resize_area(photo, 9, 7), step)
        assert Colormap.from_bytes(colormap.to_bytes()).levels == colormap.levels


@pytest.mark.parametrize("shape", [(2, 2), (2, 64), (64, 3), (64, 64), (17, 31)])
def test_any_grid(photo: np.ndarray, shape: tuple[int, int]) -> None:
    cells = resize_area(photo, shape[1], shape[0])
    colormap = Colormap.fit(cells, 150)
    assert Colormap.from_bytes(colormap.to_bytes()).cells.shape == (*shape, 3)
    assert difference(cells, colormap.cells) < 14


def test_one_after_the_other_as_all_at_once(photo: np.ndarray) -> None:
    """A decoder and an encoder's estimate see the same chances."""
    colormap = Colormap.from_cells(resize_area(photo, 13, 9), 20)
    steps = (26, 20, 20)
    levels = np.array(colormap.levels).reshape(3, -1).T[context_model.plan(9, 13).order]
    wanted = context_model.squash()[context_model.logits(levels, 9, 13, steps).astype(int) + 2048]
    known = context_model.CoefficientContext(9, 13, steps)
    for place, three in enumerate(levels.tolist()):
        for channel, level in enumerate(three):
            assert known.stops(place, channel) == wanted[place, channel].tolist()
            known.put(place, channel, level)


@pytest.mark.parametrize("kept", [1.0, 0.3, 0.1, 0.02])
def test_zeros_at_once_as_one_after_the_other(photo: np.ndarray, kept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of zeros are the same bytes, and the same levels, as a level at a time."""
    whole = Colormap.from_cells(resize_area(photo, 20, 16), 16)
    mask = np.random.default_rng(1).random(len(whole.levels)) < kept
    mask[0] = True
    levels = tuple(level if kept else 0 for level, kept in zip(whole.levels, mask.tolist(), strict=True))
    payload = Colormap(16, 20, 16, levels).to_bytes()
    with monkeypatch.context() as slow:
        slow.setattr(colormap_payload, "_coded", one_by_one)
        assert Colormap(16, 20, 16, levels).to_bytes() == payload
    for size in range(len(payload), 8, -max(len(payload) // 20, 1)):
        found = Colormap.from_bytes(payload[:size])
        with monkeypatch.context() as slow:
            slow.setattr(colormap_payload, "_rest", all_one_by_one)
            assert Colormap.from_bytes(payload[:size]) == found
    assert Colormap.from_bytes(payload).levels == levels


@pytest.mark.parametrize(
    ("rows", "cols", "step", "ratio", "levels"),
    [
        (2, 2, 50, 3, (1, 0, -3, 2, -1, 0, 0, 2, 1, 0, -3, 0)),
        (2, 3, 51, 2, (0, 0, -3, 0, 2, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, -1, 0)),
        (2, 3, 45, 2, (11, -1, 1, 0, -1, -1, 0, 0, 0, -3, 0, 0, 0, 0, -3, -3, 2, 0)),
    ],
)
def test_no_level_is_read_out_of_the_last_bits(
    rows: int, cols: int, step: int, ratio: int, levels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One map in some 3,000 has an end, of the fewest bytes, that would be read as one more level."""
    payload = Colormap(rows, cols, step, levels, (), ratio).to_bytes()
    assert Colormap.from_bytes(payload).levels == levels
    monkeypatch.setattr(colormap_payload, "_nothing_follows", lambda *given: True)
    assert Colormap.from_bytes(Colormap(rows, cols, step, levels, (), ratio).to_bytes()).levels != levels


def one_by_one(coder: Encoder, known: context_model.CoefficientContext, levels: list[int]) -> None:
    for index in range(3, len(levels)):
        colormap_payload._level(coder, known, index, levels[index])


def all_one_by_one(coder: PrefixDecoder, known: context_model.CoefficientContext, index: int) -> Iterator[int]:
    for at in range(index, known.levels.size):
        yield colormap_payload._level(coder, known, at, None)


def test_ciede2000_is_the_known_one() -> None:
    one, other = np.random.default_rng(0).integers(0, 256, (2, 500, 3), dtype=np.uint8)
    ours = ciede2000.difference(*(ciede2000.cielab(oklab.from_srgb(cells)) for cells in (one, other)))
    assert np.abs(ours - deltaE_ciede2000(rgb2lab(one), rgb2lab(other))).max() < 0.02


@pytest.mark.parametrize("bits", [150, 400, 900])
def test_refined_levels_take_the_bits_they_are_said_to(photo: np.ndarray, bits: int) -> None:
    """Nearly all of what they may, and no more: as their payload shows."""
    search = rdoq.RDOQuantizer(resize_area(photo, 12, 10))
    found = rate_control.RateController(search, 26, 1).within(bits)
    taken = 8 * len(Colormap(10, 12, 26, found.levels, (), 1).to_bytes()) - colormap_payload.head_bits(10, 12, 26, 1)
    assert 0.85 * bits < found.bits <= bits
    assert found.bits - 1 < taken < found.bits + 16


@pytest.mark.parametrize(("grid", "budget"), [(8, 60), (16, 120)])
def test_a_fit_is_nearer_than_any_plain_map_of_its_bytes(photo: np.ndarray, grid: int, budget: int) -> None:
    cells = resize_area(photo, grid, grid)
    plain = [Colormap.from_cells(cells, step) for step in range(16, 44)]
    nearest = min(difference(cells, one.cells) for one in plain if len(one.to_bytes()) <= budget)
    assert difference(cells, Colormap.fit(cells, budget).cells) < 0.98 * nearest


def test_every_painted_color_comes_back(photo: np.ndarray) -> None:
    before = Colormap.fit(resize_area(photo, 8, 8), 60)
    rng = np.random.default_rng(3)
    for color in [*rng.integers(0, 256, (40, 3)), *rng.integers(0, 40, (10, 3))]:
        cells = before.cells.copy()
        cells[2, 5] = color
        after = before.repaint(cells)
        assert difference(after.cells[2:3, 5:6], cells[2:3, 5:6]) < 2
