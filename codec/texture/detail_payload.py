"""The payload of a detail: entropy-coded quality, grid and levels.

The 40 channels form five slices, from coarse to fine. A slice is coded in two passes, one for each color of a
checkerboard over the cells. From all levels coded before a pass, the networks (detail_network.py) predict a value and a
Laplace distribution (detail_distributions.py) for each level of the pass. Levels with wider distributions come first,
and a flag says whether all levels with very narrow distributions equal their predicted values.

There is neither a level count nor an end mark. A decoder reads every symbol that the given bytes determine, and assumes
that all further levels equal their predicted values. Every prefix of a payload therefore holds a coarser detail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from codec.bitstream.range_coder import Coder, Encoder, PrefixDecoder, PrefixEnd
from codec.texture.detail_distributions import MEAN_FRACTIONS, REACH, cumulative_tables
from codec.texture.detail_grid import DEFAULT_CELLS, MAX_DETAIL_CELLS, MIN_DETAIL_CELLS
from codec.texture.detail_network import CHANNELS, QUALITIES, SLICE_STARTS, SLICES, detail_network

MAX_DETAIL_LEVEL: Final = 800

_MAX_PREDICTED: Final = 200
_P_DEFAULT_GRID: Final = 50000  # probability, of 65,536, of a grid of 16 x 16 cells
_P_AS_PREDICTED: Final = 64000  # probability, of 65,536, that all narrow levels of a pass equal their predictions
_WIDE_SCALE: Final = 2  # levels with a scale below this index are narrow
_MAX_EXTRA_BITS: Final = 10  # of the code for offsets beyond the table's reach


class DetailHeader(NamedTuple):
    """Quality 0..63, and rows and columns of the grid, 2..24 each."""

    quality: int
    rows: int
    cols: int


def encode(header: DetailHeader, levels: np.ndarray) -> bytes:
    """Return the payload: the fewest bytes that decode to exactly these (CHANNELS, rows, cols) levels."""
    coder = Encoder()
    _code_header(coder, header)
    passes = list(_coding_passes(levels, header.quality))
    values = [coding_pass.select(levels) for coding_pass in passes]
    last, stop = 0, 0  # the last pass with a level that differs from its prediction, and its number of symbols to code
    for number, coding_pass in enumerate(passes):
        if length := coding_pass.symbols_needed(values[number]):
            last, stop = number, length
    for number in range(last + 1):
        passes[number].code(coder, list(passes[number].predicted), values[number], 0, stop if number == last else None)
    for payload, remainder in coder.terminations():
        if _holds_only_predicted(remainder, passes[last:], stop):
            return payload
    raise AssertionError("every range coder state has a valid termination")


def decode(payload: bytes) -> tuple[DetailHeader, np.ndarray]:
    """Return the header and the (CHANNELS, rows, cols) int16 levels of a payload.

    Raises `PrefixEnd` if the payload ends within the header.
    """
    coder = PrefixDecoder(payload)
    header = _code_header(coder, None)
    levels = np.zeros((CHANNELS, header.rows, header.cols), np.int16)
    has_ended = False
    for coding_pass in _coding_passes(levels, header.quality):
        decoded = list(coding_pass.predicted)
        if not has_ended:
            try:
                coding_pass.code(coder, decoded)
            except PrefixEnd:
                has_ended = True
        levels[coding_pass.positions] = decoded
    return header, levels


def _code_header(coder: Coder, header: DetailHeader | None) -> DetailHeader:
    """Code quality and grid, and return them; read them if `header` is None."""
    quality, rows, cols = header or (0, DEFAULT_CELLS, DEFAULT_CELLS)
    quality = coder.uniform(QUALITIES, quality)
    if coder.bernoulli(_P_DEFAULT_GRID, int(rows == cols == DEFAULT_CELLS)):
        return DetailHeader(quality, DEFAULT_CELLS, DEFAULT_CELLS)
    sides = MAX_DETAIL_CELLS - MIN_DETAIL_CELLS + 1
    rows = MIN_DETAIL_CELLS + coder.uniform(sides, rows - MIN_DETAIL_CELLS)
    cols = MIN_DETAIL_CELLS + coder.uniform(sides, cols - MIN_DETAIL_CELLS)
    return DetailHeader(quality, rows, cols)


@dataclass(frozen=True)
class _CodingPass:
    """The levels of one slice on one color of the checkerboard, from the widest distribution to the narrowest.

    The symbols of a pass are the wide levels, then the flag about the narrow ones, then the narrow levels.
    """

    positions: tuple[np.ndarray, np.ndarray, np.ndarray]  # channel, row and column of each level
    predicted: list[int]
    cumulative: list[list[int]]  # a table of cumulative frequencies for each level
    wide: int  # the number of wide levels

    def select(self, levels: np.ndarray) -> list[int]:
        """Return the levels of this pass from (CHANNELS, rows, cols)."""
        selected: list[int] = levels[self.positions].tolist()
        return selected

    def symbols_needed(self, values: list[int]) -> int:
        """Return the number of symbols up to the last level that differs from its prediction; 0 if none does."""
        different = [index for index, value in enumerate(values) if value != self.predicted[index]]
        return different[-1] + 1 + int(different[-1] >= self.wide) if different else 0

    def code(
        self,
        coder: Coder,
        decoded: list[int],
        values: list[int] | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        """Code the symbols `start` to `stop` and store them in `decoded`; read them if `values` is None."""
        stop = len(self.predicted) + 1 if stop is None else stop
        for index in range(start, min(stop, self.wide)):
            decoded[index] = self._code_level(coder, index, values)
        if stop <= self.wide:
            return
        if start <= self.wide:
            as_predicted = values is None or values[self.wide :] == self.predicted[self.wide :]
            if coder.bernoulli(_P_AS_PREDICTED, int(as_predicted)):
                return
        for index in range(max(start - 1, self.wide), stop - 1):
            decoded[index] = self._code_level(coder, index, values)

    def _code_level(self, coder: Coder, index: int, values: list[int] | None) -> int:
        """Code a level as its offset from the predicted one, with an Exp-Golomb code beyond the table's reach."""
        predicted, table = self.predicted[index], self.cumulative[index]
        if values is None:
            offset = 0
            coded = coder.cumulative_symbol(table) - REACH
        else:
            offset = values[index] - predicted
            coded = coder.cumulative_symbol(table, min(max(offset, -REACH), REACH) + REACH) - REACH
        if -REACH < coded < REACH:
            return predicted + coded
        extra = _code_extra(coder, max(abs(offset) - REACH, 0))
        level = predicted + (coded + extra if coded > 0 else coded - extra)
        return min(max(level, -MAX_DETAIL_LEVEL), MAX_DETAIL_LEVEL)


