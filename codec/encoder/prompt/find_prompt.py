"""Find the prompt of a picture: given by the user, from metadata, by a captioner, or a description of its colors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from codec.bitstream import checkpoints
from codec.bitstream.recipe import Recipe
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
_WITHOUT_RECIPE: Final = "encode it without --recipe"
NO_CAPTIONER: Final = f"{DESCRIBED}: no captioner is installed"


@dataclass(frozen=True)
class FoundPrompt:
    """A prompt, a short text that says where it comes from, and the generation settings in the file's metadata.

    seed, settings, recipe: how the picture was generated; None if the metadata do not say.
    """

    prompt: Prompt
    source: str
    seed: int | None = None
    settings: Settings | None = None
    recipe: Recipe | None = None


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


def find_recipe(picture: Picture) -> FoundPrompt:
    """Return prompt, seed, settings and recipe of a picture that its tool can make again.

    Raises CodecError, which says what is not repeated, for any other picture.
    """
    file_metadata = metadata.read(picture.texts)
    if file_metadata is None:
        raise CodecError(f"the picture has no metadata that say how it was generated: {_WITHOUT_RECIPE}")
    settings = file_metadata.settings
    if settings.model is not None and checkpoints.is_other_than_sd1(settings.model):
        raise CodecError(f"{settings.model} is not Stable Diffusion 1, which recipes are for: {_WITHOUT_RECIPE}")
    if file_metadata.recipe is None:
        parts = ", ".join(file_metadata.not_repeated) or f"pictures of {file_metadata.tool}"
        raise CodecError(f"this cannot be repeated: {parts}; {_WITHOUT_RECIPE}")
    source = FROM_FILE.format(tool=file_metadata.tool)
    stored = _stored_settings(picture, settings)
    return FoundPrompt(file_metadata.prompt, source, file_metadata.seed, stored, file_metadata.recipe)


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
