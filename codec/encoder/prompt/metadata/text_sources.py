"""Find the sources of a node's text, one node at a time, by the names of its fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from codec.encoder.prompt.metadata import nodes
from codec.encoder.prompt.metadata.field_names import DELIMITERS, NEGATIVE, POSITIVE, role_of
from codec.encoder.prompt.metadata.graph_walk import GraphWalk
from codec.encoder.prompt.metadata.nodes import Field, Link, Node
from codec.encoder.prompt.metadata.value_lookup import ValueLookup, field_of_output, output_name

_MAX_SEPARATOR: Final = 64  # characters between two texts
_NAMED_SEPARATORS: Final = {"comma": ", ", "space": " ", "newline": "\n", "none": "", "\\n": "\n"}
# Inputs of text encoders in descending order of priority; the second group is the text for a second encoder.
_TEXT_PRIORITY: Final = (
    "populated_text", "processed_text", "result", "text", "string", "value", "prompt", "user_prompt", "positive_prompt",
    "text_positive", "text_g", "prompt_g", "t5xxl", "llama", "mt5xl", "gemma_prompt", "caption", "clip_g",
)  # fmt: skip
_SECOND_ENCODER: Final = re.compile(r"(?:^|_)l$|^bert$")
_OUTPUT_FOR_EACH: Final = re.compile(r"^text_strings?$")  # nodes with an output for each of their texts
_PIPE_OUTPUT: Final = "*"  # a link that carries several values, so its output number says nothing about the value


class Texts(NamedTuple):
    """The sources of a node's text: texts and links, to be joined."""

    values: list[Any]
    role: str
    is_text: bool  # whether the links lead to texts rather than conditionings
    separator: str = ", "
    replace: tuple[Any, Any] | None = None  # a text to replace, and its replacement
    is_unique: bool = False  # whether duplicates are left out


class TextSources:
    """Finds the sources of the texts in one graph."""

    def __init__(self, walk: GraphWalk, values: ValueLookup) -> None:
        self._walk = walk
        self._values = values

    def of_output(self, node: Node, link: Link, role: str, is_text: bool) -> Texts:
        """Return the sources of the output of a node."""
        if re.search("zero_?out", node.plain_kind):
            return Texts([], role, is_text)
        if node.shown_text is not None:
            return Texts([node.shown_text], role, True)
        if (branch := self._values.branch(node)) is not None:
            return Texts([branch], role, is_text)
        name = output_name(node, link)
        if name is not None:
            if (field := field_of_output(node, name)) is not None and self._walk.is_live(field):
                return Texts([field.source], role_of(name) or role, is_text)
            role = role_of(name) or role
        elif not is_text or node.by_name.keys().isdisjoint(("model", "clip")):
            role = _role_of_output(node, link, role)
        if is_text and node.is_text_model:
            return self._written_text(node, link, role)
        return self.of_inputs(node, role, is_text, link, name)

    def of_inputs(
        self, node: Node, role: str, is_text: bool, link: Link | None = None, output: str | None = None
    ) -> Texts:
        """Return the inputs that are the sources of a conditioning or text of this role."""
        fields = self._walk.live_fields(node)
        own = [field for field in fields if field.name.role == role and not field.name.is_option]
        if own:
            if is_text and node.roles <= {role, None}:
                return self._texts_of(node, fields, role, link)
            return _of_role(own, node, role, is_text)
        pipes = [field.link for field in fields if field.name.is_pipe and field.link is not None]
        if pipes:
            target = pipes[-1] if "merge" in node.plain_kind else pipes[0]
            is_bundle = output in (None, "context", "pipe")
            return Texts([Link(target.node, _PIPE_OUTPUT if is_bundle else output or "")], role, is_text)
        if not is_text:
            conditionings = [
                field.link for field in fields if field.name.is_conditioning and field.link and not field.name.role
            ]
            if role == NEGATIVE and ("guider" in node.plain_kind or node.is_sampler):
                return Texts([], role, False)
            if conditionings:
                return Texts(list(conditionings), role, False)
        return self._texts_of(node, fields, role, link, is_text)

    def _texts_of(
        self, node: Node, fields: Sequence[Field], role: str, link: Link | None, is_text: bool = True
    ) -> Texts:
        """Return the inputs of a node that hold texts, or else all inputs that may lead to a text."""
        other = NEGATIVE if role == POSITIVE else POSITIVE
        texts = [field for field in fields if field.name.is_text and field.name.role != other]
        if texts and role == NEGATIVE and link is not None and link.output == _PIPE_OUTPUT:
            return Texts([], role, True)  # the only text in a pipe is the prompt
        if not node.is_encoder and node.template_parts is not None:
            return Texts(node.template_parts, role, True, "")
        is_join = node.is_join and not node.is_encoder
        if is_join and (is_text or texts):
            texts = [field for field in texts if field.name.plain != "result"]
            chosen = set(texts)
            texts += [field for field in fields if field not in chosen and _may_be_joined(field, other)]
        if not texts and (is_text or not any(field.link for field in fields)):
            texts = _unnamed_texts(fields)
        if not texts:
            rest = [
                field.link for field in fields if field.link and not field.name.is_other and field.name.role != other
            ]
            return Texts(list(rest), role, is_text)
        if "replace" in node.plain_kind or node.inputs.get("action") == "replace":
            return _replaced(node, texts, role)
        if len(texts) == 1:
            return Texts([texts[0].source], role, True)
        if node.is_encoder:
            return Texts(_of_both_encoders(texts), role, True, is_unique=True)
        ordered = nodes.sorted_fields(texts)
        if is_join:
            return Texts([field.source for field in ordered], role, True, _separator(node))
        has_several = link is not None and (self._has_several_outputs(link) or _OUTPUT_FOR_EACH.search(node.plain_kind))
        if link is not None and has_several and link.output in range(len(ordered)):
            return Texts([ordered[int(link.output)].source], role, True)
        is_family = len({field.name.stem for field in ordered}) == 1
        if is_family or any(field.link for field in ordered):
            return Texts([field.source for field in ordered], role, True, is_unique=True)
        return Texts([min(ordered, key=_priority).source], role, True)

    def _has_several_outputs(self, link: Link) -> bool:
        """Return whether several outputs of a link's node are used."""
        return isinstance(link.output, int) and len(self._used_outputs.get(link.node, {0})) > 1

    @cached_property
    def _used_outputs(self) -> dict[str, set[int | str]]:
        """The outputs of each node that other nodes use, and its first output."""
        used: dict[str, set[int | str]] = {}
        for node in self._walk.graph.values():
            for link in node.links:
                used.setdefault(link.node, {0}).add(link.output)
        return used

    @cached_property
    def _shown_texts(self) -> dict[Link, str]:
        """The texts that nodes show, by the link to their source."""
        return {
            link: node.shown_text
            for node in self._walk.graph.values()
            if node.shown_text is not None
            for link in node.links
        }

    def _written_text(self, node: Node, link: Link, role: str) -> Texts:
        """Return the text that a model wrote if a node shows it, or else the model's input unless that is a picture."""
        stored = [node.by_name[name].text for name in ("result", "response", "generated_text") if name in node.by_name]
        for text in (self._shown_texts.get(link), *stored):
            if text is not None:
                return Texts([text], role, True)
        if any(field.link and "image" in field.name.plain for field in node.fields):
            return Texts([], role, True)
        asked = [field for field in self._walk.live_fields(node) if field.name.is_text]
        return Texts([min(asked, key=_priority).source] if asked else [], role, True)


