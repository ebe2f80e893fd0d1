"""The "infotext" of AUTOMATIC1111's web UI, its forks, and others such as Civitai:

a castle on a hill, matte painting
Negative prompt: blurry, text
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: v1-5-pruned
"""

from __future__ import annotations

import re
from typing import Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata, clean_text

TOOL: Final = "AUTOMATIC1111"
_MAX_TEXT: Final = 1 << 16  # characters that are read; prompts hold 4,096 bytes
_NEGATIVE: Final = "Negative prompt:"
# A key, and a value that is quoted or ends at the next comma. The bounds and the possessive quantifier keep matching
# fast on any text.
_SETTING: Final = re.compile(r'(\w[\w /-]{0,40}):\s*("(?:\\.|[^\\"]){0,400}"|[^,]{0,400}+)(?:,|$)')


def read(text: str, *, is_infotext: bool = True) -> Metadata | None:
    """Read an infotext; None if it is empty.

    is_infotext: the text is an infotext even if it holds no settings; otherwise it may be any comment and is ignored.
    """
    lines = clean_text(text[:_MAX_TEXT]).split("\n")
    settings_line = _find_settings_line(lines)
    prompts = "\n".join(line.strip() for line in lines[:settings_line])
    if lines == [""] or (settings_line is None and not is_infotext and _NEGATIVE not in prompts):
        return None
    settings = {} if settings_line is None else parse_settings(lines[settings_line])
    positive, negative = _split_negative(prompts)
    width, _, height = settings.get("Size", "").partition("x")
    return build_metadata(
        _tool(settings),
        positive,
        negative,
        seed=settings.get("Seed"),
        steps=settings.get("Steps"),
        guidance=settings.get("CFG scale", settings.get("Guidance Scale")),
        sampler=settings.get("Sampler"),
        schedule=settings.get("Schedule type"),
        model=settings.get("Model"),
        model_hash=settings.get("Model hash"),
        width=width,
        height=height,
    )


def parse_settings(line: str) -> dict[str, str]:
    """Return the settings of a line by their names."""
    return {key.strip(): value.strip().strip('"') for key, value in _SETTING.findall(line)}


def _tool(settings: dict[str, str]) -> str:
    """Return the tool that wrote the infotext."""
    version = settings.get("Version", "")
    if version.startswith("Fooocus"):
        return "Fooocus"
    if "Civitai resources" in settings:
        return "Civitai"
    return "ComfyUI" if version.startswith("ComfyUI") else TOOL


def _split_negative(prompts: str) -> tuple[str, str]:
    """Return the prompt and the negative prompt."""
    if prompts.startswith(_NEGATIVE):
        return "", prompts[len(_NEGATIVE) :]
    positive, _, negative = prompts.partition("\n" + _NEGATIVE)
    return positive, negative


def _find_settings_line(lines: list[str]) -> int | None:
    """Return the index of the last line that starts with Steps, or of a last line with three settings or more.

    The web UI itself expects three settings; extensions append lines of their own.
    """
    for index in reversed(range(len(lines))):
        if re.match(r"\s*Steps: *\d", lines[index]):
            return index
    last = len(lines) - 1
    return last if len(_SETTING.findall(lines[last])) >= 3 else None