def _code_extra(coder: Coder, value: int) -> int:
    """Code an integer in 0..2^11 - 2 by an Exp-Golomb code of uniform bits."""
    value_length = (value + 1).bit_length() - 1
    length = 0
    while length < _MAX_EXTRA_BITS and coder.uniform(2, int(length < value_length)):
        length += 1
    return (1 << length) - 1 + coder.uniform(1 << length, max(value + 1 - (1 << length), 0))


def _coding_passes(levels: np.ndarray, quality: int) -> Iterator[_CodingPass]:
    """Yield the ten passes in coding order. Each one depends on the levels of those before it."""
    row, col = np.indices(levels.shape[1:])
    is_odd = (row + col) % 2 == 1
    network = detail_network()
    for index, channels in enumerate(SLICES):
        start = SLICE_STARTS[index]
        context_sums = network.context_sums(index, levels, quality)
        for is_second in (False, True):
            known = np.where(is_odd, 0, levels[start : start + channels]).astype(np.int64)
            means, scales = network.predict(index, is_second, context_sums, known, quality)
            positions = np.nonzero(np.broadcast_to(is_odd == is_second, means.shape))
            order = np.argsort(-scales[positions], kind="stable")
            channel, rows, cols = (axis[order] for axis in positions)
            yield _make_pass(means[channel, rows, cols], scales[channel, rows, cols], (channel + start, rows, cols))


def _make_pass(
    means: np.ndarray, scales: np.ndarray, positions: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> _CodingPass:
    """Return the pass of levels with these means, in sixteenths, and indices of scales."""
    half = MEAN_FRACTIONS // 2
    predicted = np.clip((means + half) // MEAN_FRACTIONS, -_MAX_PREDICTED, _MAX_PREDICTED)
    fractions = np.clip(means - MEAN_FRACTIONS * predicted + half, 0, MEAN_FRACTIONS - 1)
    tables = cumulative_tables()
    cumulative = [tables[scale][part] for scale, part in zip(scales.tolist(), fractions.tolist(), strict=True)]
    return _CodingPass(positions, predicted.tolist(), cumulative, int((scales >= _WIDE_SCALE).sum()))


def _holds_only_predicted(remainder: PrefixDecoder, passes: list[_CodingPass], start: int) -> bool:
    """Return whether a decoder would read only predicted levels from the rest of the last byte.

    Reading starts at symbol `start` of the first pass.
    """
    for number, coding_pass in enumerate(passes):
        decoded = list(coding_pass.predicted)
        try:
            coding_pass.code(remainder, decoded, None, 0 if number else start)
        except PrefixEnd:
            return decoded == coding_pass.predicted
        if decoded != coding_pass.predicted:
            return False
    return True
