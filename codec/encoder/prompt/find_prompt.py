"""Find the prompt of a picture: from the user, metadata, a captioner, or the subject classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from codec.bitstream import checkpoints
from codec.bitstream.recipe import Recipe
from codec.bitstream.settings import Settings
from codec.encoder.prompt import caption, metadata
from codec.encoder.prompt.subject import subject_words
from codec.errors import CodecError
from codec.images.io import Picture
from codec.semantic.prompt import Prompt

# Values of `FoundPrompt.source`. The captioner's name or the reason follows some of them.
GIVEN: Final = "as given"
FROM_FILE: Final = "from the picture's {tool} metadata"
CAPTIONED: Final = "captioned by {captioner}"
_WITHOUT_RECIPE: Final = "encode it without --recipe"
SUBJECT: Final = "from the subject classifier"
UNKNOWN: Final = "unknown"  # the text is ""


@dataclass(frozen=True)
class FoundPrompt:
    """A prompt, a short text that names its source, and the generation settings in the file's metadata.

    seed, settings, recipe: how the picture was generated; None if this is not in the metadata.
    """

    prompt: Prompt
    source: str
    seed: int | None = None
    settings: Settings | None = None
    recipe: Recipe | None = None


def find_prompt(
    picture: Picture, prompt: str | None = None, negative: str = "", captioner: str = "auto"
) -> FoundPrompt:
    """Return the given prompt, or that of the metadata, or a caption, or a word for the subject, or "".

    prompt: None if none is given; "" counts as given. negative: "" if none is given.
    captioner: "auto" uses the best installed captioner if the file has no prompt, and ignores its failure; "subject"
    uses only the subject classifier; "none" neither. "subject" and the names in `caption.CAPTIONERS` override the
    metadata.
    Raises InvalidLayer for a given text that a Prompt cannot hold, the errors of `caption.caption` if a captioner is
    named, and ModelMissing if the subject classifier is needed and its weights are damaged. Unreadable metadata are
    ignored.
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
    text, source = _caption_or_name(picture, captioner)
    return FoundPrompt(Prompt(text, negative), source, seed, settings)


def find_recipe(picture: Picture) -> FoundPrompt:
    """Return prompt, seed, settings and recipe of a picture that can be generated again.

    Raises CodecError for any other picture; the message names what cannot be reproduced.
    """
    file_metadata = metadata.read(picture.texts)
    if file_metadata is None:
        raise CodecError(f"the picture has no metadata about how it was generated: {_WITHOUT_RECIPE}")
    settings = file_metadata.settings
    if settings.model is not None and checkpoints.is_known_not_sd1(settings.model):
        raise CodecError(
            f"{settings.model} is not Stable Diffusion 1, and recipes are only for that: {_WITHOUT_RECIPE}"
        )
    if file_metadata.recipe is None:
        parts = ", ".join(file_metadata.not_repeated) or f"pictures of {file_metadata.tool}"
        raise CodecError(f"this cannot be repeated: {parts}; {_WITHOUT_RECIPE}")
    source = FROM_FILE.format(tool=file_metadata.tool)
    stored = _stored_settings(picture, settings)
    return FoundPrompt(file_metadata.prompt, source, file_metadata.seed, stored, file_metadata.recipe)


def _stored_settings(picture: Picture, settings: Settings) -> Settings | None:
    """Return the settings to store: without the size if it equals the picture's; None if no settings are left."""
    height, width = picture.pixels.shape[:2]
    if settings.size == (width, height):
        settings = replace(settings, size=None)
    return settings if settings != Settings() else None


def _caption_or_name(picture: Picture, captioner: str) -> tuple[str, str]:
    """Return a description of the picture, or "", and its source."""
    reason = ""
    if captioner not in ("none", "subject") and (captioner != "auto" or caption.best() is not None):
        try:
            text, name = caption.caption(picture.pixels, captioner)
        except CodecError as error:
            if captioner != "auto":
                raise
            reason = f": {error}"
        else:
            if text:
                return text, CAPTIONED.format(captioner=name)
            reason = f": {name} returned no caption"
    word = None if captioner == "none" else subject_words(picture.pixels)
    return (word, SUBJECT + reason) if word else ("", UNKNOWN + reason)
