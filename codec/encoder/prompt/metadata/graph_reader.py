"""Read a prompt and settings from a graph of nodes: walk from the node that saves the picture to the main sampler.

Nodes are recognized by the names of their inputs and outputs, not by their classes. A graph may have any shape, cycles
included: all walks through the graphs of one picture together take a limited number of steps.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from codec.encoder.prompt.metadata.field_names import NEGATIVE, POSITIVE, role_of
from codec.encoder.prompt.metadata.graph_walk import GraphWalk, StepBudget
from codec.encoder.prompt.metadata.nodes import Graph, Node
from codec.encoder.prompt.metadata.prompt_texts import PromptTexts
from codec.encoder.prompt.metadata.sampler_search import SamplerSearch
from codec.encoder.prompt.metadata.sampler_settings import SamplerSettings
from codec.encoder.prompt.metadata.value_lookup import ValueLookup
from codec.encoder.prompt.metadata.values import Metadata, build_metadata

_MAX_SAMPLERS: Final = 32  # maximum number of samplers to search for a prompt


def read_graph(graph: Graph, tool: str, budget: StepBudget) -> Metadata | None:
    """Return the metadata in a graph; None if it has no prompt or no steps remain.

    tool: the name of the tool that stored the graph.
    """
    size = len(graph) + sum(len(node.inputs) for node in graph.values())
    if size > budget.remaining:
        return None
    budget.spend(size)
    return _GraphReader(GraphWalk(graph, budget), tool).metadata()


class _GraphReader:
    def __init__(self, walk: GraphWalk, tool: str) -> None:
        values = ValueLookup(walk)
        self._walk = walk
        self._tool = tool
        self._search = SamplerSearch(walk, values)
        self._settings = SamplerSettings(walk, values)
        self._texts = PromptTexts(walk, values)

    def metadata(self) -> Metadata | None:
        for sampler in islice(self._search.samplers(), _MAX_SAMPLERS):
            if positive := self._texts.prompt(sampler, POSITIVE):
                return self._describe(sampler, positive, self._negative(sampler))
        return self._without_sampler()

    def _describe(self, node: Node, positive: str, negative: str) -> Metadata:
        """Return metadata of these prompts and the settings of a node and the nodes that belong to it."""
        return build_metadata(self._tool, positive, negative, **self._settings.of(node))

    def _without_sampler(self) -> Metadata | None:
        """Read nodes whose titles name their roles, or a node that makes a picture directly from a text."""
        if positive := self._titled_prompt(POSITIVE):
            return self._describe(Node("", {}), positive, self._titled_prompt(NEGATIVE))
        visited = set[str]()
        for end in self._search.ends():
            for node in (end, *self._walk.upstream(end.links, lambda node: node.links, visited)):
                if _makes_picture(node) and (positive := self._texts.prompt(node, POSITIVE)):
                    negative = self._texts.prompt(node, NEGATIVE) if NEGATIVE in node.roles else ""
                    return self._describe(node, positive, negative)
        return None

    def _negative(self, sampler: Node) -> str:
        """Return the negative prompt that is linked to a sampler, or else that of a node with a matching title."""
        has_input = any(
            field.name.role == NEGATIVE or field.name.is_pipe or field.name.is_conditioning
            for field in sampler.fields
            if field.name.plain != "positive_conditioning"
        )
        return self._texts.prompt(sampler, NEGATIVE) if has_input else self._titled_prompt(NEGATIVE)

    def _titled_prompt(self, role: str) -> str:
        """Return the prompt of the first node whose title names the role, or ""."""
        titled = (node for node in self._walk.graph.values() if node.title and role_of(node.title) == role)
        return next((text for node in titled if (text := self._texts.prompt(node, role))), "")


def _makes_picture(node: Node) -> bool:
    """Return whether a node takes a prompt and makes a picture of it."""
    if not any(
        field.name.is_text and field.name.plain in ("prompt", "positive", "positive_prompt") for field in node.fields
    ):
        return False
    return "image" in node.plain_kind or not node.is_text_model
