"""Rate control: find the colormap nearest to given cells within a byte budget. For encoders only; uses floats.

This is rate-constrained coordinate descent including context effects. Changing a level changes its own bits and, as it
is part of the context of later levels, theirs too. The gradient of the networks gives the second effect for all levels
at once, so a round costs a few matrix products. Each round applies the better half of the changes that lower the cost,
or fewer if together they would raise it. Then lambda is adapted: it grows while there are too many bits and shrinks
while there are too few. Its oscillation around the target helps the search leave poor local minima.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np

from codec.color import ciede2000, oklab
from codec.errors import BudgetTooSmall
from codec.texture import coding_plan, context_model, rdoq
from codec.texture.colormap import Colormap
from codec.texture.colormap_payload import Header, header_bits
from codec.texture.quantizer import MAX_LEVEL, RATIOS, STEPS, dc_levels, log_steps

# Trials of `fit`, as (ratio, number of steps coarser than the estimate); the best one differs from map to map.
_CANDIDATES_SMALL: Final[tuple[tuple[int, int], ...]] = ((2, 2), (2, 0), (1, 4), (0, 4))
_CANDIDATES_QUICK: Final[tuple[tuple[int, int], ...]] = ((2, 2), (1, 4))
_CANDIDATES_MEDIUM: Final[tuple[tuple[int, int], ...]] = ((2, 1), (1, 1))
_CANDIDATES_LARGE: Final[tuple[tuple[int, int], ...]] = ((2, 1),)
_MAX_SMALL_CELLS: Final = 100  # for up to this many cells, trials are fast, so `fit` makes more of them
_MAX_MEDIUM_CELLS: Final = 400  # for more cells, `fit` makes one trial only
_MAX_DESCENT_CELLS: Final = 1024  # for more cells, `fit` only searches for the step
_TERMINATION_BITS: Final = 0.3  # mean number of bits that the termination of a payload adds
_LAMBDA_FACTORS: Final = (1.0, 1.5)  # tried to make a finer step fit

_ROUNDS: Final = 32
_QUICK_ROUNDS: Final = 16
_MAX_LAMBDA_FACTOR: Final = 1.25  # largest change of lambda from round to round
_FILL_ROUNDS: Final = 6  # single changes added at the end
_MAX_EXACT_CELLS: Final = 400  # for more cells, the change in distortion is approximated by its Taylor series
_REACH: Final = 192  # number of levels after the last nonzero one that may become nonzero
_MIN_GAIN: Final = 1e-4  # smallest decrease of the cost that counts
_MIN_DIFFERENCE: Final = 0.5  # see rdoq.py
_LN2: Final = math.log(2)


def fit(cells: np.ndarray, max_bytes: int, *, quick: bool = False) -> Colormap:
    """Return the colormap nearest to (rows, cols, 3) uint8 sRGB cells, 2..64 a side, of at most `max_bytes`.

    `quick`: search for a third of the time; on 8 x 8 cells, the difference grows by 1 %. Raises `BudgetTooSmall` if not
    even the mean color fits, and `InvalidLayer` for other cells.
    """
    quantizer = rdoq.RDOQuantizer(cells)
    count = quantizer.rows * quantizer.cols
    if count > _MAX_DESCENT_CELLS:
        return _fit_step(quantizer, max_bytes)
    estimate = quantizer.estimate_step(8 * max_bytes)
    if count <= _MAX_SMALL_CELLS:
        candidates = _CANDIDATES_QUICK if quick else _CANDIDATES_SMALL
    else:
        candidates = _CANDIDATES_MEDIUM if count <= _MAX_MEDIUM_CELLS else _CANDIDATES_LARGE
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    fitted = [
        _fit_levels(quantizer, min(estimate + coarser, len(STEPS) - 1), ratio, max_bytes, rounds)
        for ratio, coarser in candidates
    ]
    return min(fitted, key=lambda colormap: mean_difference(quantizer.cells, colormap.cells))


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean CIEDE2000 difference of two grids of (rows, cols, 3) uint8 sRGB cells."""
    lab = [ciede2000.cielab(oklab.from_srgb(cells)) for cells in (a, b)]
    return float(ciede2000.difference(lab[0], lab[1]).mean())


