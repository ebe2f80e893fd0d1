"""The scan order of a colormap's coefficients, and the sources of each coefficient's features."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

LEVEL_FEATURES: Final = 17  # number of features that depend on the levels coded before
FREQUENCY_FEATURES: Final = 7  # number of features that depend on the coefficient's frequency
# Right shift of each level feature: turns sums over 8 and 32 positions into means.
FEATURE_SHIFTS: Final = np.array([0] * 13 + [3, 5, 3, 3])
# Frequencies (row, col) that have their own sign bias.
BIASED_FREQUENCIES: Final = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 2), (2, 2), (0, 1))

_NEIGHBORS: Final = ((-1, 0), (0, -1), (-1, -1), (-2, 0), (0, -2), (-1, 1), (1, -1))  # (row, col) offsets
_SIGN_NEIGHBORS: Final = ((-2, 0), (0, -2), (-1, 0), (0, -1))


def log2_eighths(value: int) -> int:
    """Return eight times the binary logarithm, rounded down, in exact integer arithmetic; 0 for 0."""
    return max(int(value**8).bit_length() - 1, 0)


@dataclass(frozen=True, slots=True)
class BufferLayout:
    """The layout of the int64 buffer that level features are read from.

    A feature is the difference of two entries, shifted right by `FEATURE_SHIFTS`. The entries for n positions are:

    * 0..3n-1: the log magnitude of each level, at 3 * position + channel; 0 for the mean color;
    * 3n..6n-1: the running sums of these over the positions, in the same order;
    * 6n: always 0, for neighbors that are outside the grid or not yet coded.
    """

    positions: int

    @property
    def size(self) -> int:
        """The number of entries."""
        return 6 * self.positions + 1

    @property
    def zero(self) -> int:
        """The index of the entry that is always 0."""
        return 6 * self.positions

    def magnitude(self, position: np.ndarray, channel: int) -> np.ndarray:
        """Return the indices of log magnitudes; `position` n means no level."""
        return np.where(position < self.positions, 3 * position + channel, self.zero)

    def running_sum(self, position: np.ndarray, channel: int) -> np.ndarray:
        """Return the indices of running sums that include these positions."""
        return np.asarray(3 * self.positions + 3 * position + channel)


class CodingPlan(NamedTuple):
    """The scan order of a grid and the contexts of its coefficients, by scan position. Position 0 is the mean color.

    In arrays of positions, the number of positions stands for "no position".
    """

    scan: np.ndarray  # (positions,) the coefficient row * cols + col at each position
    add: np.ndarray  # (positions, 3, LEVEL_FEATURES) buffer index of the entry that a feature adds
    subtract: np.ndarray  # (positions, 3, LEVEL_FEATURES) buffer index of the entry that it subtracts
    sign_neighbors: np.ndarray  # (positions, 4) positions of the neighbors that predict the sign
    biased: np.ndarray  # (positions,) index into BIASED_FREQUENCIES, or -1
    frequency: np.ndarray  # (positions, FREQUENCY_FEATURES) features of the frequency

    def level_features(self, buffer: np.ndarray, at: slice | tuple[int, int]) -> np.ndarray:
        """Return the level features at some positions, or at one position and channel."""
        return np.asarray(buffer[self.add[at]] - buffer[self.subtract[at]] >> FEATURE_SHIFTS)


@functools.lru_cache(maxsize=64)
def plan(rows: int, cols: int) -> CodingPlan:
    """Return the coding plan of a grid. Coefficients are scanned by ascending frequency, assuming square cells."""
    row, col = np.divmod(np.arange(rows * cols), cols)
    squared = (row * cols) ** 2 + (col * rows) ** 2  # of the frequency
    scan = np.lexsort((row, squared))
    row, col, squared = row[scan], col[scan], squared[scan]
    neighbors = _coded_neighbors(rows, cols, row, col)
    biased = np.full(len(scan), -1)
    for index, (biased_row, biased_col) in enumerate(BIASED_FREQUENCIES):
        biased[(row == biased_row) & (col == biased_col)] = index
    return CodingPlan(
        scan,
        *_feature_indices(BufferLayout(len(scan)), neighbors),
        np.stack([neighbors[offset] for offset in _SIGN_NEIGHBORS], 1),
        biased,
        _frequency_features(rows, cols, row, col, squared),
    )


def _coded_neighbors(rows: int, cols: int, row: np.ndarray, col: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Return the position of each position's neighbor, for each neighbor offset.

    It is `rows * cols` if the neighbor is outside the grid, is coded later, or is the mean color.
    """
    none = rows * cols
    here = np.arange(none)
    positions = np.full((rows + 4, cols + 4), none)  # with a margin of 2
    positions[row + 2, col + 2] = here
    positions[2, 2] = none
    neighbors = {}
    for down, right in (*_NEIGHBORS, *_SIGN_NEIGHBORS):
        neighbor = positions[row + 2 + down, col + 2 + right]
        neighbors[down, right] = np.where(neighbor < here, neighbor, none)
    return neighbors


def _feature_indices(
    layout: BufferLayout, neighbors: dict[tuple[int, int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return `CodingPlan.add` and `CodingPlan.subtract`.

    Features are magnitudes of neighbors (the same channel, then both others), then means over the last positions.
    """
    count = layout.positions
    here, none = np.arange(count), np.full(count, count)
    same = np.where(here > 0, here, none)
    add, subtract = np.full((2, count, 3, LEVEL_FEATURES), layout.zero)
    for channel in range(3):
        x, y = (other for other in range(3) if other != channel)
        sources = [(neighbors[offset], channel) for offset in _NEIGHBORS]
        for other in (x, y):
            sources.append((same if other < channel else none, other))
            sources += [(neighbors[offset], other) for offset in _NEIGHBORS[:2]]
        for feature, (position, source) in enumerate(sources):
            add[:, channel, feature] = layout.magnitude(position, source)
        windows = ((channel, 8), (channel, 32), (x, 8), (y, 8))
        for feature, (source, length) in enumerate(windows, len(sources)):
            sums = layout.running_sum(here, source)
            add[2:, channel, feature] = sums[1:-1]
            subtract[1 + length :, channel, feature] = sums[: max(count - 1 - length, 0)]
    return add, subtract


def _frequency_features(rows: int, cols: int, row: np.ndarray, col: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """Return `CodingPlan.frequency` for coefficients in scan order, given their squared frequencies."""
    log_cells, log_longer = log2_eighths(rows * cols), log2_eighths(max(rows, cols))
    log_squared = np.array([0, *(log2_eighths(int(value)) for value in squared[1:])])
    per_side = log_squared + 2 * log_longer - 2 * log_cells  # log of (half cycles per longer side) squared
    per_cell = log_squared - 2 * log_cells  # log of (half cycles per cell) squared
    per_side[0], per_cell[0] = -16, -80
    vertical = 16 * (row * cols) ** 2 // np.maximum(squared, 1)
    cells = np.full(len(row), log_cells)
    is_mean = np.arange(len(row)) == 0
    return np.stack([per_side, cells, per_cell, vertical, 16 * (row == 0), 16 * (col == 0), 16 * is_mean], 1)
