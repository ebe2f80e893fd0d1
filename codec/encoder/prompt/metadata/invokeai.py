"""InvokeAI: `invokeai_metadata` since version 3, `sd-metadata` in version 2, and the command line `Dream` before.

Before version 3, the prompt holds the negative prompt in square brackets. Pictures of workflows hold only the executed
graph, `invokeai_graph`, and the workflow, `invokeai_workflow`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.graph_reader import read_graph
from codec.encoder.prompt.metadata.graph_walk import MAX_NODES, StepBudget
from codec.encoder.prompt.metadata.nodes import Graph, Link, Node
from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_object

TOOL: Final = "InvokeAI"
_MAX_TEXT: Final = 1 << 16
_MAX_EDGES: Final = 20000
# The prompt may contain quotes; options are single letters, with or without a space before the value.
_DREAM: Final = re.compile(r'"(.*)"([^"]*)', re.DOTALL)
_OPTION: Final = re.compile(r"-([sSWHCA]) ?([\w.]{1,40})")


def read(texts: Mapping[str, str], budget: StepBudget | None = None) -> Metadata | None:
    """Read a file's texts; None if InvokeAI did not write them. budget: the steps that remain for this picture."""
    budget = budget or StepBudget()
    for key, reader in (("invokeai_metadata", _read_version3), ("sd-metadata", _read_version2)):
        if (document := to_object(texts.get(key))) and (metadata := reader(document)) and metadata.prompt.text:
            return metadata
    for key in ("invokeai_graph", "graph", "invokeai_workflow"):
        graph = _to_graph(to_object(texts.get(key)))
        if graph and (metadata := _read_core(graph) or read_graph(graph, TOOL, budget)):
            return metadata
    return _read_dream(texts.get("Dream") or texts.get("dream") or "")


def _read_version3(document: dict[str, Any]) -> Metadata:
    model = to_object(document.get("model"))
    return build_metadata(
        TOOL,
        document.get("positive_prompt"),
        document.get("negative_prompt"),
        seed=document.get("seed"),
        steps=document.get("steps"),
        guidance=document.get("cfg_scale", document.get("guidance")),
        sampler=document.get("scheduler"),
        model=model.get("name", model.get("model_name")),
        width=document.get("width"),
        height=document.get("height"),
    )


def _read_core(graph: Graph) -> Metadata | None:
    """Read the node that collects the metadata of version 3; None if it has no prompt."""
    for node in graph.values():
        if node.kind == "core_metadata" and isinstance(node.inputs.get("positive_prompt"), str):
            metadata = _read_version3(node.inputs)
            return metadata if metadata.prompt.text and metadata.seed is not None else None
    return None


def _to_graph(document: dict[str, Any]) -> Graph:
    """Return the nodes and edges of a graph, or of a workflow; {} if there are none or too many.

    If a workflow lacks a node that edges lead to, a node with only these inputs is added.
    """
    entries, edges = document.get("nodes"), document.get("edges")
    entries = list(entries.values()) if isinstance(entries, dict) else entries
    if not isinstance(entries, list) or not isinstance(edges, list) or max(len(entries), len(edges) // 5) > MAX_NODES:
        return {}
    graph: Graph = {}
    for entry in entries:
        node = to_object(entry)
        data = to_object(node.get("data")) or node
        name, kind = node.get("id"), data.get("type")
        if isinstance(name, str) and isinstance(kind, str):
            inputs = data if data is node else _field_values(to_object(data.get("inputs")))
            label = data.get("label")
            graph[name] = Node(kind, _without_links(inputs), label if isinstance(label, str) else "")
    for edge in edges[:_MAX_EDGES]:
        ends = _edge_ends(to_object(edge))
        if all(isinstance(end, str) for end in ends):
            source, output, target, field = ends
            graph.setdefault(target, Node("sampler", {})).inputs[field] = Link(source, output)
    return graph


def _field_values(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a workflow's fields by their names."""
    return {name: to_object(field).get("value") for name, field in fields.items()}


def _without_links(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the values that are texts, numbers or models, without lists, which would be read as links."""
    return {
        name: value
        for name, value in inputs.items()
        if not isinstance(value, list)
        and name not in ("id", "type", "is_intermediate", "use_cache", "notes", "workflow")
    }


def _edge_ends(edge: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Return node and field at the start of an edge, and node and field at its end."""
    source, target = edge.get("source"), edge.get("destination", edge.get("target"))
    if isinstance(source, dict):
        target = to_object(target)
        return source.get("node_id"), source.get("field"), target.get("node_id"), target.get("field")
    return source, edge.get("sourceHandle"), target, edge.get("targetHandle")


def _read_version2(document: dict[str, Any]) -> Metadata | None:
    image = to_object(document.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):  # parts with weights
        parts = (part.get("prompt") for part in prompt[:100] if isinstance(part, dict))
        prompt = ", ".join(part for part in parts if isinstance(part, str))
    if not isinstance(prompt, str):
        return None
    return build_metadata(
        TOOL,
        *_split_negative(prompt),
        seed=image.get("seed"),
        steps=image.get("steps"),
        guidance=image.get("cfg_scale"),
        sampler=image.get("sampler"),
        model=document.get("model_weights", document.get("model_id")),
        width=image.get("width"),
        height=image.get("height"),
    )


def _read_dream(line: str) -> Metadata | None:
    """Read a command line such as "a cat [blurry]" -s 50 -S 42 -W 512 -H 768 -C 7.5 -A k_lms."""
    match = _DREAM.match(line[:_MAX_TEXT].strip())
    if match is None:
        return None
    options = dict(reversed(_OPTION.findall(match[2])))  # the first of repeated options counts
    return build_metadata(
        TOOL,
        *_split_negative(match[1]),
        seed=options.get("S"),
        steps=options.get("s"),
        guidance=options.get("C"),
        sampler=options.get("A"),
        width=options.get("W"),
        height=options.get("H"),
    )


def _split_negative(prompt: str) -> tuple[str, str]:
    """Return the prompt without its parts in square brackets, and these parts, the negative prompt."""
    prompt = prompt[:_MAX_TEXT]
    negative = ", ".join(re.findall(r"\[([^\[\]]*)\]", prompt))
    return re.sub(r" ?\[[^\[\]]*\]", "", prompt), negative
