"""The detail of the texture layer: what a small color picture adds to the base colors.

A detail is a grid of cells, each covering 8 x 8 pixels of the small picture, with 40 quantized latents (levels) per
cell. A learned synthesis transform turns the levels into a residual in YCbCr. A level changes pixels up to 28 pixels
away, and its dequantized value depends only on its channel and the quality, so levels can be cleared, moved and cut
off.

Decoding uses integer arithmetic only. Encoders choose the levels: see codec/encoder/colormap/fit_detail.py.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from codec.bitstream.range_coder import PrefixEnd
from codec.errors import Corrupt, InvalidLayer
from codec.texture import detail_payload
from codec.texture.detail_grid import MAX_DETAIL_CELLS, MIN_DETAIL_CELLS, PIXELS_PER_CELL
from codec.texture.detail_network import CHANNELS, QUALITIES, detail_network
from codec.texture.detail_payload import MAX_DETAIL_LEVEL, DetailHeader

__all__ = ["CHANNELS", "MAX_DETAIL_LEVEL", "PIXELS_PER_CELL", "QUALITIES", "REACH_PIXELS", "Detail"]

REACH_PIXELS: Final = 28  # a level changes no pixel of the small picture farther than this from its cell


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """Quantized latents of the small picture's residual, as a file holds them.

    `quality`: 0..63; higher qualities have finer quantizer steps.
    `levels`: (40, rows, cols) integers in -800..800, with 2..24 rows and columns; stored as read-only int16.

    Raises `InvalidLayer` for other values. Details with the same quality and levels are equal.
    """

    quality: int
    levels: np.ndarray = field(repr=False)
    payload: bytes = field(default=b"", init=False, repr=False)  # cached by `to_bytes`

    def __post_init__(self) -> None:
        levels = np.array(self.levels)
        if not (
            levels.ndim == 3
            and levels.shape[0] == CHANNELS
            and all(MIN_DETAIL_CELLS <= side <= MAX_DETAIL_CELLS for side in levels.shape[1:])
        ):
            sides = f"{MIN_DETAIL_CELLS} to {MAX_DETAIL_CELLS}"
            raise InvalidLayer(f"a detail has {CHANNELS} channels of {sides} cells a side, not {levels.shape}")
        if levels.dtype.kind not in "iu" or levels.min() < -MAX_DETAIL_LEVEL or levels.max() > MAX_DETAIL_LEVEL:
            raise InvalidLayer(f"the levels of a detail must be integers in -{MAX_DETAIL_LEVEL}..{MAX_DETAIL_LEVEL}")
        if not 0 <= self.quality < QUALITIES:
            raise InvalidLayer(f"the quality of a detail must be in 0..{QUALITIES - 1}")
        levels = levels.astype(np.int16)
        levels.setflags(write=False)
        object.__setattr__(self, "levels", levels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detail):
            return NotImplemented
        return self.quality == other.quality and np.array_equal(self.levels, other.levels)

    def __hash__(self) -> int:
        return hash((self.quality, self.levels.shape, self.levels.tobytes()))

    @property
    def rows(self) -> int:
        """The number of rows of cells, 2..24."""
        return int(self.levels.shape[1])

    @property
    def cols(self) -> int:
        """The number of columns of cells, 2..24."""
        return int(self.levels.shape[2])

    @property
    def residual(self) -> np.ndarray:
        """The residual, to be added to the enlarged base colors: (3, 8 rows, 8 cols) int64 YCbCr, 1.0 == 2^14.

        The array is read-only.
        """
        return _residual(self)

    def to_bytes(self) -> bytes:
        """Return the payload: the fewest bytes that `from_bytes` reads as this detail."""
        if not self.payload:
            header = DetailHeader(self.quality, self.rows, self.cols)
            object.__setattr__(self, "payload", detail_payload.encode(header, self.levels))
        return self.payload

    @classmethod
    def from_bytes(cls, payload: bytes) -> Detail:
        """Return the detail of a payload. Raises `Corrupt` if the payload ends before quality and grid are known.

        Any prefix that contains both is a valid payload, and `to_bytes` returns it unchanged.
        """
        try:
            header, levels = detail_payload.decode(payload)
        except PrefixEnd:
            raise Corrupt("the detail of the texture layer ends before its grid", ("texture",)) from None
        detail = cls(header.quality, levels)
        object.__setattr__(detail, "payload", payload)
        return detail

    def cut(self, max_bytes: int) -> Detail | None:
        """Return the detail in the first `max_bytes` of the payload; None if they end before the grid."""
        payload = self.to_bytes()
        if len(payload) <= max_bytes:
            return self
        try:
            return Detail.from_bytes(payload[: max(max_bytes, 0)])
        except Corrupt:
            return None

    def cleared(self, mask: np.ndarray) -> Detail | None:
        """Return the detail without the levels of some cells; None if all levels are then 0.

        `mask`: (rows, cols) bool, True for cells to clear. Pixels farther than 28 from these cells do not change.
        Raises `InvalidLayer` if the mask has another shape.
        """
        mask = np.asarray(mask, bool)
        if mask.shape != self.levels.shape[1:]:
            raise InvalidLayer(f"the mask must have the shape of the detail's grid, {self.levels.shape[1:]}")
        levels = np.where(mask, 0, self.levels)
        if not levels.any():
            return None
        return self if np.array_equal(levels, self.levels) else Detail(self.quality, levels)


@functools.lru_cache(maxsize=4)
def _residual(detail: Detail) -> np.ndarray:
    """Return `Detail.residual`; cached, since most edits change only colors or strokes."""
    residual = detail_network().residual(detail.levels, detail.quality)
    residual.setflags(write=False)
    return residual
