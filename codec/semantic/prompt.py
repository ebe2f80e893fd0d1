"""The semantic layer: a prompt and a negative prompt, compressed losslessly.

A payload has one of three modes, and the encoder takes the shortest: the word model (word_model.py), which has been
trained on public prompts; PPM (ppm.py), which compresses any text; and plain UTF-8. A common negative prompt is a
single symbol. All arithmetic is integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from codec.bitstream.range_coder import Coder, Decoder, Encoder
from codec.errors import Corrupt, InvalidLayer
from codec.semantic.ppm import PPMModel
from codec.semantic.word_model import WordModel

MAX_TEXT: Final = 4096  # bytes of UTF-8, for the prompt and again for the negative prompt

_MODE_WEIGHTS: Final = (54, 9, 1)  # word model, PPM, reserved; plain payloads are marked by their first byte instead
_WORD_MODE, _PPM_MODE = range(2)
_PLAIN_MARK: Final = b"\xff"  # begins a plain payload and separates its two texts; never part of UTF-8
_NO_NEGATIVE, _NEGATIVE_TEXT, _FIRST_PRESET = range(3)
_SD15 = "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped"
_TAIL = "worst quality, low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry"
_BODY = "duplicate, morbid, mutilated, out of frame, extra fingers, mutated hands, poorly drawn hands"
_MORE = "poorly drawn face, mutation, deformed, dehydrated, bad proportions, extra limbs, cloned face, disfigured"
_LIMBS = "gross proportions, malformed limbs, missing arms, missing legs, extra arms, extra legs, fused fingers"
# Negative prompts in common use. Part of the format: neither the order nor any text may change.
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
_NEGATIVE_WEIGHTS: Final = (53248, 2048, *(256,) * len(NEGATIVES))  # none, a text, each preset


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt, which describes the picture, and the negative prompt, which describes what it must not show.

    `text`, `negative`: Unicode texts of at most 4,096 bytes of UTF-8 each, possibly empty. A prompt without either
    takes no bytes. Raises `InvalidLayer` for longer texts and for lone surrogates.
    """

    text: str = ""
    negative: str = ""

    def __post_init__(self) -> None:
        for name, text in (("prompt", self.text), ("negative prompt", self.negative)):
            if not isinstance(text, str):
                raise InvalidLayer(f"the {name} must be a string, not {type(text).__name__}")
            try:
                size = len(text.encode())
            except UnicodeEncodeError:
                raise InvalidLayer(f"the {name} contains a lone surrogate (half a character)") from None
            if size > MAX_TEXT:
                raise InvalidLayer(f"the {name} has {size} bytes; the limit is {MAX_TEXT}")

    def to_bytes(self) -> bytes:
        """Return the payload: the shortest of the three modes."""
        return min(self._encode(_WORD_MODE), self._encode(_PPM_MODE), self._encode_plain(), key=len)

    @classmethod
    def from_bytes(cls, payload: bytes) -> Prompt:
        """Return the prompt of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        try:
            prompt = _decode(payload)
        except (UnicodeError, InvalidLayer):
            raise Corrupt("the prompt is not valid text", ("semantic",)) from None
        if prompt.to_bytes() != payload:
            raise Corrupt("non-canonical encoding of the prompt", ("semantic",))
        return prompt

    def render(self, width: int, height: int) -> np.ndarray:
        """Return the text drawn on a card: (height, width, 3) uint8 sRGB."""
        from codec.images.text_card import text_card

        return text_card(self.text or "(no prompt)", width, height)

    def _encode(self, mode: int) -> bytes:
        coder = Encoder()
        coder.choice(_MODE_WEIGHTS, mode)
        _code(coder, mode, self)
        return coder.finish()

    def _encode_plain(self) -> bytes:
        texts = [self.text, self.negative] if self.negative else [self.text]
        return b"".join(_PLAIN_MARK + text.encode() for text in texts)


def _decode(payload: bytes) -> Prompt:
    if payload.startswith(_PLAIN_MARK):
        text, _, negative = payload[1:].partition(_PLAIN_MARK)
        return Prompt(text.decode(), negative.decode())
    coder = Decoder(payload, "semantic")
    return _code(coder, coder.choice(_MODE_WEIGHTS), None)


def _code(coder: Coder, mode: int, prompt: Prompt | None) -> Prompt:
    """Code what follows the mode, and return the prompt; read it if None."""
    if mode not in (_WORD_MODE, _PPM_MODE):
        raise Corrupt("the prompt has an unknown mode", ("semantic",))
    model = WordModel() if mode == _WORD_MODE else PPMModel()
    text = model.code_text(coder, prompt.text if prompt else None, MAX_TEXT)
    negative = prompt.negative if prompt else None
    kind = coder.choice(_NEGATIVE_WEIGHTS, _negative_kind(negative) if negative else _NO_NEGATIVE)
    if kind == _NEGATIVE_TEXT:
        negative = model.code_text(coder, negative, MAX_TEXT)
    elif kind >= _FIRST_PRESET:
        negative = NEGATIVES[kind - _FIRST_PRESET]
    return Prompt(text, negative or "")


def _negative_kind(negative: str) -> int:
    """Return the preset of a negative prompt, or `_NEGATIVE_TEXT`."""
    return _FIRST_PRESET + NEGATIVES.index(negative) if negative in NEGATIVES else _NEGATIVE_TEXT
