"""ComfyUI's workflows: graphs as the page draws them, with a list of links and values without names."""

from __future__ import annotations

from typing import Any, Final

from codec.encoder.prompt.metadata.nodes import Graph, Node
from codec.encoder.prompt.metadata.values import to_object

_MAX_LINKS: Final = 20000
_MAX_INPUTS: Final = 1000
_DISABLED_MODES: Final = (2, 4)  # of nodes that do not run
_IGNORED: Final = ""  # a value that is not used
# the names of a node's values, in their order
_VALUE_NAMES: Final = {
    "KSampler": ("seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
    "KSamplerAdvanced": (_IGNORED, "noise_seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
    "SamplerCustom": (_IGNORED, "noise_seed", _IGNORED, "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps"),
    "KarrasScheduler": ("steps",),
    "AlignYourStepsScheduler": (_IGNORED, "steps"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (*(_IGNORED,) * 6, "text_g", "text_l"),
    "CLIPTextEncodeSDXLRefiner": (_IGNORED, _IGNORED, _IGNORED, "text"),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSD3": ("clip_l", "clip_g", "t5xxl"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": (_IGNORED, "ckpt_name"),
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


def to_graph(workflow: dict[str, Any]) -> Graph:
    """Return the graph that a workflow runs, without disabled and invalid nodes."""
    links = _links_by_number(workflow.get("links"))
    graph = {}
    nodes = workflow.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        kind = node.get("type") if isinstance(node, dict) else None
        if isinstance(kind, str) and node.get("mode") not in _DISABLED_MODES:
            graph[str(node.get("id"))] = Node(kind, _inputs(kind, node, links))
    return graph


def _links_by_number(links: Any) -> dict[Any, Any]:
    """Return the links, [name of a node, number of its output], by their numbers."""
    by_number = {}
    for link in links[:_MAX_LINKS] if isinstance(links, list) else ():
        if isinstance(link, list) and len(link) >= 3 and all(type(part) in (int, str) for part in link[:3]):
            by_number[link[0]] = [str(link[1]), link[2] if type(link[2]) is int else 0]
    return by_number


def _inputs(kind: str, node: dict[str, Any], links: dict[Any, Any]) -> dict[str, Any]:
    """Return a node's values and links by their names; a link replaces a value of the same name."""
    values = node.get("widgets_values")
    inputs = dict(values) if isinstance(values, dict) else {}
    if isinstance(values, list):
        named = zip(_VALUE_NAMES.get(kind, ()), values, strict=False)
        inputs = {name: value for name, value in named if name != _IGNORED}
    entries = node.get("inputs")
    for entry in entries[:_MAX_INPUTS] if isinstance(entries, list) else ():
        fields = to_object(entry)
        name, link = fields.get("name"), fields.get("link")
        if isinstance(name, str) and type(link) in (int, str) and link in links:
            inputs[name] = links[link]
    return inputs
