"""Curves -> chains of lattice cells, by a search that trades bits for distance, all curves at once."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec.extract.rates import END_BITS, FIRST_BITS, NO_TURNS, turn_bits

# Directions counter-clockwise from east, as lattice steps (dx, dy); y grows downwards.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y = np.array([0, -1, -1, -1, 0, 1, 1, 1])

BEAM = 8  # states kept for each curve
DISTORTION = 0.07  # bits a sample may cost for each unit of penalty: the slope of the trade


@dataclass(frozen=True)
class Lattice:
    """cols x rows cells over a frame of width x height pixels."""

    cols: int
    rows: int
    width: int
    height: int

    @property
    def pitch(self) -> tuple[float, float]:
        """Cell width and height in pixels."""
        return self.width / self.cols, self.height / self.rows

    def centres(self, cells: np.ndarray) -> np.ndarray:
        """(..., 2) cells (x, y) -> (..., 2) float32 pixel indices of their centres."""
        pitch = np.array(self.pitch)
        return ((cells + 0.5) * pitch - 0.5).astype(np.float32)


def penalty(squared: np.ndarray) -> np.ndarray:
    """Distortion of a sample at a squared distance in pixels: d^2, growing as d^4 past the tolerance."""
    return squared + squared * squared * np.float32(1 / 16)


def fit(
    curves: list[np.ndarray], lattice: Lattice, distortion: float = DISTORTION, beam: int = BEAM
) -> list[np.ndarray]:
    """The cheapest chain for each curve: bits + `distortion` * sum over the curve of d^2 + d^4 / 16.

    curves: (N, 2) float32 arrays of (x, y) pixel indices about a pixel apart. A beam search grows
    all chains in step, a link at a time; a state is a cell, the sample of the curve it has reached,
    and the last direction and turns. Turns are at most 90 degrees.
    Returns one chain for each curve: (M, 2) int array of (x, y) cells, M = 0 if there is none.
    """
    if not curves:
        return []
    search = _Search(curves, lattice, np.float32(distortion), beam)
    search.start()
    while search.step():
        pass
    return [search.chain(i) for i in range(len(curves))]


class _Search:
    """Beam search over all curves; arrays are (active curves, beam, ...)."""

    def __init__(self, curves: list[np.ndarray], lattice: Lattice, distortion: np.float32, beam: int) -> None:
        self.lattice, self.slope, self.beam = lattice, distortion, beam
        self.points = np.concatenate(curves).astype(np.float32)
        lengths = np.array([len(c) for c in curves])
        self.first = np.cumsum(lengths) - lengths
        self.final = lengths - 1  # index of the last sample of each curve
        pitch = max(lattice.pitch)
        self.reach = np.arange(int(2.5 * pitch) + 3)  # samples that one link may pass
        self.near_end = 0.75 * pitch
        self.credit = np.float32(1.5 / pitch)  # bits that a sample of progress is worth when states compete
        self.links_left = int(2.2 * lengths.max() / min(lattice.pitch)) + 8
        self.best = np.full(len(curves), np.inf, np.float32)
        self.best_at = np.full((len(curves), 2), -1)  # step and slot of the best finished chain
        self.history: list[tuple[np.ndarray, ...]] = []

    def start(self) -> None:
        """Every curve may begin in the nearest cell or one around it."""
        count = len(self.first)
        head = self.points[self.first]
        nearest = np.round((head + 0.5) / np.array(self.lattice.pitch, np.float32) - 0.5).astype(np.int64)
        around = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        cells = nearest[:, None] + around
        squared = ((self.lattice.centres(cells) - head[:, None]) ** 2).sum(2)
        cost = np.where(self._inside(cells), self.slope * penalty(squared) * max(self.lattice.pitch) / 2, np.inf)
        order = np.argsort(cost, 1, kind="stable")[:, : self.beam]
        self.active = np.arange(count)
        self.cells = np.take_along_axis(cells, order[:, :, None], 1)
        self.cost = np.take_along_axis(cost, order, 1).astype(np.float32)
        self.at = np.zeros(order.shape, np.int64)
        self.direction = np.full(order.shape, -1)
        self.past = np.full(order.shape, NO_TURNS)
        self._record(np.full(order.shape, -1))

    def step(self) -> bool:
        """Add a link to every chain; False when no chain is left to grow."""
        final = self.final[self.active]
        cost = np.where((self.cost >= self.best[self.active][:, None]) | (self.at >= final[:, None]), np.inf, self.cost)
        alive = np.isfinite(cost).any(1)
        if not alive.any() or len(self.history) > self.links_left:
            return False
        self.active, final, cost = self.active[alive], final[alive], cost[alive]
        cells, at, direction = self.cells[alive], self.at[alive], self.direction[alive]
        past = self.past[alive]

        opening = len(self.history) == 1
        if opening:
            directions = np.broadcast_to(np.arange(8), (*at.shape, 8))
            turned = np.broadcast_to(past[:, :, None], directions.shape)
            bits = np.full(directions.shape, FIRST_BITS, np.float32)
        else:
            directions = (direction[:, :, None] + np.arange(-2, 3)) & 7
            turned = np.arange(5) * 25 + past[:, :, None] // 5
            bits = turn_bits()[direction & 1, past]
        moves = directions.shape[2]
        there = cells[:, :, None] + np.stack([STEP_X[directions], STEP_Y[directions]], 3)

        # Samples ahead of each state, then their distance to the new cell and to the link.
        ahead = np.minimum(at[:, :, None] + self.reach, final[:, None, None])
        offset = self.points[self.first[self.active][:, None, None] + ahead] - self.lattice.centres(cells)[:, :, None]
        link = self.lattice.centres(there) - self.lattice.centres(cells)[:, :, None]  # (A, B, K, 2)
        from_here = (offset * offset).sum(3)[:, :, None]  # (A, B, 1, W), squared
        squared_length = (link * link).sum(3)[..., None]
        along = link @ offset.swapaxes(2, 3)  # (A, B, K, W)
        to_there = from_here + (squared_length - 2 * along)
        reached = to_there.argmin(3)  # (A, B, K): the nearest sample becomes the state's position
        share = np.clip(along / squared_length, 0, 1)
        to_link = from_here + share * (share * squared_length - 2 * along)
        passed = (self.reach > 0) & (self.reach <= reached[..., None])
        distortion = (penalty(to_link) * passed).sum(3)

        total = cost[:, :, None] + bits + self.slope * distortion
        allowed = self._inside(there) & ((reached > 0) | opening)
        total = np.where(allowed, total, np.float32(np.inf))
        position = at[:, :, None] + reached

        # A chain may end once it is near the end of its curve: pay for the samples not reached.
        ending = position >= final[:, None, None] - self.near_end
        missed = (self.reach > reached[..., None]) & (at[:, :, None, None] + self.reach <= final[:, None, None, None])
        finished = total + END_BITS + self.slope * (penalty(to_there) * missed).sum(3)
        finished = np.where(ending, finished, np.inf)

        count = len(self.active)
        flat_total = total.reshape(count, -1)
        key = flat_total - self.credit * position.reshape(count, -1)
        order = np.argsort(key, 1, kind="stable")[:, : 3 * self.beam]
        pick = lambda values: np.take_along_axis(values.reshape(count, -1), order, 1)  # noqa: E731
        slot = order // moves
        state = (pick(there[..., 1]) * (self.lattice.cols + 2) + pick(there[..., 0])) * 8 + pick(directions)
        state = state * 25 + pick(turned) // 5
        repeated = np.tril(state[:, :, None] == state[:, None, :], -1).any(2)
        rank = np.argsort(repeated | ~np.isfinite(np.take_along_axis(flat_total, order, 1)), 1, kind="stable")
        rank = rank[:, : self.beam]
        order, slot = np.take_along_axis(order, rank, 1), np.take_along_axis(slot, rank, 1)
        repeated = np.take_along_axis(repeated, rank, 1)

        self.cells = np.stack([pick(there[..., 0]), pick(there[..., 1])], 2)
        self.cost = np.where(repeated, np.float32(np.inf), pick(total)).astype(np.float32)
        self.at, self.direction, self.past = pick(position), pick(directions), pick(turned)

        finished = pick(finished)
        winner = finished.argmin(1)
        value = finished[np.arange(count), winner]
        better = value < self.best[self.active]
        self.best[self.active[better]] = value[better]
        self.best_at[self.active[better]] = np.stack([np.full(count, len(self.history)), winner], 1)[better]
        self._record(slot)
        return True

    def chain(self, curve: int) -> np.ndarray:
        """The best finished chain of a curve, (M, 2) cells."""
        step, slot = self.best_at[curve]
        out = []
        while step >= 0:
            rows, cells, parents = self.history[step]
            row = int(np.searchsorted(rows, curve))
            out.append(cells[row, slot])
            slot, step = parents[row, slot], step - 1
        return np.array(out[::-1], np.int64).reshape(-1, 2)

    def _inside(self, cells: np.ndarray) -> np.ndarray:
        x, y = cells[..., 0], cells[..., 1]
        return (x >= 0) & (y >= 0) & (x < self.lattice.cols) & (y < self.lattice.rows)

    def _record(self, parents: np.ndarray) -> None:
        self.history.append((self.active, self.cells, parents))
