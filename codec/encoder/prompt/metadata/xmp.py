"""Read texts of an XMP packet (ISO 16684-1). No XML parser is used, so no entity is expanded."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

_MAX_PACKET: Final = 1 << 20  # characters
_PROPERTIES: Final = (
    "exif:UserComment", "dc:description", "tiff:ImageDescription", "photoshop:Instructions", "sd:parameters",
    "parameters", "xmp:Description", "dc:title", "photoshop:Headline",
)  # fmt: skip
_PROMPT: Final = "Iptc4xmpExt:AIPromptInformation"  # IPTC Photo Metadata Standard 2025.1
_CDATA: Final = "<![CDATA["
_ITEM: Final = re.compile(r"\s*+(?:<rdf:(?:Alt|Bag|Seq)[^<>]{0,200}>\s*+)?+(?:<rdf:li[^<>]{0,200}>)?+")


def read_prompt(packet: str) -> str:
    """Return the prompt in the property that the IPTC standard has for it, or ""."""
    return _read_property(packet[:_MAX_PACKET], _PROMPT)


def read_texts(packet: str) -> Iterator[str]:
    """Yield the texts of properties that may hold a prompt among others; for lists, the first item."""
    packet = packet[:_MAX_PACKET]
    for name in _PROPERTIES:
        if text := _read_property(packet, name):
            yield text


def _read_property(packet: str, name: str) -> str:
    """Return the text of a property, an element or an attribute; "" if there is none."""
    at = packet.find(f"<{name}")
    start = packet.find(">", at) + 1 if at >= 0 else 0
    if start:
        item = _ITEM.match(packet, start)
        start = item.end() if item else start
        is_raw = packet.startswith(_CDATA, start)
        end = packet.find("]]>" if is_raw else "<", start)
        raw = packet[start:end] if end >= 0 else ""
        return raw.removeprefix(_CDATA).strip() if is_raw else _unescape(raw)
    for quote in "\"'":
        at = packet.find(f"{name}={quote}")
        start = at + len(name) + 2
        end = packet.find(quote, start)
        if at >= 0 and end > 0:
            return _unescape(packet[start:end])
    return ""


def _unescape(text: str) -> str:
    try:
        return html.unescape(text).strip()
    except ValueError:  # a character reference of over 4,300 digits
        return ""
