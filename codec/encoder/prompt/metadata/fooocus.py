"""Fooocus with its own scheme: JSON in `parameters`, or in EXIF. Its other scheme is AUTOMATIC1111's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata

TOOL: Final = "Fooocus"
_OWN_KEYS: Final = frozenset(("metadata_scheme", "base_model"))


def read(document: Mapping[str, Any]) -> Metadata | None:
    """Read the JSON; None if Fooocus did not write it. The prompt is the user's, without the words of styles."""
    if not isinstance(document.get("prompt"), str) or not _OWN_KEYS & set(document):
        return None
    resolution = document.get("resolution")
    sides = re.findall(r"\d{1,5}", resolution[:40]) if isinstance(resolution, str) else resolution
    width, height = sides if isinstance(sides, list) and len(sides) == 2 else (None, None)
    return build_metadata(
        TOOL,
        document["prompt"],
        document.get("negative_prompt"),
        seed=document.get("seed"),
        steps=document.get("steps"),
        guidance=document.get("guidance_scale"),
        sampler=document.get("sampler"),
        schedule=document.get("scheduler"),
        model=document.get("base_model"),
        model_hash=document.get("base_model_hash"),
        width=width,
        height=height,
    )
