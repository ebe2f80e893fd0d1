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


@dataclass
class _States:
    """Chains in the making, arrays of (active curves, beam or candidates)."""

    cells: np.ndarray  # (..., 2) where each chain has come to,
    at: np.ndarray  # the sample of its curve that it has reached,
    heading: np.ndarray  # its last direction,
    past: np.ndarray  # its last three turns, as turn_bits has them,
    cost: np.ndarray  # and what it has cost, in bits

    def rows(self, kept: np.ndarray) -> _States:
        """The states of some curves."""
        return _States(*(values[kept] for values in vars(self).values()))

    def columns(self, order: np.ndarray) -> _States:
        """For each curve its states `order`, (A, N)."""
        cells = np.take_along_axis(self.cells, order[:, :, None], 1)
        return _States(cells, *(_columns(v, order) for v in (self.at, self.heading, self.past, self.cost)))


def _columns(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, order, 1)


class _Search:
    """Beam search over all curves. Shapes: A active curves, B beam, K moves, W samples ahead."""

    def __init__(self, curves: list[np.ndarray], lattice: Lattice, distortion: np.float32, beam: int) -> None:
        self.lattice, self.slope, self.beam = lattice, distortion, beam
        self.points = np.concatenate(curves).astype(np.float32)
        lengths = np.array([len(c) for c in curves])
        self.first = np.cumsum(lengths) - lengths
        self.final = lengths - 1  # index of the last sample of each curve
        pitch = max(lattice.pitch)
        self.ahead = np.arange(int(2.5 * pitch) + 3)  # samples that one link may pass
        self.near_end = 0.75 * pitch
        self.credit = np.float32(1.5 / pitch)  # bits that a sample of progress is worth when states compete
        self.best = np.full(len(curves), np.inf, np.float32)
        self.best_at = np.full((len(curves), 2), -1)  # step and slot of the best finished chain
        self.history: list[tuple[np.ndarray, ...]] = []

    def start(self) -> None:
        """Every curve may begin in the nearest cell or one around it."""
        head = self.points[self.first]
        nearest = np.round((head + 0.5) / np.array(self.lattice.pitch, np.float32) - 0.5).astype(np.int64)
        around = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        cells = nearest[:, None] + around
        squared = ((self.lattice.centres(cells) - head[:, None]) ** 2).sum(2)
        cost = self.slope * penalty(squared) * np.float32(max(self.lattice.pitch) / 2)
        cost = np.where(self._inside(cells), cost, np.float32(np.inf))
        nothing = np.zeros(cost.shape, np.int64)
        order = np.argsort(cost, 1, kind="stable")[:, : self.beam]
        self.active = np.arange(len(head))
        self.states = _States(cells, nothing, nothing, nothing + NO_TURNS, cost).columns(order)
        self.history.append((self.active, self.states.cells, order))

    def step(self) -> bool:
        """Add a link to every chain; False when no chain is left to grow. Each link passes a sample,
        so there are no more steps than samples."""
        final, states = self.final[self.active][:, None], self.states
        hopeless = (states.cost >= self.best[self.active][:, None]) | (states.at >= final)
        states.cost = np.where(hopeless, np.float32(np.inf), states.cost)
        alive = np.isfinite(states.cost).any(1)
        if not alive.any():
            return False
        self.active, states = self.active[alive], states.rows(alive)
        candidates, finished, moves = self._extend(states)
        self._keep(candidates, finished, moves)
        return True

    def _extend(self, states: _States) -> tuple[_States, np.ndarray, int]:
        """Every state with every link: candidates (A, B * K), the cost of ending there, and K."""
        if len(self.history) == 1:
            headings = np.broadcast_to(np.arange(8), (*states.at.shape, 8))
            past = np.broadcast_to(states.past[:, :, None], headings.shape)
            bits = np.full(headings.shape, FIRST_BITS, np.float32)
        else:
            headings = (states.heading[:, :, None] + np.arange(-2, 3)) & 7
            past = np.arange(5) * 25 + states.past[:, :, None] // 5
            bits = turn_bits()[states.heading & 1, states.past]
        cells = states.cells[:, :, None] + np.stack([STEP_X[headings], STEP_Y[headings]], 3)
        final = self.final[self.active][:, None, None]
        samples = np.minimum(states.at[:, :, None] + self.ahead, final)
        samples += self.first[self.active][:, None, None]
        to_cell, to_link = self._distances(samples, states.cells, cells)

        reached = to_cell.argmin(3)  # the nearest sample becomes the state's position
        passed = (self.ahead > 0) & (self.ahead <= reached[..., None])
        cost = states.cost[:, :, None] + bits + self.slope * (penalty(to_link) * passed).sum(3)
        allowed = self._inside(cells) & ((reached > 0) | (len(self.history) == 1))
        cost = np.where(allowed, cost, np.float32(np.inf))
        at = states.at[:, :, None] + reached

        # A chain may end near the end of its curve, and pays for the samples it does not reach.
        missed = (self.ahead > reached[..., None]) & (states.at[:, :, None, None] + self.ahead <= final[..., None])
        finished = cost + np.float32(END_BITS) + self.slope * (penalty(to_cell) * missed).sum(3)
        finished = np.where(at >= final - self.near_end, finished, np.float32(np.inf))

        flat = (len(self.active), -1)
        candidates = (values.reshape(flat) for values in (at, headings, past, cost))
        return _States(cells.reshape(*flat, 2), *candidates), finished.reshape(flat), headings.shape[2]

    def _distances(self, samples: np.ndarray, here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances (A, B, K, W) of `samples` (A, B, W) to the cells `there` (A, B, K, 2) and
        to the links that lead there from `here` (A, B, 2)."""
        origin = self.lattice.centres(here)[:, :, None]
        offset = self.points[samples] - origin
        link = self.lattice.centres(there) - origin
        from_here = (offset * offset).sum(3)[:, :, None]
        length = (link * link).sum(3)[..., None]  # squared
        along = link @ offset.swapaxes(2, 3)
        share = np.clip(along / length, 0, 1)
        return from_here + (length - 2 * along), from_here + share * (share * length - 2 * along)

    def _keep(self, candidates: _States, finished: np.ndarray, moves: int) -> None:
        """The `beam` best different candidates of each curve go on; the best finish is noted."""
        key = candidates.cost - self.credit * candidates.at
        order = np.argsort(key, 1, kind="stable")[:, : 3 * self.beam]
        ranked = candidates.columns(order)
        state = (ranked.cells[..., 1] * (self.lattice.cols + 2) + ranked.cells[..., 0]) * 8 + ranked.heading
        state = state * 25 + ranked.past // 5  # with the last two turns
        repeated = np.tril(state[:, :, None] == state[:, None, :], -1).any(2)
        ranked.cost = np.where(repeated, np.float32(np.inf), ranked.cost)
        kept = np.argsort(~np.isfinite(ranked.cost), 1, kind="stable")[:, : self.beam]
        order, self.states = _columns(order, kept), ranked.columns(kept)

        finished = _columns(finished, order)
        slot = finished.argmin(1)
        value = finished[np.arange(len(slot)), slot]
        better = value < self.best[self.active]
        self.best[self.active[better]] = value[better]
        self.best_at[self.active[better], 0] = len(self.history)
        self.best_at[self.active[better], 1] = slot[better]
        self.history.append((self.active, self.states.cells, order // moves))

    def chain(self, curve: int) -> np.ndarray:
        """The best finished chain of a curve, (M, 2) cells."""
        step, slot = self.best_at[curve]
        out = []
        while step >= 0:
            curves, cells, parents = self.history[step]
            row = int(np.searchsorted(curves, curve))
            out.append(cells[row, slot])
            slot, step = parents[row, slot], step - 1
        return np.array(out[::-1], np.int64).reshape(-1, 2)

    def _inside(self, cells: np.ndarray) -> np.ndarray:
        x, y = cells[..., 0], cells[..., 1]
        return (x >= 0) & (y >= 0) & (x < self.lattice.cols) & (y < self.lattice.rows)
