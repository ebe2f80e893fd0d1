"""AUTOMATIC1111's web UI, its forks, and all that write its "infotext", as Civitai does:

a castle on a hill, matte painting
Negative prompt: blurry, text
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: v1-5-pruned
"""

from __future__ import annotations

import re

from codec.encoder.prompt.metadata.values import Metadata, clean, metadata

TOOL = "AUTOMATIC1111"
_MAX_TEXT = 1 << 16  # characters looked at; prompts hold 4,096 bytes
_NEGATIVE = "Negative prompt:"
# a key, and a value that is quoted or ends at the next comma; bounded, so linear on any text
_SETTING = re.compile(r'(\w[\w /-]{0,40}):\s*("(?:\\.|[^\\"]){0,400}"|[^,]{0,400})(?:,|$)')


def read(text: str, *, tool: str = TOOL, sure: bool = True) -> Metadata | None:
    """An infotext -> what it says; None if there is nothing in it.

    sure: the text is an infotext even where it holds no settings; else it may be anybody's comment,
    which is left alone.
    """
    lines = clean(text[:_MAX_TEXT]).split("\n")
    at = _settings_line(lines)
    body = "\n".join(line.strip() for line in lines[:at])
    if lines == [""] or (at is None and not sure and _NEGATIVE not in body):
        return None
    said = {} if at is None else settings(lines[at])
    positive, negative = _split_negative(body)
    width, _, height = said.get("Size", "").partition("x")
    return metadata(
        _tool(said, tool), positive, negative,
        seed=said.get("Seed"), steps=said.get("Steps"), guidance=said.get("CFG scale", said.get("Guidance Scale")),
        sampler=said.get("Sampler"), schedule=said.get("Schedule type"),
        model=said.get("Model"), model_hash=said.get("Model hash"), width=width, height=height,
    )  # fmt: skip


def settings(line: str) -> dict[str, str]:
    """The line of settings, by their names."""
    return {key.strip(): value.strip().strip('"') for key, value in _SETTING.findall(line)}


def _tool(said: dict[str, str], tool: str) -> str:
    """Who really wrote it, where that is said."""
    version = said.get("Version", "")
    if version.startswith("Fooocus"):
        return "Fooocus"
    return "Civitai" if "Civitai resources" in said else "ComfyUI" if version.startswith("ComfyUI") else tool


def _split_negative(body: str) -> tuple[str, str]:
    if body.startswith(_NEGATIVE):
        return "", body[len(_NEGATIVE) :]
    positive, _, negative = body.partition("\n" + _NEGATIVE)
    return positive, negative


def _settings_line(lines: list[str]) -> int | None:
    """-> the index of the settings: a last line with three of them, or one that starts with Steps.

    The web UI itself goes by the three; extensions write lines of their own below.
    """
    for at in reversed(range(len(lines))):
        if re.match(r"\s*Steps: *\d", lines[at]):
            return at
    last = len(lines) - 1
    return last if len(_SETTING.findall(lines[last])) >= 3 else None
