"""Curves -> chains of lattice cells, by a search that trades bits for distance, all curves at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codec.encoder.sketch.bit_cost import END_BITS, FIRST_BITS, NO_TURNS, turn_bits

# Directions counter-clockwise from east, as lattice steps (dx, dy); y grows downwards.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y = np.array([0, -1, -1, -1, 0, 1, 1, 1])

BEAM = 8  # states kept for each curve
MISS = 0.45  # bits that are saved for a pixel too far off: the slope of the trade
_NEAR, _OFF = 2.0, 6.0  # squared pixels: as good as on the curve; as bad as any miss
_PULL = 0.02  # what a squared pixel counts for besides, so that what strays comes back
_LOOK = 0.7  # share of a link that its end's penalty is expected to hold for


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

    def centers(self, cells: np.ndarray) -> np.ndarray:
        """(..., 2) cells (x, y) -> (..., 2) float32 pixel indices of their centers."""
        pitch = np.array(self.pitch)
        return ((cells + 0.5) * pitch - 0.5).astype(np.float32)


def penalty(squared: np.ndarray) -> np.ndarray:
    """How much of a sample at a squared distance in pixels counts as missed: what F counts, its step at
    2 px made a slope from 1.4 to 2.4, since the search rounds and a sketch is drawn in pixels."""
    return np.clip((squared - _NEAR) / np.float32(_OFF - _NEAR), 0, 1) + np.float32(_PULL) * squared


def fit(curves: list[np.ndarray], lattice: Lattice, miss: float = MISS, beam: int = BEAM) -> list[np.ndarray]:
    """The cheapest chain for each curve: bits + `miss` * sum of `penalty` over the curve.

    curves: (N, 2) float32 arrays of (x, y) pixel indices about a pixel apart. A beam search grows
    all chains in step, a link at a time; a state is a cell, the sample of the curve it has reached,
    and the last direction and turns. Turns are at most 90 degrees. Distances are to the chain as it is
    drawn, smoothed by [1 2 1] / 4: what a link draws is known when the next one is.
    Returns one chain for each curve: (M, 2) int array of (x, y) cells, M = 0 if there is none.
    """
    if not curves:
        return []
    search = _Search(curves, lattice, np.float32(miss), beam)
    search.start()
    while search.step():
        pass
    return search.chains()


@dataclass
class _States:
    """Chains in the making, arrays of (active curves, beam or candidates)."""

    cells: np.ndarray  # (..., 2) where each chain has come to,
    at: np.ndarray  # the sample of its curve that what is drawn for sure has reached,
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

    def __init__(self, curves: list[np.ndarray], lattice: Lattice, miss: np.float32, beam: int) -> None:
        self.lattice, self.slope, self.beam = lattice, miss, beam
        self.points = np.concatenate(curves).astype(np.float32)
        lengths = np.array([len(c) for c in curves])
        self.first = np.cumsum(lengths) - lengths
        self.final = lengths - 1  # index of the last sample of each curve
        pitch = max(lattice.pitch)
        self.ahead = np.arange(int(2.5 * pitch) + 3)  # samples that one link may pass
        self.near_end = 2 * pitch
        self.steps = np.stack([STEP_X, STEP_Y], 1) * np.array(lattice.pitch, np.float32)  # in pixels
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
        squared = ((self.lattice.centers(cells) - head[:, None]) ** 2).sum(2)
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
        self._keep(*self._extend(states))
        return True

    def _extend(self, states: _States) -> tuple[_States, np.ndarray, np.ndarray, int]:
        """Every state with every link: candidates (A, B * K), what each is likely to cost more, the cost of
        ending there, and K."""
        headings, past, bits = self._moves(states)
        cells = states.cells[:, :, None] + np.stack([STEP_X[headings], STEP_Y[headings]], 3)
        here = self.lattice.centers(states.cells)
        final = self.final[self.active][:, None]
        samples = np.minimum(states.at[:, :, None] + self.ahead, final[:, :, None])
        points = self.points[samples + self.first[self.active][:, None, None]] - here[:, :, None]
        steps = self.steps[headings]
        cost = np.where(self._inside(cells), states.cost[:, :, None] + bits, np.float32(np.inf))
        reached, bent = np.zeros(headings.shape, np.int64), np.zeros(steps.shape, np.float32)
        if len(self.history) > 1:
            # The corner before this link is drawn at `bent`, the one before that at `origin`.
            last = self.steps[states.heading]
            bent = (steps - last[:, :, None]) / np.float32(4)
            origin = -last
            if len(self.history) > 2:
                before = self.steps[(states.heading - (states.past // 25 - 2)) & 7]
                origin = origin + (last - before) / np.float32(4)
            to_bent, to_link = _distances(points - origin[:, :, None], bent - origin[:, :, None])
            reached = to_bent.argmin(3)  # the nearest sample becomes the state's position
            passed = (self.ahead > 0) & (self.ahead <= reached[..., None])
            cost += self.slope * np.einsum("abkw,abkw->abk", penalty(to_link), passed)
            cost = np.where(reached > 0, cost, np.float32(np.inf))
        at = states.at[:, :, None] + reached
        finished = self._finished(states, cost, at, points, (bent, steps))
        to_cell = _distances(points[:, :, ::2], steps)[0].min(3)
        ahead = np.float32(_LOOK * max(self.lattice.pitch)) * self.slope * penalty(to_cell)

        flat = (len(self.active), -1)
        candidates = (values.reshape(flat) for values in (at, headings, past, cost))
        found = _States(cells.reshape(*flat, 2), *candidates)
        return found, ahead.reshape(flat), finished.reshape(flat), headings.shape[2]

    def _moves(self, states: _States) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The links each state may go on with: directions, turns after them, and bits, (A, B, K)."""
        if len(self.history) == 1:
            headings = np.broadcast_to(np.arange(8), (*states.at.shape, 8))
            past = np.broadcast_to(states.past[:, :, None], headings.shape)
            return headings, past, np.full(headings.shape, FIRST_BITS, np.float32)
        headings = (states.heading[:, :, None] + np.arange(-2, 3)) & 7
        past = np.arange(5) * 25 + states.past[:, :, None] // 5
        return headings, past, turn_bits()[states.heading & 1, states.past]

    def _finished(
        self, states: _States, cost: np.ndarray, at: np.ndarray, points: np.ndarray, link: tuple[np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """What each candidate costs as a whole chain, (A, B, K); infinity where the curve goes on. `link`: from
        where to where its last link is drawn. It pays for what it does not reach, too."""
        out = np.full(cost.shape, np.inf, np.float32)
        final = self.final[self.active]
        curve, slot, move = np.nonzero((at >= final[:, None, None] - self.near_end) & np.isfinite(cost))
        bent, tail = (ends[curve, slot, move] for ends in link)
        offset = points[curve, slot] - bent[:, None]
        to_tail = _distances(offset[:, None], (tail - bent)[:, None, None])[1][:, 0, 0]
        sample = states.at[curve, slot][:, None] + self.ahead
        missed = (sample > at[curve, slot, move][:, None]) & (sample <= final[curve][:, None])
        out[curve, slot, move] = cost[curve, slot, move] + END_BITS + self.slope * (penalty(to_tail) * missed).sum(1)
        return out

    def _keep(self, candidates: _States, ahead: np.ndarray, finished: np.ndarray, moves: int) -> None:
        """The `beam` best different candidates of each curve go on; the best finish is noted."""
        key = candidates.cost + ahead - self.credit * candidates.at
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

    def chains(self) -> list[np.ndarray]:
        """The best finished chain of each curve, (M, 2) cells: all followed back at once."""
        out: list[list[np.ndarray]] = [[] for _ in self.first]
        slots = self.best_at[:, 1].copy()
        for step in reversed(range(len(self.history))):
            curves, cells, parents = self.history[step]
            rows = np.flatnonzero(self.best_at[curves, 0] >= step)
            found = slots[curves[rows]]
            for curve, cell in zip(curves[rows].tolist(), cells[rows, found], strict=True):
                out[curve].append(cell)
            slots[curves[rows]] = parents[rows, found]
        return [np.array(cells[::-1], np.int64).reshape(-1, 2) for cells in out]

    def _inside(self, cells: np.ndarray) -> np.ndarray:
        x, y = cells[..., 0], cells[..., 1]
        return (x >= 0) & (y >= 0) & (x < self.lattice.cols) & (y < self.lattice.rows)


def _distances(points: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (A, B, K, W) of `points` (A, B, W, 2) to the ends of `links` (A, B, K, 2), and to the
    links; all as seen from where these begin."""
    x, y = points[:, :, None, :, 0], points[:, :, None, :, 1]
    dx, dy = links[..., 0, None], links[..., 1, None]
    length = dx * dx + dy * dy  # squared
    from_here = x * x + y * y
    along = dx * x + dy * y
    share = np.clip(along / np.maximum(length, np.float32(1e-6)), 0, 1)
    return from_here + (length - 2 * along), from_here + share * (share * length - 2 * along)
