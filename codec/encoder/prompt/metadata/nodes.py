"""Nodes of a graph, classified by the names of their inputs: new node packs come with new classes every week."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

POSITIVE: Final = "positive"
NEGATIVE: Final = "negative"
MODEL_INPUTS: Final = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "gguf_name", "model_path")
_MAX_NAME: Final = 60  # characters of a name that are read

_NEGATIVE_NAME: Final = re.compile(r"negativ|(?:^|_)(?:neg|uncond|unconditional)(?:_|\d|$)")
_POSITIVE_NAME: Final = re.compile(r"positiv|(?:^|_)pos(?:_|\d|$)")
_TEXT_NAME: Final = re.compile(
    r"text|prompt|string|caption|positiv|negativ|wildcard|tags|content|sentence|clip_[lg]$|t5xxl|llama|bert|mt5"
    r"|(?:^|_)(?:str|phrase|message|response|result)(?:_|\d|$)"
)
# words in the names of inputs that are no part of a prompt
_NO_TEXT_NAME: Final = re.compile(
    r"(?:^|_)(?:system|tidy|instructions?|delimiter|separator|join_with|name|path|file|filename|folder|model|lora|loras"
    r"|regex|pattern|find|search|replace|replacement|title|label|mode|method|type|types|action|option|format|sampler"
    r"|scheduler|seed|url|key|api|lang|language|device|dtype|log|encoder|weight|strength|interpretation|normalization"
    r"|style|styles|embeds|context|font|color|align|save|output_path|count|index|select|switch|list|return_list|inputcount"
    r"|tokenizer|length|max_length|speak_and_recognation|input_mode|resolution|example|insert|template)(?:_|$)"
)
_PIPE_NAME: Final = re.compile(
    r"pipe|tuple|zipped|(?:base|advanced)_sampler$|(?:^|_)(?:ctx|context|bus|guider|conditionings?_pair)(?:_|\d|$)|text_embeds|hyvid_embeds"
)
_CONDITIONING_NAME: Final = re.compile(r"(?:^|_)cond(?:ition(?:ing)?s?)?(?:_|\d|$)")
_NO_CONDITIONING_NAME: Final = re.compile(
    r"^(?:optional_)?(?:model|clip|vae|images?|latents?|latent_image|samples|control_net|mask|pixels|sigmas|noise"
    r"|sampler|style_model|lora|stack)"
)
_PICTURE_NAME: Final = re.compile(
    r"latent|sample|image|pixel|pipe|tuple|zipped|(?:base|advanced)_sampler$|ctx|context|stage|picture|frames|(?:^|_)(?:any|input|value|x|bus|source|data)(?:_|\d|$)|^_*\d*$"
)
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
_LETTERS: Final = "abcdefghijklmnop"
SELECTORS: Final = (
    "select", "selected", "selection", "index", "switch", "boolean", "boolean_number", "condition", "cond", "bool",
    "choice", "which", "input", "value", "channel", "use_first", "active", "b",
)  # fmt: skip
DELIMITERS: Final = ("delimiter", "separator", "join_with", "delim", "sep", "divider", "joiner", "glue", "linking_text")


class Link(NamedTuple):
    """The output of another node, by its number or its name."""

    node: str
    output: int | str


@dataclass(frozen=True)
class Node:
    """A node of a graph.

    `kind`: name of its class. `inputs`: values and links by name; a link is a Link or [name of a node, number of its
    output]. `title`: name that a person gave it. `outputs`: the names of its outputs, if known.
    """

    kind: str
    inputs: dict[str, Any]
    title: str = ""
    outputs: tuple[str, ...] = ()


Graph = dict[str, Node]


def plain(name: str) -> str:
    """Return a name in lowercase, with one underscore between its words."""
    return _plain(name[:_MAX_NAME])


@functools.lru_cache(4096)
def _plain(name: str) -> str:
    name = name.replace("+ve", "positive").replace("-ve", "negative")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")


def link_of(value: Any) -> Link | None:
    """Return the value as a link, None if it is none."""
    if isinstance(value, Link):
        return value
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int) and type(value[1]) is int:
        return Link(str(value[0]), value[1])
    return None


def links(inputs: dict[str, Any]) -> list[Link]:
    """Return the inputs that are links."""
    return [link for value in inputs.values() if (link := link_of(value)) is not None]


def role_of(name: str) -> str | None:
    """Return POSITIVE or NEGATIVE for the name of such an input or output, else None."""
    name = plain(name)
    if _NEGATIVE_NAME.search(name):
        return NEGATIVE
    return POSITIVE if _POSITIVE_NAME.search(name) else None


def is_text_name(name: str) -> bool:
    """Return whether an input of this name holds text of a prompt."""
    name = plain(name)
    return bool(_TEXT_NAME.search(name)) and not _NO_TEXT_NAME.search(name)


def is_option_name(name: str) -> bool:
    """Return whether an input of this name holds an option, and never text of a prompt."""
    return bool(_NO_TEXT_NAME.search(plain(name)))


def is_pipe_name(name: str) -> bool:
    """Return whether an input of this name carries several values at once."""
    return bool(_PIPE_NAME.search(plain(name)))


def is_conditioning_name(name: str) -> bool:
    """Return whether an input has the name of a conditioning."""
    return bool(_CONDITIONING_NAME.search(plain(name)))


def may_be_conditioning(name: str) -> bool:
    """Return whether an input of this name may come from a conditioning or a text."""
    return not _NO_CONDITIONING_NAME.search(plain(name))


def is_picture_name(name: str) -> bool:
    """Return whether a picture or its latents may come through an input of this name."""
    name = plain(name)
    return bool(_PICTURE_NAME.search(name)) and role_of(name) is None and "ref" not in name and "clip" not in name


def is_show_name(kind: str) -> bool:
    """Return whether a node of this class shows a value."""
    return bool(_SHOWS.search(plain(kind)))


def shows(node: Node) -> bool:
    """Return whether the node shows a value, which it stores beside the link."""
    return is_show_name(node.kind)


def joins(node: Node) -> bool:
    """Return whether the node joins texts."""
    action = node.inputs.get("action")
    is_action = isinstance(action, str) and bool(_JOINS.search(action[:_MAX_NAME]))
    return is_action or bool(_JOINS.search(plain(node.kind))) or any(plain(name) in DELIMITERS for name in node.inputs)


def switches(node: Node) -> bool:
    """Return whether the node passes on one of its inputs."""
    return bool(_SWITCHES.search(plain(node.kind)))


def writes_text(node: Node) -> bool:
    """Return whether a model writes the text that the node gives, which the graph does not hold."""
    if any(plain(name) == "clip" for name in node.inputs):
        return False
    return bool(_TEXT_MODELS.search(plain(node.kind))) or any(_TEXT_MODEL_INPUTS.search(plain(n)) for n in node.inputs)


def is_second_pass(node: Node) -> bool:
    """Return whether the node works over a picture that another sampler made."""
    return bool(_SECOND_PASS.search(plain(node.kind)))


def is_sampler(node: Node) -> bool:
    """Return whether the node samples: it takes a conditioning, and seed, steps, a guider or a pipe."""
    kind = plain(node.kind)
    names = {plain(name) for name in node.inputs}
    has_latent = any("latent" in name or name == "samples" for name in names)
    if not node.inputs or (_NO_SAMPLER.search(kind) and not ("sampl" in kind and has_latent)):
        return False
    if "guider" in names:
        return bool(names & {"sigmas", "noise"})
    has_values = bool(names & {"steps", "num_steps", "sigmas", "sampler_name", "sampler"})
    has_role = any(role_of(name) == POSITIVE or is_conditioning_name(name) for name in names)
    has_pipe = any(is_pipe_name(name) and link_of(value) for name, value in node.inputs.items())
    if re.search("sampl|denoise", kind):
        has_both = {POSITIVE, NEGATIVE} <= {role_of(name) for name in names}
        return (has_role and (has_values or has_both)) or has_pipe
    has_noise = bool(names & {"seed", "noise_seed", "cfg"})
    return has_values and (has_role or (has_pipe and has_noise))


def family(name: str) -> tuple[str, int]:
    """Return the name without its number or letter, and that as a number: ("text", 2) for "text_b"; 0 for none."""
    name = plain(name)
    if match := re.fullmatch(r"(.*?)_?(\d{1,4})", name):
        return match[1], int(match[2])
    if match := re.fullmatch(rf"(.*)_([{_LETTERS}])", name):
        return match[1], _LETTERS.index(match[2]) + 1
    if len(name) == 1 and name in _LETTERS:
        return "", _LETTERS.index(name) + 1
    return name, 0


def sorted_fields(fields: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return inputs in the order of the text that they join: prefix, text, text_2, suffix."""

    def position(field: tuple[str, Any]) -> tuple[int, int]:
        name = plain(field[0])
        if re.search("prefix|prepend|before|first|left|(?:^|_)to$", name):
            return -1, family(name)[1]
        return int(bool(re.search("suffix|append|after|second|right", name))), family(name)[1]

    return sorted(fields, key=position)


def texts_in(value: Any) -> Iterator[str]:
    """Yield the nonempty texts of a value or of a list of values, up to three lists deep."""
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if isinstance(item, str) and item.strip():
            yield item
        elif isinstance(item, list) and depth < 3:
            stack += [(part, depth + 1) for part in reversed(item[:100])]


def to_text(value: Any) -> str | None:
    """Return the value if it is text, else None."""
    return value if isinstance(value, str) else None