def _fit_levels(quantizer: rdoq.RDOQuantizer, step: int, ratio: int, max_bytes: int, rounds: int) -> Colormap:
    """Return the best colormap that `RateController` finds for a step and ratio, or else the coarsest possible one."""
    header = Header(quantizer.rows, quantizer.cols, step, ratio)
    max_bits = 8 * max_bytes - _TERMINATION_BITS - header_bits(header)
    try:
        return RateController(quantizer, step, ratio).optimize(max_bits, rounds).colormap.cut(max_bytes)
    except BudgetTooSmall:  # the coarsest mean color takes the fewest bytes
        return quantizer.quantize(len(STEPS) - 1, len(RATIOS) - 1).colormap.cut(max_bytes)


def _fit_step(quantizer: rdoq.RDOQuantizer, max_bytes: int) -> Colormap:
    """Return the colormap with the finest step that fits: faster than `_fit_levels`, for large grids."""
    step = quantizer.estimate_step(8 * max_bytes)
    best = quantizer.quantize(step)
    step = rdoq.step_for_rate(step, len(best.colormap.to_bytes()), max_bytes)
    if step != best.colormap.step:
        best = quantizer.quantize(step)
    while len(best.colormap.to_bytes()) > max_bytes and step < len(STEPS) - 1:
        step += 1
        best = quantizer.quantize(step)
    for factor in _LAMBDA_FACTORS:
        finer = quantizer.quantize(max(step - 1, 0), lmbda=factor * rdoq.LAMBDA)
        if len(finer.colormap.to_bytes()) <= max_bytes:
            best = min(best, finer, key=lambda quantized: quantized.difference)
            break
    return best.colormap.cut(max_bytes)


class State(NamedTuple):
    """Levels, (positions, 3) in scan order, with their distortion and rate."""

    levels: np.ndarray
    squared_error: np.ndarray  # (cells,) squared difference of each cell
    half_gradient: np.ndarray  # (cells, 3) half its gradient by L, a and b
    bucket_bits: np.ndarray  # (positions, 3, buckets) bits of each bucket of magnitudes
    sign_logits: np.ndarray  # (2, positions, 3) logit of a positive sign, for magnitude 1 and for larger ones
    rate_slopes: np.ndarray  # (positions * 3,) change in the bits of all other levels per unit of log magnitude
    cumulative_bits: np.ndarray  # (positions * 3 + 1,) bits of all levels before each one
    last: int  # index of the last nonzero level, at least 2
    second_last: int  # index of the nonzero level before it, at least 2

    @property
    def distortion(self) -> float:
        """The sum of the cells' CIEDE2000 differences."""
        return float(np.sqrt(self.squared_error).sum())

    @property
    def bits(self) -> float:
        """The bits of all levels but the mean lightness."""
        return float(self.cumulative_bits[self.last + 1])


class Changes(NamedTuple):
    """Changes of single levels by one."""

    indices: np.ndarray  # (changes,) index of each level: 3 * position + channel
    deltas: np.ndarray  # (changes,) -1 or 1

    def select(self, which: np.ndarray) -> Changes:
        """Return some of the changes, by index or mask."""
        return Changes(self.indices[which], self.deltas[which])


