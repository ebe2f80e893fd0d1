"""NovelAI: a JSON `Comment` and the prompt as `Description`; also both as JSON in the pixels' lowest bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata, to_object

TOOL: Final = "NovelAI"
_MAX_CHARACTERS: Final = 32


def read(texts: Mapping[str, Any]) -> Metadata | None:
    """Read a file's texts, or the document hidden in its pixels; None if NovelAI did not write them."""
    comment = to_object(texts.get("Comment"))
    is_novelai = texts.get("Software") == TOOL or "uc" in comment
    if not comment or not is_novelai:
        return None
    return build_metadata(
        TOOL,
        _join_captions(comment.get("v4_prompt")) or comment.get("prompt") or texts.get("Description"),
        _join_captions(comment.get("v4_negative_prompt")) or comment.get("uc"),
        seed=comment.get("seed"),
        steps=comment.get("steps"),
        guidance=comment.get("scale"),
        sampler=comment.get("sampler"),
        schedule=comment.get("noise_schedule"),
        model=texts.get("Source"),
        width=comment.get("width"),
        height=comment.get("height"),
    )


def _join_captions(prompt: Any) -> str:
    """Return a prompt of version 4 as one text: the caption of the whole picture, then that of each character."""
    caption = to_object(to_object(prompt).get("caption"))
    characters = caption.get("char_captions")
    captions = [caption.get("base_caption")]
    for character in characters[:_MAX_CHARACTERS] if isinstance(characters, list) else ():
        captions.append(to_object(character).get("char_caption"))
    return " | ".join(text for text in captions if isinstance(text, str) and text.strip())
