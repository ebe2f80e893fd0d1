"""What to expect of each coefficient of a colormap: a small network of whole numbers.

Coefficients are visited from low frequency to high, the three channels of a frequency in turn. From
the levels around that are already known, the frequency and the step, a network of one hidden layer
for each channel says how likely the next level is 0, 1, 2 and so on; and a weighted sum says which
sign it has. Chroma that goes with lightness, or with the other chroma, is seen by the sums of their
products so far. The weights are the integer table `color_net.npy` (training/priors.py).

A decoder asks for one coefficient after the other (`CoefficientContext`), or for many as if all were 0, as most
are; an encoder that weighs what levels cost asks for all at once (`logits`). All give the same whole numbers.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np

from codec.bitstream import tables

HIDDEN: Final = 32  # units of each network
STOPS: Final = 6  # its answers: is it this bucket of sizes, if it is none before
AROUND: Final = 17  # facts taken from known levels, and one more:
FACTS: Final = AROUND + 1 + 7 + 1  # what the other channels foretell; then of the frequency, and the step
SIGNS: Final = 13  # facts about a sign
MARKED: Final = ((0, 0), (1, 0), (2, 0), (3, 0), (0, 2), (2, 2), (0, 1))  # frequencies with a sign of their own

SHIFTS: Final = np.array([0] * 13 + [3, 5, 3, 3])  # facts that are sums of 8 and 32: to their means
_NEAR: Final = ((-1, 0), (0, -1), (-1, -1), (-2, 0), (0, -2), (-1, 1), (1, -1))
_SIGN_NEAR: Final = ((-2, 0), (0, -2), (-1, 0), (0, -1))
_STEADY: Final = 2000  # what sums of products begin with, so that little is not yet much
_MOST: Final = 128  # of a fact about a sign


class Weights(NamedTuple):
    """One channel's network, and its sums for signs: all int64."""

    first: np.ndarray  # (FACTS, HIDDEN)
    bias: np.ndarray  # (HIDDEN,)
    second: np.ndarray  # (HIDDEN, STOPS)
    offset: np.ndarray  # (STOPS,)
    sign: np.ndarray  # (2, SIGNS): for sizes of 1, and above


class Plan(NamedTuple):
    """What a grid's coefficients depend on, by place in the order of coding and by channel."""

    order: np.ndarray  # (places,) the cell row * cols + col of each
    plus: np.ndarray  # (places, 3, AROUND) where in the buffer a fact stands,
    minus: np.ndarray  # and what is taken from it
    near: np.ndarray  # (places, 4) places whose signs matter; `places` is none
    mark: np.ndarray  # (places,) index into MARKED, or -1
    facts: np.ndarray  # (places, 7) of the frequency


def log8(value: int) -> int:
    """Eight times the binary logarithm, rounded down; exactly, in integers."""
    return int(value**8).bit_length() - 1


@functools.cache
def magnitudes() -> np.ndarray:
    """How large a level of each size 0..32,768 counts as: int64, twice the size is 16 more."""
    return np.array([2 * log8(1 + size) for size in range(32769)], np.int64)


@functools.cache
def squash() -> np.ndarray:
    """The probability, in 65,536ths, of each logit -2048..2047 in 256ths: int64, index 0 is -2048.

    Exponentials are floats, but none of these comes near a half (a test keeps that true).
    """
    chances = [65536 / (1 + math.exp(-logit / 256)) for logit in range(-2048, 2048)]
    return np.clip(np.rint(chances), 32, 65504).astype(np.int64)


@functools.cache
def _chances() -> list[int]:
    return squash().tolist()  # a list is read faster


@functools.cache
def weights() -> tuple[Weights, Weights, Weights]:
    """The networks of L, a and b."""
    return unpack(tables.load_array("texture/color_net.npy"))


