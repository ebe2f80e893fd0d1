"""Nodes of a graph, classified by their fields, since node packs constantly add new classes.

Properties of a node are cached, so that repeated visits are cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final, NamedTuple

from codec.encoder.prompt.metadata.field_names import DELIMITERS, NEGATIVE, POSITIVE, FieldName, classify, plain
from codec.semantic.prompt import MAX_TEXT

_MAX_FIELDS: Final = 1000  # of one node, to read
_MAX_ITEMS: Final = 1000  # of lists in one value
_MAX_ACTION: Final = 60  # characters of the name of an action

_SHOWS: Final = re.compile(r"show|display|preview|(?:^|_)view|debug|console")
_JOINS: Final = re.compile(r"concat|join|combine|append|merge|prepend|(?:^|_)add(?:_|$)|builder|prefix|suffix|stack")
_SWITCHES: Final = re.compile(
    r"switch|if_?else|select|branch|choose|choice|either|mux|toggle|router|conditional|picker"
)
_TEXT_MODELS: Final = re.compile(
    r"ollama|llm|llama|gpt|claude|gemini|florence|caption|tagger|interrogat|blip|llava|vlm|moondream|qwen_?vl|deepseek"
    r"|groq|openai|mistral|enhance|rewrite"
)
_TEXT_MODEL_INPUTS: Final = re.compile(r"temperature|max_(?:new_)?tokens|top_p|system_(?:prompt|message)|api_key")
_NO_SAMPLER: Final = re.compile(
    r"provider|context|ctx|save|loader|param|config|bus|pipe_?(?:in|out|edit)|(?:to|from|edit)_?basic|to_detailer"
)
_SECOND_PASS: Final = re.compile(r"detail|upscal|hi_?res|refin|supir|seedvr|face|hand|inpaint_crop")
_TEMPLATE_FIELD: Final = re.compile(r"\{(\w{1,40})\}")


class Link(NamedTuple):
    """The output of another node, by its number or its name."""

    node: str
    output: int | str


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """An input of a node. `link`: its value if that is a link. `text`: its value if that is a text and not blank."""

    name: FieldName
    value: Any
    link: Link | None
    text: str | None

    @property
    def source(self) -> Any:
        """The link, or the value."""
        return self.value if self.link is None else self.link


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a graph.

    `kind`: name of its class. `inputs`: values and links by name; a link is a Link or [name of a node, number of its
    output]. `title`: the name that the user gave it. `outputs`: the names of its outputs, if known.
    """

    kind: str
    inputs: dict[str, Any]
    title: str = ""
    outputs: tuple[str, ...] = ()

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The inputs, with texts of at most as many characters as a prompt has bytes."""
        return tuple(_field(name, value) for name, value in islice(self.inputs.items(), _MAX_FIELDS))

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their plain names."""
        return {field.name.plain: field for field in self.fields}

    @cached_property
    def links(self) -> list[Link]:
        """The fields that are links."""
        return [field.link for field in self.fields if field.link is not None]

    @cached_property
    def plain_kind(self) -> str:
        """The name of its class in lowercase, with one underscore between its words."""
        return plain(self.kind)

    @cached_property
    def roles(self) -> set[str | None]:
        """The roles of its fields."""
        return {field.name.role for field in self.fields}

    @cached_property
    def is_encoder(self) -> bool:
        """Whether the node turns texts into a conditioning."""
        return bool(self.by_name.keys() & {"clip", "opt_clip", "optional_clip"})

    @cached_property
    def is_join(self) -> bool:
        """Whether the node joins texts."""
        action = self.inputs.get("action")
        return (
            (isinstance(action, str) and bool(_JOINS.search(action[:_MAX_ACTION])))
            or bool(_JOINS.search(self.plain_kind))
            or not self.by_name.keys().isdisjoint(DELIMITERS)
        )

    @cached_property
    def is_switch(self) -> bool:
        """Whether the node passes on one of its inputs, by the name of its class."""
        return bool(_SWITCHES.search(self.plain_kind))

    @cached_property
    def is_text_model(self) -> bool:
        """Whether the output of the node is text that a model writes, which the graph does not contain."""
        if "clip" in self.by_name:
            return False
        return bool(_TEXT_MODELS.search(self.plain_kind)) or any(map(_TEXT_MODEL_INPUTS.search, self.by_name))

    @cached_property
    def is_second_pass(self) -> bool:
        """Whether the node refines a picture that another sampler made."""
        return bool(_SECOND_PASS.search(self.plain_kind))

    @cached_property
    def is_sampler(self) -> bool:
        """Whether the node samples: it takes a conditioning, and seed, steps, a guider or a pipe."""
        kind, names = self.plain_kind, self.by_name.keys()
        has_latent = any("latent" in name or name == "samples" for name in names)
        if not names or (_NO_SAMPLER.search(kind) and not ("sampl" in kind and has_latent)):
            return False
        if "guider" in names:
            return bool(names & {"sigmas", "noise"})
        has_values = bool(names & {"steps", "num_steps", "sigmas", "sampler_name", "sampler"})
        has_role = any(field.name.role == POSITIVE or field.name.is_conditioning for field in self.fields)
        has_pipe = any(field.name.is_pipe and field.link for field in self.fields)
        if re.search("sampl|denoise", kind):
            return (has_role and (has_values or {POSITIVE, NEGATIVE} <= self.roles)) or has_pipe
        has_noise = bool(names & {"seed", "noise_seed", "cfg"})
        return has_values and (has_role or (has_pipe and has_noise))

    @cached_property
    def is_stage(self) -> bool:
        """Whether the output of the node is a conditioning with an earlier stage's latents, as in Stable Cascade."""
        return any(name.startswith("stage_") for name in self.by_name)

    @cached_property
    def shown_text(self) -> str | None:
        """The text of its input that the node shows; None for nodes that show nothing."""
        if not shows_value(self.kind) or not self.links:
            return None
        fields = [
            (field, text)
            for field in self.fields
            if field.link is None and not field.name.is_option and field.name.plain not in ("prefix", "filename_prefix")
            for text in texts_in(field.value)
        ]
        named = [pair for pair in fields if pair[0].name.is_text or pair[0].name.plain == "output"]
        return (named or fields)[0][1] if fields else None

    @cached_property
    def template_parts(self) -> list[Any] | None:
        """The parts of a template such as "a {animal}": texts and field names in turn; None if there is no template."""
        by_name = {field.name.written: field for field in self.fields}
        for field in self.fields:
            parts: list[Any] = _TEMPLATE_FIELD.split(field.text) if field.text and "{" in field.text else []
            if len(parts) > 1 and all(name in by_name for name in parts[1::2]):
                parts[1::2] = [by_name[name].source for name in parts[1::2]]
                return [str(part) if isinstance(part, int | float) else part for part in parts]
        return None


