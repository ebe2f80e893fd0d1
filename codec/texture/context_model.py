"""Context modeling of colormap coefficients by small integer networks.

Coefficients are coded by ascending frequency, the three channels of a frequency in turn. Each channel has a network
with one hidden layer. From the levels coded so far, the frequency and the step size, it predicts the probability that
the magnitude of the next level falls into bucket 0, 1, 2 and so on. A weighted sum of features predicts the sign. The
correlations of chroma with lightness, and of b with a, are estimated from running sums of products of levels. The
weights are the integer table `color_net.npy` (training/color_priors.py).

`CoefficientContext` evaluates one coefficient at a time, or a run of positions under the assumption that all
their levels are 0; decoders need both. `logits` evaluates all coefficients of known levels at once, for encoders
that estimate rates. All of them compute the same integers.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np

from codec.bitstream import tables
from codec.texture.coding_plan import (
    BIASED_FREQUENCIES,
    FEATURE_SHIFTS,
    FREQUENCY_FEATURES,
    LEVEL_FEATURES,
    BufferLayout,
    log2_eighths,
    plan,
)
from codec.texture.quantizer import MAX_LEVEL

HIDDEN: Final = 32  # hidden units of each network
OUTPUTS: Final = 6  # logits of each network: of each bucket, given that the magnitude is not in an earlier one
CHROMA_FEATURE: Final = LEVEL_FEATURES  # index of the feature that predicts the magnitude from other channels
FEATURES: Final = LEVEL_FEATURES + 1 + FREQUENCY_FEATURES + 1  # the last one is the step size
BIAS_FEATURE: Final = 6  # index of the first sign feature that marks a biased frequency
SIGN_FEATURES: Final = BIAS_FEATURE + len(BIASED_FREQUENCIES)

_PRODUCT_PRIOR: Final = 2000  # initial sum of squares; damps predictions from few levels
_MAX_SIGN_FEATURE: Final = 128
_MAX_CHROMA_FEATURE: Final = 255
_LOGIT_LIMIT: Final = 2048  # logits are clipped to -2048..2047, in 256ths


class Network(NamedTuple):
    """The weights of one channel, all int64."""

    hidden: np.ndarray  # (FEATURES, HIDDEN)
    hidden_bias: np.ndarray  # (HIDDEN,)
    output: np.ndarray  # (HIDDEN, OUTPUTS)
    output_bias: np.ndarray  # (OUTPUTS,)
    sign: np.ndarray  # (2, SIGN_FEATURES): for magnitude 1, and for larger ones


def bucket(size: int) -> int:
    """Return the bucket of a magnitude: 0, 1, 2, then 3 for 3 and 4, 4 for 5 to 8, and so on to `MAX_BUCKET`."""
    return size if size < 3 else 1 + (size - 1).bit_length()


MAX_BUCKET: Final = bucket(MAX_LEVEL)


@functools.cache
def log_magnitudes() -> np.ndarray:
    """Return the logarithmic magnitude of each level size 0..32768: int64, 16 per doubling."""
    return np.array([2 * log2_eighths(1 + size) for size in range(MAX_LEVEL + 2)], np.int64)


@functools.cache
def logistic_table() -> np.ndarray:
    """Return the probability, of 65,536, for each logit -2048..2047 in 256ths: int64, index 0 is -2048.

    The exponentials are floats. No value is close enough to a rounding boundary for two math libraries to round
    it differently; a test checks this.
    """
    probabilities = [65536 / (1 + math.exp(-logit / 256)) for logit in range(-_LOGIT_LIMIT, _LOGIT_LIMIT)]
    return np.clip(np.rint(probabilities), 32, 65504).astype(np.int64)


@functools.cache
def _logistic_list() -> list[int]:
    probabilities: list[int] = logistic_table().tolist()  # indexing a list is faster
    return probabilities


def _probability(logit: int) -> int:
    return _logistic_list()[min(max(logit, -_LOGIT_LIMIT), _LOGIT_LIMIT - 1) + _LOGIT_LIMIT]


@functools.cache
def networks() -> tuple[Network, Network, Network]:
    """Return the networks of L, a and b. Raises `ModelMissing` if the table is absent or damaged."""
    return unpack_networks(tables.load_array("texture/color_net.npy"))


def unpack_networks(table: np.ndarray) -> tuple[Network, Network, Network]:
    """Return the networks stored in a table: for each channel the arrays of `Network`, flattened."""
    shapes = ((FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, OUTPUTS), (OUTPUTS,), (2, SIGN_FEATURES))
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    l, a, b = (
        Network(*(part.reshape(shape) for part, shape in zip(np.split(row, ends[:-1]), shapes, strict=True)))
        for row in table.astype(np.int64).reshape(3, ends[-1])
    )
    return l, a, b


def static_preactivations(rows: int, cols: int, log_steps: tuple[int, int, int]) -> np.ndarray:
    """Return the part of the hidden units' input that does not depend on levels: (positions, 3, HIDDEN) int64.

    `log_steps`: see `quantizer.log_steps`.
    """
    step_weights = np.stack([net.hidden[-1] for net in networks()])
    return np.asarray(_frequency_preactivations(rows, cols) + step_weights * np.array(log_steps)[:, None])


@functools.lru_cache(maxsize=64)
def _frequency_preactivations(rows: int, cols: int) -> np.ndarray:
    features = plan(rows, cols).frequency
    return np.stack([features @ net.hidden[CHROMA_FEATURE + 1 : -1] + net.hidden_bias for net in networks()], 1)


@functools.cache
def _float_networks() -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the hidden weights of all features from levels, and the output weights, as float64 for each channel."""
    return [(net.hidden[: CHROMA_FEATURE + 1].astype(float), net.output.astype(float)) for net in networks()]