def unpack(table: np.ndarray) -> tuple[Weights, Weights, Weights]:
    """The networks from the numbers of their table, one after the other."""
    numbers = table.astype(np.int64)
    shapes = ((FACTS, HIDDEN), (HIDDEN,), (HIDDEN, STOPS), (STOPS,), (2, SIGNS))
    found = []
    for _ in range(3):
        parts = []
        for shape in shapes:
            count = math.prod(shape)
            parts.append(numbers[:count].reshape(shape))
            numbers = numbers[count:]
        found.append(Weights(*parts))
    return found[0], found[1], found[2]


@functools.lru_cache(maxsize=64)
def plan(rows: int, cols: int) -> Plan:
    """The order in which a grid's coefficients are coded, and what is known at each.

    Frequencies rise as they are seen in the picture, whose cells are about square.
    """
    cells = rows * cols
    row, col = np.divmod(np.arange(cells), cols)
    squared = (row * cols) ** 2 + (col * rows) ** 2
    order = np.lexsort((row, squared))
    row, col, squared = row[order], col[order], squared[order]
    place = np.full((rows + 4, cols + 4), cells)  # the place of a frequency; outside and the mean: none
    place[row + 2, col + 2] = np.arange(cells)
    place[2, 2] = cells
    here = np.arange(cells)

    def before(step: tuple[int, int]) -> np.ndarray:
        found = place[row + 2 + step[0], col + 2 + step[1]]
        return np.where(found < here, found, cells)

    def sized(places: np.ndarray, channel: int) -> np.ndarray:
        return np.where(places < cells, 3 * places + channel, 6 * cells)

    near = {step: before(step) for step in (*_NEAR, *_SIGN_NEAR)}
    itself = np.where(here > 0, here, cells)
    plus, minus = np.full((2, cells, 3, AROUND), 6 * cells)
    for channel in range(3):
        others = [other for other in range(3) if other != channel]
        facts = [sized(near[step], channel) for step in _NEAR]
        for other in others:
            facts.append(sized(itself if other < channel else np.full(cells, cells), other))
            facts += [sized(near[step], other) for step in _NEAR[:2]]
        for fact, places in enumerate(facts):
            plus[:, channel, fact] = places
        for fact, (other, many) in enumerate(((channel, 8), (channel, 32), (others[0], 8), (others[1], 8)), len(facts)):
            plus[2:, channel, fact] = 3 * cells + 3 * here[1:-1] + other
            minus[1 + many :, channel, fact] = 3 * cells + 3 * here[: max(cells - 1 - many, 0)] + other
    signs = np.stack([near[step] for step in _SIGN_NEAR], 1)
    mark = np.full(cells, -1)
    for index, marked in enumerate(MARKED):
        mark[(row == marked[0]) & (col == marked[1])] = index
    return Plan(order, plus, minus, signs, mark, _frequencies(rows, cols, row, col, squared))


def _frequencies(rows: int, cols: int, row: np.ndarray, col: np.ndarray, squared: np.ndarray) -> np.ndarray:
    cells, longer = log8(rows * cols), log8(max(rows, cols))
    logs = np.array([0, *(log8(int(value)) for value in squared[1:])])
    seen = logs + 2 * longer - 2 * cells  # squared, in half cycles along the longer side
    fine = logs - 2 * cells  # squared, in half cycles a cell
    seen[0], fine[0] = -16, -80
    upright = 16 * (row * cols) ** 2 // np.maximum(squared, 1)
    mean = np.arange(rows * cols) == 0
    return np.stack([seen, np.full(len(logs), cells), fine, upright, 16 * (row == 0), 16 * (col == 0), 16 * mean], 1)


def bases(rows: int, cols: int, steps: tuple[int, int, int]) -> np.ndarray:
    """What the hidden units begin with, (places, 3, HIDDEN) int64; `steps` in eighths of an octave."""
    slopes = np.stack([net.first[-1] for net in weights()])
    return _fixed(rows, cols) + slopes * np.array(steps)[:, None]


@functools.lru_cache(maxsize=64)
def _fixed(rows: int, cols: int) -> np.ndarray:
    facts = plan(rows, cols).facts
    return np.stack([facts @ net.first[AROUND + 1 : -1] + net.bias for net in weights()], 1)