Graph = dict[str, Node]


def _field(name: str, value: Any) -> Field:
    is_text = isinstance(value, str)
    value = value[:MAX_TEXT] if is_text else value
    return Field(classify(name), value, to_link(value), value if is_text and value.strip() else None)


def to_link(value: Any) -> Link | None:
    """Return the value as a link; None if it is not a link."""
    if isinstance(value, Link):
        return value
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int) and type(value[1]) is int:
        return Link(str(value[0]), value[1])
    return None


def shows_value(kind: str) -> bool:
    """Return whether a node of this class shows a value and stores it along with the link."""
    return bool(_SHOWS.search(plain(kind)))


def sorted_fields(fields: Sequence[Field]) -> list[Field]:
    """Return fields in the order in which their texts are joined: prefix, text, text_2, suffix."""

    def position(field: Field) -> tuple[int, int]:
        if re.search("prefix|prepend|before|first|left|(?:^|_)to$", field.name.plain):
            return -1, field.name.number
        return int(bool(re.search("suffix|append|after|second|right", field.name.plain))), field.name.number

    return sorted(fields, key=position)


def texts_in(value: Any) -> Iterator[str]:
    """Yield the nonempty texts of a value or of lists of values, up to three lists deep; at most 1,000 are read."""
    stack = [(value, 0)]
    for _ in range(_MAX_ITEMS):
        if not stack:
            return
        item, depth = stack.pop()
        if isinstance(item, str) and item.strip():
            yield item[:MAX_TEXT]
        elif isinstance(item, list) and depth < 3:
            stack += [(part, depth + 1) for part in reversed(item[:100])]


def to_text(value: Any) -> str | None:
    """Return the value if it is text, else None."""
    return value if isinstance(value, str) else None
