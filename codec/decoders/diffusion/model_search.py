"""Locate all models of a decode at once, so that one message names every one that is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import ModelMissing
from codec.models import locate
from codec.structure.pose import Pose

if TYPE_CHECKING:
    from codec.layers import Layers


@dataclass(frozen=True)
class ModelPaths:
    """The folder of each model that a decode needs, or None.

    base: of the base model, or its checkpoint file; vae: of a base model or a VAE, in place of `base`'s own
    """

    base: Path
    vae: Path | None = None
    lora: Path | None = None
    taesd: Path | None = None
    structure: Path | None = None
    colors: Path | None = None


def locate_all(
    names: dict[str, str], locate_model: Callable[[str], Path]
) -> tuple[dict[str, Path], dict[str, ModelMissing]]:
    """Return the path of each model by its purpose, and the errors by the names of the models that are missing.

    names: of models, by purpose
    """
    paths: dict[str, Path] = {}
    errors: dict[str, ModelMissing] = {}
    for purpose, name in names.items():
        try:
            paths[purpose] = locate_model(name)
        except ModelMissing as error:
            errors[name] = error
    return paths, errors


def has_structure(layers: Layers, strength: float) -> bool:
    """Return whether there is a structure layer that guides: not absent, empty or off.

    An empty sketch is not passed on: to a network it would mean a picture without edges.
    """
    layer = layers.structure
    if layer is None or not strength:
        return False
    return bool(layer.persons if isinstance(layer, Pose) else layer.strokes)


def combine(errors: dict[str, ModelMissing], folder: Path | None) -> ModelMissing:
    """Return one error for several models; a damaged model's own error comes first."""
    absent = [name for name in errors if locate.status(name, folder).state == "missing"]
    if len(errors) == 1 or len(absent) < len(errors):
        return next((error for name, error in errors.items() if name not in absent), next(iter(errors.values())))
    size = locate.format_size(sum(locate.get_model(name).total_bytes for name in absent))
    *first, last = absent
    return ModelMissing(
        f"{', '.join(first)} and {last} are missing, {size}; python -m codec models fetch {' '.join(absent)}, "
        "or put their files in DIR/NAME and set TRILAYER_MODELS=DIR, or HF_HOME to a Hub cache that has them"
    )
