"""InvokeAI: `invokeai_metadata` since version 3, `sd-metadata` of version 2, the command line `Dream` before.

Before version 3 the negative prompt stands in the prompt, in square brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codec.encoder.prompt.metadata.values import Metadata, mapping, metadata

TOOL = "InvokeAI"
_MAX_TEXT = 1 << 16
# the prompt of a command line may hold quotes; options are letters, with or without a space before the value
_DREAM = re.compile(r'"(.*)"([^"]*)', re.DOTALL)
_OPTION = re.compile(r"-([sSWHCA]) ?([\w.]{1,40})")


def read(texts: Mapping[str, str]) -> Metadata | None:
    """A file's texts -> what InvokeAI says of it, if it does."""
    for key, reader in (("invokeai_metadata", _version3), ("sd-metadata", _version2)):
        if (said := mapping(texts.get(key))) and (found := reader(said)):
            return found
    return _dream(texts.get("Dream") or texts.get("dream") or "")


def _version3(said: dict[str, Any]) -> Metadata | None:
    model = mapping(said.get("model"))
    return metadata(
        TOOL, said.get("positive_prompt"), said.get("negative_prompt"),
        seed=said.get("seed"), steps=said.get("steps"), guidance=said.get("cfg_scale", said.get("guidance")),
        sampler=said.get("scheduler"), model=model.get("name", model.get("model_name")),
        width=said.get("width"), height=said.get("height"),
    )  # fmt: skip


def _version2(said: dict[str, Any]) -> Metadata | None:
    image = mapping(said.get("image"))
    prompt = image.get("prompt")
    if isinstance(prompt, list):  # parts with weights
        parts = (part.get("prompt") for part in prompt[:100] if isinstance(part, dict))
        prompt = ", ".join(part for part in parts if isinstance(part, str))
    if not isinstance(prompt, str):
        return None
    return metadata(
        TOOL, *_split(prompt),
        seed=image.get("seed"), steps=image.get("steps"), guidance=image.get("cfg_scale"),
        sampler=image.get("sampler"), model=said.get("model_weights", said.get("model_id")),
        width=image.get("width"), height=image.get("height"),
    )  # fmt: skip


def _dream(line: str) -> Metadata | None:
    """A command line such as "a cat [blurry]" -s 50 -S 42 -W 512 -H 768 -C 7.5 -A k_lms."""
    found = _DREAM.match(line[:_MAX_TEXT].strip())
    if found is None:
        return None
    said = dict(reversed(_OPTION.findall(found[2])))
    return metadata(
        TOOL, *_split(found[1]),
        seed=said.get("S"), steps=said.get("s"), guidance=said.get("C"), sampler=said.get("A"),
        width=said.get("W"), height=said.get("H"),
    )  # fmt: skip


def _split(prompt: str) -> tuple[str, str]:
    """What is in square brackets is what must not be seen."""
    prompt = prompt[:_MAX_TEXT]
    negative = ", ".join(re.findall(r"\[([^\[\]]*)\]", prompt))
    return re.sub(r" ?\[[^\[\]]*\]", "", prompt), negative
