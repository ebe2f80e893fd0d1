"""The semantic layer: a text prompt, lossless, in a quarter of brotli's bytes and less.

Three forms, of which the shortest is taken: the word model (`words.py`), which has read public prompts;
the model of any signs (`signs.py`); and plain UTF-8. A negative prompt that many use is one symbol.
All arithmetic is integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from codec.bitstream.range_coder import Coder, Decoder, Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.semantic.ppm import PPMModel
from codec.semantic.word_model import Words

MAX_TEXT: Final = 4096  # bytes of UTF-8, for the prompt and again for the negative prompt

_FORMS: Final = (54, 9, 1)  # words, signs, and none: plain payloads have a first byte of their own
_WORDS, _SIGNS = range(2)
_PLAIN: Final = 255
_NO_NEGATIVE, _NEGATIVE_TEXT, _PRESET = range(3)
_SD15 = "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped"
_TAIL = "worst quality, low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry"
_BODY = "duplicate, morbid, mutilated, out of frame, extra fingers, mutated hands, poorly drawn hands"
_MORE = "poorly drawn face, mutation, deformed, dehydrated, bad proportions, extra limbs, cloned face, disfigured"
_LIMBS = "gross proportions, malformed limbs, missing arms, missing legs, extra arms, extra legs, fused fingers"
# part of the format: the order counts, and nothing may be changed
NEGATIVES: Final = (
    "EasyNegative",
    "easynegative",
    "EasyNegativeV2",
    "bad-hands-5",
    "badhandv4",
    "negative_hand-neg",
    "ng_deepnegative_v1_75t",
    "BadDream",
    "UnrealisticDream",
    "BadDream, UnrealisticDream",
    "FastNegativeV2",
    "verybadimagenegative_v1.3",
    "EasyNegative, bad-hands-5",
    "(worst quality, low quality:1.4)",
    "(worst quality:1.4), (low quality:1.4)",
    "(worst quality:2), (low quality:2), (normal quality:2)",
    "worst quality, low quality",
    "worst quality, low quality, normal quality",
    "low quality, worst quality",
    "low quality",
    "blurry",
    "blurry, low quality",
    "blurry, bad quality",
    "bad quality",
    "ugly",
    "ugly, deformed",
    "text",
    "text, watermark",
    "text, watermark, signature",
    "watermark",
    "nsfw",
    "monochrome",
    "cartoon",
    "lowres, bad anatomy",
    "lowres, text, error, cropped, worst quality, low quality",
    "bad anatomy, bad hands",
    "deformed, blurry, bad anatomy, disfigured, poorly drawn face, mutation, mutated, extra limb, ugly",
    f"{_SD15}, {_TAIL}",
    f"nsfw, {_SD15}, {_TAIL}",
    f"lowres, text, error, cropped, worst quality, low quality, jpeg artifacts, ugly, {_BODY}, {_MORE}, "
    f"{_LIMBS}, too many fingers, long neck, username, watermark, signature",
)
_NEGATIVE: Final = (53248, 2048, *(256,) * len(NEGATIVES))  # of 65,536: none, a text, each preset


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the picture shows, in words, and what it must not show.

    `text`, `negative`: any Unicode text of at most 4,096 bytes of UTF-8, empty allowed. A prompt
    with neither takes no bytes. Raises `InvalidLayer` for more, or for a lone surrogate.
    """

    text: str = ""
    negative: str = ""

    def __post_init__(self) -> None:
        for name, text in (("prompt", self.text), ("negative prompt", self.negative)):
            try:
                size = len(text.encode())
            except AttributeError:
                raise InvalidLayer(f"the {name} is text, not {text!r}") from None
            except UnicodeEncodeError:
                raise InvalidLayer(f"the {name} holds half a character (a lone surrogate)") from None
            if size > MAX_TEXT:
                raise InvalidLayer(f"the {name} has {size} bytes; at most {MAX_TEXT} can be stored")

    def to_bytes(self) -> bytes:
        """Return the payload: the shortest of the three forms."""
        return min(self._coded(_WORDS), self._coded(_SIGNS), _plain(self), key=len)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Prompt:
        """The prompt of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        try:
            prompt = _parse(payload)
        except (UnicodeError, InvalidLayer):
            raise Corrupt("the prompt is not text", ("semantic",)) from None
        if prompt.to_bytes() != payload:
            raise Corrupt("the prompt's bytes are not in their one form", ("semantic",))
        return prompt

    def _coded(self, form: int) -> bytes:
        coder = Encoder()
        coder.choice(_FORMS, form)
        _syntax(coder, form, self)
        return coder.finish()

    def render(self, width: int, height: int) -> np.ndarray:
        """The text on a card: (height, width, 3) uint8, sRGB."""
        from codec.images.text_card import text_card

        return text_card(self.text or "(no prompt)", width, height)


def _parse(payload: bytes) -> Prompt:
    if payload[:1] == bytes([_PLAIN]):
        text, _, negative = payload[1:].partition(bytes([_PLAIN]))
        return Prompt(text.decode(), negative.decode())
    coder = Decoder(payload, "semantic")
    return _syntax(coder, coder.choice(_FORMS), None)


def _plain(prompt: Prompt) -> bytes:
    """UTF-8 between bytes that it never has."""
    mark = bytes([_PLAIN])
    return mark + prompt.text.encode() + (mark + prompt.negative.encode() if prompt.negative else b"")


def _syntax(coder: Coder, form: int, prompt: Prompt | None) -> Prompt:
    """The payload after its form; codes `prompt`, or reads one where there is none."""
    if form > _SIGNS:
        raise Corrupt("the prompt has a form this reader does not know", ("semantic",))
    model = Words() if form == _WORDS else PPMModel()
    text = model.text(coder, prompt.text if prompt else None, MAX_TEXT)
    negative = prompt.negative if prompt else None
    kind = _NO_NEGATIVE
    if negative:
        kind = _PRESET + NEGATIVES.index(negative) if negative in NEGATIVES else _NEGATIVE_TEXT
    kind = coder.choice(_NEGATIVE, kind)
    if kind == _NEGATIVE_TEXT:
        negative = model.text(coder, negative, MAX_TEXT)
    elif kind >= _PRESET:
        negative = NEGATIVES[kind - _PRESET]
    return Prompt(text, negative or "")
