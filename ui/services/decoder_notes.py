"""Notes next to the prompt, the negative prompt, the colors and the seed: how the chosen decoder uses them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from codec import Layers
from ui.services import actions, sd15_options

STYLE_WORDS_ONLY: Final = (
    "This decoder only uses style words (oil painting, ink…). Stable Diffusion uses the whole prompt."
)
SAME_WITH_EVERY_SEED: Final = "The built-in painter paints this picture the same with every seed."
_MAX_WORDS: Final = 4  # to list


class DecoderNotes(NamedTuple):
    """A line next to each field; "" for none."""

    prompt: str = ""
    negative: str = ""
    colors: str = ""
    seed: str = ""


def decoder_notes(decoder: Any, guidance: Any, layers: Layers) -> DecoderNotes:
    """Return what a decoder ignores of the layers. `guidance`: of Stable Diffusion; any value is allowed."""
    if decoder in sd15_options.NAMES:
        return _diffusion_notes(guidance, layers, uses_detail=decoder == sd15_options.XL_NAME)
    return _painter_notes(layers)


def depends_on_seed(decoder: Any, layers: Layers) -> bool:
    """Return whether the decoded picture depends on the seed."""
    from codec.decoders.painter import painter

    return decoder != actions.DEFAULT_DECODER or painter.depends_on_seed(layers)


def _painter_notes(layers: Layers) -> DecoderNotes:
    from codec.decoders.painter import styles

    has_detail = layers.texture is not None and layers.texture.detail is not None
    words = styles.effective_words(layers.semantic.text if layers.semantic else "", has_detail)
    prompt = STYLE_WORDS_ONLY
    if layers.texture is None and layers.structure is not None:
        prompt = "Without colors, the built-in painter does not use the prompt."
    elif words:
        prompt = f"The built-in painter uses: {', '.join(words[:_MAX_WORDS])}{'…' if len(words) > _MAX_WORDS else ''}."
    seed = "" if depends_on_seed(actions.DEFAULT_DECODER, layers) else SAME_WITH_EVERY_SEED
    return DecoderNotes(prompt, "The built-in painter does not use it.", seed=seed)


def _diffusion_notes(guidance: Any, layers: Layers, uses_detail: bool) -> DecoderNotes:
    is_guided = not isinstance(guidance, int | float) or guidance > 1
    has_detail = layers.texture is not None and layers.texture.detail is not None
    return DecoderNotes(
        negative="" if is_guided else "Used only with a guidance above 1.",
        colors="Stable Diffusion uses the base colors, not the detail." if has_detail and not uses_detail else "",
    )
