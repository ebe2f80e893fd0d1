"""Which models a decode needs, and where their files are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from codec.decoders.diffusion import model_search
from codec.decoders.diffusion.model_search import ModelPaths
from codec.decoders.sd15 import checkpoint
from codec.decoders.sd15.options import PRESETS, Options
from codec.errors import ModelMissing
from codec.models import locate
from codec.models.checkpoint_search import find_checkpoint
from codec.structure.pose import Pose

if TYPE_CHECKING:
    from codec.layers import Layers


def locate_models(options: Options, layers: Layers) -> ModelPaths:
    """Return the paths of all models that decoding `layers` needs.

    Does not use the network. Raises ModelMissing at once if any are not on this machine; its message names all
    of them and the command that gets them.
    """
    names = model_names(options, layers)
    paths, errors = model_search.locate_all(names, lambda name: locate_model(name, options))
    if not errors and paths["base"].is_file() and "taesd" not in names:
        paths |= _locate_vae(paths["base"], options, errors)
    if errors:
        raise model_search.combine(errors, options.models)
    return ModelPaths(**paths)


def locate_recipe_models(options: Options, layers: Layers) -> ModelPaths:
    """Return the paths of the checkpoint of a file's recipe, and of a VAE if it has none. Raises ModelMissing."""
    recipe, model = layers.recipe, layers.settings.model if layers.settings else None
    assert recipe is not None
    digest, name = recipe.checkpoint, model
    if digest is None and model is not None and model.startswith("sha256:"):
        digest, name = model, None
    is_given = options.checkpoint is not None
    base = find_checkpoint(digest, name, options.checkpoint or options.models, is_given=is_given)
    if base.is_dir():
        return ModelPaths(base)
    checkpoint.inspect(base)
    errors: dict[str, ModelMissing] = {}
    vae = _locate_vae(base, options, errors)
    if errors:
        raise model_search.combine(errors, options.models)
    return ModelPaths(base, **vae)


def model_names(options: Options, layers: Layers) -> dict[str, str]:
    """Return the names of the models that decoding `layers` needs, by the fields of ModelPaths."""
    preset = PRESETS[options.preset]
    names: dict[str, str | None] = {
        "base": "sd14" if preset.sd14 and not isinstance(layers.structure, Pose) else "sd15",
        "lora": "lcm-lora" if preset.lcm else None,
        "taesd": "taesd" if preset.lcm else None,
        "structure": structure_model(options, layers),
        "colors": "color-adapter" if layers.texture is not None and options.color_strength > 0 else None,
    }
    return {purpose: name for purpose, name in names.items() if name is not None}


def locate_model(name: str, options: Options) -> Path:
    """Return the folder of a model in the Hub's layout, or a checkpoint file. Raises ModelMissing."""
    is_base = name in ("sd14", "sd15")
    if not (is_base and options.checkpoint):
        return locate.locate(name, options.models)
    path = locate.locate("sd15", options.checkpoint)
    if path.is_file():
        checkpoint.inspect(path)
    return path


def structure_model(options: Options, layers: Layers) -> str | None:
    """Return the name of the model for the structure layer, or None if the layer is absent, empty or off."""
    if not model_search.has_structure(layers, options.structure_strength):
        return None
    is_pose = isinstance(layers.structure, Pose)
    if options.control != "t2i":
        return f"controlnet-{'openpose' if is_pose else options.sketch_controlnet}"
    if is_pose:
        return "openpose-adapter"
    return "sketch-adapter-sd14" if PRESETS[options.preset].sd14 else "sketch-adapter"


def _locate_vae(base: Path, options: Options, errors: dict[str, ModelMissing]) -> dict[str, Path]:
    """Return the VAE for a checkpoint that has none: Stable Diffusion 1.5's if it is here, or the model "sd-vae"."""
    if checkpoint.inspect(base).has_vae:
        return {}
    for name in ("sd15", "sd-vae"):
        try:
            path = locate.locate(name, options.models)
            if path.is_dir():
                errors.pop("sd15", None)
                return {"vae": path}
        except ModelMissing as error:
            errors[name] = error
    errors.pop("sd15", None)
    return {}
