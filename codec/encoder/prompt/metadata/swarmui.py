"""SwarmUI: JSON with `sui_image_params`, in a PNG's `parameters` or in EXIF's UserComment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_number, to_object

TOOL: Final = "SwarmUI"


def read(document: Mapping[str, Any]) -> Metadata | None:
    """Read the JSON; None if SwarmUI did not write it."""
    parameters = to_object(document.get("sui_image_params"))
    if not parameters:
        return None
    return build_metadata(
        TOOL,
        parameters.get("prompt"),
        parameters.get("negativeprompt"),
        seed=parameters.get("seed"),
        steps=parameters.get("steps"),
        guidance=_guidance(parameters),
        sampler=parameters.get("sampler", parameters.get("comfyuisampler")),
        schedule=parameters.get("scheduler", parameters.get("comfyuischeduler")),
        model=parameters.get("model"),
        width=parameters.get("width"),
        height=parameters.get("height"),
    )


def _guidance(parameters: Mapping[str, Any]) -> Any:
    """Return the guidance scale; if it is 1, i.e. off, the distilled guidance of Flux."""
    scale = parameters.get("cfgscale")
    return parameters.get("fluxguidancescale", scale) if to_number(scale) in (None, 1) else scale
