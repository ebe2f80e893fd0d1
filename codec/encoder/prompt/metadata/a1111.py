"""The "infotext" of AUTOMATIC1111's web UI, its forks, and others such as Civitai, SD.Next and stable-diffusion.cpp:

a castle on a hill, matte painting
Negative prompt: blurry, text
Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: v1-5-pruned

Either of the last two parts may be missing, and all may stand on one line. The settings are pairs of a name and
a value, separated by commas. A value is a quoted string, a JSON array or object, or a text without commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, islice
from typing import Final, NamedTuple

from codec.encoder.prompt.metadata.recipes import add_web_ui_recipe
from codec.encoder.prompt.metadata.values import Metadata, build_metadata, clean_text, to_number

TOOL: Final = "AUTOMATIC1111"
_MAX_TEXT: Final = 1 << 16  # maximum characters to read; prompts hold 4,096 bytes
_MAX_STARTS: Final = 32  # places at which the settings may start
_MAX_SETTINGS: Final = 400
_MAX_STEPS: Final = 20_000  # settings and parts of JSON values, from all places together
_MAX_DEPTH: Final = 64  # nested brackets of a JSON value
# All repetitions are possessive or bounded, and no match fails after a long repetition, so that matching is fast.
_NEGATIVE_LINE: Final = re.compile(r"^[ \t]*+negative prompt:", re.IGNORECASE | re.MULTILINE)
_NEGATIVE_INSIDE: Final = re.compile(r"(?<!\w)Negative [Pp]rompt:")
_LEADING_LABEL: Final = re.compile(r"(?:parameters|prompt|positive prompt):\s", re.IGNORECASE)
_STEPS: Final = re.compile(r"(?<![\w-])Steps: *+\d")
_NAME: Final = re.compile(r"\s*+([^\W\d_][\w /().+-]{0,60}):[ \t]*+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"(?=\s*+(?:,|$))', re.DOTALL)
_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_UNQUOTED: Final = re.compile(r"[^,\n]*+")
_SEPARATOR: Final = re.compile(r"[ \t]*+(?:,[ \t]*+|(\n)\s*+|$)")
_KNOWN_NAMES: Final = frozenset(
    (
        "adetailer model", "backend", "batch size", "cfg scale", "civitai resources", "clip skip", "created date",
        "denoising strength", "distilled cfg scale", "ensd", "eta", "face restoration", "guidance", "guidance scale",
        "hires steps", "hires upscale", "hires upscaler", "lora hashes", "model", "model hash", "module 1", "parser",
        "pipeline", "rng", "sampler", "schedule", "schedule type", "scheduler", "seed", "size", "steps", "ti hashes",
        "vae", "vae hash", "variation seed", "version",
    )
)  # fmt: skip


class _Settings(NamedTuple):
    """Settings by lowercase name, and their start and end in the text."""

    values: dict[str, str]
    start: int
    end: int

    def known(self) -> int:
        """Return the number of names that are known settings of infotexts."""
        return len(_KNOWN_NAMES & self.values.keys())


def read(text: str, *, is_infotext: bool = True) -> Metadata | None:
    """Read an infotext; None if it is empty.

    is_infotext: the text is an infotext even without settings; if False, a text without settings is a comment and
    ignored.
    """
    text = _with_line_breaks(clean_text(text[:_MAX_TEXT]))
    found = _find_settings(text)
    prompts = text if found is None else _without_full_stop(text[: found.start])
    positive, negative = _split_negative(prompts)
    if not text or (found is None and negative is None and not is_infotext):
        return None
    settings = {} if found is None else found.values
    width, _, height = settings.get("size", "").partition("x")
    metadata = build_metadata(
        _tool(settings),
        positive,
        negative or "",
        seed=settings.get("seed"),
        steps=settings.get("steps"),
        guidance=_guidance(settings),
        sampler=settings.get("sampler"),
        schedule=settings.get("schedule type", settings.get("scheduler", settings.get("schedule"))),
        model=settings.get("model", settings.get("unet")),
        model_hash=settings.get("model hash"),
        width=width,
        height=height,
    )
    return add_web_ui_recipe(metadata, settings) if settings and metadata.tool == TOOL else metadata


def _with_line_breaks(text: str) -> str:
    r"""Return the text with each \n replaced by a line break, if the whole text was escaped."""
    is_escaped = "\n" not in text and (r"\nNegative prompt:" in text or r"\nSteps:" in text)
    return text.replace(r"\n", "\n") if is_escaped else text


def _without_full_stop(text: str) -> str:
    """Return the text without a final full stop that replaces a line break, that is, one without a space after it."""
    return text.removesuffix(".")


def _guidance(settings: dict[str, str]) -> str | None:
    """Return the guidance scale; if it is 1, i.e. off, the distilled guidance of models such as Flux."""
    scale = settings.get("cfg scale")
    distilled = settings.get("distilled cfg scale", settings.get("guidance scale", settings.get("guidance")))
    return distilled if distilled is not None and to_number(scale) in (None, 1) else scale


def _tool(settings: dict[str, str]) -> str:
    """Return the tool that wrote the infotext."""
    version = settings.get("version", "")
    if version.startswith("Fooocus"):
        return "Fooocus"
    if "civitai resources" in settings:
        return "Civitai"
    if settings.get("app") == "SD.Next":
        return "SD.Next"
    if version.startswith("stable-diffusion.cpp"):
        return "stable-diffusion.cpp"
    return "ComfyUI" if version.startswith("ComfyUI") else TOOL


def _split_negative(prompts: str) -> tuple[str, str | None]:
    """Return the prompt and the negative prompt, or None; one that starts on its own line is preferred."""
    match = _NEGATIVE_LINE.search(prompts) or _NEGATIVE_INSIDE.search(prompts)
    positive, negative = (prompts, None) if match is None else (prompts[: match.start()], prompts[match.end() :])
    if match is not None:
        positive = _without_full_stop(positive)
    if label := _LEADING_LABEL.match(positive):
        positive = positive[label.end() :]
    return _stripped_lines(positive), None if negative is None else _stripped_lines(negative)


def _stripped_lines(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().split("\n"))


# --- settings ---


def _find_settings(text: str) -> _Settings | None:
    """Return the settings that start with Steps and have the most known names, or those of the last line.

    A line that starts with Steps needs no other setting. The last line, which an extension may have appended, needs
    three settings, as in the web UI itself; weights such as (red:1.2) do not count.
    """
    best: _Settings | None = None
    end = 0
    steps = count(1)
    for match in islice(_STEPS.finditer(text), _MAX_STARTS):
        if match.start() < end:  # inside the value of a setting
            continue
        found = _parse_settings(text, match.start(), steps)
        is_line = not text[: match.start()].rpartition("\n")[2].strip()
        if found.known() < (1 if is_line else 2):
            continue
        end = found.end
        if best is None or found.known() >= best.known():
            best = found
    if best is not None:
        return best
    start = text.rfind("\n") + 1
    last = _parse_settings(text, start, steps)
    return last if len(last.values) >= 3 and last.known() >= 2 else None


def _parse_settings(text: str, start: int, steps: Iterator[int]) -> _Settings:
    """Parse settings from `start` to a line without a known name. The first of repeated settings is kept."""
    values: dict[str, str] = {}
    at = start
    for name, value, end in islice(_pairs(text, start, steps), _MAX_SETTINGS):
        values.setdefault(name, value)
        at = end
    return _Settings(values, start, at)


def _pairs(text: str, at: int, steps: Iterator[int]) -> Iterator[tuple[str, str, int]]:
    """Yield name, value and end of each setting; text without a name is skipped."""
    while at < len(text) and next(steps) < _MAX_STEPS:
        name = _NAME.match(text, at)
        if name:
            value, at = _parse_value(text, name.end(), steps)
            yield name[1].strip().lower(), value, at
        else:
            at = _parse_value(text, at, steps)[1]
        separator = _SEPARATOR.match(text, at)
        at = separator.end() if separator else at + 1
        if separator and separator[1]:  # a new line
            name = _NAME.match(text, at)
            if name is None or name[1].strip().lower() not in _KNOWN_NAMES:
                return


def _parse_value(text: str, at: int, steps: Iterator[int]) -> tuple[str, int]:
    """Return the value at a position, without quotes, and its end."""
    if match := _QUOTED.match(text, at):
        return re.sub(r"\\(.)", r"\1", match[1]), match.end()
    if text[at : at + 1] in ("[", "{") and (end := _end_of_json(text, at, steps)):
        return text[at:end], end
    match = _UNQUOTED.match(text, at)
    return (match[0].strip(), match.end()) if match else ("", at)


def _end_of_json(text: str, at: int, steps: Iterator[int]) -> int | None:
    """Return the end of the brackets that open at a position; None if they are not closed or nested too deep."""
    depth = 0
    for token in _JSON_TOKEN.finditer(text, at):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        if depth == 0:
            return token.end()
        if depth > _MAX_DEPTH or next(steps) > _MAX_STEPS:
            return None
    return None
