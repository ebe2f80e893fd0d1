"""InvokeAI: `invokeai_metadata` since version 3, `sd-metadata` in version 2, and the command line `Dream` before.

Before version 3 the prompt holds the negative prompt in square brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_object

TOOL: Final = "InvokeAI"
_MAX_TEXT: Final = 1 << 16
# The prompt of a command line may hold quotes; options are single letters, with or without a space before the value.
_DREAM: Final = re.compile(r'"(.*)"([^"]*)', re.DOTALL)
_OPTION: Final = re.compile(r"-([sSWHCA]) ?([\w.]{1,40})")


def read(texts: Mapping[str, str]) -> Metadata | None:
    """Read a file's texts; None if InvokeAI did not write them."""
    for key, reader in (("invokeai_metadata", _read_version3), ("sd-metadata", _read_version2)):
        if (document := to_object(texts.get(key))) and (metadata := reader(document)):
            return metadata
    return _read_dream(texts.get("Dream") or texts.get("dream") or "")


def _read_version3(document: dict[str, Any]) -> Metadata | None:
    model = to_object(document.get("model"))
    return build_metadata(
        TOOL,
        document.get("positive_prompt"),
        document.get("negative_prompt"),
        seed=document.get("seed"),
        steps=document.get("steps"),
        guidance=document.get("cfg_scale", document.get("guidance")),
        sampler=document.get("scheduler"),
        model=model.get("name", model.get("model_name")),
        width=document.get("width"),
        height=document.get("height"),
    )


def _read_version2(document: dict[str, Any]) -> Metadata | None:
    image = to_object(document.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):  # parts with weights
        parts = (part.get("prompt") for part in prompt[:100] if isinstance(part, dict))
        prompt = ", ".join(part for part in parts if isinstance(part, str))
    if not isinstance(prompt, str):
        return None
    return build_metadata(
        TOOL,
        *_split_negative(prompt),
        seed=image.get("seed"),
        steps=image.get("steps"),
        guidance=image.get("cfg_scale"),
        sampler=image.get("sampler"),
        model=document.get("model_weights", document.get("model_id")),
        width=image.get("width"),
        height=image.get("height"),
    )


def _read_dream(line: str) -> Metadata | None:
    """Read a command line such as "a cat [blurry]" -s 50 -S 42 -W 512 -H 768 -C 7.5 -A k_lms."""
    match = _DREAM.match(line[:_MAX_TEXT].strip())
    if match is None:
        return None
    options = dict(reversed(_OPTION.findall(match[2])))  # the first of repeated options counts
    return build_metadata(
        TOOL,
        *_split_negative(match[1]),
        seed=options.get("S"),
        steps=options.get("s"),
        guidance=options.get("C"),
        sampler=options.get("A"),
        width=options.get("W"),
        height=options.get("H"),
    )


def _split_negative(prompt: str) -> tuple[str, str]:
    """Return the prompt without its parts in square brackets, and these, which are the negative prompt."""
    prompt = prompt[:_MAX_TEXT]
    negative = ", ".join(re.findall(r"\[([^\[\]]*)\]", prompt))
    return re.sub(r" ?\[[^\[\]]*\]", "", prompt), negative
