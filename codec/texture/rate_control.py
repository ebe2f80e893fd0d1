"""The levels of a colormap for exactly so many bits: descent that knows what each change does to all the rest.

A level costs its own bits, and it changes what the network expects of those after it. How much, the
network's slopes say for every level at once (its answers differentiated by the sizes it has seen); so a round takes
no longer than a few multiplications. In each round the better half of the changes that pay is made, if the sum does
shrink, and what a bit is worth follows the bits: dearer while there are too many, cheaper while there are too
few. That it swings a little about the bits wanted is what leads out of poor minima. An encoder's work alone, in floats.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np

from codec.texture import context_model, rdoq
from codec.texture.colormap_payload import MAX_LEVEL, brightest, octaves

_ROUNDS: Final = 32
_TURN: Final = 1.25  # by which the worth of a bit changes from round to round at most
_FILLS: Final = 6  # levels added at last
_MANY: Final = 400  # cells: with more, how they change is not worked out for each level apart
_REACH: Final = 192  # levels beyond the last one that may be made
_NEGLECTED: Final = 1e-4  # a gain
_LN2: Final = math.log(2)


class State(NamedTuple):
    """Levels (places, 3), and all that is known of them."""

    levels: np.ndarray
    seen: np.ndarray  # (cells,) the square of each cell's difference
    bent: np.ndarray  # (cells, 3) half its gradient
    costs: np.ndarray  # (places, 3, buckets) bits of each size
    signs: np.ndarray  # (2, places, 3) the logit of being positive, for sizes of 1 and above
    slopes: np.ndarray  # (places * 3,) bits that the others take more for each unit of magnitude
    upto: np.ndarray  # (places * 3 + 1,) bits of all levels before
    last: int  # the last one that is not 0, or 2
    before: int  # the one before that, or 2

    @property
    def difference(self) -> float:
        """Of all cells together."""
        return float(np.sqrt(self.seen).sum())

    @property
    def bits(self) -> float:
        """Of all levels, but for the mean lightness."""
        return float(self.upto[self.last + 1])


class RateController:
    """One grid of cells at one step and ratio."""

    def __init__(self, search: rdoq.RDOQuantizer, step: int, ratio: int) -> None:
        self.search, self.rows, self.cols = search, search.rows, search.cols
        self._rough = search.rough(step, ratio)
        self._sizes, self._exact = search.scaled(step, ratio)
        self._waves = search.waves()
        self._metric = search.metric.reshape(-1, 3, 3)
        self._start = context_model.bases(self.rows, self.cols, octaves(step, ratio))
        self._top = brightest(self.rows, self.cols, step, ratio) - 1
        self._worth = 2 ** ((step - 32) / 8)  # of a bit, in differences of a cell: about what it comes to

    def within(self, bits: float) -> rdoq.Found:
        """The nearest levels found of at most `bits` without the mean lightness, or else those of the fewest bits."""
        state = self._state(self._rough)
        best, worth = state, self._worth
        for _ in range(_ROUNDS):
            state = self._round(state, worth)
            best = state if _better(state, best, bits) else best
            turn = (max(state.bits, 1) / max(bits, 1)) ** 2
            worth *= min(max(turn, 1 / _TURN), _TURN)
        best = self._filled(best, bits)
        return self.search.found(best.levels, best.difference / len(best.seen), best.bits)

    def _filled(self, state: State, bits: float) -> State:
        """With more levels, one after the other, for what bits are left."""
        for _ in range(_FILLS):
            index, way, gain = self._changes(state, 0.0)
            more = self._dearer(state, index, state.levels.ravel()[index] + way)
            able = np.flatnonzero((more < bits - state.bits) & (gain < -_NEGLECTED))
            if not len(able):
                break
            best = able[(gain[able] / np.maximum(more[able], 1)).argmin()]
            tried = self._changed(state, index[best : best + 1], way[best : best + 1])
            if tried.bits > bits or tried.difference >= state.difference:
                break
            state = tried
        return state

    def _changed(self, state: State, index: np.ndarray, way: np.ndarray) -> State:
        levels = state.levels.copy()
        levels.ravel()[index] += way
        return self._state(levels)

    def _state(self, levels: np.ndarray) -> State:
        facts, about = context_model.observe(levels, self.rows, self.cols)
        values = facts.astype(np.float32)
        size = np.abs(levels)
        at = rdoq.BUCKETS[size]
        logits, signs = np.empty((*levels.shape, context_model.STOPS), np.float32), np.empty((2, *levels.shape))
        hidden = np.empty((*levels.shape, context_model.HIDDEN), np.float32)
        for channel, net in enumerate(_floats()):
            hidden[:, channel] = self._start[:, channel] + values[:, channel] @ net.first
            logits[:, channel] = np.maximum(hidden[:, channel], 0) @ net.second + net.offset
            signs[:, :, channel] = (about[:, channel] @ net.sign).T
        logits = np.clip(logits, -8, 8)
        costs = rdoq.costs(logits)
        bits = np.take_along_axis(costs, at[..., None], -1)[..., 0] + self._beside(levels, signs[0], signs[1])
        bits[0, 0] = 0
        used = np.flatnonzero(levels)
        last = max(int(used[-1]), 2) if len(used) else 2
        before = max(int(used[-2]), 2) if len(used) > 1 else 2
        error = self._waves.T @ ((levels - self._exact) * self._sizes)
        bent = np.einsum("nij,nj->ni", self._metric, error)
        seen = np.maximum((error * bent).sum(1), 0)
        upto = np.concatenate([[0], bits.ravel().cumsum()])
        slopes = self._slopes(logits, hidden > 0, at, last)
        return State(levels, seen, bent, costs, signs, slopes, upto, last, before)

    def _slopes(self, logits: np.ndarray, active: np.ndarray, at: np.ndarray, last: int) -> np.ndarray:
        """How the bits of all levels change with the magnitude of each: back through the networks."""
        nets = enumerate(_floats())
        stops, at = np.arange(context_model.STOPS), np.minimum(at, context_model.STOPS - 1)[..., None]
        by_logit = (stops <= at) / (1 + np.exp(-logits)) - (stops == at)
        by_logit.reshape(-1, context_model.STOPS)[last + 1 :] = 0
        through = (by_logit[:, channel] @ net.second.T * active[:, channel] @ net.back for channel, net in nets)
        by_fact = np.stack(list(through), 1) / _LN2
        plan = context_model.plan(self.rows, self.cols)
        length = 2 * active[..., 0].size
        flat = by_fact.ravel()
        sums = np.bincount(plan.plus.ravel(), flat, length + 1) - np.bincount(plan.minus.ravel(), flat, length + 1)
        own, later = sums[:length].reshape(2, -1, 3)
        out: np.ndarray = own + later[::-1].cumsum(0)[::-1]
        out[0] = 0
        return out.ravel()

    def _beside(self, levels: np.ndarray, one: np.ndarray, more: np.ndarray) -> np.ndarray:
        """Bits of the sign, and of where in its bucket a size is."""
        size = np.abs(levels)
        sign = np.logaddexp(0, -np.sign(levels) * np.where(size > 1, more, one)) / _LN2
        return np.where(size > 0, sign, 0) + np.maximum(rdoq.BUCKETS[size] - 2, 0)

    def _round(self, state: State, worth: float) -> State:
        """The better half of the changes that pay, or fewer if these are no good together; else the same state."""
        index, way, gain = self._changes(state, worth)
        order = np.argsort(gain)
        order = order[gain[order] < -_NEGLECTED]
        order = order[np.sort(np.unique(index[order], return_index=True)[1])]
        many = -(-len(order) // 2)
        now = state.difference + worth * state.bits
        while many:
            tried = self._changed(state, index[order[:many]], way[order[:many]])
            if tried.difference + worth * tried.bits < now:
                return tried
            many //= 3
        return state

    def _changes(self, state: State, worth: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Levels to change by one, by index, which way, and what is gained (less is better)."""
        weight = 0.5 / np.maximum(np.sqrt(state.seen), 0.5)
        pull = 2 * self._sizes * (self._waves @ (weight[:, None] * state.bent))
        outward = np.where(pull.ravel() > 0, -1, 1)
        levels = state.levels.ravel()
        reached = np.arange(min(levels.size, state.last + 1 + _REACH))
        used = reached[levels[reached] != 0]
        new = reached[(levels[reached] == 0) & (np.abs(pull.ravel()[reached]) > worth)]
        index = np.concatenate([used, used, new])
        way = np.concatenate([np.ones(len(used), int), np.full(len(used), -1), outward[new]])
        after = levels[index] + way
        good = (np.abs(after) <= MAX_LEVEL) & ((index > 0) | ((after >= 0) & (after < self._top)))
        index, way, after = index[good], way[good], after[good]
        gain = self._farther(state, index, way) + worth * self._dearer(state, index, after)
        return index, way, gain

    def _farther(self, state: State, index: np.ndarray, way: np.ndarray) -> np.ndarray:
        """How much larger each change makes the cells' differences."""
        place, channel = np.divmod(index, 3)
        if len(state.seen) > _MANY:  # as the slope and the bend of it foretell
            weight = (0.5 / np.maximum(np.sqrt(state.seen), 0.5))[:, None]
            slope, own = self._waves @ (weight * state.bent), np.diagonal(self._metric, axis1=1, axis2=2)
            bend, step = self._waves**2 @ (weight * own), way * self._sizes[channel]
            foretold: np.ndarray = step * (2 * slope[place, channel] + step * bend[place, channel])
            return foretold
        change = (way * self._sizes[channel]).astype(np.float32)[:, None] * self._waves[place]
        bent, own = state.bent.T.astype(np.float32), np.diagonal(self._metric, axis1=1, axis2=2).T.astype(np.float32)
        seen = state.seen.astype(np.float32) + change * (2 * bent[channel] + change * own[channel])
        return np.sqrt(np.maximum(seen, 0)).sum(1) - state.difference

    def _dearer(self, state: State, index: np.ndarray, after: np.ndarray) -> np.ndarray:
        """How many more bits each change takes, its own and of the others."""
        size, old = np.abs(after), state.levels.ravel()[index]
        own = state.costs.reshape(state.levels.size, -1)[index, rdoq.BUCKETS[size]]
        own = own + self._beside(after, *state.signs.reshape(2, -1)[:, index])
        last = np.maximum(index, state.last)
        last[(index == state.last) & (after == 0)] = state.before
        bits = state.upto[last + 1] - state.bits
        bits += np.where(index <= last, own - np.diff(state.upto)[index], 0)
        magnitudes = context_model.magnitudes()
        bits += (magnitudes[size] - magnitudes[np.abs(old)]) * state.slopes[index]
        return np.where(index == 0, 0, bits)


def _better(one: State, other: State, bits: float) -> bool:
    """Is it nearer, if it has few enough bits, or else of fewer bits?"""
    if max(one.bits, other.bits) <= bits:
        return one.difference < other.difference
    return one.bits < other.bits


class _Floats(NamedTuple):
    """A network of whole numbers in floats, its answers logits."""

    first: np.ndarray  # of the facts about other levels
    second: np.ndarray
    offset: np.ndarray
    sign: np.ndarray
    back: np.ndarray  # (HIDDEN, AROUND) from hidden units to the magnitudes that facts are sums of


@functools.cache
def _floats() -> list[_Floats]:
    return [
        _Floats(
            net.first[: context_model.AROUND + 1].astype(np.float32),
            (net.second / 2**20).astype(np.float32),
            (net.offset / 2**16).astype(np.float32),
            net.sign.T / 2**16,
            (net.first[: context_model.AROUND] / 2.0 ** context_model.SHIFTS[:, None]).T.astype(np.float32),
        )
        for net in context_model.weights()
    ]