@functools.cache
def _zero_networks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts of all networks that predict bucket 0 when the chroma feature is 0, as float64.

    They are the hidden weights (3, LEVEL_FEATURES, HIDDEN), the output weights (3, HIDDEN, 1) and output biases (3, 1).
    """
    hidden, output = zip(*_float_networks(), strict=True)
    bias = np.stack([net.output_bias[:1] for net in networks()]).astype(float)
    return np.stack(hidden)[:, :LEVEL_FEATURES], np.stack(output)[:, :, :1], bias


class CoefficientContext:
    """The state of the model while a grid is coded: probabilities of the next level, given all levels before it."""

    def __init__(self, rows: int, cols: int, log_steps: tuple[int, int, int]) -> None:
        self.plan = plan(rows, cols)
        self.positions = rows * cols
        self.levels = np.zeros((self.positions, 3), np.int64)  # coded so far, in scan order
        self._networks = networks()
        self._static = static_preactivations(rows, cols, log_steps)
        self._buffer = np.zeros(BufferLayout(self.positions).size, np.int64)
        # log magnitudes with the sign of the level; the last entry means that there is no level
        self._signed = [[0, 0, 0] for _ in range(self.positions + 1)]
        self._products = [0] * 5  # sums of products of `_signed`: LL, La, Lb, aa, ab

    def copy(self) -> CoefficientContext:
        """Return an independent copy of the state."""
        other = CoefficientContext.__new__(CoefficientContext)
        other.__dict__.update(self.__dict__)
        other.levels, other._buffer = self.levels.copy(), self._buffer.copy()
        other._signed = [signed[:] for signed in self._signed]
        other._products = self._products[:]
        return other

    def bucket_probabilities(self, position: int, channel: int) -> list[int]:
        """Return the probabilities, of 65,536, of the first `OUTPUTS` buckets.

        Each is conditional: given that the magnitude is not in an earlier bucket.
        """
        net = self._networks[channel]
        features = self.plan.level_features(self._buffer, (position, channel))
        hidden = self._static[position, channel] + features @ net.hidden[:LEVEL_FEATURES]
        if channel:
            chroma = min(abs(sum(self._predict_chroma(position, channel))) >> 4, _MAX_CHROMA_FEATURE)
            hidden = hidden + chroma * net.hidden[CHROMA_FEATURE]
        outputs = (np.maximum(hidden, 0) >> 4) @ net.output + net.output_bias >> 8
        return [_probability(logit) for logit in outputs.tolist()]

    def zero_probabilities(self, position: int, count: int) -> list[int]:
        """Return the probabilities, of 65,536, that L, a and b are 0 at `count` >= 1 positions from `position` >= 1 on.

        Each assumes that the levels from `position` up to it are 0; no `update` is needed for these levels. The
        computation uses floats, which represent these integers exactly and multiply faster.
        """
        begin, end = 3 * (self.positions + position), 3 * (self.positions + position + count)
        self._buffer[begin:end] = np.tile(self._buffer[begin - 3 : begin], count)  # running sums do not change
        run = slice(position, position + count)
        hidden_weights, output_weights, bias = _zero_networks()
        features = self.plan.level_features(self._buffer, run)
        hidden = features.swapaxes(0, 1).astype(float) @ hidden_weights
        hidden += self._static[run].swapaxes(0, 1)
        outputs = (np.floor(np.maximum(hidden, 0) / 16) @ output_weights)[..., 0] + bias
        clipped = np.clip(outputs // 256, -_LOGIT_LIMIT, _LOGIT_LIMIT - 1).astype(np.int64).T
        probabilities: list[int] = logistic_table()[clipped + _LOGIT_LIMIT].ravel().tolist()
        return probabilities

    def positive_probability(self, position: int, channel: int, size: int) -> int:
        """Return the probability, of 65,536, that a level of magnitude `size` is positive."""
        weights = self._networks[channel].sign[int(size > 1)].tolist()
        features = [*self._predict_chroma(position, channel)]
        features += [self._signed[neighbor][channel] for neighbor in self.plan.sign_neighbors[position].tolist()]
        total = sum(
            weight * min(max(feature, -_MAX_SIGN_FEATURE), _MAX_SIGN_FEATURE)
            for weight, feature in zip(weights, features, strict=False)
        )
        biased = int(self.plan.biased[position])
        if biased >= 0:
            total += 16 * weights[BIAS_FEATURE + biased]
        return _probability(total >> 8)

    def update(self, position: int, channel: int, level: int) -> None:
        """Add a coded level to the context. Levels must come in scan order, L, a and b of each position in turn."""
        if level:
            self.levels[position, channel] = level
        if not position:
            return
        magnitude = int(log_magnitudes()[abs(level)])
        index = 3 * position + channel
        self._buffer[index] = magnitude
        self._buffer[3 * self.positions + index] = self._buffer[3 * self.positions + index - 3] + magnitude
        if level:
            self._signed[position][channel] = magnitude if level > 0 else -magnitude
        if channel == 2:
            l, a, b = self._signed[position]
            for number, product in enumerate((l * l, l * a, l * b, a * a, a * b)):
                self._products[number] += product

    def _predict_chroma(self, position: int, channel: int) -> tuple[int, int]:
        """Return 16 times the signed log magnitude predicted from L, and that predicted from a, by linear regression.

        Both are 0 for L and for the mean color; for a, the second one is 0.
        """
        if not channel or not position:
            return 0, 0
        l, a, _ = self._signed[position]
        ll, la, lb, aa, ab = self._products
        if channel == 1:
            return 16 * la * l // (ll + _PRODUCT_PRIOR), 0
        return 16 * lb * l // (ll + _PRODUCT_PRIOR), 16 * ab * a // (aa + _PRODUCT_PRIOR)


def extract_features(levels: np.ndarray, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of all coefficients of known levels, (..., positions, 3) int64 in scan order.

    The first result, (..., positions, 3, LEVEL_FEATURES + 1), is what the networks read besides frequency and step; the
    second one, (..., positions, 3, SIGN_FEATURES), is what the signs depend on.
    """
    grid = plan(rows, cols)
    magnitudes = log_magnitudes()[np.abs(levels)]
    signed = np.sign(levels) * magnitudes
    magnitudes[..., 0, :] = signed[..., 0, :] = 0
    batch = levels.shape[:-2]
    sums = magnitudes.cumsum(-2)
    zero = np.zeros((*batch, 1), np.int64)
    buffer = np.concatenate([magnitudes.reshape(*batch, -1), sums.reshape(*batch, -1), zero], -1)
    level_features = buffer[..., grid.add] - buffer[..., grid.subtract] >> FEATURE_SHIFTS
    sign_features = np.zeros((*levels.shape, SIGN_FEATURES), np.int64)
    sign_features[..., :2] = _chroma_predictions(signed)
    chroma = np.minimum(np.abs(sign_features[..., :2].sum(-1)) >> 4, _MAX_CHROMA_FEATURE)
    padded = np.concatenate([signed, np.zeros((*batch, 1, 3), np.int64)], -2)
    sign_features[..., 2:BIAS_FEATURE] = np.moveaxis(padded[..., grid.sign_neighbors, :], -2, -1)
    sign_features = np.clip(sign_features, -_MAX_SIGN_FEATURE, _MAX_SIGN_FEATURE)
    biased = np.flatnonzero(grid.biased >= 0)
    sign_features[..., biased, :, BIAS_FEATURE + grid.biased[biased]] = 16
    return np.concatenate([level_features, chroma[..., None]], -1), sign_features


