"""ComfyUI's workflows: graphs as its page draws them, with a list of links, values without names, and subgraphs.

Elements that exist only on the page are resolved: subgraphs, reroutes, variables, bypassed nodes, and links that an
extension adds to unconnected inputs.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, NamedTuple

from codec.encoder.prompt.metadata.field_names import plain, role_of
from codec.encoder.prompt.metadata.graph_walk import MAX_NODES, StepBudget
from codec.encoder.prompt.metadata.nodes import Graph, Link, Node
from codec.encoder.prompt.metadata.values import to_object
from codec.encoder.prompt.metadata.widget_values import MAX_FIELDS, first_value, named_values, objects, to_name

_MAX_LINKS: Final = 20000
_MAX_OUTPUTS: Final = 100  # of one node
_MAX_DEPTH: Final = 8  # subgraphs inside subgraphs
_MAX_HOPS: Final = 50  # page-only nodes between two nodes of the graph
_MUTED, _BYPASSED = 2, 4
_SUBGRAPH_INPUT, _SUBGRAPH_OUTPUT = "-10", "-20"


class _Source(NamedTuple):
    """The source of a link: an output of a node in a scope, or a value."""

    scope: _Scope
    node: str
    output: int
    type: str = ""


class _Scope:
    """The nodes and links of a workflow or of one use of a subgraph."""

    def __init__(
        self, document: dict[str, Any], budget: StepBudget, parent: _Scope | None = None, node: str = ""
    ) -> None:
        self.budget = budget
        self.parent = parent  # contains the node that represents this subgraph
        self.instance = node
        self.prefix: str = f"{parent.prefix}{node}:" if parent else ""
        self.nodes: dict[str, dict[str, Any]] = {}
        entries, links = (part if isinstance(part := document.get(key), list) else [] for key in ("nodes", "links"))
        budget.spend(len(entries) + len(links))
        for entry in entries[: MAX_NODES + 1]:
            if isinstance(entry, dict) and isinstance(entry.get("type"), str):
                self.nodes.setdefault(to_name(entry.get("id")), entry)
        self.subgraphs: dict[str, _Scope] = {}
        self._sources, self._targets = _read_links(links)
        self._variables = {
            first_value(entry): name
            for name, entry in self.nodes.items()
            if plain(entry["type"]) in ("set_node", "easy_set_node", "set")
        }

    @cached_property
    def instance_fields(self) -> list[dict[str, Any]]:
        """The inputs of the node that represents this subgraph."""
        return objects(self.parent.nodes[self.instance].get("inputs")) if self.parent else []

    @cached_property
    def instance_values(self) -> dict[str, Any]:
        """The values of the node that represents this subgraph, by name."""
        return named_values(self.parent.nodes[self.instance]) if self.parent else {}

    def depth(self) -> int:
        """Return the number of subgraphs around this scope."""
        depth, scope = 0, self
        while scope.parent is not None:
            depth, scope = depth + 1, scope.parent
        return depth

    def source(self, link: Any) -> _Source | None:
        """Return the source of a link; None if the link does not exist."""
        found = self._sources.get(link) if type(link) in (int, str) else None
        return None if found is None else _Source(self, *found)

    def resolve(self, source: _Source | None) -> _Source | None:
        """Return the executed node that a source leads to through page-only nodes; None if there is none."""
        for _ in range(_MAX_HOPS):
            if source is None or not self.budget.spend(1):
                return None
            following = source.scope.following(source)
            if following is source:
                return source
            source = following
        return None

    def following(self, source: _Source) -> _Source | None:
        """Return the source one step upstream of a page-only node; for other nodes, the source itself."""
        if source.node == _SUBGRAPH_INPUT and self.parent is not None:
            return self.parent.source(_link_of_input(self.parent.nodes[self.instance], source.output))
        if source.node in self.subgraphs:
            return self.subgraphs[source.node].output(source.output)
        entry = self.nodes.get(source.node)
        if entry is None or entry.get("mode") == _MUTED:
            return None
        kind = plain(entry["type"])
        if kind in ("get_node", "easy_get_node", "get"):
            variable = self._variables.get(first_value(entry))
            if variable is None:
                return self.parent.variable(first_value(entry)) if self.parent else None
            return self.source(_link_of_input(self.nodes[variable], 0))
        if "reroute" in kind or kind in ("set_node", "easy_set_node", "set"):
            return self.source(_link_of_input(entry, 0))
        if entry.get("mode") == _BYPASSED:
            return self._bypass(entry, source)
        return source

    def variable(self, name: str) -> _Source | None:
        """Return the source of a variable of this scope or an enclosing one."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope._variables:
                return scope.source(_link_of_input(scope.nodes[scope._variables[name]], 0))
            scope = scope.parent
        return None

    def output(self, number: int) -> _Source | None:
        """Return the source of an output of this subgraph."""
        found = self._targets.get((_SUBGRAPH_OUTPUT, number))
        return None if found is None else _Source(self, *found)

    def _bypass(self, entry: dict[str, Any], source: _Source) -> _Source | None:
        """Return the source that a bypassed node passes on: that of its input of the same type."""
        types = [output.get("type") for output in objects(entry.get("outputs"), _MAX_OUTPUTS)]
        kind = types[source.output] if source.output < len(types) else source.type
        sources = [(field.get("type"), self.source(field.get("link"))) for field in objects(entry.get("inputs"))]
        self.budget.spend(len(types) + len(sources))
        alike = [found for type_, found in sources if found is not None and kind and kind in (type_, found.type)]
        number = types[: source.output].count(kind)
        return alike[min(number, len(alike) - 1)] if alike else None


