"""ComfyUI's workflows: graphs as the page draws them, with a list of links, values without names, and subgraphs.

Nodes that exist on the page only are resolved: subgraphs, reroutes, variables, bypassed nodes, and links that an
extension adds to inputs without one.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from codec.encoder.prompt.metadata.nodes import Graph, Link, Node, is_show_name, is_text_name, plain, role_of, texts_in
from codec.encoder.prompt.metadata.values import to_object

_MAX_LINKS: Final = 20000
_MAX_INPUTS: Final = 1000
_MAX_DEPTH: Final = 8  # subgraphs inside subgraphs
_MAX_HOPS: Final = 50  # nodes of the page between two nodes of the graph
_MUTED, _BYPASSED = 2, 4
_SUBGRAPH_INPUT, _SUBGRAPH_OUTPUT = "-10", "-20"
_SEED_MODES: Final = ("fixed", "increment", "decrement", "randomize")
_IGNORED: Final = ""  # a value that is not used
# The names of a node's values, in their order, for workflows that do not name them.
_VALUE_NAMES: Final = {
    "KSampler": ("seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
    "KSamplerAdvanced": (_IGNORED, "noise_seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
    "SamplerCustom": (_IGNORED, "noise_seed", _IGNORED, "cfg"),
    "RandomNoise": ("noise_seed",),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps"),
    "KarrasScheduler": ("steps",),
    "AlignYourStepsScheduler": (_IGNORED, "steps"),
    "Flux2Scheduler": ("steps", "width", "height"),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeSDXL": (*(_IGNORED,) * 6, "text_g", "text_l"),
    "CLIPTextEncodeSDXLRefiner": (_IGNORED, _IGNORED, _IGNORED, "text"),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "CLIPTextEncodeSD3": ("clip_l", "clip_g", "t5xxl"),
    "CLIPTextEncodeHiDream": ("clip_l", "clip_g", "t5xxl", "llama"),
    "CLIPTextEncodeHunyuanDiT": ("bert", "mt5xl"),
    "CLIPTextEncodeLumina2": ("system_prompt", "user_prompt"),
    "CLIPTextEncodePixArtAlpha": (_IGNORED, _IGNORED, "text"),
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
    "StringReplace": ("string", "find", "replace"),
    "JoinStringMulti": ("inputcount", "delimiter"),
    "ImpactSwitch": ("select",),
    "Efficient Loader": ("ckpt_name", *(_IGNORED,) * 5, "positive", "negative", _IGNORED, _IGNORED,
                         "empty_latent_width", "empty_latent_height"),
    "KSampler (Efficient)": ("seed", _IGNORED, "steps", "cfg", "sampler_name", "scheduler"),
}  # fmt: skip


class _Source(NamedTuple):
    """What a link leads to: an output of a node in a scope, or a value."""

    scope: _Scope
    node: str
    output: int
    type: str = ""


class _Scope:
    """The nodes and links of a workflow or of one use of a subgraph."""

    def __init__(
        self, document: dict[str, Any], prefix: str = "", parent: _Scope | None = None, node: str = ""
    ) -> None:
        self.prefix = prefix
        self.parent = parent  # with the node that stands for this subgraph
        self.instance = node
        self.nodes: dict[str, dict[str, Any]] = {}
        entries = document.get("nodes")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("type"), str):
                self.nodes.setdefault(str(entry.get("id")), entry)
        self.subgraphs: dict[str, _Scope] = {}
        self._sources, self._targets = _read_links(document.get("links"))
        self._variables = {
            _first_value(entry): name
            for name, entry in self.nodes.items()
            if plain(entry["type"]) in ("set_node", "easy_set_node", "set")
        }

    def depth(self) -> int:
        """Return how many subgraphs this one is in."""
        depth, scope = 0, self
        while scope.parent is not None:
            depth, scope = depth + 1, scope.parent
        return depth

    def source(self, link: Any) -> _Source | None:
        """Return where a link starts, None if there is no such link."""
        found = self._sources.get(link) if type(link) in (int, str) else None
        return None if found is None else _Source(self, *found)

    def resolve(self, source: _Source | None) -> _Source | None:
        """Return the node that runs behind nodes of the page; None if there is none."""
        for _ in range(_MAX_HOPS):
            if source is None:
                return None
            following = source.scope.following(source)
            if following is source:
                return source
            source = following
        return None

    def following(self, source: _Source) -> _Source | None:
        """Return what is one node further upstream of a node of the page, or the source itself for other nodes."""
        if source.node == _SUBGRAPH_INPUT and self.parent is not None:
            return self.parent.source(_link_of_input(self.parent.nodes[self.instance], source.output))
        if source.node in self.subgraphs:
            return self.subgraphs[source.node].output(source.output)
        entry = self.nodes.get(source.node)
        if entry is None or entry.get("mode") == _MUTED:
            return None
        kind = plain(entry["type"])
        if kind in ("get_node", "easy_get_node", "get"):
            variable = self._variables.get(_first_value(entry))
            if variable is None:
                return self.parent.variable(_first_value(entry)) if self.parent else None
            return self.source(_link_of_input(self.nodes[variable], 0))
        if "reroute" in kind or kind in ("set_node", "easy_set_node", "set"):
            return self.source(_link_of_input(entry, 0))
        if entry.get("mode") == _BYPASSED:
            return self._bypass(entry, source)
        return source

    def variable(self, name: str) -> _Source | None:
        """Return the source of a variable of this scope or of one around it."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope._variables:
                return scope.source(_link_of_input(scope.nodes[scope._variables[name]], 0))
            scope = scope.parent
        return None

    def output(self, number: int) -> _Source | None:
        """Return what an output of this subgraph comes from."""
        found = self._targets.get((_SUBGRAPH_OUTPUT, number))
        return None if found is None else _Source(self, *found)

    def _bypass(self, entry: dict[str, Any], source: _Source) -> _Source | None:
        """Return the source of an input of the same type: what a bypassed node passes on."""
        types = [output.get("type") for output in _objects(entry.get("outputs"))]
        kind = types[source.output] if source.output < len(types) else source.type
        sources = [(field.get("type"), self.source(field.get("link"))) for field in _objects(entry.get("inputs"))]
        alike = [found for type_, found in sources if found is not None and kind and kind in (type_, found.type)]
        number = types[: source.output].count(kind)
        return alike[min(number, len(alike) - 1)] if alike else None