@functools.cache
def _floats() -> list[tuple[np.ndarray, np.ndarray]]:
    return [(net.first[: AROUND + 1].astype(np.float64), net.second.astype(np.float64)) for net in weights()]


@functools.cache
def _zeros() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the three networks what says "it is 0": (3, AROUND, HIDDEN), (3, HIDDEN, 1), (3, 1) float64."""
    firsts, seconds = zip(*_floats(), strict=True)
    offsets = np.stack([net.offset[:1] for net in weights()]).astype(np.float64)
    return np.stack(firsts)[:, :AROUND], np.stack(seconds)[:, :, :1], offsets


class CoefficientContext:
    """The levels of a grid as they become known, one after the other."""

    def __init__(self, rows: int, cols: int, steps: tuple[int, int, int]) -> None:
        self.plan = plan(rows, cols)
        self.places = rows * cols
        self.levels = np.zeros((self.places, 3), np.int64)
        self._nets = weights()
        self._bases = bases(rows, cols, steps)
        self._buffer = np.zeros(6 * self.places + 1, np.int64)
        self._signed = [[0, 0, 0] for _ in range(self.places + 1)]
        self._products = [0] * 5  # LL, La, Lb, aa, ab

    def copy(self) -> CoefficientContext:
        """A spectrum to try something on."""
        other = CoefficientContext.__new__(CoefficientContext)
        other.__dict__.update(self.__dict__)
        other.levels, other._buffer = self.levels.copy(), self._buffer.copy()
        other._signed = [three[:] for three in self._signed]
        other._products = self._products[:]
        return other

    def stops(self, place: int, channel: int) -> list[int]:
        """The chance, of 65,536, of each bucket of sizes if it is none before: (STOPS,)."""
        net, plan_ = self._nets[channel], self.plan
        facts = self._buffer[plan_.plus[place, channel]] - self._buffer[plan_.minus[place, channel]] >> SHIFTS
        hidden = self._bases[place, channel] + facts @ net.first[:AROUND]
        if channel:
            hidden = hidden + min(abs(sum(self._foretold(place, channel))) >> 4, 255) * net.first[AROUND]
        logits = (np.maximum(hidden, 0) >> 4) @ net.second + net.offset >> 8
        chances = _chances()
        return [chances[min(max(logit, -2048), 2047) + 2048] for logit in logits.tolist()]

    def zeros(self, place: int, count: int) -> list[int]:
        """The chances, of 65,536, that L, a and b of the next `count` places (1 or more, from `place` >= 1) are 0.

        Each is what `stops` says first if all levels before it are 0; then they need not be `put`. Floats
        hold these whole numbers exactly, and multiply faster.
        """
        at, end = 3 * (self.places + place), 3 * (self.places + place + count)
        self._buffer[at:end] = np.tile(self._buffer[at - 3 : at], count)
        plan_ = self.plan
        facts = self._buffer[plan_.plus[place : place + count]] - self._buffer[plan_.minus[place : place + count]]
        first, second, offset = _zeros()
        hidden = (facts >> SHIFTS).swapaxes(0, 1).astype(float) @ first
        hidden += self._bases[place : place + count].swapaxes(0, 1)
        logits_ = (np.floor(np.maximum(hidden, 0) / 16) @ second)[..., 0] + offset
        known = np.clip(logits_ // 256, -2048, 2047).astype(np.int64).T + 2048
        return squash()[known].ravel().tolist()

    def positive(self, place: int, channel: int, size: int) -> int:
        """The chance, of 65,536, that a level of that size is positive."""
        of = self._nets[channel].sign[int(size > 1)].tolist()
        facts = [*self._foretold(place, channel)]
        facts += [self._signed[near][channel] for near in self.plan.near[place].tolist()]
        total = sum(weight * min(max(fact, -_MOST), _MOST) for weight, fact in zip(of, facts, strict=False))
        if self.plan.mark[place] >= 0:
            total += 16 * of[6 + int(self.plan.mark[place])]
        return _chances()[min(max(total >> 8, -2048), 2047) + 2048]

    def put(self, place: int, channel: int, level: int) -> None:
        """Learn a level: L, a and b of each place in turn, without gaps."""
        if level:
            self.levels[place, channel] = level
        if not place:
            return
        size = int(magnitudes()[abs(level)])
        at = 3 * place + channel
        self._buffer[at] = size
        self._buffer[3 * self.places + at] = self._buffer[3 * self.places + at - 3] + size
        if level:
            self._signed[place][channel] = size if level > 0 else -size
        if channel == 2:
            l, a, b = self._signed[place]
            for index, product in enumerate((l * l, l * a, l * b, a * a, a * b)):
                self._products[index] += product

    def _foretold(self, place: int, channel: int) -> tuple[int, int]:
        """A chroma level as its product with the other channels so far lets expect it."""
        if not channel or not place:
            return 0, 0
        light, chroma, _ = self._signed[place]
        ll, la, lb, aa, ab = self._products
        if channel == 1:
            return 16 * la * light // (ll + _STEADY), 0
        return 16 * lb * light // (ll + _STEADY), 16 * ab * chroma // (aa + _STEADY)


def observe(levels: np.ndarray, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """The facts at every coefficient of known levels, (..., places, 3) int64, all at once.

    -> (..., places, 3, AROUND + 1), what a network is asked with, but for the frequency and the step; and
    (..., places, 3, SIGNS).
    """
    plan_ = plan(rows, cols)
    size = magnitudes()[np.abs(levels)]
    signed = np.sign(levels) * size
    size[..., 0, :] = signed[..., 0, :] = 0
    lead = levels.shape[:-2]
    buffer = np.concatenate(
        [size.reshape(*lead, -1), size.cumsum(-2).reshape(*lead, -1), np.zeros((*lead, 1), np.int64)], -1
    )
    around = buffer[..., plan_.plus] - buffer[..., plan_.minus] >> SHIFTS

    def so_far(one: int, other: int) -> np.ndarray:
        sums = (signed[..., one] * signed[..., other]).cumsum(-1)
        return np.concatenate([np.zeros((*lead, 1), np.int64), sums[..., :-1]], -1)

    light = so_far(0, 0) + _STEADY
    signs = np.zeros((*levels.shape, SIGNS), np.int64)
    for chroma in (1, 2):
        signs[..., chroma, 0] = 16 * so_far(0, chroma) * signed[..., 0] // light
    signs[..., 2, 1] = 16 * so_far(1, 2) * signed[..., 1] // (so_far(1, 1) + _STEADY)
    foretold = np.minimum(np.abs(signs[..., 0] + signs[..., 1]) >> 4, 255)
    padded = np.concatenate([signed, np.zeros((*lead, 1, 3), np.int64)], -2)
    signs[..., 2:6] = np.moveaxis(padded[..., plan_.near, :], -2, -1)
    signs = np.clip(signs, -_MOST, _MOST)
    marked = np.flatnonzero(plan_.mark >= 0)
    signs[..., marked, :, 6 + plan_.mark[marked]] = 16
    return np.concatenate([around, foretold[..., None]], -1), signs


def logits(levels: np.ndarray, rows: int, cols: int, steps: tuple[int, int, int]) -> np.ndarray:
    """What the networks say of each of these levels, (places, 3): (places, 3, STOPS) float64 of whole 256ths.

    Floats hold these whole numbers exactly, and multiply faster.
    """
    facts = observe(levels, rows, cols)[0].astype(np.float64)
    start = bases(rows, cols, steps)
    out = []
    for channel, net in enumerate(weights()):
        first, second = _floats()[channel]
        hidden = start[:, channel] + facts[:, channel] @ first
        out.append(np.floor((np.floor(np.maximum(hidden, 0) / 16) @ second + net.offset) / 256))
    return np.clip(np.stack(out, 1), -2048, 2047)
