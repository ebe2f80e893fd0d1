"""Which layers the decoder uses, and how strongly it follows them. The file is not affected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from codec import Layers, Pose
from codec.decoders import Strengths
from codec.errors import InvalidLayer
from ui.services import validation

MAX_STRENGTH: Final = 2


@dataclass(frozen=True)
class LayerSelection:
    """The enabled layers, by number 1..3, and the strengths of structure and colors."""

    enabled: frozenset[int]
    strengths: Strengths

    @classmethod
    def parse(cls, switches: Sequence[Any], structure: Any, colors: Any) -> LayerSelection:
        """Return the selection from the values of the three switches and of the sliders. Raises `InvalidLayer`."""
        if not all(isinstance(switch, bool) for switch in switches):
            raise InvalidLayer("a layer is either on or off")
        strengths = Strengths(
            validation.real(structure, "strength of the sketch or pose", 0, MAX_STRENGTH),
            validation.real(colors, "strength of the colors", 0, MAX_STRENGTH),
        )
        return cls(frozenset(n for n, is_on in enumerate(switches, start=1) if is_on), strengths)

    def apply(self, layers: Layers) -> Layers:
        """Return only the enabled layers. Raises `InvalidLayer` if none is left."""
        selected = layers.only(self.enabled)
        if selected.is_empty:
            raise InvalidLayer("no layer is left to decode: switch one on")
        return selected


@dataclass(frozen=True)
class Stage:
    """The layers of one picture in the layer strip.

    symbol: the paper's index of the decoded picture Î: se, st or te
    added: the layer that this stage adds; names: all of its layers
    """

    symbol: str
    added: str
    names: str
    layers: Layers


def stages(layers: Layers) -> list[Stage]:
    """Return the prompt alone, with the sketch or pose, and with the colors; absent layers are skipped."""
    structure_name = "pose" if isinstance(layers.structure, Pose) else "sketch"
    steps = (
        ("se", "prompt", layers.semantic),
        ("st", structure_name, layers.structure),
        ("te", "colors", layers.texture),
    )
    stages: list[Stage] = []
    names: list[str] = []
    for number, (symbol, name, layer) in enumerate(steps, start=1):
        if layer is not None:
            names.append(name)
            added = f"+ {name}" if stages else name
            stages.append(Stage(symbol, added, ", ".join(names), layers.only(range(1, number + 1))))
    return stages
