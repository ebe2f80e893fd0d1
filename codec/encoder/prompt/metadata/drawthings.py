"""Draw Things: JSON with the prompt as `c`, in the exif:UserComment of XMP or in EXIF's own."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_object

TOOL: Final = "Draw Things"
_OPEN, _ITEM, _CLOSE = "<exif:UserComment>", "<rdf:li", "</rdf:li>"


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


def parse_xmp(xmp: str) -> dict[str, Any]:
    """Return the JSON in an XMP packet, {} if there is none. No XML parser is used, so no entity is expanded."""
    start = xmp.find(_OPEN)
    item = xmp.find(_ITEM, start)
    begin, end = xmp.find(">", item), xmp.find(_CLOSE, item)
    if -1 in (start, item, begin, end) or begin > end:
        return {}
    try:
        return to_object(html.unescape(xmp[begin + 1 : end]).strip())
    except ValueError:  # a character reference of over 4,300 digits
        return {}
