"""Look up values of nodes: their own, those that links lead to, and those that switches pass on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from codec.encoder.prompt.metadata import nodes
from codec.encoder.prompt.metadata.field_names import SELECTORS, plain
from codec.encoder.prompt.metadata.graph_walk import GraphWalk
from codec.encoder.prompt.metadata.nodes import Field, Link, Node, to_link
from codec.encoder.prompt.metadata.values import to_integer

WIDTH: Final = ("width", "empty_latent_width", "target_width", "clip_width", "image_width")
HEIGHT: Final = ("height", "empty_latent_height", "target_height", "clip_height", "image_height")
# inputs from separate nodes with some of a sampler's values
SAMPLER_PARTS: Final = re.compile(
    r"noise|sigmas|sampler|guider|scheduler|pipe|tuple|ctx|context|bus|settings|param|options|config|(?:^|_)bus"
)
_MAX_DEPTH: Final = 60  # switches set by other switches
_MAX_WORD: Final = 64  # characters of a switch's setting
_VALUE_NAMES: Final = ("value", "int", "float", "number", "string", "text", "val", "a")
# output names of common nodes that bundle values; other nodes are recognized by their inputs
_CONTEXT_OUTPUTS: Final = (
    "context", "model", "clip", "vae", "positive", "negative", "latent", "images", "seed", "steps", "step_refiner",
    "cfg", "ckpt_name", "sampler", "scheduler", "clip_width", "clip_height", "text_pos_g", "text_pos_l", "text_neg_g",
    "text_neg_l", "mask", "control_net",
)  # fmt: skip
_GENERIC_OUTPUTS: Final = frozenset(
    ("string", "text", "conditioning", "cond", "prompt", "int", "float", "number", "output", "value", "any", "result")
)

Convert = Callable[[Any], Any]


class ValueLookup:
    """Looks up values in one graph."""

    def __init__(self, walk: GraphWalk) -> None:
        self._walk = walk
        self._branches: dict[int, Any] = {}  # by the id of the node
        self._depth = 0

    def lookup(self, node: Node, names: Sequence[str], convert: Convert) -> Any:
        """Return a value of a node, or of its noise, steps, method, guider or pipe if these are separate nodes."""
        visited = set[str]()
        queue = [node]
        for holder in queue:  # the queue grows in the loop
            for name in names:
                field = holder.by_name.get(name)
                if field is not None and (value := self.value(field.source, names, convert)) is not None:
                    return value
            for name, field in holder.by_name.items():
                link = field.link
                if link is None or not (SAMPLER_PARTS.search(name) or len(holder.by_name) == 1):
                    continue
                if link.node not in visited and (part := self._walk.node(link)):
                    queue.append(part)
                visited.add(link.node)
        return None

    def value(self, value: Any, names: Sequence[str], convert: Convert) -> Any:
        """Return a value, or the value that a link leads to, converted; None if there is none.

        names: the names of inputs that hold such a value.
        """
        visited = set[Link]()
        while (link := to_link(value)) is not None:
            if link in visited or (node := self._walk.node(link)) is None:
                return None
            visited.add(link)
            value = self._source(node, link, names, convert)
        return None if value is None else convert(value)

    def _source(self, node: Node, link: Link, names: Sequence[str], convert: Convert) -> Any:
        """Return the input of a node that an output gets its value from; None if unknown."""
        name = output_name(node, link)
        if name is not None and (field := field_of_output(node, name)) is not None:
            return field.source
        usable = [
            field
            for field in node.fields
            if (self._walk.is_live(field) if field.link else convert(field.value) is not None)
        ]
        by_name = {field.name.plain: field.source for field in reversed(usable)}
        for key in names:
            if key in by_name:
                return by_name[key]
        if (branch := self.branch(node)) is not None:
            return branch
        for field in usable:
            if field.name.is_pipe and field.link is not None:
                return field.link if name is None or name == "context" else Link(field.link.node, name)
        for key in _VALUE_NAMES:
            if key in by_name:
                return by_name[key]
        if names in (WIDTH, HEIGHT) and (side := parse_side(node, names)) is not None:
            return side
        literals = [field.value for field in usable if field.link is None]
        if len(literals) == 1 or len(usable) == 1:
            return (literals or [usable[0].source])[0]
        passed = [field.link for field in usable if field.link is not None]
        return passed[0] if len(passed) == 1 else None

    # --- switches ---

    def branch(self, node: Node) -> Any:
        """Return the link or value that a switch passes on; None for other nodes."""
        if id(node) not in self._branches:
            self._branches[id(node)] = self._find_branch(node)
        return self._branches[id(node)]

    def _find_branch(self, node: Node) -> Any:
        if not _may_be_switch(node):
            return None
        selector = _selector(node)
        branches = [
            field
            for field in node.fields
            if field is not selector
            and (self._walk.is_live(field) or type(field.value) in (int, float))
            and not field.name.is_option
        ]
        if not any(self._walk.is_live(field) or field.name.number for field in branches):
            return None
        if selector is None or self._depth > _MAX_DEPTH:
            return nodes.sorted_fields([f for f in branches if self._walk.is_live(f)] or branches)[0].source
        self._depth += 1
        chosen = self.value(selector.source, SELECTORS, _to_choice)
        self._depth -= 1
        return _choose(branches, chosen)


# --- outputs ---


def output_name(node: Node, link: Link) -> str | None:
    """Return the name of the output that a link comes from; None if it is unknown or not informative."""
    if isinstance(link.output, str):
        name = link.output
    elif 0 <= link.output < len(node.outputs):
        name = plain(node.outputs[link.output])
    elif "context" in node.plain_kind and "rgthree" in node.kind and 0 <= link.output < len(_CONTEXT_OUTPUTS):
        name = _CONTEXT_OUTPUTS[link.output]
    else:
        return None
    return None if name in _GENERIC_OUTPUTS else name


def field_of_output(node: Node, name: str) -> Field | None:
    """Return the input with the name of an output, or None."""
    name = plain(name)
    return node.by_name.get(name) or node.by_name.get(f"optional_{name}")


def parse_side(node: Node, names: Sequence[str]) -> int | None:
    """Return the width or height of a size such as "832x1216 (0.68)" among a node's values."""
    for field in node.fields:
        if field.text and (match := re.search(r"(\d{2,5}) ?[x×*] ?(\d{2,5})", field.text[:_MAX_WORD])):
            return int(match[1 if names is WIDTH else 2])
    return None


