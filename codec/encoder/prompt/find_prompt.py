"""Where a prompt comes from: the person, the picture file's own metadata, a captioner, or the colors."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codec.bitstream.settings import Settings
from codec.encoder.prompt import metadata
from codec.encoder.prompt.caption import best, caption
from codec.encoder.prompt.describe import describe as describe
from codec.errors import CodecError
from codec.images.io import Picture
from codec.semantic.prompt import Prompt

GIVEN = "yours"
FROM_FILE = "from the picture's {} metadata"  # of the tool of this name
CAPTIONED = "captioned by"  # and the captioner's name
DESCRIBED = "described from its colors: no captioner is installed"


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
    """The given prompt, else the one in the file, else a caption, else a description of the colors.

    prompt: None is "not given"; an empty text is a prompt too. negative: "" is "not given".
    captioner: "auto" for the best that is here, which then is not asked if the file has a prompt, and
    done without if it fails; "none"; or a name of `caption.CAPTIONERS`, which goes before the file's.
    Raises InvalidLayer when a given text is not one that a Prompt holds, and what `caption` raises
    if a captioner is named; metadata never raises.
    """
    found = metadata.read(picture.text)
    seed, settings = (found.seed, _settings(picture, found.settings)) if found else (None, None)
    if prompt is not None:
        return FoundPrompt(Prompt(prompt, negative), GIVEN, seed, settings)
    if found and found.prompt.text and captioner in ("auto", "none"):
        kept = Prompt(found.prompt.text, negative or found.prompt.negative)
        return FoundPrompt(kept, FROM_FILE.format(found.tool), seed, settings)
    text, origin = _caption(picture, captioner)
    return FoundPrompt(Prompt(text, negative), origin, seed, settings)


def _settings(picture: Picture, settings: Settings) -> Settings | None:
    """Without a size that is the picture's own, which is stored anyway; None if nothing is left."""
    height, width = picture.pixels.shape[:2]
    if settings.size == (width, height):
        settings = replace(settings, size=None)
    return settings if settings != Settings() else None


def _caption(picture: Picture, captioner: str) -> tuple[str, str]:
    """-> what a picture shows, and who says so."""
    if captioner == "none":
        return describe(picture.pixels), "described from its colors"
    if captioner == "auto" and best() is None:
        return describe(picture.pixels), DESCRIBED
    try:
        text, name = caption(picture.pixels, captioner)
    except CodecError as error:
        if captioner != "auto":
            raise
        return describe(picture.pixels), f"described from its colors: {error}"
    if not text:
        return describe(picture.pixels), f"described from its colors: {name} had nothing to say"
    return text, f"{CAPTIONED} {name}"
