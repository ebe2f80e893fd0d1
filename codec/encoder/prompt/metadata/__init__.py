"""Metadata that image generators write into their pictures, read from the texts of `codec.images.io.Picture`.

There is one small reader per tool. Sizes, nesting depth and graph walks are limited, as the metadata may be hostile;
invalid values are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from codec.bitstream.settings import Settings
from codec.encoder.prompt.metadata import a1111, comfyui, drawthings, fooocus, invokeai, novelai, swarmui
from codec.encoder.prompt.metadata.values import Metadata as Metadata
from codec.encoder.prompt.metadata.values import to_object
from codec.images import exif, lsb_text

_EXIF_KEYS: Final = ("ImageDescription", "Make", "Model", "UserComment")  # may hold ComfyUI's graph as prompt:{...}
_GRAPH_KEYS: Final = ("prompt", "workflow")


def read(texts: Mapping[str, str]) -> Metadata | None:
    """Return the metadata of a generated picture, None if there are none.

    If several tools left metadata, the first with a prompt is preferred, then the first with a seed or settings.
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
    """Yield what each place in the file holds, the most informative places first."""
    yield _read_text(texts.get("parameters", ""), is_infotext=True)
    yield invokeai.read(texts)
    yield novelai.read(texts)
    graphs = {key: texts[key] for key in _GRAPH_KEYS if key in texts}
    for key in _EXIF_KEYS:
        name, colon, graph = texts.get(key, "").lstrip().partition(":")
        if colon and name.lower() in _GRAPH_KEYS:
            graphs.setdefault(name.lower(), graph)
    yield comfyui.read(graphs.get("prompt"), graphs.get("workflow"))
    yield drawthings.read(drawthings.parse_xmp(texts.get(exif.XMP_KEY, "")))
    yield _read_text(texts.get("UserComment", ""), is_infotext=False)
    yield _read_text(texts.get(lsb_text.KEY, ""), is_infotext=False)


def _read_text(text: str, is_infotext: bool) -> Metadata | None:
    """Read the JSON of one of the tools that write it, or an infotext.

    is_infotext: any text that is not JSON is an infotext; otherwise it must look like one.
    """
    document = to_object(text)
    if not document:
        return a1111.read(text, is_infotext=is_infotext and not text.lstrip().startswith("{"))
    for read_tool in (swarmui.read, fooocus.read, drawthings.read, novelai.read):
        if (metadata := read_tool(document)) is not None:
            return metadata
    graph = document.get("prompt") if isinstance(document.get("prompt"), str | dict) else None
    return comfyui.read(graph, document.get("workflow"))
