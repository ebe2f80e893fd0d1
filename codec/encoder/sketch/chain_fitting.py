"""Fit chains of lattice cells to curves by a rate-distortion beam search over all curves at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from codec.encoder.sketch.bit_cost import END_BITS, FIRST_BITS, STRAIGHT_HISTORY, turn_bits

# Directions counterclockwise from east, as lattice steps (dx, dy); y grows downwards.
STEP_X: Final = np.array([1, 1, 0, -1, -1, -1, 0, 1])
STEP_Y: Final = np.array([0, -1, -1, -1, 0, 1, 1, 1])

BEAM_WIDTH: Final = 8  # hypotheses per curve
MISS_BITS: Final = 0.45  # default cost in bits of a sample that is too far from the chain
_NEAR: Final = 2.0  # squared pixels up to which a distance costs nothing
_FAR: Final = 6.0  # squared pixels from which a distance counts as a full miss
_PULL: Final = 0.02  # misses per squared pixel of distance, so that a chain that strays returns to its curve
_LOOKAHEAD: Final = 0.7  # links for which the penalty at the end of a chain is assumed to continue
_INFINITY: Final = np.float32(np.inf)


@dataclass(frozen=True)
class Lattice:
    """A lattice of cols x rows cells over a frame of width x height pixels."""

    cols: int
    rows: int
    width: int
    height: int

    @property
    def pitch(self) -> tuple[float, float]:
        """Cell width and height in pixels."""
        return self.width / self.cols, self.height / self.rows

    def centers(self, cells: np.ndarray) -> np.ndarray:
        """Return the pixel indices of the centers of (..., 2) cells (x, y), (..., 2) float32."""
        pitch = np.array(self.pitch)
        return np.asarray((cells + 0.5) * pitch - 0.5, np.float32)

    def contains(self, cells: np.ndarray) -> np.ndarray:
        """Return whether each of (..., 2) cells lies inside, (...) bool."""
        x, y = cells[..., 0], cells[..., 1]
        return np.asarray((x >= 0) & (y >= 0) & (x < self.cols) & (y < self.rows))


def penalty(squared: np.ndarray) -> np.ndarray:
    """Return how many misses a squared distance in pixels counts as.

    The F-measure counts a distance over 2 px as a miss. Here the penalty rises from 1.4 to 2.4 px instead of jumping,
    since chains are rounded to cells and sketches are drawn in pixels.
    """
    misses = squared - np.float32(_NEAR)
    misses /= np.float32(_FAR - _NEAR)
    np.clip(misses, 0, 1, out=misses)
    misses += np.float32(_PULL) * squared
    return np.asarray(misses)


def fit_chains(
    curves: list[np.ndarray],
    lattice: Lattice,
    miss_bits: float | np.ndarray = MISS_BITS,
    beam_width: int = BEAM_WIDTH,
) -> list[np.ndarray]:
    """Return the chain for each curve that minimizes bits + `miss_bits` * sum of `penalty` over the curve.

    curves: (N, 2) float32 arrays of (x, y) pixel indices about a pixel apart. miss_bits: for all curves, or one value
    for each. The beam search extends all chains at
    once, one link at a time. A hypothesis is a cell, the sample of the curve that the chain has reached, and the last
    direction and turns; turns are at most 90 degrees. Distances are measured to the drawn chain, which is
    smoothed by [1 2 1] / 4, so a drawn link is known only when the next link is known.
    Returns one (M, 2) int array of (x, y) cells per curve; M = 0 if there is no chain.
    """
    if not curves:
        return []
    search = _BeamSearch(curves, lattice, np.broadcast_to(np.float32(miss_bits), len(curves)), beam_width)
    search.start()
    while search.step():
        pass
    return search.chains()


@dataclass
class _Hypotheses:
    """Partial chains, arrays of (active curves, beam or candidates)."""

    cells: np.ndarray  # (..., 2): the last cell
    sample: np.ndarray  # the sample of the curve that the final part of the drawn chain has reached
    heading: np.ndarray  # the last direction
    history: np.ndarray  # the last three turns, numbered as in bit_cost.py
    cost: np.ndarray  # in bits

    def select_curves(self, which: np.ndarray) -> _Hypotheses:
        """Return the hypotheses of some curves."""
        return _Hypotheses(*(values[which] for values in vars(self).values()))

    def take(self, order: np.ndarray) -> _Hypotheses:
        """Return for each curve its hypotheses in `order`, (A, N)."""
        cells = np.take_along_axis(self.cells, order[:, :, None], 1)
        return _Hypotheses(cells, *(_take(v, order) for v in (self.sample, self.heading, self.history, self.cost)))


class _Candidates(NamedTuple):
    """Every hypothesis with every possible link, (A, B * K), and the costs that are not in `hypotheses.cost`."""

    hypotheses: _Hypotheses
    expected_cost: np.ndarray  # estimated penalty of the samples ahead
    final_cost: np.ndarray  # of the whole chain if it ends here; infinity if the curve continues
    moves: int  # K, links per hypothesis


class _Moves(NamedTuple):
    """The links that may follow each hypothesis, (A, B, K)."""

    headings: np.ndarray
    histories: np.ndarray
    bits: np.ndarray


class _Corners(NamedTuple):
    """Where a chain is drawn around a new link, (A, B, K, 2) pixels relative to the center of the last cell.

    The link from `previous` to `corner` is final once the new link, from `corner` to `end`, is known.
    """

    previous: np.ndarray | None  # the corner before, (A, B, 1, 2); None while the last cell is the chain's first
    corner: np.ndarray  # of the last cell
    end: np.ndarray  # center of the new cell, drawn there if the chain ends


def _take(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, order, 1)


class _BeamSearch:
    """Beam search over all curves. Shapes: A active curves, B beam width, K moves, W samples ahead."""

    def __init__(self, curves: list[np.ndarray], lattice: Lattice, miss_bits: np.ndarray, beam_width: int) -> None:
        self.lattice, self.miss_bits, self.beam_width = lattice, miss_bits, beam_width
        self.points = np.concatenate(curves).astype(np.float32)
        lengths = np.array([len(curve) for curve in curves])
        self.first = np.cumsum(lengths) - lengths
        self.last_sample = lengths - 1  # of each curve
        pitch = max(lattice.pitch)
        self.ahead = np.arange(int(2.5 * pitch) + 3)  # samples that one link may pass
        self.end_reach = 2 * pitch  # samples before the end of a curve where a chain may end
        self.steps = np.stack([STEP_X, STEP_Y], 1) * np.array(lattice.pitch, np.float32)  # in pixels
        self.progress_bits = np.float32(1.5 / pitch)  # credit for each sample of progress when hypotheses are compared
        self.best_cost = np.full(len(curves), np.inf, np.float32)  # of each curve's finished chains
        self.best_end = np.full((len(curves), 2), -1)  # step and beam slot of the best finished chain
        self.beams: list[tuple[np.ndarray, ...]] = []  # for every step: active curves, cells, and slots of the parents

    def start(self) -> None:
        """Begin hypotheses for every curve: one in the cell nearest to its start and one in each cell around it."""
        head = self.points[self.first]
        nearest = np.round((head + 0.5) / np.array(self.lattice.pitch, np.float32) - 0.5).astype(np.int64)
        around = np.array([(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        cells = nearest[:, None] + around
        squared = ((self.lattice.centers(cells) - head[:, None]) ** 2).sum(2)
        cost = self.miss_bits[:, None] * penalty(squared) * np.float32(max(self.lattice.pitch) / 2)
        cost = np.where(self.lattice.contains(cells), cost, _INFINITY)
        zeros = np.zeros(cost.shape, np.int64)
        order = np.argsort(cost, 1, kind="stable")[:, : self.beam_width]
        self.active = np.arange(len(head))
        self.hypotheses = _Hypotheses(cells, zeros, zeros, zeros + STRAIGHT_HISTORY, cost).take(order)
        self.beams.append((self.active, self.hypotheses.cells, order))

    def step(self) -> bool:
        """Add a link to every chain; return False if no chain can be extended.

        Every link passes a sample, so there are no more steps than samples.
        """
        last_sample, hypotheses = self.last_sample[self.active][:, None], self.hypotheses
        is_done = (hypotheses.cost >= self.best_cost[self.active][:, None]) | (hypotheses.sample >= last_sample)
        hypotheses.cost = np.where(is_done, _INFINITY, hypotheses.cost)
        is_alive = np.isfinite(hypotheses.cost).any(1)
        if not is_alive.any():
            return False
        self.active = self.active[is_alive]
        self._prune(self._extend(hypotheses.select_curves(is_alive)))
        return True

    def _extend(self, hypotheses: _Hypotheses) -> _Candidates:
        """Return every hypothesis with every link."""
        moves = self._moves(hypotheses)
        corners = self._corners(hypotheses, moves.headings)
        points = self._points_ahead(hypotheses)
        cells = hypotheses.cells[:, :, None] + np.stack([STEP_X[moves.headings], STEP_Y[moves.headings]], 3)
        cost = np.where(self.lattice.contains(cells), hypotheses.cost[:, :, None] + moves.bits, _INFINITY)
        miss_bits = self.miss_bits[self.active][:, None, None]
        progress = np.zeros(moves.headings.shape, np.int64)
        if corners.previous is not None:
            progress, squared = self._advance(points, corners.previous, corners.corner)
            is_passed = (self.ahead > 0) & (self.ahead <= progress[..., None])
            cost += miss_bits * np.einsum("abkw,abkw->abk", penalty(squared), is_passed)
            cost = np.where(progress > 0, cost, _INFINITY)
        sample = hypotheses.sample[:, :, None] + progress
        final_cost = self._final_cost(hypotheses, cost, sample, points, corners)
        nearest = _squared_distances(points[:, :, ::2], corners.end)[0].min(3)
        expected_cost = np.float32(_LOOKAHEAD * max(self.lattice.pitch)) * miss_bits * penalty(nearest)

        flat = (len(self.active), -1)
        extended = _Hypotheses(
            cells.reshape(*flat, 2), *(v.reshape(flat) for v in (sample, moves.headings, moves.histories, cost))
        )
        return _Candidates(extended, expected_cost.reshape(flat), final_cost.reshape(flat), moves.headings.shape[2])

    def _moves(self, hypotheses: _Hypotheses) -> _Moves:
        """Return the links that may follow: all directions for the first link, else turns of up to 90 degrees."""
        if len(self.beams) == 1:
            headings = np.broadcast_to(np.arange(8), (*hypotheses.sample.shape, 8))
            histories = np.broadcast_to(hypotheses.history[:, :, None], headings.shape)
            return _Moves(headings, histories, np.full(headings.shape, FIRST_BITS, np.float32))
        headings = (hypotheses.heading[:, :, None] + np.arange(-2, 3)) & 7
        histories = np.arange(5) * 25 + hypotheses.history[:, :, None] // 5
        return _Moves(headings, histories, turn_bits()[hypotheses.heading & 1, hypotheses.history])

    def _corners(self, hypotheses: _Hypotheses, headings: np.ndarray) -> _Corners:
        """Return where the chains are drawn around their new links: corners smoothed by [1 2 1] / 4, ends fixed."""
        end = self.steps[headings]
        if len(self.beams) == 1:
            return _Corners(None, np.zeros(end.shape, np.float32), end)
        last = self.steps[hypotheses.heading]
        corner = (end - last[:, :, None]) / np.float32(4)
        previous = -last
        if len(self.beams) > 2:
            second_last = self.steps[(hypotheses.heading - (hypotheses.history // 25 - 2)) & 7]
            previous = previous + (last - second_last) / np.float32(4)
        return _Corners(previous[:, :, None], corner, end)

    def _points_ahead(self, hypotheses: _Hypotheses) -> np.ndarray:
        """Return the next samples of each curve, (A, B, W, 2) pixels relative to the center of the last cell."""
        last_sample = self.last_sample[self.active][:, None, None]
        samples = np.minimum(hypotheses.sample[:, :, None] + self.ahead, last_sample)
        centers = self.lattice.centers(hypotheses.cells)
        return np.asarray(self.points[samples + self.first[self.active][:, None, None]] - centers[:, :, None])

    @staticmethod
    def _advance(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the index of the sample nearest to the end of a drawn link, and all squared distances to the link."""
        to_end, to_link = _squared_distances(points - start, end - start)
        return to_end.argmin(3), to_link

    def _final_cost(
        self, hypotheses: _Hypotheses, cost: np.ndarray, sample: np.ndarray, points: np.ndarray, corners: _Corners
    ) -> np.ndarray:
        """Return the cost of each candidate as a whole chain, (A, B, K), including the samples that it does not reach.

        It is infinite if the rest of the curve is out of reach of the candidate's end.
        """
        final_cost = np.full(cost.shape, np.inf, np.float32)
        last_sample = self.last_sample[self.active]
        is_near_end = sample >= last_sample[:, None, None] - self.end_reach
        curve, slot, move = np.nonzero(is_near_end & np.isfinite(cost))
        corner, end = corners.corner[curve, slot, move], corners.end[curve, slot, move]
        offset = points[curve, slot] - corner[:, None]
        squared = _squared_distances(offset[:, None], (end - corner)[:, None, None])[1][:, 0, 0]
        ahead = hypotheses.sample[curve, slot][:, None] + self.ahead
        is_left = (ahead > sample[curve, slot, move][:, None]) & (ahead <= last_sample[curve][:, None])
        missed_bits = self.miss_bits[self.active[curve]] * (penalty(squared) * is_left).sum(1)
        final_cost[curve, slot, move] = cost[curve, slot, move] + END_BITS + missed_bits
        return final_cost

    def _prune(self, candidates: _Candidates) -> None:
        """Keep the best distinct candidates of each curve, and note its best finished chain."""
        hypotheses, expected_cost, final_cost, moves = candidates
        key = hypotheses.cost + expected_cost - self.progress_bits * hypotheses.sample
        order = np.argsort(key, 1, kind="stable")[:, : 3 * self.beam_width]
        ranked = hypotheses.take(order)
        state = (ranked.cells[..., 1] * (self.lattice.cols + 2) + ranked.cells[..., 0]) * 8 + ranked.heading
        state = state * 25 + ranked.history // 5  # with the last two turns
        is_repeated = np.tril(state[:, :, None] == state[:, None, :], -1).any(2)
        ranked.cost = np.where(is_repeated, _INFINITY, ranked.cost)
        survivors = np.argsort(~np.isfinite(ranked.cost), 1, kind="stable")[:, : self.beam_width]
        order, self.hypotheses = _take(order, survivors), ranked.take(survivors)

        final_cost = _take(final_cost, order)
        slot = final_cost.argmin(1)
        best = final_cost[np.arange(len(slot)), slot]
        is_better = best < self.best_cost[self.active]
        improved = self.active[is_better]
        self.best_cost[improved] = best[is_better]
        self.best_end[improved, 0] = len(self.beams)
        self.best_end[improved, 1] = slot[is_better]
        self.beams.append((self.active, self.hypotheses.cells, order // moves))

    def chains(self) -> list[np.ndarray]:
        """Return the best finished chain of each curve, (M, 2) cells, by backtracking all curves together."""
        reversed_chains: list[list[np.ndarray]] = [[] for _ in self.first]
        slots = self.best_end[:, 1].copy()
        for step in reversed(range(len(self.beams))):
            curves, cells, parents = self.beams[step]
            rows = np.flatnonzero(self.best_end[curves, 0] >= step)
            slot = slots[curves[rows]]
            for curve, cell in zip(curves[rows].tolist(), cells[rows, slot], strict=True):
                reversed_chains[curve].append(cell)
            slots[curves[rows]] = parents[rows, slot]
        return [np.array(cells[::-1], np.int64).reshape(-1, 2) for cells in reversed_chains]


def _squared_distances(points: np.ndarray, links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distances from points to the ends of links, and to the links: (A, B, K, W) each.

    points: (A, B, W, 2), links: (A, B, K, 2), both relative to the start of the link.
    """
    x, y = points[:, :, None, :, 0], points[:, :, None, :, 1]
    dx, dy = links[..., 0, None], links[..., 1, None]
    squared_length = dx * dx + dy * dy
    to_start = x * x + y * y
    dot = dx * x
    dot += dy * y
    share = dot / np.maximum(squared_length, np.float32(1e-6))
    np.clip(share, 0, 1, out=share)
    dot += dot
    to_end = squared_length - dot
    to_end += to_start
    to_link = share * squared_length
    to_link -= dot
    to_link *= share
    to_link += to_start
    return to_end, to_link
