"""Read texts of an XMP packet (ISO 16684-1). No XML parser is used, so no entity is expanded."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

_MAX_PACKET: Final = 1 << 20  # characters
_PROPERTIES: Final = (
    "exif:UserComment", "dc:description", "tiff:ImageDescription", "photoshop:Instructions", "sd:parameters",
    "parameters",
)  # fmt: skip
_CDATA: Final = "<![CDATA["
_ITEM: Final = re.compile(r"\s*+(?:<rdf:(?:Alt|Bag|Seq)[^<>]{0,200}>\s*+)?+(?:<rdf:li[^<>]{0,200}>)?+")


def read_texts(packet: str) -> Iterator[str]:
    """Yield the texts of properties that may hold a prompt; for lists, the first item."""
    packet = packet[:_MAX_PACKET]
    for name in _PROPERTIES:
        at = packet.find(f"<{name}")
        start = packet.find(">", at) + 1 if at >= 0 else 0
        if start:
            item = _ITEM.match(packet, start)
            start = item.end() if item else start
            is_raw = packet.startswith(_CDATA, start)
            end = packet.find("]]>" if is_raw else "<", start)
            raw = packet[start:end] if end >= 0 else ""
            if text := raw.removeprefix(_CDATA).strip() if is_raw else _unescape(raw):
                yield text
            continue
        at = packet.find(f'{name}="')
        end = packet.find('"', at + len(name) + 2)
        if at >= 0 and end > 0 and (text := _unescape(packet[at + len(name) + 2 : end])):
            yield text


def _unescape(text: str) -> str:
    try:
        return html.unescape(text).strip()
    except ValueError:  # a character reference of over 4,300 digits
        return ""