def to_graph(workflow: dict[str, Any], max_nodes: int) -> Graph:
    """Return the graph that a workflow runs, without disabled and invalid nodes; {} if it has too many nodes."""
    definitions = {
        definition["id"]: definition
        for definition in _objects(to_object(workflow.get("definitions")).get("subgraphs"))
        if isinstance(definition.get("id"), str)
    }
    scopes = [_Scope(workflow)]
    count = 0
    for scope in scopes:  # grows in the loop
        count += len(scope.nodes)
        if count > max_nodes:
            return {}
        if scope.depth() >= _MAX_DEPTH:
            continue
        for name, entry in scope.nodes.items():
            if entry["type"] in definitions and entry.get("mode") not in (_MUTED, _BYPASSED):
                inner = _Scope(definitions[entry["type"]], f"{scope.prefix}{name}:", scope, name)
                scope.subgraphs[name] = inner
                scopes.append(inner)
    added = _added_links(workflow) or _broadcast_links(scopes[0])
    graph = {}
    for scope in scopes:
        for name, entry in scope.nodes.items():
            if name not in scope.subgraphs and entry.get("mode") not in (_MUTED, _BYPASSED):
                title = entry.get("title")
                outputs = tuple(str(output.get("name", ""))[:60] for output in _objects(entry.get("outputs"))[:100])
                inputs = _inputs(scope, name, entry, added if scope.parent is None else {})
                graph[scope.prefix + name] = Node(
                    entry["type"], inputs, title if isinstance(title, str) else "", outputs
                )
    for scope in scopes[1:]:
        _set_promoted_values(scope, graph)
    return graph