def _role_of_output(node: Node, link: Link, role: str) -> str:
    """Return the role of an output of a node with inputs for both roles: first positive, then negative.

    This applies only to nodes of texts or conditionings; nodes with a model have the model as their first output.
    """
    has_model = any(field.name.is_pipe or field.name.plain in ("model", "clip", "ckpt_name") for field in node.fields)
    if {POSITIVE, NEGATIVE} <= node.roles and not has_model and link.output in (0, 1):
        return NEGATIVE if link.output else POSITIVE
    return role


def _of_role(own: Sequence[Field], node: Node, role: str, is_text: bool) -> Texts:
    """Return the inputs that are named after the role: one input, or the texts for several encoders."""
    named_text = [field for field in own if re.search("text|prompt|string", field.name.plain)]
    others = [field for field in own if field not in named_text]
    if others and not (is_text and named_text):
        values = [field.source for field in nodes.sorted_fields(others)]
        is_family = len({field.name.stem for field in others}) == 1
        return Texts(values if is_family else values[:1], role, is_text)
    return Texts(_of_both_encoders(named_text), role, True, _separator(node), is_unique=True)


def _of_both_encoders(texts: Sequence[Field]) -> list[Any]:
    """Return the text for the main encoder and, if there is one, the text for the second encoder."""
    second = [field for field in texts if _SECOND_ENCODER.search(field.name.plain)]
    first = [field for field in texts if not _SECOND_ENCODER.search(field.name.plain)]
    return [min(group, key=_priority).source for group in (first, second) if group]


def _replaced(node: Node, texts: Sequence[Field], role: str) -> Texts:
    """Return the text of a node that replaces part of its input text."""
    by_name = node.by_name
    old = next((by_name[name] for name in ("find", "search", "old", "text_b", "target") if name in by_name), None)
    new = next((by_name[name].source for name in ("replace", "replacement", "new", "text_c") if name in by_name), "")
    replace = None if old is None else (old.source, new)
    return Texts([min(texts, key=_priority).source], role, True, replace=replace)


def _unnamed_texts(fields: Sequence[Field]) -> list[Field]:
    """Return the inputs of a text node whose names are not informative: those with words, or else the only input."""
    strings = [field for field in fields if field.text is not None and not field.name.is_option]
    links = [field for field in fields if field.link is not None and not field.name.is_other]
    worded = [field for field in strings if _has_words(field)]
    return (worded or strings[:1]) + links if worded or len(strings) == 1 else []


def _has_words(field: Field) -> bool:
    return field.text is not None and len(field.text.split(maxsplit=1)) > 1


def _may_be_joined(field: Field, other_role: str) -> bool:
    """Return whether an input may be one of the texts that a node joins: a link, a prefix or a suffix."""
    if field.link is None and not re.search("prefix|suffix|prepend|append|before|after|first|second", field.name.plain):
        return False
    return not field.name.is_other and not field.name.is_option and field.name.role != other_role


def _separator(node: Node) -> str:
    """Return the text that a node puts between the texts that it joins."""
    for field in node.fields:
        if field.name.plain in DELIMITERS and isinstance(field.value, str):
            return _NAMED_SEPARATORS.get(field.value, field.value[:_MAX_SEPARATOR].replace("\\n", "\n"))
    has_sides = any(re.search("left|right", name) for name in node.by_name)  # InvokeAI adds nothing between
    return "" if has_sides else ", "


def _priority(field: Field) -> int:
    return _TEXT_PRIORITY.index(field.name.plain) if field.name.plain in _TEXT_PRIORITY else len(_TEXT_PRIORITY)
