"""Walks through a graph of any shape, cycles included, in a limited number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from codec.encoder.prompt.metadata.nodes import Field, Graph, Link, Node

MAX_STEPS: Final = 50_000  # through all graphs of one picture
MAX_NODES: Final = 4000  # of one graph


class StepBudget:
    """The steps that remain for reading the graphs of one picture.

    A step goes to a node or to one of its inputs and takes a few microseconds.
    """

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.remaining = steps

    def spend(self, steps: int) -> bool:
        """Take steps away and return whether there were any."""
        is_left = self.remaining > 0
        self.remaining -= steps
        return is_left


class GraphWalk:
    """A graph, and the steps that walks through it may take."""

    def __init__(self, graph: Graph, budget: StepBudget) -> None:
        self.graph = graph
        self.budget = budget

    def node(self, link: Link) -> Node | None:
        """Return the node that a link comes from; None if it does not exist or no steps remain."""
        node = self.graph.get(link.node)
        if node is None or not self.budget.spend(1 + len(node.fields)):
            return None
        return node

    def is_live(self, field: Field) -> bool:
        """Return whether a field is a text that is not blank, or a link to a node."""
        return field.text is not None or (field.link is not None and field.link.node in self.graph)

    def live_fields(self, node: Node) -> list[Field]:
        """Return the fields of a node that are texts or lead to a node."""
        return [field for field in node.fields if self.is_live(field)]

    def upstream(
        self, start: Iterable[Link], follow: Callable[[Node], list[Link]], visited: set[str] | None = None
    ) -> Iterator[Node]:
        """Yield the nodes upstream of some links, breadth first, without those already visited."""
        queue, visited = list(start), set[str]() if visited is None else visited
        for link in queue:  # the queue grows in the loop
            if link.node in visited or (node := self.node(link)) is None:
                continue
            visited.add(link.node)
            yield node
            queue += follow(node)


def linked(fields: Iterable[Field], condition: Callable[[Field], bool]) -> list[Link]:
    """Return the links among the fields that meet a condition."""
    return [field.link for field in fields if field.link is not None and condition(field)]
