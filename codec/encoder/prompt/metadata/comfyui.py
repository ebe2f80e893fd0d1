"""ComfyUI: the graph that generated the picture, and the workflow as drawn on ComfyUI's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from codec.encoder.prompt.metadata import flat_json, nodes
from codec.encoder.prompt.metadata.graph_reader import read_graph
from codec.encoder.prompt.metadata.graph_walk import MAX_NODES, StepBudget
from codec.encoder.prompt.metadata.nodes import Graph, Node
from codec.encoder.prompt.metadata.recipes import add_comfyui_recipe
from codec.encoder.prompt.metadata.values import Metadata, to_object
from codec.encoder.prompt.metadata.workflow import to_graph

TOOL: Final = "ComfyUI"


def read(prompt: Any, workflow: Any = None, budget: StepBudget | None = None) -> Metadata | None:
    """Read the executed graph, or else the workflow; None if neither holds a prompt.

    The workflow also has the names of outputs, and the texts that nodes showed in this run. budget: the steps that
    remain for this picture.
    """
    budget = budget or StepBudget()
    drawn = to_graph(to_object(workflow), budget)
    graph = _parse_graph(to_object(prompt))
    for name, node in drawn.items() if len(graph) <= MAX_NODES else ():
        if name in graph and graph[name].kind == node.kind:
            shown = node.inputs if nodes.shows_value(node.kind) else {}
            texts = {key: value for key, value in shown.items() if isinstance(value, str)}
            graph[name] = replace(graph[name], inputs=graph[name].inputs | texts, outputs=node.outputs)
    for candidate in (graph, drawn):
        if 0 < len(candidate) <= MAX_NODES and (metadata := read_graph(candidate, TOOL, budget)) is not None:
            return add_comfyui_recipe(metadata, candidate)
    return None


def read_document(document: Mapping[str, Any], budget: StepBudget | None = None) -> Metadata | None:
    """Read a JSON object that holds a graph, a workflow or both; None for other objects.

    Civitai stores the graph together with the user's request to its generator, `extraMetadata`, which is preferred.
    """
    extra = flat_json.read(to_object(document.get("extraMetadata")), tool="Civitai")
    if extra is not None and extra.prompt.text:
        return extra
    graph = to_object(document.get("prompt"))
    workflow = to_object(document.get("workflow"))
    return read(graph or document, workflow or document, budget)


def _parse_graph(document: Mapping[str, Any]) -> Graph:
    """Return the graph of the JSON in `prompt`, without invalid nodes."""
    graph = {}
    for name, node in document.items():
        kind = node.get("class_type") if isinstance(node, dict) else None
        if isinstance(kind, str):
            title = to_object(node.get("_meta")).get("title")
            graph[name] = Node(kind, to_object(node.get("inputs")), title if isinstance(title, str) else "")
    return graph
