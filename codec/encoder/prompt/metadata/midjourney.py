"""Midjourney and Mochi Diffusion: one line of text, in a PNG's `Description` or another text.

a castle on a hill --ar 3:2 --no text, people --seed 42 Job ID: 3f2c...
Include in Image: a castle; Exclude from Image: text; Model: v1-5; Steps: 20; Guidance Scale: 7; Seed: 42
"""

from __future__ import annotations

import re
from typing import Final

from codec.encoder.prompt.metadata.values import Metadata, build_metadata

_MAX_TEXT: Final = 1 << 16
_JOB: Final = re.compile(r"\bJob ID: ?[0-9a-f]{8}-[0-9a-f-]{10,40}")
_OPTION: Final = re.compile(r"(?<=\s)--([a-z]{1,20})\b *+([^-]*+(?:-(?!-)[^-]*+)*+)")
# options whose values no other text has; the job's number is missing from copied prompts
_OWN_OPTION: Final = re.compile(r"\s--(?:ar \d{1,4}:\d{1,4}|v \d(?:\.\d)?|niji \d|stylize \d{1,4}|chaos \d{1,3})(?!\S)")
_INCLUDE: Final = "Include in Image:"


def read(text: str) -> Metadata | None:
    """Read the line; None if neither tool wrote it."""
    text = text[:_MAX_TEXT].strip()
    if text.startswith(_INCLUDE):
        return _read_mochi(text)
    job = _JOB.search(text)
    if job is not None:
        return _read_midjourney(text[: job.start()])
    is_one_line = "\n" not in text and "Steps: " not in text
    return _read_midjourney(text) if is_one_line and _OWN_OPTION.search(text) else None


def _read_midjourney(line: str) -> Metadata:
    options = {name: value.strip() for name, value in reversed(_OPTION.findall(line))}
    start = _OPTION.search(line)
    prompt = line if start is None else line[: start.start()].strip()
    return build_metadata("Midjourney", prompt, options.get("no", ""), seed=options.get("seed"))


def _read_mochi(line: str) -> Metadata:
    fields = dict(pair for part in re.split(r"; (?=[A-Z])", line) if len(pair := part.split(": ", 1)) == 2)
    width, _, height = fields.get("Size", "").partition("x")
    return build_metadata(
        "Mochi Diffusion",
        fields.get("Include in Image"),
        fields.get("Exclude from Image"),
        seed=fields.get("Seed"),
        steps=fields.get("Steps"),
        guidance=fields.get("Guidance Scale"),
        sampler=fields.get("Scheduler"),
        model=fields.get("Model"),
        width=width,
        height=height,
    )
