"""A detail survives encoding, can be cut anywhere, and adds the same residual everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.errors import Corrupt, InvalidLayer
from codec.texture import detail_payload
from codec.texture.colormap import Colormap
from codec.texture.detail import CHANNELS, MAX_DETAIL_LEVEL, REACH_PIXELS, Detail
from codec.texture.detail_distributions import SYMBOLS, cumulative_tables, symbol_bits
from codec.texture.detail_grid import PIXELS_PER_CELL, detail_shape
from codec.texture.detail_network import DetailNetwork, detail_network
from tests.samples import details, random_detail

ROOT = Path(__file__).parents[2]
BASE = Colormap(2, 2, 40, (4, *[0] * 11))


@settings(max_examples=20, deadline=None)
@given(details)
def test_payload_round_trip(detail: Detail) -> None:
    assert Detail.from_bytes(detail.to_bytes()) == detail


@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_levels_survive(sign: int) -> None:
    detail = Detail(63, np.full((CHANNELS, 3, 4), sign * MAX_DETAIL_LEVEL))
    decoded = Detail.from_bytes(detail.to_bytes())
    assert decoded == detail and decoded.residual.shape == (3, 24, 32)


def test_every_prefix_returns_the_same_bytes() -> None:
    texture = replace(BASE, detail=random_detail(3, 4, 3, 0.03))
    payload = texture.to_bytes()
    header = next(size for size in range(len(payload)) if _decodes(payload[:size]))
    assert header <= 8
    for size in range(header, len(payload) + 1):
        decoded = Colormap.from_bytes(payload[:size])
        assert decoded.to_bytes() == payload[:size] and texture.cut(size) == decoded
    assert decoded == texture


def _decodes(payload: bytes) -> bool:
    try:
        Colormap.from_bytes(payload)
    except Corrupt:
        return False
    return True


def test_prefix_keeps_the_leading_levels() -> None:
    """After the first level that is not certain, all levels are as predicted; the slices before are unchanged."""
    detail = random_detail(4, density=0.3)
    cut = detail.cut(len(detail.to_bytes()) * 3 // 4)
    assert cut is not None and np.array_equal(cut.levels[:8], detail.levels[:8])
    assert not np.array_equal(cut.levels, detail.levels)


def test_prefix_without_the_grid_is_no_detail() -> None:
    detail = random_detail(0)
    assert detail.cut(0) is None and detail.cut(-1) is None and detail.cut(10_000) is detail
    with pytest.raises(Corrupt):
        Detail.from_bytes(b"")
    assert replace(BASE, detail=detail).cut(len(BASE.to_bytes())).detail is None


@settings(max_examples=25, deadline=None)
@given(
    st.binary(max_size=300) | st.builds(lambda value, size: bytes([value]) * size, st.integers(0, 255), st.just(300))
)
def test_any_bytes_are_a_detail_or_raise_corrupt(payload: bytes) -> None:
    try:
        detail = Detail.from_bytes(payload)
    except Corrupt as error:
        assert error.layers == ("texture",)
    else:
        assert detail.to_bytes() == payload
        assert Detail.from_bytes(Detail(detail.quality, detail.levels).to_bytes()) == detail


def test_largest_payload_reads_a_bounded_number_of_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the maximum size cannot hold more than one symbol per level."""
    calls = 0
    code_level = detail_payload._CodingPass._code_level

    def count(*arguments: Any) -> int:
        nonlocal calls
        calls += 1
        return code_level(*arguments)

    monkeypatch.setattr(detail_payload._CodingPass, "_code_level", count)
    detail = Detail.from_bytes(np.random.default_rng(0).bytes(65_000))
    assert 0 < calls <= detail.levels.size <= CHANNELS * 24**2


def test_zero_levels_add_exactly_nothing() -> None:
    for quality, rows, cols in ((0, 16, 16), (33, 2, 24), (63, 5, 3)):
        assert not Detail(quality, np.zeros((CHANNELS, rows, cols), np.int16)).residual.any()
    assert len(Detail(30, np.zeros((CHANNELS, 16, 16), np.int16)).to_bytes()) < 40


def test_clearing_cells_changes_nothing_beyond_the_reach() -> None:
    detail = random_detail(1, 20, 20, 0.2, 40)
    mask = np.zeros((20, 20), bool)
    mask[8:11, 9:12] = True
    cleared = detail.cleared(mask)
    assert cleared is not None and not cleared.levels[:, mask].any()
    assert np.array_equal(cleared.levels[:, ~mask], detail.levels[:, ~mask])
    rows, cols = np.nonzero((detail.residual != cleared.residual).any(0))
    assert rows.min() >= 8 * PIXELS_PER_CELL - REACH_PIXELS and rows.max() < 11 * PIXELS_PER_CELL + REACH_PIXELS
    assert cols.min() >= 9 * PIXELS_PER_CELL - REACH_PIXELS and cols.max() < 12 * PIXELS_PER_CELL + REACH_PIXELS


