"""How the picture was generated: an optional extension of the file.

Only what a decoder can use. A byte says which fields follow, so that nothing is stored for
what is not known: steps and guidance take a byte each, the sampler one, the model its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from codec.errors import Corrupt, InvalidLayer

SAMPLERS: Final = (
    "ddim", "pndm", "euler", "euler_a", "heun", "lms", "dpm2", "dpm2_a", "dpmpp_2s_a", "dpmpp_2m",
    "dpmpp_2m_karras", "dpmpp_sde", "dpmpp_sde_karras", "dpmpp_3m_sde", "unipc", "lcm", "tcd",
)  # fmt: skip
MAX_MODEL: Final = 64  # bytes of UTF-8

_STEPS, _GUIDANCE, _SAMPLER, _MODEL = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Settings:
    """Generation settings; None is "not known".

    `steps`: 1..255. `guidance`: 0..63.75 in quarters (classifier-free guidance scale). `sampler`:
    one of `SAMPLERS`. `model`: a name of 1..64 bytes of UTF-8. Raises `InvalidLayer` for
    anything else.
    """

    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and not (type(self.steps) is int and 1 <= self.steps <= 255):
            raise InvalidLayer("the steps of generation are 1..255")
        if self.guidance is not None and not (0 <= self.guidance < 64 and self.guidance * 4 % 1 == 0):
            raise InvalidLayer("the guidance of generation is 0..63.75 in quarters")
        if self.sampler is not None and self.sampler not in SAMPLERS:
            raise InvalidLayer(f"the sampler is one of {', '.join(SAMPLERS)}")
        if self.model is not None and not 1 <= len(self.model.encode(errors="surrogatepass")) <= MAX_MODEL:
            raise InvalidLayer(f"the model's name has 1 to {MAX_MODEL} bytes")
        if self.model is not None and any("\ud800" <= letter <= "\udfff" for letter in self.model):
            raise InvalidLayer("the model's name holds half a character (a lone surrogate)")

    def to_bytes(self) -> bytes:
        """The chunk's payload; empty if nothing is known."""
        fields = 0
        out = bytearray()
        if self.steps is not None:
            fields |= _STEPS
            out.append(self.steps)
        if self.guidance is not None:
            fields |= _GUIDANCE
            out.append(int(self.guidance * 4))
        if self.sampler is not None:
            fields |= _SAMPLER
            out.append(SAMPLERS.index(self.sampler))
        if self.model is not None:
            fields |= _MODEL
            out += self.model.encode()
        return bytes([fields]) + out if fields else b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Settings:
        """The settings of a chunk. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        try:
            fields, rest = payload[0], list(payload[1:])
            settings = cls(
                steps=rest.pop(0) if fields & _STEPS else None,
                guidance=rest.pop(0) / 4 if fields & _GUIDANCE else None,
                sampler=SAMPLERS[rest.pop(0)] if fields & _SAMPLER else None,
                model=bytes(rest).decode() if fields & _MODEL else None,
            )
        except (IndexError, UnicodeDecodeError, InvalidLayer):
            raise Corrupt("the generation settings are damaged") from None
        if settings.to_bytes() != payload:
            raise Corrupt("the generation settings are not in their one form")
        return settings