def _inputs(scope: _Scope, name: str, entry: dict[str, Any], added: dict[tuple[str, int], Link]) -> dict[str, Any]:
    """Return a node's values and links by their names; a link replaces a value of the same name."""
    inputs = _values(entry)
    for number, field in enumerate(_objects(entry.get("inputs"))[:_MAX_INPUTS]):
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
    """Return the value that stands on the node of a subgraph for one of its inputs, None if there is none."""
    scope = source.scope
    if source.node != _SUBGRAPH_INPUT or scope.parent is None:
        return None
    entry = scope.parent.nodes[scope.instance]
    fields = _objects(entry.get("inputs"))
    if source.output >= len(fields):
        return None
    key = fields[source.output].get("name")
    return _values(entry).get(key) if isinstance(key, str) else None


def _set_promoted_values(scope: _Scope, graph: Graph) -> None:
    """Set the values that stand on the node of a subgraph for values inside, as pairs of a node and an input."""
    entry = scope.parent.nodes[scope.instance] if scope.parent else {}
    pairs, values = to_object(entry.get("properties")).get("proxyWidgets"), entry.get("widgets_values")
    if not isinstance(pairs, list) or not isinstance(values, list) or len(pairs) != len(values):
        return
    for pair, value in zip(pairs[:_MAX_INPUTS], values, strict=False):
        if isinstance(pair, list) and len(pair) >= 2 and isinstance(pair[1], str):
            node = graph.get(f"{scope.prefix}{pair[0]}")
            if (
                node is not None
                and isinstance(value, str | int | float)
                and not isinstance(node.inputs.get(pair[1]), Link)
            ):
                node.inputs[pair[1]] = value


# --- links ---


def _read_links(links: Any) -> tuple[dict[Any, tuple[str, int, str]], dict[tuple[str, int], tuple[str, int, str]]]:
    """Return the node, output and type that links start from, by the links' names and by their targets.

    A link is [name, node, output, target, input, type], or an object of these in subgraphs.
    """
    sources: dict[Any, tuple[str, int, str]] = {}
    targets: dict[tuple[str, int], tuple[str, int, str]] = {}
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    for link in links[:_MAX_LINKS] if isinstance(links, list) else ():
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
    for link in _objects(to_object(workflow.get("extra")).get("ue_links"))[:_MAX_LINKS]:
        slot, output = link.get("downstream_slot"), link.get("upstream_slot")
        if type(slot) is int and type(output) is int:
            added[str(link.get("downstream")), slot] = Link(str(link.get("upstream")), output)
    return added


def _broadcast_links(scope: _Scope) -> dict[tuple[str, int], Link]:
    """Return the links that cg-use-everywhere adds if the file does not list them: by type, conditionings by name."""
    sent: dict[tuple[str, str | None], Link] = {}
    for entry in scope.nodes.values():
        if "everywhere" not in entry["type"].lower():
            continue
        for number, field in enumerate(_objects(entry.get("inputs"))[:_MAX_INPUTS]):
            if (source := scope.source(field.get("link"))) is not None:
                is_prompt = "prompt" in entry["type"].lower() and number < 2
                role = ("positive", "negative")[number] if is_prompt else None
                sent.setdefault((source.type, role), Link(source.node, source.output))
    added = {}
    for name, entry in scope.nodes.items() if sent else ():
        for number, field in enumerate(_objects(entry.get("inputs"))[:_MAX_INPUTS]):
            key, kind = field.get("name"), field.get("type")
            if field.get("link") is None and isinstance(key, str) and isinstance(kind, str):
                link = sent.get((kind, role_of(key)), sent.get((kind, None)))
                if link is not None and link.node != name:
                    added[name, number] = link
    return added


