"""Which models a decode needs, and where their files are on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codec.decoders.sd15.options import Options
from codec.models import locate
from codec.structure.pose import Pose

if TYPE_CHECKING:
    from codec.layers import Layers


@dataclass(frozen=True)
class ModelPaths:
    """The folder of each model that a decode needs, or None; the base model may also be a checkpoint file."""

    base: Path
    lora: Path | None = None
    taesd: Path | None = None
    structure: Path | None = None
    colors: Path | None = None


def locate_models(options: Options, layers: Layers, lcm: bool) -> ModelPaths:
    """Return the paths of all models that decoding `layers` needs; `lcm`: with LCM-LoRA and TAESD.

    Does not use the network. Raises ModelMissing at once if one is not on this machine.
    """
    structure = structure_model(options, layers)
    uses_colors = layers.texture is not None and options.color_strength > 0
    return ModelPaths(
        base=locate_model("sd15", options),
        lora=locate_model("lcm-lora", options) if lcm else None,
        taesd=locate_model("taesd", options) if lcm else None,
        structure=locate_model(structure, options) if structure else None,
        colors=locate_model("color-adapter", options) if uses_colors else None,
    )


def locate_model(name: str, options: Options) -> Path:
    """Return the folder of a model in the Hub's layout, or a checkpoint file. Raises ModelMissing."""
    given = options.checkpoint if name == "sd15" and options.checkpoint else options.models
    return locate.locate(name, given)


def structure_model(options: Options, layers: Layers) -> str | None:
    """Return the name of the model for the structure layer, or None if the layer is absent, empty or off.

    An empty sketch is not passed on: to an adapter it would mean a picture without edges.
    """
    layer = layers.structure
    if layer is None or not options.structure_strength:
        return None
    if isinstance(layer, Pose):
        name, is_empty = "openpose", not layer.persons
    else:
        name, is_empty = "sketch", not layer.strokes
    if is_empty:
        return None
    if options.control == "t2i":
        return f"{name}-adapter"
    return f"controlnet-{options.sketch_controlnet if name == 'sketch' else name}"
