"""Fooocus with its own scheme: JSON in `parameters`, or in EXIF. Its other scheme is AUTOMATIC1111's."""

from __future__ import annotations

import re
from typing import Any

from codec.encoder.prompt.metadata.values import Metadata, metadata

TOOL = "Fooocus"


def read(said: dict[str, Any]) -> Metadata | None:
    """The JSON -> what it says, if it is Fooocus's. The prompt is the one typed, without the styles' words."""
    if not isinstance(said.get("prompt"), str) or not {"metadata_scheme", "base_model", "guidance_scale"} & set(said):
        return None
    resolution = said.get("resolution")
    sides = re.findall(r"\d{1,5}", resolution[:40]) if isinstance(resolution, str) else resolution
    width, height = sides if isinstance(sides, list) and len(sides) == 2 else (None, None)
    return metadata(
        TOOL, said["prompt"], said.get("negative_prompt"),
        seed=said.get("seed"), steps=said.get("steps"), guidance=said.get("guidance_scale"),
        sampler=said.get("sampler"), schedule=said.get("scheduler"), model=said.get("base_model"),
        model_hash=said.get("base_model_hash"), width=width, height=height,
    )  # fmt: skip
