"""The fast paths of the payload code equal the plain ones, and a payload ends where its levels end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from codec.bitstream.range_coder import Encoder, PrefixDecoder
from codec.images.io import resize_area
from codec.texture import colormap_payload, rdoq
from codec.texture.colormap import Colormap
from codec.texture.context_model import CoefficientContext


def encode_one_by_one(coder: Encoder, context: CoefficientContext, levels: Sequence[int]) -> None:
    for index in range(3, len(levels)):
        colormap_payload._code_level(coder, context, index, levels[index])


def decode_one_by_one(coder: PrefixDecoder, context: CoefficientContext, index: int) -> Iterator[int]:
    for at in range(index, context.levels.size):
        yield colormap_payload._code_level(coder, context, at, None)


@pytest.fixture(scope="module")
def dense(photo: np.ndarray) -> Colormap:
    """16 x 20 cells with many nonzero levels."""
    return rdoq.RDOQuantizer(resize_area(photo, 20, 16)).quantize(16, 0, rounds=2).colormap


@pytest.mark.parametrize("density", [1.0, 0.3, 0.1, 0.02])
def test_runs_of_zeros_equal_coding_level_by_level(
    dense: Colormap, density: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.random.default_rng(1).random(len(dense.levels)) < density
    mask[0] = True
    levels = tuple(level if keep else 0 for level, keep in zip(dense.levels, mask.tolist(), strict=True))
    payload = Colormap(16, 20, 16, levels).to_bytes()
    assert Colormap.from_bytes(payload).levels == levels
    sizes = range(len(payload), 8, -max(len(payload) // 10, 1))
    decoded = [Colormap.from_bytes(payload[:size]) for size in sizes]
    monkeypatch.setattr(colormap_payload, "_encode_levels", encode_one_by_one)
    monkeypatch.setattr(colormap_payload, "_decode_levels", decode_one_by_one)
    assert Colormap(16, 20, 16, levels).to_bytes() == payload
    assert [Colormap.from_bytes(payload[:size]) for size in sizes] == decoded


def test_no_levels_are_read_beyond_the_last_nonzero_one(photo: np.ndarray) -> None:
    quantizer = rdoq.RDOQuantizer(resize_area(photo, 9, 7))
    for step in range(12, 50, 2):
        colormap = quantizer.quantize(step, rounds=2).colormap
        assert Colormap.from_bytes(colormap.to_bytes()).levels == colormap.levels


@pytest.mark.parametrize(
    ("rows", "cols", "step", "ratio", "levels"),
    [
        (2, 2, 50, 3, (1, 0, -3, 2, -1, 0, 0, 2, 1, 0, -3, 0)),
        (2, 3, 51, 2, (0, 0, -3, 0, 2, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, -1, 0)),
        (2, 3, 45, 2, (11, -1, 1, 0, -1, -1, 0, 0, 0, -3, 0, 0, 0, 0, -3, -3, 2, 0)),
    ],
)
def test_encoder_avoids_endings_that_hold_another_level(
    rows: int, cols: int, step: int, ratio: int, levels: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In these maps, about one in 3,000, the shortest ending would decode to one level more."""
    payload = Colormap(rows, cols, step, levels, (), ratio).to_bytes()
    assert Colormap.from_bytes(payload).levels == levels
    monkeypatch.setattr(colormap_payload, "_holds_only_zeros", lambda *arguments: True)
    assert Colormap.from_bytes(Colormap(rows, cols, step, levels, (), ratio).to_bytes()).levels != levels