class RateController:
    """The search for the levels of one grid at one step and ratio."""

    def __init__(self, quantizer: rdoq.RDOQuantizer, step: int, ratio: int) -> None:
        self._quantizer, self._step, self._ratio = quantizer, step, ratio
        self._rows, self._cols = quantizer.rows, quantizer.cols
        self._steps, self._exact = quantizer.scaled_coefficients(step, ratio)
        self._basis = quantizer.basis_functions()
        self._metric = quantizer.metric.reshape(-1, 3, 3)
        self._metric_diagonal = np.diagonal(self._metric, axis1=1, axis2=2)
        self._static = context_model.static_preactivations(self._rows, self._cols, log_steps(step, ratio))
        self._max_dc = dc_levels(self._rows, self._cols, step, ratio) - 1

    def optimize(self, max_bits: float, rounds: int = _ROUNDS) -> rdoq.Quantized:
        """Return the nearest colormap whose levels, without the mean lightness, take at most `max_bits`.

        If there is none, returns the one with the fewest bits among those tried.
        """
        state = best = self._evaluate(self._quantizer.optimize_levels(self._step, self._ratio))
        lmbda = rdoq.lagrange_multiplier(self._step)
        for _ in range(rounds):
            state = self._descend(state, lmbda)
            best = state if _is_better(state, best, max_bits) else best
            factor = (max(state.bits, 1) / max(max_bits, 1)) ** 2
            lmbda *= min(max(factor, 1 / _MAX_LAMBDA_FACTOR), _MAX_LAMBDA_FACTOR)
        best = self._fill(best, max_bits)
        colormap = self._quantizer.to_colormap(best.levels, self._step, self._ratio)
        return rdoq.Quantized(colormap, best.distortion / len(best.squared_error), best.bits)

    def _descend(self, state: State, lmbda: float) -> State:
        """Apply the better half of the changes that lower the cost, or fewer if together they raise it.

        Returns the same state if no change lowers the cost.
        """
        changes = self._filter(state, self._propose(state, lmbda))
        delta_cost = self._score(state, changes, lmbda)
        order = np.argsort(delta_cost)
        order = order[delta_cost[order] < -_MIN_GAIN]
        order = order[np.sort(np.unique(changes.indices[order], return_index=True)[1])]  # each level once
        count = -(-len(order) // 2)
        cost = state.distortion + lmbda * state.bits
        while count:
            changed = self._apply(state, changes.select(order[:count]))
            if changed.distortion + lmbda * changed.bits < cost:
                return changed
            count //= 3
        return state

    def _fill(self, state: State, max_bits: float) -> State:
        """Apply the single changes that lower the distortion most per bit, while they fit into the remaining bits."""
        for _ in range(_FILL_ROUNDS):
            changes = self._filter(state, self._propose(state, 0.0))
            distortion, bits = self._delta_distortion(state, changes), self._delta_rate(state, changes)
            useful = np.flatnonzero((bits < max_bits - state.bits) & (distortion < -_MIN_GAIN))
            if not len(useful):
                break
            best = useful[(distortion[useful] / np.maximum(bits[useful], 1)).argmin()]
            changed = self._apply(state, changes.select(np.array([best])))
            if changed.bits > max_bits or changed.distortion >= state.distortion:
                break
            state = changed
        return state

    def _propose(self, state: State, lmbda: float) -> Changes:
        """Return both changes of each nonzero level, and the promising change of each zero level within reach.

        A change of a zero level is promising if the slope of the distortion alone pays for one bit.
        """
        gradient = 2 * self._steps * (self._basis @ (_distortion_weights(state) * state.half_gradient))
        slope = gradient.ravel()
        levels = state.levels.ravel()
        reached = np.arange(min(levels.size, state.last + 1 + _REACH))
        nonzero = reached[levels[reached] != 0]
        new = reached[(levels[reached] == 0) & (np.abs(slope[reached]) > lmbda)]
        ones = np.ones(len(nonzero), int)
        return Changes(
            np.concatenate([nonzero, nonzero, new]), np.concatenate([ones, -ones, np.where(slope[new] > 0, -1, 1)])
        )

    def _filter(self, state: State, changes: Changes) -> Changes:
        """Return the changes whose results are valid levels."""
        levels = state.levels.ravel()[changes.indices] + changes.deltas
        valid = (np.abs(levels) <= MAX_LEVEL) & ((changes.indices > 0) | ((levels >= 0) & (levels < self._max_dc)))
        return changes.select(valid)

    def _score(self, state: State, changes: Changes, lmbda: float) -> np.ndarray:
        """Return the change in cost that each change makes by itself; negative is better."""
        return self._delta_distortion(state, changes) + lmbda * self._delta_rate(state, changes)

    def _delta_distortion(self, state: State, changes: Changes) -> np.ndarray:
        """Return the change in distortion that each change makes by itself."""
        position, channel = np.divmod(changes.indices, 3)
        change = changes.deltas * self._steps[channel]
        if len(state.squared_error) > _MAX_EXACT_CELLS:
            weight = _distortion_weights(state)
            slope = self._basis @ (weight * state.half_gradient)
            curvature = self._basis**2 @ (weight * self._metric_diagonal)
            return np.asarray(change * (2 * slope[position, channel] + change * curvature[position, channel]))
        added = change.astype(np.float32)[:, None] * self._basis[position]
        half_gradient = state.half_gradient.T.astype(np.float32)
        diagonal = self._metric_diagonal.T.astype(np.float32)
        squared = state.squared_error.astype(np.float32)
        squared = squared + added * (2 * half_gradient[channel] + added * diagonal[channel])
        return np.asarray(np.sqrt(np.maximum(squared, 0)).sum(1) - state.distortion)

    def _delta_rate(self, state: State, changes: Changes) -> np.ndarray:
        """Return the change in bits that each change makes by itself; the bits of other levels are estimated."""
        index = changes.indices
        old_level = state.levels.ravel()[index]
        level = old_level + changes.deltas
        size = np.abs(level)
        own_bits = state.bucket_bits.reshape(state.levels.size, -1)[index, rdoq.BUCKETS[size]]
        own_bits = own_bits + _sign_and_offset_bits(level, *state.sign_logits.reshape(2, -1)[:, index])
        last = np.maximum(index, state.last)
        last[(index == state.last) & (level == 0)] = state.second_last
        bits = state.cumulative_bits[last + 1] - state.bits
        bits += np.where(index <= last, own_bits - np.diff(state.cumulative_bits)[index], 0)
        magnitudes = context_model.log_magnitudes()
        bits += (magnitudes[size] - magnitudes[np.abs(old_level)]) * state.rate_slopes[index]
        return np.where(index == 0, 0, bits)

    def _apply(self, state: State, changes: Changes) -> State:
        levels = state.levels.copy()
        levels.ravel()[changes.indices] += changes.deltas
        return self._evaluate(levels)

    def _evaluate(self, levels: np.ndarray) -> State:
        """Return the state of these levels."""
        error = self._basis.T @ ((levels - self._exact) * self._steps)
        half_gradient = np.einsum("nij,nj->ni", self._metric, error)
        squared_error = np.maximum((error * half_gradient).sum(1), 0)
        logits, active, sign_logits = self._run_networks(levels)
        bucket_bits = rdoq.bits_from_logits(logits)
        buckets = rdoq.BUCKETS[np.abs(levels)]
        bits = np.take_along_axis(bucket_bits, buckets[..., None], -1)[..., 0]
        bits = bits + _sign_and_offset_bits(levels, sign_logits[0], sign_logits[1])
        bits[0, 0] = 0
        last, second_last = _last_two_nonzero(levels)
        rate_slopes = self._rate_slopes(logits, active, buckets, last)
        cumulative_bits = np.concatenate([[0], bits.ravel().cumsum()])
        return State(
            levels,
            squared_error,
            half_gradient,
            bucket_bits,
            sign_logits,
            rate_slopes,
            cumulative_bits,
            last,
            second_last,
        )

    def _run_networks(self, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return logits (positions, 3, OUTPUTS), active hidden units (positions, 3, HIDDEN) and sign logits."""
        level_features, sign_features = context_model.extract_features(levels, self._rows, self._cols)
        values = level_features.astype(np.float32)
        logits = np.empty((*levels.shape, context_model.OUTPUTS), np.float32)
        hidden = np.empty((*levels.shape, context_model.HIDDEN), np.float32)
        sign_logits = np.empty((2, *levels.shape))
        for channel, net in enumerate(_float_networks()):
            hidden[:, channel] = self._static[:, channel] + values[:, channel] @ net.hidden
            logits[:, channel] = np.maximum(hidden[:, channel], 0) @ net.output + net.output_bias
            sign_logits[:, :, channel] = (sign_features[:, channel] @ net.sign).T
        return np.clip(logits, -8, 8), hidden > 0, sign_logits

    def _rate_slopes(self, logits: np.ndarray, active: np.ndarray, buckets: np.ndarray, last: int) -> np.ndarray:
        """Return the derivative of the total bits by the log magnitude of each level: (positions * 3,).

        It is computed by backpropagation through the networks.
        """
        outputs, reached = np.arange(context_model.OUTPUTS), np.minimum(buckets, context_model.OUTPUTS - 1)[..., None]
        by_logit = (outputs <= reached) / (1 + np.exp(-logits)) - (outputs == reached)
        by_logit.reshape(-1, context_model.OUTPUTS)[last + 1 :] = 0
        by_channel = [
            by_logit[:, channel] @ net.output.T * active[:, channel] @ net.to_magnitudes
            for channel, net in enumerate(_float_networks())
        ]
        by_feature = (np.stack(by_channel, 1) / _LN2).ravel()
        plan = coding_plan.plan(self._rows, self._cols)
        layout = coding_plan.BufferLayout(self._rows * self._cols)
        by_entry = np.bincount(plan.add.ravel(), by_feature, layout.size)
        by_entry -= np.bincount(plan.subtract.ravel(), by_feature, layout.size)
        by_magnitude, by_sum = by_entry[: layout.zero].reshape(2, -1, 3)
        slopes: np.ndarray = by_magnitude + by_sum[::-1].cumsum(0)[::-1]
        slopes[0] = 0
        return slopes.ravel()


def _distortion_weights(state: State) -> np.ndarray:
    """Return the derivative of each cell's difference by its square: (cells, 1)."""
    return np.asarray((0.5 / np.maximum(np.sqrt(state.squared_error), _MIN_DIFFERENCE))[:, None])


def _sign_and_offset_bits(levels: np.ndarray, logit_one: np.ndarray, logit_larger: np.ndarray) -> np.ndarray:
    """Return the bits of the signs, and of the magnitudes within their buckets."""
    size = np.abs(levels)
    sign_bits = np.logaddexp(0, -np.sign(levels) * np.where(size > 1, logit_larger, logit_one)) / _LN2
    return np.asarray(np.where(size > 0, sign_bits, 0) + rdoq.offset_bits(rdoq.BUCKETS[size]))


def _last_two_nonzero(levels: np.ndarray) -> tuple[int, int]:
    """Return the indices of the last two nonzero levels, the last one first, each at least 2."""
    nonzero = [2, 2, *np.flatnonzero(levels)[-2:].tolist()]
    return max(nonzero[-1], 2), max(nonzero[-2], 2)


def _is_better(state: State, other: State, max_bits: float) -> bool:
    """Return whether a state has less distortion than another if both fit, or else whether it has fewer bits."""
    if max(state.bits, other.bits) <= max_bits:
        return state.distortion < other.distortion
    return state.bits < other.bits


class _FloatNetwork(NamedTuple):
    """A network of `context_model` in floats, with logits in nats."""

    hidden: np.ndarray  # (LEVEL_FEATURES + 1, HIDDEN)
    output: np.ndarray  # (HIDDEN, OUTPUTS)
    output_bias: np.ndarray  # (OUTPUTS,)
    sign: np.ndarray  # (SIGN_FEATURES, 2)
    to_magnitudes: np.ndarray  # (HIDDEN, LEVEL_FEATURES): the derivative by the log magnitudes that features sum


@functools.cache
def _float_networks() -> list[_FloatNetwork]:
    features = coding_plan.LEVEL_FEATURES
    return [
        _FloatNetwork(
            net.hidden[: features + 1].astype(np.float32),
            (net.output / 2**20).astype(np.float32),
            (net.output_bias / 2**16).astype(np.float32),
            net.sign.T / 2**16,
            (net.hidden[:features] / 2.0 ** coding_plan.FEATURE_SHIFTS[:, None]).T.astype(np.float32),
        )
        for net in context_model.networks()
    ]
