"""What levels a colormap gets: rate-distortion optimization, an encoder's choice, in floats.

The aim is the least sum of the cells' CIEDE2000 differences and of what the bits are worth. Near a cell's
color its difference is a quadratic form (ciede.py), so that the gain of each level's change by one is known
for all levels at once; bits are the network's (spectrum.py). The best changes are made, a part at a
time, since each changes what others are worth. A decoder never runs any of this.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from codec.color import ciede2000, oklab
from codec.texture import context_model
from codec.texture.colormap_payload import MAX_LEVEL, RATIOS, STEPS, brightest, bucket, octaves
from codec.texture.dct import BASIS, basis, frequencies

RATIO: Final = 2  # index of the usual one
ROUGH: Final = 2  # rounds of a first look
TRADE: Final = 2.0  # what a bit is worth, in differences of a cell at step 32, and in proportion to the step
_FRAME: Final = 26  # bits, about, of what stands before the levels
_LATER: Final = 0.8  # of the bits at a first look is what remains at last
_HALF: Final = 9  # steps coarser take half the bits
_SEEN: Final = 0.5  # smaller differences are weighed as this one
_AFTER: Final = 1.15  # a change also makes what comes later cheaper or dearer
_TAIL: Final = 2.0  # bits that a level beyond the last one costs besides, for the zeros between

BUCKETS: Final = np.array([bucket(size) for size in range(MAX_LEVEL + 2)])


def coarser(step: int, taken: float, wanted: float) -> int:
    """About the step that takes so many bits, if this one takes those: half as many for each _HALF steps."""
    return min(max(step + round(_HALF * math.log2(max(taken, 1) / max(wanted, 1))), 0), len(STEPS) - 1)


class Found(NamedTuple):
    """Levels as a `Colormap` has them, the mean difference to expect, and about how many bits they take."""

    levels: tuple[int, ...]
    difference: float
    bits: float


class RDOQuantizer:
    """The levels of one grid of cells, (rows, cols, 3) uint8 sRGB."""

    def __init__(self, cells: np.ndarray) -> None:
        self.rows, self.cols = cells.shape[:2]
        self._order = context_model.plan(self.rows, self.cols).order
        self._exact = self._scan(frequencies(cells))
        self.metric = ciede2000.metric(oklab.from_srgb(cells)) / oklab.ONE**2
        self._up, self._across = basis(self.rows) / BASIS, basis(self.cols) / BASIS

    def levels(self, step: int, ratio: int, rounds: int = 24, trade: float = TRADE) -> Found:
        """The levels for that step and ratio; `rounds` 0: rounded with a dead zone, no more."""
        levels = self.rough(step, ratio, rounds, trade)
        bits = _look(_costs(levels, self.rows, self.cols, octaves(step, ratio)), np.abs(levels)).ravel()
        used = np.flatnonzero(levels.ravel())
        sizes, exact = self.scaled(step, ratio)
        difference = float(self._errors(levels, exact, sizes)[0].mean())
        return self.found(levels, difference, float(bits[1 : used[-1] + 1].sum()) if len(used) else 0.0)

    def scaled(self, step: int, ratio: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps of L, a and b, and the coefficients in these, (places, 3) in the order of coding."""
        sizes = STEPS[step] * np.array([RATIOS[ratio] / 4, 1, 1])
        return sizes, self._exact / sizes

    def waves(self) -> np.ndarray:
        """(places, cells) float32: what each coefficient, in the order of coding, adds to the cells."""
        waves = np.einsum("ry,cx->rcyx", self._up, self._across).reshape(self.rows * self.cols, -1)
        return waves[self._order].astype(np.float32)

    def rough(self, step: int, ratio: int, rounds: int = ROUGH, trade: float = TRADE) -> np.ndarray:
        """Levels (places, 3) in the order of coding, after so many rounds."""
        sizes, exact = self.scaled(step, ratio)
        levels = np.trunc(exact + np.sign(exact) * np.where(np.abs(exact) < 1, 0.38, 0.44)).astype(np.int64)
        levels[0] = np.rint(exact[0])
        top = brightest(self.rows, self.cols, step, ratio) - 1
        levels[0, 0] = min(max(levels[0, 0], 0), top)
        levels = np.clip(levels, -MAX_LEVEL, MAX_LEVEL)
        worth = trade * 2 ** ((step - 32) / 8)
        for number in range(rounds):
            if number % 2 == 0:
                costs = _costs(levels, self.rows, self.cols, octaves(step, ratio))
            gain, sign = self._gains(levels, exact, sizes, worth, costs)
            if not 0 < levels[0, 0] + sign[0, 0] < top:
                gain[0, 0] = 0
            useful = np.flatnonzero(gain.ravel() < -1e-6)
            if not len(useful):
                break
            some = max(1, len(useful) * (6 if number < rounds * 2 // 3 else 10) // 60)
            best = useful[np.argsort(gain.ravel()[useful])[:some]]
            levels.ravel()[best] += sign.ravel()[best]
        return levels

    def step_for(self, bits: float) -> int:
        """About the finest step whose levels take so many bits."""
        step = 28
        for _ in range(4):
            taken = _LATER * self.levels(step, RATIO, ROUGH).bits
            last, step = step, coarser(step, taken, bits - _FRAME)
            if last == step:
                break
        return step

    def _scan(self, by_cell: np.ndarray) -> np.ndarray:
        return by_cell.reshape(3, -1)[:, self._order].T.copy()

    def _errors(self, levels: np.ndarray, exact: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each cell's difference (rows, cols), and half the gradient of its square by L, a and b."""
        error = np.zeros((3, levels.shape[0]))
        error[:, self._order] = ((levels - exact) * sizes).T
        error = self._up.T @ error.reshape(3, self.rows, self.cols) @ self._across
        bent = np.einsum("rcij,jrc->irc", self.metric, error)
        return np.sqrt(np.maximum((error * bent).sum(0), 0)), bent

    def _gains(
        self, levels: np.ndarray, exact: np.ndarray, sizes: np.ndarray, worth: float, costs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """For each level the better of its two neighbors: what changing to it gains (less is better), and its sign."""
        seen, bent = self._errors(levels, exact, sizes)
        weight = 0.5 / np.maximum(seen, _SEEN)
        slope = 2 * sizes * self._scan(self._up @ (weight * bent) @ self._across.T)
        own = np.moveaxis(np.diagonal(self.metric, axis1=2, axis2=3), 2, 0)
        curve = sizes**2 * self._scan(self._up**2 @ (weight * own) @ (self._across**2).T)
        size = np.abs(levels)
        outward = np.where(levels != 0, np.sign(levels), -np.sign(slope)).astype(np.int64)
        now = _look(costs, size)
        used = np.flatnonzero(levels.any(1))
        beyond = np.arange(len(levels)) > (used[-1] if len(used) else 0)
        best, sign = np.zeros(levels.shape), np.zeros(levels.shape, np.int64)
        for way in (-1, 1):
            bits = _AFTER * (_look(costs, np.maximum(size + way, 0)) - now) + _TAIL * beyond[:, None]
            bits[0, 0] = 0
            gain = slope * outward * way + curve + worth * bits
            better = (gain < best) & (size + way >= 0) & (size + way <= MAX_LEVEL)
            best[better], sign[better] = gain[better], (outward * way)[better]
        return best, sign

    def found(self, levels: np.ndarray, difference: float, bits: float) -> Found:
        """Of levels in the order of coding."""
        by_cell = np.zeros((3, len(levels)), np.int64)
        by_cell[:, self._order] = levels.T
        return Found(tuple(by_cell.ravel().tolist()), difference, bits)


def _costs(levels: np.ndarray, rows: int, cols: int, steps: tuple[int, int, int]) -> np.ndarray:
    """Bits of each bucket of sizes at each place and channel, if the levels around are these."""
    return costs(context_model.logits(levels, rows, cols, steps) / 256)


def costs(logits: np.ndarray) -> np.ndarray:
    """Bits of each bucket of sizes, (..., buckets), of what a network says, (..., STOPS)."""
    stop, go = np.logaddexp(0, -logits) / np.log(2), np.logaddexp(0, logits) / np.log(2)
    extra = BUCKETS[-1] + 1 - stop.shape[-1]
    stop = np.concatenate([stop, np.repeat(stop[..., -1:], extra, -1)], -1)
    go = np.concatenate([np.zeros_like(go[..., :1]), go, np.repeat(go[..., -1:], extra - 1, -1)], -1)
    return stop + go.cumsum(-1)


def _look(costs: np.ndarray, size: np.ndarray) -> np.ndarray:
    at = BUCKETS[size]
    bits = np.take_along_axis(costs, at[..., None], -1)[..., 0]
    return bits + np.maximum(at - 2, 0) + 0.95 * (size > 0)
