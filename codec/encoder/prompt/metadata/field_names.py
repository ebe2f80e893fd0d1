"""Classify the inputs and outputs of nodes by their names, since node packs use the same words for the same things."""

from __future__ import annotations

import functools
import re
from typing import Final, NamedTuple

POSITIVE: Final = "positive"
NEGATIVE: Final = "negative"
# names of inputs that choose a branch, and of inputs with the separator of joined texts
SELECTORS: Final = (
    "select", "selected", "selection", "index", "switch", "boolean", "boolean_number", "condition", "cond", "bool",
    "choice", "which", "input", "value", "channel", "use_first", "active", "b",
)  # fmt: skip
DELIMITERS: Final = ("delimiter", "separator", "join_with", "delim", "sep", "divider", "joiner", "glue", "linking_text")
_MAX_NAME: Final = 60  # characters of a name to read
_LETTERS: Final = "abcdefghijklmnop"

_BUNDLE: Final = r"pipe|tuple|zipped|(?:base|advanced)_sampler$"
_NEGATIVE_NAME: Final = re.compile(r"negativ|(?:^|_)(?:neg|uncond|unconditional)(?:_|\d|$)")
_POSITIVE_NAME: Final = re.compile(r"positiv|(?:^|_)pos(?:_|\d|$)")
_TEXT_NAME: Final = re.compile(
    r"text|prompt|string|caption|positiv|negativ|wildcard|tags|content|sentence|clip_[lg]$|t5xxl|llama|bert|mt5"
    r"|(?:^|_)(?:str|phrase|message|response|result)(?:_|\d|$)"
)
# words in the names of inputs that are not part of a prompt
_OPTION_NAME: Final = re.compile(
    r"(?:^|_)(?:system|tidy|instructions?|delimiter|separator|join_with|name|path|file|filename|folder|model|lora|loras"
    r"|regex|pattern|find|search|replace|replacement|title|label|mode|method|type|types|action|option|format|sampler"
    r"|scheduler|seed|url|key|api|lang|language|device|dtype|log|encoder|weight|strength|interpretation|normalization"
    r"|style|styles|embeds|context|font|color|align|save|output_path|count|index|select|switch|list|return_list|inputcount"
    r"|tokenizer|length|max_length|speak_and_recognation|input_mode|resolution|example|insert|template)(?:_|$)"
)
_PIPE_NAME: Final = re.compile(
    rf"{_BUNDLE}|(?:^|_)(?:ctx|context|bus|guider|conditionings?_pair)(?:_|\d|$)|text_embeds|hyvid_embeds"
)
_CONDITIONING_NAME: Final = re.compile(r"(?:^|_)cond(?:ition(?:ing)?s?)?(?:_|\d|$)")
# words in the names of other inputs of nodes for conditionings or texts
_OTHER_NAME: Final = re.compile(
    r"^(?:optional_)?(?:model|clip|vae|images?|latents?|latent_image|samples|control_net|mask|pixels|sigmas|noise"
    r"|sampler|style_model|lora|stack)"
)
_PICTURE_NAME: Final = re.compile(
    rf"{_BUNDLE}|latent|sample|image|pixel|ctx|context|stage|picture|frames|^_*\d*$"
    r"|(?:^|_)(?:any|input|value|x|bus|source|data)(?:_|\d|$)"
)


class FieldName(NamedTuple):
    """The classification of an input by its name.

    written: as in the file. plain: in lowercase, with one underscore between its words. role: POSITIVE, NEGATIVE or
    None. is_text: of a text of a prompt. is_option: of an option, which is never text of a prompt. is_pipe: of several
    values at once. is_conditioning: of a conditioning. is_other: of something that is neither conditioning nor text.
    is_picture: of a picture or its latents. stem, number: the name without a final number or letter, and
    that as a number: "text", 2 for "text_b"; 0 if there is none.
    """

    written: str
    plain: str
    role: str | None
    is_text: bool
    is_option: bool
    is_pipe: bool
    is_conditioning: bool
    is_other: bool
    is_picture: bool
    stem: str
    number: int


@functools.lru_cache(1 << 14)
def classify(name: str) -> FieldName:
    """Return the classification of a name."""
    known, role = plain(name), role_of(name)
    stem, number = _split_number(known)
    return FieldName(
        name,
        known,
        role,
        is_text=is_text_name(name),
        is_option=bool(_OPTION_NAME.search(known)),
        is_pipe=bool(_PIPE_NAME.search(known)),
        is_conditioning=bool(_CONDITIONING_NAME.search(known)),
        is_other=bool(_OTHER_NAME.search(known)),
        is_picture=bool(_PICTURE_NAME.search(known)) and role is None and "ref" not in known and "clip" not in known,
        stem=stem,
        number=number,
    )


def plain(name: str) -> str:
    """Return a name in lowercase, with one underscore between its words."""
    return _plain(name[:_MAX_NAME])


@functools.lru_cache(1 << 12)
def _plain(name: str) -> str:
    name = name.replace("+ve", "positive").replace("-ve", "negative")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")


def role_of(name: str) -> str | None:
    """Return POSITIVE or NEGATIVE if the name of an input or output contains that role, else None."""
    name = plain(name)
    if _NEGATIVE_NAME.search(name):
        return NEGATIVE
    return POSITIVE if _POSITIVE_NAME.search(name) else None


def is_text_name(name: str) -> bool:
    """Return whether an input of this name holds text of a prompt."""
    name = plain(name)
    return bool(_TEXT_NAME.search(name)) and not _OPTION_NAME.search(name)


def _split_number(name: str) -> tuple[str, int]:
    """Return a plain name without its final number or letter, and that as a number, 0 if there is none."""
    if match := re.fullmatch(r"(.*?)_?(\d{1,4})", name):
        return match[1], int(match[2])
    if match := re.fullmatch(rf"(.*)_([{_LETTERS}])", name):
        return match[1], _LETTERS.index(match[2]) + 1
    if len(name) == 1 and name in _LETTERS:
        return "", _LETTERS.index(name) + 1
    return name, 0
