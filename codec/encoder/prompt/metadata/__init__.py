"""Metadata that image generators write into their pictures, read from the texts of `codec.images.io.Picture`.

There is one small reader per tool. Sizes, nesting depth and graph walks are limited, as the metadata may be hostile;
invalid values are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from codec.bitstream.settings import Settings
from codec.encoder.prompt.metadata import (
    a1111,
    comfyui,
    drawthings,
    flat_json,
    fooocus,
    invokeai,
    midjourney,
    novelai,
    swarmui,
    xmp,
)
from codec.encoder.prompt.metadata.graph_walk import StepBudget
from codec.encoder.prompt.metadata.values import Metadata as Metadata
from codec.encoder.prompt.metadata.values import parse_json, to_object, unquote
from codec.images import exif, lsb_text

_GRAPH_KEYS: Final = ("prompt", "workflow")
_MAX_GRAPH_NAME: Final = 40  # characters before the graph
_COMMENT_KEYS: Final = (  # keywords of texts of any content, most informative first
    "UserComment", "XPComment", "ImageDescription", exif.JPEG_COMMENT_KEY, "Comment", "Description", "XPTitle",
    "XPSubject", "XPKeywords",
)  # fmt: skip


def read(texts: Mapping[str, str]) -> Metadata | None:
    """Return the metadata of a generated picture; None if there are none.

    If there are metadata of several tools, the first with a prompt is preferred, then the first with a seed or
    settings.
    """
    without_prompt = None
    for metadata in _read_all(texts):
        if metadata is None:
            continue
        if metadata.prompt.text:
            return metadata
        if without_prompt is None and (metadata.seed is not None or metadata.settings != Settings()):
            without_prompt = metadata
    return without_prompt


def _read_all(texts: Mapping[str, str]) -> Iterator[Metadata | None]:
    """Yield the metadata of each text in the file, most informative texts first."""
    budget = StepBudget()
    yield _read_text(texts.get("parameters", ""), budget, is_infotext=True)
    yield invokeai.read(texts, budget)
    yield novelai.read(texts)
    graphs = _find_graphs(texts)
    yield comfyui.read(graphs.get("prompt"), graphs.get("workflow"), budget)
    yield flat_json.read(texts)
    packet_texts = list(xmp.read_texts(texts.get(exif.XMP_KEY, "")))
    for text in packet_texts:
        yield drawthings.read(to_object(text))
    for key in (*_COMMENT_KEYS, lsb_text.KEY):
        yield _read_text(texts.get(key, ""), budget, is_infotext=False)
    for text in packet_texts:
        yield _read_text(text, budget, is_infotext=False)
    yield _read_text(xmp.read_prompt(texts.get(exif.XMP_KEY, "")), budget, is_infotext=True)
    others = texts.keys() - {"parameters", *_GRAPH_KEYS, *_COMMENT_KEYS, lsb_text.KEY, exif.XMP_KEY}
    for key in sorted(others):
        yield _read_text(texts[key], budget, is_infotext=False)


def _find_graphs(texts: Mapping[str, str]) -> dict[str, str]:
    """Return ComfyUI's graphs by the keywords of their texts; in EXIF, any text may be a graph, as prompt:{...}."""
    graphs = {key: texts[key] for key in _GRAPH_KEYS if key in texts}
    for text in texts.values():
        name, colon, graph = text[:_MAX_GRAPH_NAME].lstrip().partition(":")
        if colon and name.lower() in _GRAPH_KEYS and graph.lstrip().startswith("{"):
            graphs.setdefault(name.lower(), text.partition(":")[2])
    return graphs


def _read_text(text: str, budget: StepBudget, *, is_infotext: bool) -> Metadata | None:
    """Read the JSON of one of the tools that write it, or an infotext.

    is_infotext: whether any text that is not JSON is an infotext; otherwise it must have an infotext's settings.
    """
    text = unquote(text)
    document = to_object(text) or _pairs_to_object(text)
    if not document:
        if (caption := midjourney.read(text)) is not None:
            return caption
        return a1111.read(text, is_infotext=is_infotext and not text.lstrip().startswith("{"))
    return _read_document(document, budget)


def _pairs_to_object(text: str) -> dict[str, Any]:
    """Return what a JSON array of labels and values holds, each pair with or without a key between; {} for others."""
    pairs = parse_json(text) if text.lstrip().startswith("[") else None
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) in (2, 3) for pair in pairs):
        return {}
    return {pair[0]: pair[-1] for pair in pairs if isinstance(pair[0], str)}


def _read_document(document: Mapping[str, Any], budget: StepBudget) -> Metadata | None:
    """Read a JSON object of one of the tools."""
    readers = (swarmui.read, fooocus.read, drawthings.read, novelai.read)
    found = (read_tool(document) for read_tool in readers)
    metadata = next((item for item in found if item is not None), None)
    metadata = metadata or comfyui.read_document(document, budget) or flat_json.read(document)
    infotext = document.get("parameters")
    return a1111.read(infotext) if metadata is None and isinstance(infotext, str) else metadata
