"""The interface of the range coder, and the adaptive models that it codes with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final

TOTAL: Final = 1 << 16  # probabilities are integers in units of 1 / TOTAL
MAX_RANGE: Final = (1 << 32) - 1
MIN_RANGE: Final = 1 << 24  # a smaller range is renormalized

_MIN_PROBABILITY: Final = 64


class BitModel:
    """An adaptive model of a bit: `p` is the probability of a 1, in units of 1/65,536.

    The n-th bit moves `p` by 1 / (n + 1.5) of the distance to its value, so the model learns fast at first and then
    settles. `count` is n, which grows to at most `max_count`; its initial value says how many observed bits the
    initial `p` counts as.
    """

    __slots__ = ("p", "count", "max_count")

    def __init__(self, p: int = TOTAL // 2, count: int = 0, max_count: int = 60) -> None:
        self.p = p
        self.count = count
        self.max_count = max_count

    def update(self, bit: int) -> None:
        """Adapt to a coded bit. The arithmetic is in integers, so the result is the same on every machine."""
        p = self.p + 2 * ((TOTAL if bit else 0) - self.p) // (2 * self.count + 3)
        self.p = min(max(p, _MIN_PROBABILITY), TOTAL - _MIN_PROBABILITY)
        if self.count < self.max_count:
            self.count += 1


class ExpGolombModel:
    """Adaptive models of an integer in 0..2^bits - 1, coded by an Exp-Golomb code.

    `length` has a model for each bit of the unary length, `top` one for the bit below the leading 1 of each length.
    """

    __slots__ = ("length", "top")

    def __init__(self, bits: int = 16) -> None:
        self.length = [BitModel() for _ in range(bits)]
        self.top = [BitModel() for _ in range(bits + 1)]


class Coder(ABC):
    """The interface of encoders and decoders.

    Each method takes the value to code and returns the value that was coded. A decoder ignores the
    value and returns the one that it reads. A layer's syntax is therefore written once, as a
    function of a coder, and what is decoded cannot differ from what was encoded.
    """

    @abstractmethod
    def uniform(self, total: int, value: int = 0) -> int:
        """Code an integer in 0..total - 1, all equally likely; 1 <= total <= 65,536."""

    @abstractmethod
    def choice(self, weights: Sequence[int], index: int = 0) -> int:
        """Code an index into `weights`, which are its frequencies (>= 0); their sum is at most 65,536."""

    @abstractmethod
    def symbol(self, cumulative: Callable[[int], int], size: int, value: int = 0) -> int:
        """Code a symbol in 0..size - 1.

        `cumulative(v)` is the sum of the frequencies (>= 1) of all symbols below v; `cumulative(size)` is at
        most 2^22.
        """

    @abstractmethod
    def cumulative_symbol(self, cumulative: Sequence[int], value: int = 0) -> int:
        """Code a symbol in 0..len(cumulative) - 2, whose frequencies (>= 1) are the steps of an ascending table.

        `cumulative[v]` is the sum of the frequencies of all symbols below v; the last entry is at most 2^22.
        Equivalent to `symbol`, but faster.
        """

    @abstractmethod
    def bernoulli(self, p: int, value: int = 0) -> int:
        """Code a bit by a fixed probability: that of a 1 is `p` of 65,536."""

    def bit(self, model: BitModel, value: int = 0) -> int:
        """Code a bit by an adaptive model, and update the model."""
        coded = self.bernoulli(model.p, value)
        model.update(coded)
        return coded

    def number(self, model: ExpGolombModel, value: int = 0) -> int:
        """Code an integer in 0..2^bits - 1, where `bits` is the model's, and update the model."""
        value_length = (value + 1).bit_length() - 1
        length = 0
        while length < len(model.length) and not self.bit(model.length[length], int(length == value_length)):
            length += 1
        coded = 1
        for shift in range(length - 1, -1, -1):
            bit = (value + 1) >> shift & 1
            # the bits below the top two are close to uniform
            bit = self.bit(model.top[length], bit) if coded == 1 else self.uniform(2, bit)
            coded = coded << 1 | bit
        return coded - 1