def test_clearing_all_or_no_cells() -> None:
    detail = random_detail(1)
    assert detail.cleared(np.ones((16, 16), bool)) is None
    assert detail.cleared(np.zeros((16, 16), bool)) is detail
    with pytest.raises(InvalidLayer):
        detail.cleared(np.zeros((8, 8), bool))


def test_moved_levels_move_the_residual() -> None:
    levels = np.zeros((CHANNELS, 20, 20), np.int16)
    levels[:, 7:9, 7:9] = 2
    here = Detail(20, levels).residual
    there = Detail(20, np.roll(levels, (3, 2), (1, 2))).residual
    assert np.array_equal(np.roll(here, (24, 16), (1, 2)), there)


@pytest.mark.parametrize(
    ("quality", "levels"),
    [
        (64, np.zeros((CHANNELS, 4, 4), int)),
        (-1, np.zeros((CHANNELS, 4, 4), int)),
        (0, np.zeros((CHANNELS, 1, 4), int)),
        (0, np.zeros((CHANNELS, 4, 25), int)),
        (0, np.zeros((CHANNELS - 1, 4, 4), int)),
        (0, np.zeros((4, 4), int)),
        (0, np.full((CHANNELS, 4, 4), 801)),
        (0, np.full((CHANNELS, 4, 4), 70_000)),
        (0, np.zeros((CHANNELS, 4, 4))),
    ],
)
def test_invalid_quality_or_levels_are_rejected(quality: int, levels: np.ndarray) -> None:
    with pytest.raises(InvalidLayer):
        Detail(quality, levels)


def test_equality_hash_and_read_only_levels() -> None:
    detail, same = random_detail(5), random_detail(5)
    assert detail == same and hash(detail) == hash(same) and detail != random_detail(6) and detail != "detail"
    assert replace(BASE, detail=detail) == replace(BASE, detail=same) != BASE
    assert hash(replace(BASE, detail=detail)) == hash(replace(BASE, detail=same))
    with pytest.raises(ValueError, match="read-only"):
        detail.levels[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("size", "shape"),
    [((512, 512), (16, 16)), ((768, 512), (11, 16)), ((1, 4096), (16, 2)), ((512, 768), (16, 11))],
)
def test_detail_shape_follows_the_picture(size: tuple[int, int], shape: tuple[int, int]) -> None:
    assert detail_shape(*size) == shape
    assert max(detail_shape(*size, longer_cells=99)) == 24 and max(detail_shape(*size, longer_cells=1)) == 2


def test_frequencies_are_positive_and_sum_to_the_total() -> None:
    tables = np.array(cumulative_tables())
    assert tables.shape[-1] == SYMBOLS + 1
    assert (np.diff(tables) >= 1).all() and (tables[..., 0] == 0).all() and (tables[..., -1] == 65536).all()
    assert np.allclose(np.exp2(-symbol_bits().astype(float)).sum(-1), 1, atol=1e-4)


def test_weights_with_inexact_sums_are_rejected() -> None:
    bias = np.array([1 << 53], np.int64)
    tensors: dict[str, np.ndarray] = {"x.weight": np.ones((1, 1, 1, 1), np.int8), "x.bias": bias, "x.shift": bias * 0}
    with pytest.raises(ValueError, match="too large"):
        DetailNetwork(tensors)


def test_convolutions_equal_integer_arithmetic() -> None:
    """The float64 products are exact: int64 sums give the same, even of the largest activations."""
    rng = np.random.default_rng(0)
    for convolution in detail_network()._convolutions.values():
        outputs, inputs, size, _ = convolution.weights.shape
        x = rng.integers(-(1 << 20), (1 << 20) + 1, (inputs, 3, 4))
        padded = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2))
        sums = np.zeros((outputs, 3, 4), np.int64)
        for v in range(size):
            for u in range(size):
                window = padded[:, v : v + 3, u : u + 4]
                sums += np.einsum("oi,ihw->ohw", convolution.weights[:, :, v, u].astype(np.int64), window)
        assert np.array_equal(convolution.sums(x.astype(np.float64)), sums)
        shift = convolution.shift.astype(np.int64)[:, None, None]
        rounded = (2 * (sums + convolution.bias.astype(np.int64)[:, None, None]) + (1 << shift)) >> (shift + 1)
        assert np.array_equal(convolution(x.astype(np.float64)), rounded)


SCRIPT = """
import hashlib
from codec.texture.detail import Detail
from tests.samples import random_detail
payload = random_detail(3).to_bytes()
print(hashlib.sha256(payload + Detail.from_bytes(payload).residual.tobytes()).hexdigest())
"""


def test_bytes_do_not_depend_on_threads_or_kernels() -> None:
    """A process with two threads and the kernels of an old CPU writes and reads the same as this one."""
    payload = random_detail(3).to_bytes()
    expected = hashlib.sha256(payload + Detail.from_bytes(payload).residual.tobytes()).hexdigest()
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    env = {**os.environ, **dict.fromkeys(names, "2"), "OPENBLAS_CORETYPE": "NEHALEM"}
    result = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, env=env, capture_output=True, text=True)
    assert result.stdout.strip() == expected, result.stderr
