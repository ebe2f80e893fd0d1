"""Which models a decode with Stable Diffusion XL needs, and where their files are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from codec.decoders.diffusion import model_search
from codec.decoders.diffusion.model_search import ModelPaths
from codec.decoders.sdxl.xl_options import PRESETS, XLOptions
from codec.models import locate
from codec.structure.pose import Pose

if TYPE_CHECKING:
    from codec.layers import Layers

UNION: Final = "sdxl-controlnet-union"


def locate_xl_models(options: XLOptions, layers: Layers) -> ModelPaths:
    """Return the paths of all models that decoding `layers` needs.

    Does not use the network. Raises ModelMissing at once if any are not on this machine; its message names all
    of them and the command that gets them.
    """
    paths, errors = model_search.locate_all(xl_model_names(options, layers), lambda name: _locate(name, options))
    if errors:
        raise model_search.combine(errors, options.models)
    return ModelPaths(**paths)


def xl_model_names(options: XLOptions, layers: Layers) -> dict[str, str]:
    """Return the names of the models that decoding `layers` needs, by the fields of ModelPaths."""
    preset = PRESETS[options.preset]
    has_colors = layers.texture is not None and options.color_strength > 0
    names: dict[str, str | None] = {
        "base": preset.base,
        "vae": "sdxl-vae",
        "lora": preset.lora,
        "structure": _structure_model(options, layers),
        "colors": UNION if has_colors and options.control == "union" else None,
    }
    return {purpose: name for purpose, name in names.items() if name is not None}


def _structure_model(options: XLOptions, layers: Layers) -> str | None:
    """Return the name of the model for the structure layer, or None if the layer is absent, empty or off."""
    if not model_search.has_structure(layers, options.structure_strength):
        return None
    if options.control == "union":
        return UNION
    return "sdxl-openpose-adapter" if isinstance(layers.structure, Pose) else "sdxl-sketch-adapter"


def _locate(name: str, options: XLOptions) -> Path:
    is_base = name == PRESETS[options.preset].base
    return locate.locate(name, options.checkpoint if is_base and options.checkpoint else options.models)
