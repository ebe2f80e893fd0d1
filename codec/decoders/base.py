"""What every decoder is: three layers in, one picture out, watched and stopped by its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from codec.errors import Cancelled, InvalidLayer

if TYPE_CHECKING:
    from codec.layers import Layers


@dataclass(frozen=True)
class Step:
    """One report of a running decode.

    index: 1..total, rising by one; total: the same in every step of one decode
    label: a short phrase for a person
    preview: (h, w, 3) uint8 sRGB of any size in the picture's aspect, or None: nothing new to see
    """

    index: int
    total: int
    label: str
    preview: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Strengths:
    """How much the layers weigh for a decoder that draws them itself, each 0..2; 1 is as they are.

    structure: of the sketch, how strongly its lines are drawn; at 0 they still part the colors.
    colors: how far from their mean they lie; at 0 all are that. Raises InvalidLayer for other numbers.
    """

    structure: float = 1.0
    colors: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.structure <= 2 and 0 <= self.colors <= 2):
            raise InvalidLayer("a strength is a number from 0 to 2")


OnStep = Callable[[Step], bool | None]
"""Called in the decoding thread after every step; returning False stops the decode."""


class Decoder(Protocol):
    """Makes a picture from layers. One object serves many threads at once."""

    name: str

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """Return the (layers.height, layers.width, 3) uint8 sRGB picture.

        Any subset of the layers will do. The same layers and seed give the same picture; `seed`
        (any int) defaults to layers.seed, and that to 0. Raises InvalidLayer if there is no
        layer at all, ModelMissing if weights are absent or damaged, Cancelled if `on_step`
        returned False.
        """
        ...


class Progress:
    """Counts the steps of one decode, passes them to `on_step`, and raises Cancelled for it."""

    def __init__(self, total: int, on_step: OnStep | None) -> None:
        self.index = 0
        self.total = total
        self.on_step = on_step

    def step(self, label: str, preview: np.ndarray | None = None) -> None:
        """Report one finished step. Raises Cancelled if the caller wants to stop."""
        self.index += 1
        if self.on_step is None:
            return
        if self.on_step(Step(self.index, self.total, label, preview)) is False:
            raise Cancelled("the decode was stopped")
