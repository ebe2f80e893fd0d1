"""A recipe: what is needed, besides prompt, seed and settings, to generate the same picture with the same checkpoint.

It is the payload of an optional extension of the file: two bytes, and up to 10 bytes for fields with unusual values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from codec.errors import Corrupt, InvalidLayer

# part of the format, so the order is fixed
TOOLS: Final = ("a1111", "comfyui")
NOISES: Final = ("cuda", "cpu")
MAX_CLIP_SKIP: Final = 12  # layers of CLIP ViT-L/14's text encoder
MAX_NOISE_DELTA: Final = (1 << 24) - 1

_NOISE_BIT, _HALF_BIT, _SKIP_SHIFT = 4, 8, 4
_GUIDANCE, _DELTA, _SHA256, _LEGACY = 1, 2, 4, 8
_HASH_BYTES: Final = {_SHA256: 5, _LEGACY: 4}
_HASH_NAME: Final = re.compile(r"sha256:([0-9a-f]{10})|webui:([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a tool such as AUTOMATIC1111 interpreted prompt, seed and settings.

    tool: one of `TOOLS`; it determines prompt weights, chunks of the prompt, noise levels and samplers
    noise: the device whose random number generator made the initial noise, one of `NOISES`
    clip_skip: the layer of the text encoder that was used, counted from the end, 1..12
    half_alphas: whether the noise levels were rounded to half precision, as AUTOMATIC1111's web UI did before 1.7.0-225
    guidance: the guidance scale in hundredths, 1..6399, if it is not a multiple of 0.25; else None, and `Settings`
    holds it
    noise_delta: the web UI's option "eta noise seed delta", a number added to the seed of samplers, 0..2^24 - 1
    checkpoint: "sha256:" and the first 10 hex digits of the checkpoint file's SHA-256, or "webui:" and the 8 hex digits
        of the web UI's older hash. None: the model in the settings
    Raises `InvalidLayer` for other values.
    """

    tool: str
    noise: str = "cpu"
    clip_skip: int = 1
    half_alphas: bool = False
    guidance: int | None = None
    noise_delta: int = 0
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        if self.tool not in TOOLS or self.noise not in NOISES:
            raise InvalidLayer(f"a recipe's tool is one of {', '.join(TOOLS)}, its noise one of {', '.join(NOISES)}")
        if type(self.half_alphas) is not bool:
            raise InvalidLayer("half_alphas is true or false")
        _check_range("clip skip", self.clip_skip, 1, MAX_CLIP_SKIP)
        _check_range("noise seed delta", self.noise_delta, 0, MAX_NOISE_DELTA)
        if self.guidance is not None:
            _check_range("guidance scale, in hundredths,", self.guidance, 1, 6399)
            if self.guidance % 25 == 0:
                raise InvalidLayer("the guidance scale of a recipe must not be a multiple of 0.25: settings hold those")
        if self.checkpoint is not None and not _HASH_NAME.fullmatch(self.checkpoint):
            raise InvalidLayer("a recipe's checkpoint is sha256: and 10 hex digits, or webui: and 8 hex digits")

    def to_bytes(self) -> bytes:
        """Return the payload, 2 to 12 bytes."""
        first = TOOLS.index(self.tool) | (_NOISE_BIT if self.noise == "cpu" else 0)
        first |= (_HALF_BIT if self.half_alphas else 0) | (self.clip_skip - 1) << _SKIP_SHIFT
        flags = 0
        out = bytearray()
        if self.guidance is not None:
            flags |= _GUIDANCE
            out += self.guidance.to_bytes(2, "big")
        if self.noise_delta:
            flags |= _DELTA
            out += self.noise_delta.to_bytes(3, "big")
        if self.checkpoint is not None:
            kind, _, digits = self.checkpoint.partition(":")
            flags |= _SHA256 if kind == "sha256" else _LEGACY
            out += bytes.fromhex(digits)
        return bytes((first, flags)) + out

    @classmethod
    def from_bytes(cls, payload: bytes) -> Recipe:
        """Return the recipe of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        try:
            first, flags = payload[0], payload[1]
            fields = list(payload[2:])
            guidance = _take(fields, 2) if flags & _GUIDANCE else None
            delta = _take(fields, 3) if flags & _DELTA else 0
            recipe = cls(
                TOOLS[first & 3],
                NOISES[bool(first & _NOISE_BIT)],
                (first >> _SKIP_SHIFT) + 1,
                bool(first & _HALF_BIT),
                guidance,
                delta,
                _decode_checkpoint(flags, bytes(fields)),
            )
        except (IndexError, InvalidLayer):
            raise Corrupt("the recipe is damaged, or has fields that this reader does not know") from None
        if recipe.to_bytes() != payload:
            raise Corrupt("non-canonical encoding of the recipe")
        return recipe


def _check_range(name: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise InvalidLayer(f"the {name} must be {low} to {high}")


def _take(fields: list[int], count: int) -> int:
    """Remove a big-endian number from the front. Raises IndexError if there are too few bytes."""
    return int.from_bytes(bytes(fields.pop(0) for _ in range(count)), "big")


def _decode_checkpoint(flags: int, data: bytes) -> str | None:
    if flags & _SHA256:
        return f"sha256:{data.hex()}"
    return f"webui:{data.hex()}" if flags & _LEGACY else None
