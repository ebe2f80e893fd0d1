"""Find the prompt of a picture: given by the user, from metadata, by a captioner, or a description of its colors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from codec.bitstream.settings import Settings
from codec.encoder.prompt import caption, metadata
from codec.encoder.prompt.describe import describe
from codec.errors import CodecError
from codec.images.io import Picture
from codec.semantic.prompt import Prompt

# Values of `FoundPrompt.source`. The captioner's name or the reason follows some of them.
GIVEN: Final = "as given"
FROM_FILE: Final = "from the picture's {tool} metadata"
CAPTIONED: Final = "captioned by {captioner}"
DESCRIBED: Final = "described from its colors"
NO_CAPTIONER: Final = f"{DESCRIBED}: no captioner is installed"


@dataclass(frozen=True)
class FoundPrompt:
    """A prompt, a short text that says where it comes from, and the generation settings in the file's metadata.

    seed, settings: how the picture was generated; None if the metadata do not say.
    """

    prompt: Prompt
    source: str
    seed: int | None = None
    settings: Settings | None = None


def find_prompt(
    picture: Picture, prompt: str | None = None, negative: str = "", captioner: str = "auto"
) -> FoundPrompt:
    """Return the given prompt, else the one in the file's metadata, else a caption, else a description of the colors.

    prompt: None if none is given; "" counts as given. negative: "" if none is given.
    captioner: "auto" uses the best installed captioner if the file has no prompt, and ignores its failure; "none" uses
    none; a name in `caption.CAPTIONERS` overrides the metadata.
    Raises InvalidLayer for a given text that a Prompt cannot hold, and the errors of `caption.caption` if a captioner
    is named. Unreadable metadata are ignored.
    """
    file_metadata = metadata.read(picture.texts)
    seed, settings = (
        (file_metadata.seed, _stored_settings(picture, file_metadata.settings)) if file_metadata else (None, None)
    )
    if prompt is not None:
        return FoundPrompt(Prompt(prompt, negative), GIVEN, seed, settings)
    if file_metadata and file_metadata.prompt.text and captioner in ("auto", "none"):
        from_file = Prompt(file_metadata.prompt.text, negative or file_metadata.prompt.negative)
        return FoundPrompt(from_file, FROM_FILE.format(tool=file_metadata.tool), seed, settings)
    text, source = _caption_or_describe(picture, captioner)
    return FoundPrompt(Prompt(text, negative), source, seed, settings)


def _stored_settings(picture: Picture, settings: Settings) -> Settings | None:
    """Return the settings to store: without a size that equals the picture's, and None if none are left."""
    height, width = picture.pixels.shape[:2]
    if settings.size == (width, height):
        settings = replace(settings, size=None)
    return settings if settings != Settings() else None


def _caption_or_describe(picture: Picture, captioner: str) -> tuple[str, str]:
    """Return a text that says what the picture shows, and its source."""
    pixels = picture.pixels
    if captioner == "none":
        return describe(pixels), DESCRIBED
    if captioner == "auto" and caption.best() is None:
        return describe(pixels), NO_CAPTIONER
    try:
        text, name = caption.caption(pixels, captioner)
    except CodecError as error:
        if captioner != "auto":
            raise
        return describe(pixels), f"{DESCRIBED}: {error}"
    if not text:
        return describe(pixels), f"{DESCRIBED}: {name} returned no caption"
    return text, CAPTIONED.format(captioner=name)