def _chroma_predictions(signed: np.ndarray) -> np.ndarray:
    """Return `CoefficientContext._predict_chroma` for (..., positions, 3) signed log magnitudes: (..., 3, 2)."""

    def product_sums(one: int, other: int) -> np.ndarray:
        """Return the sums of products over all positions before each one."""
        sums = (signed[..., one] * signed[..., other]).cumsum(-1)
        return np.concatenate([np.zeros_like(sums[..., :1]), sums[..., :-1]], -1)

    predictions = np.zeros((*signed.shape, 2), np.int64)
    for chroma in (1, 2):
        predictions[..., chroma, 0] = (
            16 * product_sums(0, chroma) * signed[..., 0] // (product_sums(0, 0) + _PRODUCT_PRIOR)
        )
    predictions[..., 2, 1] = 16 * product_sums(1, 2) * signed[..., 1] // (product_sums(1, 1) + _PRODUCT_PRIOR)
    return predictions


def logits(levels: np.ndarray, rows: int, cols: int, log_steps: tuple[int, int, int]) -> np.ndarray:
    """Return the networks' outputs for (positions, 3) levels in scan order: (positions, 3, OUTPUTS) float64.

    The values are integers, in 256ths. Floats represent these integers exactly and multiply faster.
    """
    features = extract_features(levels, rows, cols)[0].astype(float)
    static = static_preactivations(rows, cols, log_steps)
    outputs = []
    for channel, net in enumerate(networks()):
        hidden_weights, output_weights = _float_networks()[channel]
        hidden = np.floor(np.maximum(static[:, channel] + features[:, channel] @ hidden_weights, 0) / 16)
        outputs.append(np.floor((hidden @ output_weights + net.output_bias) / 256))
    return np.asarray(np.clip(np.stack(outputs, 1), -_LOGIT_LIMIT, _LOGIT_LIMIT - 1))
