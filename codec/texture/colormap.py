"""The texture layer: a coarse map of colors, and optionally a detail on top of it.

A colormap is a grid of 2 to 64 cells a side in Oklab, transformed by one DCT over the whole grid and quantized with one
step size. The payload (colormap_payload.py) codes the coefficients by ascending frequency, so every prefix of a payload
is a blurred version of the map. A painted cell is stored as a spot, separately from the transform, so that a brush
stroke is neither lost in quantization nor spread over other cells.

A detail (detail.py) refines the map, which then holds the base colors, to a small picture of up to 192 pixels a side.

Decoding uses integer arithmetic only. Encoders choose the levels: see rdoq.py (for a step size) and rate_control.py
(for a byte budget).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from codec.bitstream.range_coder import Encoder, PrefixDecoder, PrefixEnd
from codec.errors import BudgetTooSmall, Corrupt, InvalidLayer
from codec.texture import colormap_payload, dct
from codec.texture.colormap_payload import MAX_CELLS, MAX_SPOT_VALUE, MIN_CELLS, Header, Spot
from codec.texture.detail import PIXELS_PER_CELL, Detail
from codec.texture.quantizer import MAX_LEVEL, RATIOS, STEPS, dc_levels, dequantize
from codec.texture.small_picture import enlarge, to_srgb

__all__ = ["MAX_CELLS", "MIN_CELLS", "Colormap", "check_grid", "spot_to_srgb"]

_KIND_WEIGHTS: Final = (
    1,
    15,
)  # frequencies of the reserved kind and of a colormap; never 0 bits, so a base is never empty
_MAX_BYTE: Final = 255


@dataclass(frozen=True, slots=True)
class Colormap:
    """A grid of colors, as the quantized coefficients that a file holds, and optionally a detail.

    `rows`, `cols`: 2..64.
    `step`: index 0..63 into `quantizer.STEPS`, eight per octave, 0 the finest.
    `levels`: 3 * rows * cols integers in -32767..32767, channel by channel (L, a, b), each row by row from the lowest
    vertical frequency.
    `spots`: the cells with their own color, (cell, (r, g, b)) with sRGB values in 0..63, in ascending order of
    cell = row * cols + col.
    `ratio`: index 0..3 into `quantizer.RATIOS`, the step of L relative to the step of a and b.
    `detail`: refines these colors to a small picture; None if there is none.

    Raises `InvalidLayer` if any of these is out of range.
    """

    rows: int
    cols: int
    step: int
    levels: tuple[int, ...]
    spots: tuple[Spot, ...] = ()
    ratio: int = 0
    detail: Detail | None = None
    payload: bytes = field(default=b"", init=False, repr=False, compare=False)  # cached by `to_bytes`

    def __post_init__(self) -> None:
        check_grid(self.rows, self.cols)
        count = self.rows * self.cols
        if not 0 <= self.step < len(STEPS):
            raise InvalidLayer(f"the step of a colormap must be in 0..{len(STEPS) - 1}")
        if not 0 <= self.ratio < len(RATIOS):
            raise InvalidLayer(f"the ratio of a colormap must be in 0..{len(RATIOS) - 1}")
        if len(self.levels) != 3 * count:
            raise InvalidLayer(f"a colormap of {count} cells needs {3 * count} levels, not {len(self.levels)}")
        if not all(-MAX_LEVEL <= level <= MAX_LEVEL for level in self.levels):
            raise InvalidLayer(f"the levels of a colormap must be in -{MAX_LEVEL}..{MAX_LEVEL}")
        if not 0 <= self.levels[0] < dc_levels(self.rows, self.cols, self.step, self.ratio):
            raise InvalidLayer("the mean lightness of a colormap must be between black and white")
        bounds = [-1, *(cell for cell, _ in self.spots), count]
        if any(a >= b for a, b in zip(bounds, bounds[1:], strict=False)):
            raise InvalidLayer(f"the spots of a colormap must be cells in 0..{count - 1}, in ascending order")
        if not all(0 <= value <= MAX_SPOT_VALUE for _, color in self.spots for value in color):
            raise InvalidLayer(f"the color of a spot must be three numbers in 0..{MAX_SPOT_VALUE}")

    @property
    def cells(self) -> np.ndarray:
        """The decoded colors, without the detail: (rows, cols, 3) uint8 sRGB."""
        levels = np.array(self.levels, np.int64).reshape(3, self.rows, self.cols)
        colors = dct.inverse(dequantize(levels, self.step, self.ratio))
        for cell, color in self.spots:
            colors[divmod(cell, self.cols)] = spot_to_srgb(color)
        return colors

    def render(self, width: int, height: int) -> np.ndarray:
        """Return the cells as blocks (nearest neighbor): (height, width, 3) uint8 sRGB."""
        rows = np.arange(height) * self.rows // height
        cols = np.arange(width) * self.cols // width
        return np.asarray(self.cells[rows[:, None], cols[None, :]])

    def small_picture(self, rows: int, cols: int) -> np.ndarray:
        """Return the enlarged colors plus the detail: (8 * rows, 8 * cols, 3) uint8 sRGB.

        `rows`, `cols`: cells of 8 x 8 pixels. If there is a detail, its own grid is used instead.
        """
        if self.detail is not None:
            rows, cols = self.detail.rows, self.detail.cols
        picture = enlarge(self.cells, PIXELS_PER_CELL * rows, PIXELS_PER_CELL * cols)
        return to_srgb(picture if self.detail is None else picture + self.detail.residual)

    def cut(self, max_bytes: int) -> Colormap:
        """Return the colormap in the first `max_bytes` of the payload.

        It has a coarser detail or none; with even fewer bytes it is also blurred and lacks the last spots. Raises
        `BudgetTooSmall` if these bytes do not contain the mean color.
        """
        payload = self.to_bytes()
        if len(payload) <= max_bytes:
            return self
        try:
            return Colormap.from_bytes(payload[:max_bytes])
        except Corrupt:
            raise BudgetTooSmall(f"{max_bytes} bytes are too few for a colormap: allow more") from None

    def to_bytes(self) -> bytes:
        """Return the payload: the length of the base (0 if there is no detail), the base, and the detail."""
        if not self.payload:
            base = self._encode_base()
            if self.detail is None:
                payload = b"\0" + base
            else:
                payload = _encode_length(len(base)) + base + self.detail.to_bytes()
            object.__setattr__(self, "payload", payload)
        return self.payload

    @classmethod
    def from_bytes(cls, payload: bytes) -> Colormap:
        """Return the colormap of a payload. Raises `Corrupt` if the payload is invalid.

        Any prefix that contains the mean color is a valid payload, and `to_bytes` returns it unchanged.
        """
        start, length = _decode_length(payload)
        end = start + length if length else len(payload)
        try:
            coder = PrefixDecoder(payload[start:end])
            if not coder.choice(_KIND_WEIGHTS):
                raise Corrupt("the texture layer is of an unknown kind", ("texture",))
            header, levels, spots = colormap_payload.decode(coder)
            detail = _decode_detail(payload[end:])
            colormap = cls(header.rows, header.cols, header.step, levels, spots, header.ratio, detail)
        except InvalidLayer as error:
            raise Corrupt(str(error), ("texture",)) from None
        except PrefixEnd:
            raise Corrupt("the texture layer ends before its mean color", ("texture",)) from None
        object.__setattr__(colormap, "payload", payload)
        return colormap

    def _encode_base(self) -> bytes:
        """Return the payload of the base colors."""
        coder = Encoder()
        coder.choice(_KIND_WEIGHTS, 1)
        header = Header(self.rows, self.cols, self.step, self.ratio)
        return colormap_payload.encode(coder, header, self.levels, self.spots)


def _encode_length(length: int) -> bytes:
    """Return bytes whose sum is the length; only the last is below 255."""
    full, rest = divmod(length, _MAX_BYTE)
    return bytes([_MAX_BYTE] * full + [rest])


def _decode_length(payload: bytes) -> tuple[int, int]:
    """Return the number of bytes of the length at the start of a payload, and the length."""
    full = len(payload) - len(payload.lstrip(bytes([_MAX_BYTE])))
    if full == len(payload):
        raise Corrupt("the texture layer ends before its mean color", ("texture",))
    return full + 1, _MAX_BYTE * full + payload[full]


def _decode_detail(payload: bytes) -> Detail | None:
    """Return the detail; None if the payload is empty or ends before the detail's grid."""
    try:
        return Detail.from_bytes(payload) if payload else None
    except Corrupt:
        return None


def check_grid(rows: int, cols: int) -> None:
    """Raise `InvalidLayer` unless both sides are within the limits of a colormap."""
    if not all(MIN_CELLS <= side <= MAX_CELLS for side in (rows, cols)):
        raise InvalidLayer(f"a colormap has {MIN_CELLS} to {MAX_CELLS} cells a side")


def spot_to_srgb(color: tuple[int, int, int]) -> list[int]:
    """Return the sRGB values, 0..255, of a spot's color, 0..63."""
    return [(value * 255 + MAX_SPOT_VALUE // 2) // MAX_SPOT_VALUE for value in color]
