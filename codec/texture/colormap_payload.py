"""The payload of a colormap: entropy-coded DCT coefficients and spots.

A payload holds the header (grid, step and ratio), the mean color, the spots, and then the other coefficients by
ascending frequency, L, a and b of each frequency in turn. A small network gives the probability of each
level (context_model.py).

There is neither a coefficient count nor an end mark. A decoder reads every symbol that the given bytes determine, and
assumes that all further coefficients are 0. A truncated payload therefore decodes to a blurred version of the map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from codec.bitstream.aspect_ratios import ASPECT_WEIGHTS, COMMON_ASPECTS
from codec.bitstream.range_coder import BitModel, Coder, Encoder, ExpGolombModel, PrefixDecoder, PrefixEnd
from codec.errors import Corrupt
from codec.texture.coding_plan import plan
from codec.texture.context_model import MAX_BUCKET, OUTPUTS, CoefficientContext, bucket
from codec.texture.quantizer import MAX_LEVEL, STEPS, dc_levels, log_steps

MIN_CELLS, MAX_CELLS = 2, 64  # cells a side
MAX_SPOT_VALUE: Final = 63  # of each color component of a spot

_COMMON_SIDES: Final = (8, 10, 12, 14, 16, 20, 24, 32, 48, 64)  # cells on the longer side
_SIDE_WEIGHTS: Final = (20, 6, 8, 6, 24, 10, 12, 10, 2, 2, 4)  # frequencies of the common sides, and of any other
_STEP_WEIGHTS: Final = tuple(2 + max(20 - abs(step - 28), 0) for step in range(len(STEPS)))
_RATIO_WEIGHTS: Final = (16, 16, 16, 16)
_P_NO_SPOT: Final = 60000  # initial probability, of 65,536, that no further spot follows
_MIN_ZERO_RUN: Final = 6  # after this many zeros in a row, a decoder reads several positions at once
_FIRST_AC: Final = 3  # index of the first level after the mean color

Spot = tuple[int, tuple[int, int, int]]  # cell = row * cols + col, and its (r, g, b), each 0..MAX_SPOT_VALUE


class Header(NamedTuple):
    """The grid and the quantizer of a colormap: see the fields of `Colormap`."""

    rows: int
    cols: int
    step: int
    ratio: int

    @property
    def dc_levels(self) -> int:
        """The number of levels that the mean lightness can have."""
        return dc_levels(self.rows, self.cols, self.step, self.ratio)


def encode(coder: Encoder, header: Header, levels: Sequence[int], spots: Sequence[Spot]) -> bytes:
    """Return the finished payload: the fewest bytes that decode to exactly these levels and spots.

    `levels` are in the order of `Colormap.levels`. `coder` has already coded the kind of the layer.
    """
    _code_header(coder, header)
    scanned = _to_scan_order(header, levels)
    context = _code_mean(coder, header, scanned)
    for _ in _code_spots(coder, header.rows * header.cols, spots):
        pass
    count = max((index + 1 for index, level in enumerate(scanned) if level), default=0)
    _encode_levels(coder, context, scanned[:count])
    for payload, remainder in coder.terminations():
        if _holds_only_zeros(remainder, context.copy(), max(count, _FIRST_AC)):
            return payload
    raise AssertionError("every range coder state has a valid termination")


def decode(coder: PrefixDecoder) -> tuple[Header, tuple[int, ...], tuple[Spot, ...]]:
    """Return the header, the levels in the order of `Colormap.levels`, and the spots of a payload.

    `coder` has already read the kind of the layer. Raises `PrefixEnd` if the payload ends before the mean color does,
    and `Corrupt` for spots outside the grid or levels that are too large.
    """
    header = _code_header(coder, None)
    context = _code_mean(coder, header, None)
    spots: list[Spot] = []
    try:
        for spot in _code_spots(coder, header.rows * header.cols, None):
            spots.append(spot)
        for _ in _decode_levels(coder, context, _FIRST_AC):
            pass
    except PrefixEnd:
        pass
    by_cell = np.zeros_like(context.levels)
    by_cell[context.plan.scan] = context.levels
    return header, tuple(by_cell.T.ravel().tolist()), tuple(spots)


def header_bits(header: Header) -> float:
    """Return the bits of the base's length, the layer's kind, the header, the mean lightness and the no-spots flag."""
    counter = _BitCounter()
    _code_header(counter, header)
    return 8 + counter.bits + math.log2(header.dc_levels * 16 / 15 * 65536 / _P_NO_SPOT)


class _BitCounter(Encoder):
    """An encoder that only counts bits."""

    def __init__(self) -> None:
        super().__init__()
        self.bits = 0.0

    def _encode(self, start: int, size: int, total: int) -> None:
        self.bits += math.log2(total / size)


def _to_scan_order(header: Header, levels: Sequence[int]) -> list[int]:
    """Return the levels in coding order: by ascending frequency, L, a and b of each in turn."""
    by_cell = np.array(levels, np.int64).reshape(3, -1).T
    scanned: list[int] = by_cell[plan(header.rows, header.cols).scan].ravel().tolist()
    return scanned


def _holds_only_zeros(remainder: PrefixDecoder, context: CoefficientContext, start: int) -> bool:
    """Return whether a decoder would read only zeros, for level `start` and later, from the rest of the last byte."""
    try:
        return not any(_decode_levels(remainder, context, start))
    except PrefixEnd:
        return True
    except Corrupt:
        return False


def _code_header(coder: Coder, header: Header | None) -> Header:
    """Code grid, step and ratio, and return them; read them if `header` is None."""
    rows, cols, step, ratio = header or (2, 2, 0, 0)
    longer = max(rows, cols)
    side = coder.choice(_SIDE_WEIGHTS, _COMMON_SIDES.index(longer) if longer in _COMMON_SIDES else len(_COMMON_SIDES))
    if side < len(_COMMON_SIDES):
        longer = _COMMON_SIDES[side]
    else:
        longer = MIN_CELLS + coder.uniform(MAX_CELLS - MIN_CELLS + 1, longer - MIN_CELLS)
    grids = [_common_grid(longer, aspect) for aspect in COMMON_ASPECTS]
    aspect = coder.choice(ASPECT_WEIGHTS, grids.index((rows, cols)) if (rows, cols) in grids else len(grids))
    if aspect < len(grids):
        rows, cols = grids[aspect]
    else:
        landscape = coder.uniform(2, int(cols >= rows))
        shorter = MIN_CELLS + coder.uniform(longer - MIN_CELLS + 1, min(rows, cols) - MIN_CELLS)
        rows, cols = (shorter, longer) if landscape else (longer, shorter)
    step = coder.choice(_STEP_WEIGHTS, step)
    return Header(rows, cols, step, coder.choice(_RATIO_WEIGHTS, ratio))


def _common_grid(longer: int, aspect: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of the grid with this longer side and this aspect ratio (width, height)."""
    large, small = max(aspect), min(aspect)
    shorter = max((2 * longer * small + large) // (2 * large), MIN_CELLS)
    return (shorter, longer) if aspect[0] >= aspect[1] else (longer, shorter)


def _code_mean(coder: Coder, header: Header, levels: Sequence[int] | None) -> CoefficientContext:
    """Code the mean color, which is the first three levels, and return a context that contains it."""
    context = CoefficientContext(header.rows, header.cols, log_steps(header.step, header.ratio))
    context.update(0, 0, coder.uniform(header.dc_levels, levels[0] if levels else 0))
    for index in (1, 2):
        _code_level(coder, context, index, levels[index] if levels else None)
    return context


def _code_spots(coder: Coder, cells: int, spots: Sequence[Spot] | None) -> Iterator[Spot]:
    """Code and yield the spots: for each, the number of skipped cells, and the color unless it equals the last one."""
    stop, same_color, gap = BitModel(_P_NO_SPOT), BitModel(), ExpGolombModel(12)
    cell, color, count = -1, None, 0
    while not coder.bit(stop, int(spots is not None and count == len(spots))):
        next_cell, next_color = spots[count] if spots else (0, (0, 0, 0))
        cell += 1 + coder.number(gap, max(next_cell - cell - 1, 0))
        if cell >= cells:
            raise Corrupt("a spot of the texture layer is outside the grid", ("texture",))
        if color is None or not coder.bit(same_color, int(next_color == color)):
            r, g, b = (coder.uniform(MAX_SPOT_VALUE + 1, value) for value in next_color)
            color = (r, g, b)
        count += 1
        yield cell, color


def _code_level(coder: Coder, context: CoefficientContext, index: int, level: int | None) -> int:
    """Code one level and return it: its bucket, the offset in that bucket, and its sign."""
    position, channel = divmod(index, 3)
    size = abs(level or 0)
    size_bucket = bucket(size)
    probabilities = context.bucket_probabilities(position, channel)
    coded = 0
    while coded < MAX_BUCKET and not coder.bernoulli(probabilities[min(coded, OUTPUTS - 1)], int(coded == size_bucket)):
        coded += 1
    if coded <= 2:
        size = coded
    else:
        width = 1 << coded - 2
        size = width + 1 + coder.uniform(width, max(size - width - 1, 0))
    if size > MAX_LEVEL:
        raise Corrupt("a level of the texture layer is too large", ("texture",))
    value = size
    if size and not coder.bernoulli(context.positive_probability(position, channel, size), int((level or 0) > 0)):
        value = -size
    context.update(position, channel, value)
    return value


def _encode_levels(coder: Encoder, context: CoefficientContext, levels: Sequence[int]) -> None:
    """Encode all levels after the mean color. Equivalent to `_code_level` for each, but faster for runs of zeros."""
    index = _FIRST_AC
    for nonzero in [number for number in range(_FIRST_AC, len(levels)) if levels[number]]:
        while index <= nonzero:
            positions = (nonzero - index) // 3
            if positions > 1 and index % 3 == 0:
                for probability in context.zero_probabilities(index // 3, positions):
                    coder.bernoulli(probability, 1)
                index += 3 * positions
            else:
                _code_level(coder, context, index, levels[index])
                index += 1


def _decode_levels(coder: PrefixDecoder, context: CoefficientContext, index: int) -> Iterator[int]:
    """Read all levels from `index` on, and yield those that were read one at a time; all others are 0.

    In a run of zeros, several positions are read at once: half as many as the number of zero levels read so far.
    """
    run = 0  # length of the current run of zeros; half of it is kept after a nonzero level
    while index < context.levels.size:
        position, channel = divmod(index, 3)
        if run >= _MIN_ZERO_RUN and channel == 0:
            probabilities = context.zero_probabilities(position, min(run // 2, context.positions - position))
            zeros = coder.leading_ones(probabilities)
            index, run = index + zeros, run + zeros
            if zeros == len(probabilities):
                continue
        level = _code_level(coder, context, index, None)
        index, run = index + 1, run // 2 if level else run + 1
        yield level
