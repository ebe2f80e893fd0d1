"""ComfyUI's other form of a graph: as it is drawn, with links of their own and values without names."""

from __future__ import annotations

from typing import Any, Final

from codec.encoder.prompt.metadata.nodes import Graph, Node
from codec.encoder.prompt.metadata.values import mapping

_MAX_LINKS: Final = 20000
_BYPASSED: Final = (2, 4)  # modes of nodes that do not run
_REST: Final = ""  # a value with no use here
# the names of a node's values, in their order
_VALUES: Final = {
    "KSampler": ("seed", _REST, "steps", "cfg", "sampler_name", "scheduler"),
    "KSamplerAdvanced": (_REST, "noise_seed", _REST, "steps", "cfg", "sampler_name", "scheduler"),
    "SamplerCustom": (_REST, "noise_seed", _REST, "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps"),
    "KarrasScheduler": ("steps",),
    "AlignYourStepsScheduler": (_REST, "steps"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (*(_REST,) * 6, "text_g", "text_l"),
    "CLIPTextEncodeSDXLRefiner": (_REST, _REST, _REST, "text"),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSD3": ("clip_l", "clip_g", "t5xxl"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": (_REST, "ckpt_name"),
    "UNETLoader": ("unet_name",),
    "UnetLoaderGGUF": ("unet_name",),
    "EmptyLatentImage": ("width", "height"),
    "EmptySD3LatentImage": ("width", "height"),
    "PrimitiveNode": ("value",),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "PrimitiveInt": ("value",),
    "PrimitiveFloat": ("value",),
    "StringConcatenate": ("string_a", "string_b", "delimiter"),
}


def graph_of(workflow: dict[str, Any]) -> Graph:
    """`workflow`'s JSON as the graph that would run: nodes that are switched off, and what is no node, left out."""
    links = {}
    drawn = workflow.get("links")
    for link in drawn[:_MAX_LINKS] if isinstance(drawn, list) else ():
        if isinstance(link, list) and len(link) >= 3 and all(type(part) in (int, str) for part in link[:3]):
            links[link[0]] = [str(link[1]), whole_or_zero(link[2])]
    graph = {}
    nodes = workflow.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        kind = node.get("type") if isinstance(node, dict) else None
        if isinstance(kind, str) and node.get("mode") not in _BYPASSED:
            graph[str(node.get("id"))] = Node(kind, _inputs(kind, node, links))
    return graph


def whole_or_zero(value: Any) -> int:
    """The number of an output."""
    return value if type(value) is int else 0


def _inputs(kind: str, node: dict[str, Any], links: dict[Any, Any]) -> dict[str, Any]:
    """The values by their names, then the links, which go before values of the same name."""
    values = node.get("widgets_values")
    found = dict(values) if isinstance(values, dict) else {}
    if isinstance(values, list):
        found = {name: value for name, value in zip(_VALUES.get(kind, ()), values, strict=False) if name != _REST}
    entries = node.get("inputs")
    for entry in entries[:1000] if isinstance(entries, list) else ():
        said = mapping(entry)
        name, link = said.get("name"), said.get("link")
        if isinstance(name, str) and type(link) in (int, str) and link in links:
            found[name] = links[link]
    return found
