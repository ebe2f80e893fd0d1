"""Draw Things: JSON with the prompt as `c`, in the exif:UserComment of XMP or in EXIF's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata

TOOL: Final = "Draw Things"


def read(document: Mapping[str, Any]) -> Metadata | None:
    """Read the JSON; None if Draw Things did not write it."""
    if not isinstance(document.get("c"), str):
        return None
    size = document.get("size")
    width, _, height = size.partition("x") if isinstance(size, str) else (None, "", None)
    return build_metadata(
        TOOL,
        document["c"],
        document.get("uc"),
        seed=document.get("seed"),
        steps=document.get("steps"),
        guidance=document.get("scale"),
        sampler=document.get("sampler"),
        model=document.get("model"),
        width=width,
        height=height,
    )
