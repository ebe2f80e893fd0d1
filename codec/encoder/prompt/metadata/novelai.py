"""NovelAI: a JSON `Comment` beside the prompt in `Description`; the same texts as JSON in the pixels' lowest bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codec.encoder.prompt.metadata.values import Metadata, mapping, metadata

TOOL = "NovelAI"
_MAX_CHARACTERS = 32


def read(texts: Mapping[str, Any]) -> Metadata | None:
    """A file's texts, or what was hidden in its pixels -> what NovelAI says of it, if it does."""
    said = mapping(texts.get("Comment"))
    marked = texts.get("Software") == TOOL or "uc" in said
    if not said or not marked:
        return None
    prompt = _all(said.get("v4_prompt")) or said.get("prompt") or texts.get("Description")
    negative = _all(said.get("v4_negative_prompt")) or said.get("uc")
    return metadata(
        TOOL, prompt, negative,
        seed=said.get("seed"), steps=said.get("steps"), guidance=said.get("scale"),
        sampler=said.get("sampler"), schedule=said.get("noise_schedule"), model=texts.get("Source"),
        width=said.get("width"), height=said.get("height"),
    )  # fmt: skip


def _all(value: Any) -> str:
    """A prompt of version 4: of the whole, and of each character."""
    caption = mapping(mapping(value).get("caption"))
    characters = caption.get("char_captions")
    parts = [caption.get("base_caption")]
    for character in characters[:_MAX_CHARACTERS] if isinstance(characters, list) else ():
        parts.append(mapping(character).get("char_caption"))
    return " | ".join(part for part in parts if isinstance(part, str) and part.strip())
