"""Where a prompt comes from: the person, the picture file's own metadata, a captioner, or the colours.

The metadata read here is what AUTOMATIC1111's web UI writes as PNG text `parameters`:

    a castle on a hill, matte painting
    Negative prompt: blurry, text
    Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: v1-5-pruned
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from codec.errors import CodecError, InvalidLayer
from codec.extract.caption import best, caption
from codec.extract.describe import describe as describe
from codec.image import Picture
from codec.semantic import MAX_TEXT, Prompt
from codec.settings import SAMPLERS, Settings

GIVEN = "yours"
FROM_FILE = "the file's own metadata (PNG parameters)"
CAPTIONED = "captioned by"  # and the captioner's name
DESCRIBED = "described from its colours: no captioner is installed"

_MAX_PARAMETERS = 1 << 16  # characters looked at; prompts hold 4096 bytes
_NEGATIVE = "Negative prompt:"
# a key, and a value that is quoted or ends at the next comma; bounded, so linear on any text
_SETTING = re.compile(r'(\w[\w /-]{0,40}):\s*("(?:\\.|[^\\"]){0,400}"|[^,]{0,400})(?:,|$)')


@dataclass(frozen=True)
class FoundPrompt:
    """A prompt, one short line for a person on where it comes from, and what came with it.

    seed, settings: how the picture was generated if its file says so, else None.
    """

    prompt: Prompt
    origin: str
    seed: int | None = None
    settings: Settings | None = None


def find_prompt(
    picture: Picture, prompt: str | None = None, negative: str = "", captioner: str = "auto"
) -> FoundPrompt:
    """The given prompt, else the one in the file, else a caption, else a description of the colours.

    prompt: None is "not given"; an empty text is a prompt too. negative: "" is "not given".
    captioner: "auto" for the best that is here, which then is not asked if the file has a prompt, and
    done without if it fails; "none"; or a name of `caption.CAPTIONERS`, which goes before the file's.
    Raises InvalidLayer when a given text is not one that a Prompt holds, and what `caption` raises
    if a captioner is named; metadata never raises.
    """
    found = read_parameters(picture.text.get("parameters", ""))
    seed, settings = (found.seed, found.settings) if found else (None, None)
    if prompt is not None:
        return FoundPrompt(Prompt(prompt, negative), GIVEN, seed, settings)
    if found and found.prompt.text and captioner in ("auto", "none"):
        kept = Prompt(found.prompt.text, negative or found.prompt.negative)
        return FoundPrompt(kept, FROM_FILE, seed, settings)
    text, origin = _caption(picture, captioner)
    return FoundPrompt(Prompt(text, negative), origin, seed, settings)


def _caption(picture: Picture, captioner: str) -> tuple[str, str]:
    """-> what a picture shows, and who says so."""
    if captioner == "none":
        return describe(picture.pixels), "described from its colours"
    if captioner == "auto" and best() is None:
        return describe(picture.pixels), DESCRIBED
    try:
        text, name = caption(picture.pixels, captioner)
    except CodecError as error:
        if captioner != "auto":
            raise
        return describe(picture.pixels), f"described from its colours: {error}"
    if not text:
        return describe(picture.pixels), f"described from its colours: {name} had nothing to say"
    return text, f"{CAPTIONED} {name}"


def read_parameters(text: str) -> FoundPrompt | None:
    """AUTOMATIC1111's infotext -> what it says; None if there is nothing in it.

    Any text goes: controls are dropped, too long prompts are cut to what a Prompt holds, and
    settings that make no sense are left out.
    """
    lines = _clean(text[:_MAX_PARAMETERS]).strip().split("\n")
    if lines == [""]:
        return None
    at = _settings_line(lines)
    values = {} if at is None else _settings(lines[at])
    body = "\n".join(line.strip() for line in lines[:at])
    positive, negative = _split_negative(body)
    prompt = Prompt(_cut(positive), _cut(negative))
    return FoundPrompt(prompt, FROM_FILE, _whole(values.get("Seed"), 2**32 - 1), _kept(values))


def _clean(text: str) -> str:
    """Newlines and tabs stay, other C0 and C1 controls go, half characters are replaced."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "", text)
    return text.encode("utf-8", "replace").decode("utf-8")


def _cut(text: str) -> str:
    return text.encode()[:MAX_TEXT].decode("utf-8", "ignore").strip()


def _split_negative(body: str) -> tuple[str, str]:
    if body.startswith(_NEGATIVE):
        return "", body[len(_NEGATIVE) :].strip()
    positive, _, negative = body.partition("\n" + _NEGATIVE)
    return positive.strip(), negative.strip()


def _settings_line(lines: list[str]) -> int | None:
    """-> the index of the settings: a last line with three of them, or one that starts with Steps.

    The web UI itself goes by the three; extensions write lines of their own below.
    """
    for at in reversed(range(len(lines))):
        if re.match(r"\s*Steps: *\d", lines[at]):
            return at
    last = len(lines) - 1
    return last if len(_SETTING.findall(lines[last][:_MAX_PARAMETERS])) >= 3 else None


def _settings(line: str) -> dict[str, str]:
    return {key.strip(): value.strip().strip('"') for key, value in _SETTING.findall(line)}


def _kept(values: dict[str, str]) -> Settings | None:
    """The settings that the file format can hold."""
    guidance = _number(values.get("CFG scale"))
    wanted: dict[str, Any] = {
        "steps": _whole(values.get("Steps"), 255),
        "guidance": None if guidance is None else round(guidance * 4) / 4,
        "sampler": _sampler(values.get("Sampler", ""), values.get("Schedule type", "")),
        "model": values.get("Model") or None,
    }
    settings = Settings()
    for name, value in wanted.items():
        with contextlib.suppress(InvalidLayer):
            settings = dataclasses.replace(settings, **{name: value})
    return settings if settings != Settings() else None


def _sampler(name: str, schedule: str) -> str | None:
    """'DPM++ 2M Karras', or 'DPM++ 2M' with 'Karras' -> dpmpp_2m_karras; None if unknown."""
    words = name.lower().replace("++", "pp").split()
    plain = "_".join(words)
    scheduled = "_".join([*words, schedule.lower()])
    known = {"plms": "pndm", **{sampler: sampler for sampler in SAMPLERS}}
    return known.get(scheduled) or known.get(plain)


def _whole(text: str | None, most: int) -> int | None:
    if text is None or not re.fullmatch(r"[0-9]{1,12}", text):
        return None
    return value if (value := int(text)) <= most else None


def _number(text: str | None) -> float | None:
    if text is None or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text):
        return None
    return float(text)