# --- switches ---


def _may_be_switch(node: Node) -> bool:
    has_branches = not node.by_name.keys().isdisjoint(
        ("on_true", "on_false", "tt_value", "ff_value", "if_true", "if_false")
    )
    is_first_of_many = len(node.fields) > 1 and all(
        re.fullmatch(r"(?:any|ctx|input|value)_?\d+", name) for name in node.by_name
    )
    return has_branches or is_first_of_many or node.is_switch


def _selector(node: Node) -> Field | None:
    """Return the field that chooses the branch of a switch, or None."""
    selectors = [
        field
        for field in node.fields
        if field.name.plain in SELECTORS and not (field.name.plain == "input" and field.link and len(node.fields) == 2)
    ]
    selectors.sort(key=lambda field: SELECTORS.index(field.name.plain))
    return next((f for f in selectors if not isinstance(f.value, str) or len(f.value) < _MAX_WORD), None)


def _choose(branches: Sequence[Field], choice: Any) -> Any:
    """Return the source of the chosen branch of a switch: by truth value, number, letter or name."""
    ordered = nodes.sorted_fields(branches)
    first, last = ordered[0].source, ordered[-1].source
    if isinstance(choice, str):
        wanted = plain(choice)
        for field in ordered:
            if wanted in (
                field.name.plain,
                field.name.plain.rpartition("_")[2],
                re.sub(r".*?(\d+)$", r"\1", field.name.plain),
            ):
                return field.source
        return first
    by_truth = {
        is_true: field.source
        for field in ordered
        for is_true, words in ((True, "true|tt|then|yes|on"), (False, "false|ff|else|no|off"))
        if re.search(rf"(?:^|_)(?:{words})(?:_|$)", re.sub("^on_|^if_", "", field.name.plain))
    }
    if by_truth and choice is not None:
        return by_truth.get(bool(choice), first)
    numbers = {field.name.number: field.source for field in ordered if re.search(r"\d$", field.name.plain)}
    if type(choice) is int and choice in numbers:
        return numbers[choice]
    if type(choice) is int and 2 <= choice <= len(ordered):
        return ordered[choice - 1].source
    return last if choice in (False, 0) and choice is not None and not numbers else first


def _to_choice(value: Any) -> Any:
    """Return a switch's setting: a truth value, a number or a name."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    number = to_integer(value)
    if isinstance(value, bool):
        return value
    return number if number is not None else nodes.to_text(value)
