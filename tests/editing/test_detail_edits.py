"""Edits of layers whose colors have detail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec import Colormap, Layers, Sketch
from codec.editing import edits, objects
from codec.editing.transrate import shrink, transrate
from codec.texture.detail import REACH_PIXELS, Detail
from tests import samples


@pytest.fixture(scope="module")
def detailed() -> Layers:
    wiggle = np.random.default_rng(4).integers(0, 2, (5, 40)).tolist()
    lines = tuple(tuple((5 + x, 4 + 4 * y + w) for x, w in enumerate(row)) for y, row in enumerate(wiggle))
    return replace(samples.detailed(), structure=Sketch(64, 64, lines))


def texture_of(layers: Layers) -> Colormap:
    assert layers.texture is not None
    return layers.texture


def detail_of(layers: Layers) -> Detail:
    detail = texture_of(layers).detail
    assert detail is not None
    return detail


def test_painted_cells_keep_the_detail_and_shift_the_colors_around_them(detailed: Layers) -> None:
    painted = edits.paint(detailed, 2, 3, (255, 0, 255))
    assert detail_of(painted) == detail_of(detailed)
    before, after = (texture_of(layers).small_picture(16, 16).astype(int) for layers in (detailed, painted))
    assert np.abs(after - before)[32:48, 48:64].mean() > 20  # of 8 x 8 base cells, each 16 pixels a side
    assert (after == before)[:, 96:].all()


def test_shifted_and_regridded_colors_keep_the_detail(detailed: Layers) -> None:
    for edited in (edits.shift(detailed, hue=90), edits.regrid(detailed, 12, 10)):
        assert texture_of(edited) != texture_of(detailed) and detail_of(edited) == detail_of(detailed)


def test_erasing_clears_the_detail_under_the_mask(detailed: Layers) -> None:
    mask = np.zeros((detailed.height, detailed.width), bool)
    mask[: detailed.height // 2, : detailed.width // 2] = True
    erased = edits.erase(detailed, mask)
    levels = detail_of(erased).levels
    assert not levels[:, :8, :8].any()
    assert np.array_equal(levels[:, 8:], detail_of(detailed).levels[:, 8:])
    changed = (detail_of(erased).residual != detail_of(detailed).residual).any(0)
    assert not changed[64 + REACH_PIXELS :].any()
    everything = np.ones_like(mask)
    assert texture_of(edits.erase(detailed, everything)).detail is None
    assert edits.erase(detailed, np.zeros_like(mask)) == detailed


def right_half(layers: Layers) -> tuple[np.ndarray, objects.Placement]:
    """Return a mask on the left, and a placement that moves it by half the width."""
    mask = np.zeros((layers.height, layers.width), bool)
    mask[layers.height // 4 : -layers.height // 4, layers.width // 8 : layers.width * 3 // 8] = True
    return mask, objects.Placement(np.array([[1.0, 0, layers.width / 2], [0, 1, 0]]))


def test_a_moved_object_takes_its_detail_along(detailed: Layers) -> None:
    moved = objects.move(detailed, *right_half(detailed))
    old, new = (texture_of(layers).small_picture(16, 16).astype(int) for layers in (detailed, moved))
    there, here = (slice(40, 88), slice(88, 104)), (slice(40, 88), slice(24, 40))
    assert np.abs(new[there] - old[here]).mean() < np.abs(old[there] - old[here]).mean() / 2
    assert moved.semantic == detailed.semantic and len(texture_of(moved).to_bytes()) <= len(
        texture_of(detailed).to_bytes()
    )


def test_without_the_networks_of_the_encoder_detail_is_cleared_with_a_warning(
    detailed: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "can_refit", lambda: False)
    with pytest.warns(UserWarning, match="detail of the changed colors was cleared"):
        moved = objects.move(detailed, *right_half(detailed))
    assert not detail_of(moved).levels[:, 6:10, 10:14].any()
    assert np.array_equal(detail_of(moved).levels[:, 0], detail_of(detailed).levels[:, 0])


def test_borrowed_colors_bring_their_detail(detailed: Layers) -> None:
    assert detail_of(edits.swap_texture(samples.example(), detailed)) == detail_of(detailed)
    assert texture_of(edits.swap_texture(detailed, samples.example())).detail is None


def test_cut_takes_from_the_detail_first_and_then_from_the_sketch(detailed: Layers) -> None:
    assert isinstance(detailed.structure, Sketch)
    few_strokes = replace(detailed, structure=replace(detailed.structure, strokes=detailed.structure.strokes[:1]))
    size = len(few_strokes.to_bytes())
    slightly = edits.cut(few_strokes, size - 40)
    assert len(slightly.to_bytes()) <= size - 40
    assert slightly.structure == few_strokes.structure and texture_of(slightly) != texture_of(detailed)
    payload = texture_of(slightly).to_bytes()
    assert texture_of(detailed).to_bytes().startswith(payload)
    sizes = detailed.sizes()
    most = sizes.total - sizes.texture // 2 - sizes.structure // 2
    strongly = edits.cut(detailed, most)
    assert len(strongly.to_bytes()) <= most
    assert isinstance(strongly.structure, Sketch)
    assert 0 < len(strongly.structure.strokes) < len(detailed.structure.strokes)
    assert texture_of(strongly).detail is not None


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.4, 0.6, 0.8, 0.95])
def test_every_budget_is_met(detailed: Layers, fraction: float) -> None:
    max_bytes = int(fraction * len(detailed.to_bytes()))
    for smaller in (transrate(detailed, max_bytes), edits.cut(detailed, max_bytes)):
        data = smaller.to_bytes()
        assert len(data) <= max_bytes and Layers.from_bytes(data) == smaller


def test_shrunk_colors_fit_and_lose_their_detail_below_100_bytes(detailed: Layers) -> None:
    texture = texture_of(detailed)
    size = len(texture.to_bytes())
    assert shrink(texture, size) is texture
    for max_bytes in (size - 1, size // 2, 60, 20, 0):
        smaller = shrink(texture, max_bytes)
        assert len(smaller.to_bytes()) <= max(max_bytes, 16)
        assert (smaller.detail is not None) == (max_bytes >= 100)


def test_fixed_color_size_is_kept_at_the_cost_of_the_strokes(detailed: Layers) -> None:
    sizes = detailed.sizes()
    max_bytes = sizes.total - sizes.structure // 2
    trimmed = transrate(detailed, max_bytes, max_color_bytes=sizes.texture)
    assert texture_of(trimmed) == texture_of(detailed) and len(trimmed.to_bytes()) <= max_bytes
