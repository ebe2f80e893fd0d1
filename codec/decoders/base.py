"""The interface of decoders, with progress reports and cancellation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from codec.errors import Cancelled, InvalidLayer

if TYPE_CHECKING:
    from codec.layers import Layers


@dataclass(frozen=True)
class Step:
    """A progress report of a running decode.

    index: 1..total, increasing by one; repeated if a decode starts again in a higher precision
    total: the same in every step of a decode
    label: a short phrase for users
    preview: (h, w, 3) uint8 sRGB, of any size with the picture's aspect ratio; None if nothing changed
    """

    index: int
    total: int
    label: str
    preview: np.ndarray | None = None


OnStep = Callable[[Step], bool | None]
"""Called in the decoding thread after every step; returning False cancels the decode."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """Options of the painters: the strength of each layer, 0..2; 1 leaves the layer unchanged.

    structure: scales the contrast of the sketch's lines; at 0 they are not drawn, but still separate colors
    colors: scales the distance of each color from their mean; at 0 all colors are the mean

    Raises InvalidLayer for values out of range.
    """

    structure: float = 1.0
    colors: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.structure <= 2 and 0 <= self.colors <= 2):
            raise InvalidLayer("a strength is a number from 0 to 2")


class Decoder(Protocol):
    """Decodes layers to a picture. A decoder can be used by several threads at the same time."""

    name: str

    def decode(self, layers: Layers, *, seed: int | None = None, on_step: OnStep | None = None) -> np.ndarray:
        """Return the (layers.height, layers.width, 3) uint8 sRGB picture.

        Any non-empty subset of the layers is enough. The same layers and seed give the same picture. `seed`:
        any integer; None: layers.seed, or 0 if the file has none.

        Raises InvalidLayer if there is no layer at all, ModelMissing if weights are absent or damaged,
        OutOfMemory, and Cancelled if `on_step` returned False.
        """
        ...

    def with_options(self, options: Any) -> Decoder:
        """Return a decoder with these options (of the type in the registry) that shares this one's weights."""
        ...


def require_layers(layers: Layers) -> None:
    """Raise InvalidLayer if there is no layer at all."""
    if layers.is_empty:
        raise InvalidLayer("there is nothing to decode: give a prompt, a sketch or colors")


class StepReporter:
    """Counts the steps of one decode, reports them to `on_step`, and raises Cancelled if that returns False.

    A decode that starts again sets `index` back to 0; reported indices never fall below `highest_index`.
    """

    def __init__(self, total: int, on_step: OnStep | None) -> None:
        self.index = 0
        self.highest_index = 0
        self.total = total
        self.on_step = on_step

    def step(self, label: str, preview: np.ndarray | None = None) -> None:
        """Report one finished step. Raises Cancelled."""
        self.index += 1
        self.highest_index = max(self.highest_index, self.index)
        if self.on_step is None:
            return
        if self.on_step(Step(self.highest_index, self.total, label, preview)) is False:
            raise Cancelled("the decode was stopped")
