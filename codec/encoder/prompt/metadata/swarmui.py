"""SwarmUI: JSON with `sui_image_params`, in a PNG's `parameters` or in EXIF's UserComment."""

from __future__ import annotations

from typing import Any

from codec.encoder.prompt.metadata.values import Metadata, mapping, metadata

TOOL = "SwarmUI"


def read(document: dict[str, Any]) -> Metadata | None:
    """The JSON -> what it says, if it is SwarmUI's."""
    said = mapping(document.get("sui_image_params"))
    if not said:
        return None
    return metadata(
        TOOL, said.get("prompt"), said.get("negativeprompt"),
        seed=said.get("seed"), steps=said.get("steps"), guidance=said.get("cfgscale"),
        sampler=said.get("sampler", said.get("comfyuisampler")),
        schedule=said.get("scheduler", said.get("comfyuischeduler")),
        model=said.get("model"),
        width=said.get("width"), height=said.get("height"),
    )  # fmt: skip
