"""Which layers the decoders are given and how strongly: a matter of looking, not of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from codec import Layers
from codec.decoders import Strengths
from codec.errors import InvalidLayer
from ui.services import actions

CHOICES: Final = (("Prompt", 1), ("Sketch or pose", 2), ("Colors", 3))
HINT: Final = (
    "How dark the lines are drawn and how vivid the colors are; with sd15, how much each guides. 1 is as in the file."
)


@dataclass(frozen=True)
class Mix:
    """`which` of the layers 1, 2 and 3 are on, and the `strengths` of the last two."""

    which: frozenset[int]
    strengths: Strengths

    def of(self, layers: Layers) -> Layers:
        """The layers that are on. Raises `InvalidLayer` where none is left."""
        left = layers.only(self.which)
        if left.is_empty:
            raise InvalidLayer("no layer is left to decode: tick another one under “Layers”")
        return left


def read(which: Any, structure: Any, colors: Any) -> Mix:
    """What the boxes and sliders hold. Raises `InvalidLayer` for what they would not send."""
    if not isinstance(which, list) or not all(type(n) is int and n in (1, 2, 3) for n in which):
        raise InvalidLayer("the layers to decode are among 1, 2 and 3")
    strengths = (
        actions.number(structure, "strength of the sketch or pose", 0, 2),
        actions.number(colors, "strength of the colors", 0, 2),
    )
    return Mix(frozenset(which), Strengths(*strengths))
