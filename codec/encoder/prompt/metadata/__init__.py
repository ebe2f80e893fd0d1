"""What image generators write into their pictures, read from the texts of `image.Picture`.

One small reader a tool. Nothing is trusted: sizes, depth and walks have bounds, and what makes no
sense is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from codec.bitstream.settings import Settings
from codec.encoder.prompt.metadata import a1111, comfyui, drawthings, fooocus, invokeai, novelai, swarmui
from codec.encoder.prompt.metadata.values import Metadata as Metadata
from codec.encoder.prompt.metadata.values import mapping
from codec.images import exif, lsb_text

_PREFIXED = ("ImageDescription", "Make", "Model", "UserComment")  # EXIF where ComfyUI's graph stands as prompt:{...}
_GRAPHS = ("prompt", "workflow")


def read(texts: Mapping[str, str]) -> Metadata | None:
    """A picture's texts -> what its tool wrote; of several the first with a prompt, else with anything at all."""
    said = None
    for found in _readings(texts):
        if found is not None and found.prompt.text:
            return found
        if found is not None and said is None and (found.seed is not None or found.settings != Settings()):
            said = found
    return said


def _readings(texts: Mapping[str, str]) -> Iterator[Metadata | None]:
    """Each place where a tool leaves its text, those that say most about a picture first."""
    yield _of_text(texts.get("parameters", ""), sure=True)
    yield invokeai.read(texts)
    yield novelai.read(texts)
    graphs = {key: texts[key] for key in _GRAPHS if key in texts}
    for key in _PREFIXED:
        name, colon, graph = texts.get(key, "").lstrip().partition(":")
        if colon and name.lower() in _GRAPHS:
            graphs.setdefault(name.lower(), graph)
    yield comfyui.read(graphs.get("prompt"), graphs.get("workflow"))
    yield drawthings.read(drawthings.comment(texts.get(exif.XMP_KEY, "")))
    yield _of_text(texts.get("UserComment", ""), sure=False)
    yield _of_text(texts.get(lsb_text.KEY, ""), sure=False)


def _of_text(text: str, sure: bool) -> Metadata | None:
    """JSON of one of the tools that write it, or else an infotext."""
    if not (said := mapping(text)):
        return a1111.read(text, sure=sure and not text.lstrip().startswith("{"))
    graph = said.get("prompt") if isinstance(said.get("prompt"), str | dict) else None
    for found in (swarmui.read(said), fooocus.read(said), drawthings.read(said), novelai.read(said)):
        if found is not None:
            return found
    return comfyui.read(graph, said.get("workflow"))
