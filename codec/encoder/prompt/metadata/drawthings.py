"""Draw Things: JSON with the prompt as `c`, in XMP's exif:UserComment or in EXIF's own."""

from __future__ import annotations

import html
from typing import Any

from codec.encoder.prompt.metadata.values import Metadata, mapping, metadata

TOOL = "Draw Things"
_OPEN, _ITEM, _CLOSE = "<exif:UserComment>", "<rdf:li", "</rdf:li>"


def read(said: dict[str, Any]) -> Metadata | None:
    """The JSON -> what it says, if it is Draw Things'."""
    if not isinstance(said.get("c"), str):
        return None
    size = said.get("size")
    width, _, height = size.partition("x") if isinstance(size, str) else (None, "", None)
    return metadata(
        TOOL, said["c"], said.get("uc"),
        seed=said.get("seed"), steps=said.get("steps"), guidance=said.get("scale"),
        sampler=said.get("sampler"), model=said.get("model"), width=width, height=height,
    )  # fmt: skip


def comment(xmp: str) -> dict[str, Any]:
    """The JSON of an XMP packet, read as text: no entity of the packet's own is ever expanded."""
    start = xmp.find(_OPEN)
    item = xmp.find(_ITEM, start)
    begin, end = xmp.find(">", item), xmp.find(_CLOSE, item)
    if -1 in (start, item, begin, end) or begin > end:
        return {}
    try:
        return mapping(html.unescape(xmp[begin + 1 : end]).strip())
    except ValueError:  # of a character's number of over 4,300 digits
        return {}