def to_graph(workflow: dict[str, Any], budget: StepBudget) -> Graph:
    """Return the graph of a workflow's executed nodes, without disabled and invalid ones.

    Returns {} for more than `MAX_NODES` nodes, or if it takes more steps than remain.
    """
    definitions = {
        definition["id"]: definition
        for definition in objects(to_object(workflow.get("definitions")).get("subgraphs"))
        if isinstance(definition.get("id"), str)
    }
    scopes = [_Scope(workflow, budget)]
    count = len(scopes[0].nodes)
    for scope in scopes:  # grows in the loop
        for name, entry in scope.nodes.items() if scope.depth() < _MAX_DEPTH else ():
            if entry["type"] in definitions and entry.get("mode") not in (_MUTED, _BYPASSED):
                inner = _Scope(definitions[entry["type"]], budget, scope, name)
                scope.subgraphs[name] = inner
                scopes.append(inner)
                count += len(inner.nodes)
            if count > MAX_NODES or budget.remaining <= 0:
                return {}
    added = _added_links(workflow) or _broadcast_links(scopes[0])
    graph = {}
    for scope in scopes:
        for name, entry in scope.nodes.items():
            if name not in scope.subgraphs and entry.get("mode") not in (_MUTED, _BYPASSED):
                title = entry.get("title")
                outputs = tuple(to_name(output.get("name")) for output in objects(entry.get("outputs"), _MAX_OUTPUTS))
                inputs = _inputs(scope, name, entry, added if scope.parent is None else {})
                graph[scope.prefix + name] = Node(
                    entry["type"], inputs, title if isinstance(title, str) else "", outputs
                )
    if budget.remaining <= 0:
        return {}
    for scope in scopes[1:]:
        _set_promoted_values(scope, graph)
    return graph


def _inputs(scope: _Scope, name: str, entry: dict[str, Any], added: dict[tuple[str, int], Link]) -> dict[str, Any]:
    """Return a node's values and links by name; a link replaces a value of the same name."""
    fields, values = objects(entry.get("inputs")), entry.get("widgets_values")
    size = len(fields) + (len(values) if isinstance(values, list | dict) else 0)
    inputs = named_values(entry) if scope.budget.spend(1 + size) else {}
    for number, field in enumerate(fields):
        key = field.get("name")
        if not isinstance(key, str):
            continue
        source = scope.source(field.get("link"))
        extra = added.get((name, number))
        if source is None and extra is not None:
            source = _Source(scope, extra.node, int(extra.output))
        if source is None:
            continue
        found = scope.resolve(source)
        if found is not None:
            inputs[key] = Link(found.scope.prefix + found.node, found.output)
        elif (value := _promoted_input(source)) is not None:
            inputs[key] = value
        elif key in inputs and source.node != _SUBGRAPH_INPUT:
            del inputs[key]
    return inputs


