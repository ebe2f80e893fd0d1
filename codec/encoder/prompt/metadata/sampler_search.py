"""Find the sampler that made the picture, by walking upstream from the node that saves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from codec.encoder.prompt.metadata.graph_walk import GraphWalk, linked
from codec.encoder.prompt.metadata.nodes import Field, Link, Node, to_link
from codec.encoder.prompt.metadata.value_lookup import ValueLookup

_SAVES: Final = re.compile(r"save|(?:^|_)output|send|websocket|video_combine|export|upload")


class SamplerSearch:
    """Finds the samplers of one graph."""

    def __init__(self, walk: GraphWalk, values: ValueLookup) -> None:
        self._walk = walk
        self._values = values

    def samplers(self) -> Iterator[Node]:
        """Yield samplers that may have made the picture, most likely first.

        The most likely one is the first pass: of the sampler nearest to a node that saves or previews, the sampler
        farthest upstream.
        """
        visited = set[str]()  # shared by all walks, since no sampler is upstream of a visited node
        for end in self.ends():
            found = end if end.is_sampler else None
            if found is None:
                upstream = self._walk.upstream(self._flow(end), self._flow, visited)
                found = next((node for node in upstream if node.is_sampler), None)
            if found is not None:
                passes = [*reversed(self._earlier_passes(found)), found]
                yield from (node for node in passes if not node.is_second_pass)
                yield from (node for node in passes if node.is_second_pass)

    def ends(self) -> Iterator[Node]:
        """Yield the nodes that save pictures, then those that preview them, then all nodes."""
        graph = self._walk.graph
        yield from (node for node in graph.values() if _SAVES.search(node.plain_kind) and node.links)
        yield from (node for node in graph.values() if "preview" in node.plain_kind)
        yield from graph.values()

    def _flow(self, node: Node) -> list[Link]:
        """Return the links into a node; for a switch, only the link that it passes on."""
        branch = to_link(self._values.branch(node))
        return node.links if branch is None else [branch]

    def _earlier_passes(self, sampler: Node) -> list[Node]:
        """Return the samplers upstream of a sampler's input picture, nearest first."""

        def follow(node: Node) -> list[Link]:
            flow = self._flow(node)
            if len(flow) == 1 < len(node.links):  # a switch
                return flow
            named = linked(node.fields, self._is_picture)
            return named or ([] if node.is_sampler else node.links[:1])

        return [
            node for node in self._walk.upstream(follow(sampler), follow) if node.is_sampler and node is not sampler
        ]

    def _is_picture(self, field: Field) -> bool:
        """Return whether a field holds a picture, or an earlier stage's latents, as in Stable Cascade."""
        if field.name.is_picture or field.link is None:
            return field.name.is_picture
        node = self._walk.graph.get(field.link.node)
        return node is not None and node.is_stage