def _link_of_input(entry: dict[str, Any], number: int) -> Any:
    """Return the name of the link into an input of a node."""
    fields = _objects(entry.get("inputs"))
    return fields[number].get("link") if 0 <= number < len(fields) else None


def _objects(items: Any) -> list[dict[str, Any]]:
    """Return the JSON objects of a list."""
    return [item if isinstance(item, dict) else {} for item in items[:_MAX_LINKS]] if isinstance(items, list) else []


# --- values ---


def _values(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a node by their names, as far as these are known."""
    values = entry.get("widgets_values")
    if isinstance(values, dict):
        return dict(values)
    if not isinstance(values, list):
        return {}
    values = values[:_MAX_INPUTS]
    if is_show_name(entry["type"]):
        return {f"text_{number}": text for number, text in enumerate(texts_in(values))}
    names = [
        str(field.get("name", ""))
        for field in _objects(entry.get("inputs"))[:_MAX_INPUTS]
        if isinstance(field.get("widget"), dict)
    ]
    if names and (named := _aligned(names, values)) is not None:
        return named
    if entry["type"] in _VALUE_NAMES:
        pairs = zip(_VALUE_NAMES[entry["type"]], values, strict=False)
        return {name: value for name, value in pairs if name != _IGNORED}
    return _guessed(entry, values)


def _aligned(names: list[str], values: list[Any]) -> dict[str, Any] | None:
    """Return the values by the names of a node's inputs; after a seed stands how it changes. None if they differ."""
    named: dict[str, Any] = {}
    at = 0
    for name in names:
        if at >= len(values):
            return None
        named[name] = values[at]
        at += 1
        if "seed" in name and at < len(values) and values[at] in _SEED_MODES:
            at += 1
    return named if at >= len(values) - 1 else None


def _guessed(entry: dict[str, Any], values: list[Any]) -> dict[str, Any]:
    """Return the values of a node whose inputs are unknown: those of a sampler by their order, and texts."""
    kind = plain(entry["type"])
    mode = next((at for at, value in enumerate(values) if value in _SEED_MODES), 0)
    if "sampl" in kind and mode and type(values[mode - 1]) is int:
        order = ("steps", "cfg", "sampler_name", "scheduler")
        types: tuple[tuple[type, ...], ...] = ((int,), (int, float), (str,), (str,))
        following = values[mode + 1 :]
        guess: dict[str, Any] = {"seed": values[mode - 1]}
        for name, expected in zip(order, types, strict=True):
            if following and isinstance(following[0], expected):
                guess[name] = following.pop(0)
        return guess
    if re.search("switch|select", kind) and values and type(values[0]) in (int, bool):
        return {"select": values[0]}
    files = re.compile(r"\.(?:safetensors|ckpt|gguf|pt|pth|bin|sft)$", re.IGNORECASE)
    strings = [text for value in values for text in texts_in(value) if text not in _SEED_MODES]
    guess = {"ckpt_name": strings[0]} if strings and files.search(strings[0]) else {}
    texts = [text for text in strings if not files.search(text)]
    names = [plain(str(output.get("name", ""))) for output in _objects(entry.get("outputs"))]
    roles = [role_of(name) for name in names]
    prose = [text for text in texts if re.search(r"[\s,]", text.strip())] or texts
    if "positive" in roles and "negative" in roles and len(prose) >= 2:
        return guess | {"positive": prose[0], "negative": prose[1]}
    if len(values) == 1 and not strings:
        return {"value": values[0]}
    is_text = is_text_name(kind) or any(re.search("cond|string|text|prompt", name) for name in names) or not names
    if is_text:
        guess |= {f"text_{number}" if number else "text": text for number, text in enumerate(prose[:10])}
    return guess


def _first_value(entry: dict[str, Any]) -> str:
    """Return the first value of a node, the name of a variable."""
    values = entry.get("widgets_values")
    return str(values[0])[:200] if isinstance(values, list) and values else ""