def _promoted_input(source: _Source) -> Any:
    """Return the value on a subgraph's node for one of its inputs, or None."""
    scope = source.scope
    if source.node != _SUBGRAPH_INPUT or scope.parent is None:
        return None
    fields = scope.instance_fields
    key = fields[source.output].get("name") if source.output < len(fields) else None
    return scope.instance_values.get(key) if isinstance(key, str) else None


def _set_promoted_values(scope: _Scope, graph: Graph) -> None:
    """Apply the values on a subgraph's node to the nodes inside; each value names a node and an input."""
    entry = scope.parent.nodes[scope.instance] if scope.parent else {}
    pairs, values = to_object(entry.get("properties")).get("proxyWidgets"), entry.get("widgets_values")
    if not isinstance(pairs, list) or not isinstance(values, list) or len(pairs) != len(values):
        return
    for pair, value in zip(pairs[:MAX_FIELDS], values, strict=False):
        if isinstance(pair, list) and len(pair) >= 2 and isinstance(pair[1], str):
            node = graph.get(f"{scope.prefix}{to_name(pair[0])}")
            if (
                node is not None
                and isinstance(value, str | int | float)
                and not isinstance(node.inputs.get(pair[1]), Link)
            ):
                node.inputs[pair[1]] = value


# --- links ---


def _read_links(
    links: list[Any],
) -> tuple[dict[Any, tuple[str, int, str]], dict[tuple[str, int], tuple[str, int, str]]]:
    """Return the source (node, output, type) of each link, by the link's name and by its target.

    A link is [name, node, output, target, input, type], or an object of these in subgraphs.
    """
    sources: dict[Any, tuple[str, int, str]] = {}
    targets: dict[tuple[str, int], tuple[str, int, str]] = {}
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    for link in links[:_MAX_LINKS]:
        parts = [link.get(key) for key in keys] if isinstance(link, dict) else link
        if not isinstance(parts, list) or len(parts) < 3 or any(type(part) not in (int, str) for part in parts[:3]):
            continue
        name, node, output, target, slot, kind = [*parts, None, None, None][:6]
        source = (str(node), output if type(output) is int else 0, kind if isinstance(kind, str) else "")
        sources[name] = source
        if type(target) in (int, str) and type(slot) is int:
            targets[str(target), slot] = source
    return sources, targets


def _added_links(workflow: dict[str, Any]) -> dict[tuple[str, int], Link]:
    """Return the links that cg-use-everywhere adds, by node and input."""
    added = {}
    for link in objects(to_object(workflow.get("extra")).get("ue_links"), _MAX_LINKS):
        slot, output = link.get("downstream_slot"), link.get("upstream_slot")
        if type(slot) is int and type(output) is int:
            added[to_name(link.get("downstream")), slot] = Link(to_name(link.get("upstream")), output)
    return added


def _broadcast_links(scope: _Scope) -> dict[tuple[str, int], Link]:
    """Return the links that cg-use-everywhere adds and the file does not list: by type, conditionings by name."""
    sent: dict[tuple[str, str | None], Link] = {}
    for entry in scope.nodes.values():
        if "everywhere" not in entry["type"].lower():
            continue
        for number, field in enumerate(objects(entry.get("inputs"))):
            if (source := scope.source(field.get("link"))) is not None:
                is_prompt = "prompt" in entry["type"].lower() and number < 2
                role = ("positive", "negative")[number] if is_prompt else None
                sent.setdefault((source.type, role), Link(source.node, source.output))
    added = {}
    for name, entry in scope.nodes.items() if sent else ():
        for number, field in enumerate(objects(entry.get("inputs"))):
            key, kind = field.get("name"), field.get("type")
            if field.get("link") is None and isinstance(key, str) and isinstance(kind, str):
                link = sent.get((kind, role_of(key)), sent.get((kind, None)))
                if link is not None and link.node != name:
                    added[name, number] = link
    return added


def _link_of_input(entry: dict[str, Any], number: int) -> Any:
    """Return the name of the link into an input of a node."""
    fields = entry.get("inputs")
    field = fields[number] if isinstance(fields, list) and 0 <= number < len(fields) else None
    return to_object(field).get("link")
