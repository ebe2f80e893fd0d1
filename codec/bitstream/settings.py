"""How the picture was generated: an optional extension of the file.

A byte says which fields follow, so that nothing is stored for what is not known: steps, guidance and
sampler take a byte each, the size two, a well-known model one, the hash of another five.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from codec.bitstream.checkpoints import CHECKPOINTS, numbers
from codec.errors import Corrupt, InvalidLayer

_FIRST = (
    "ddim", "pndm", "euler", "euler_a", "heun", "lms", "dpm2", "dpm2_a", "dpmpp_2s_a", "dpmpp_2m",
    "dpmpp_2m_karras", "dpmpp_sde", "dpmpp_sde_karras", "dpmpp_3m_sde", "unipc", "lcm", "tcd",
)  # fmt: skip
_LATER = (
    "dpmpp_2m_sde", "dpmpp_2s", "dpmpp_3m", "dpm_fast", "dpm_adaptive", "ddpm", "deis", "ipndm", "heunpp2", "restart",
    "res_multistep", "er_sde", "euler_cfg_pp",
)  # fmt: skip
_METHODS = (*(name for name in _FIRST if not name.endswith("_karras")), *_LATER)
SCHEDULES: Final = ("karras", "exponential", "sgm_uniform", "simple", "beta")
# part of the format: the order counts
SAMPLERS: Final = (
    *_FIRST,
    *_LATER,
    *(name for schedule in SCHEDULES for method in _METHODS if (name := f"{method}_{schedule}") not in _FIRST),
)
MAX_MODEL: Final = 64  # bytes of UTF-8
SIZE_UNIT: Final = 8  # px: what latents are made of
MAX_GENERATION_SIDE: Final = 256 * SIZE_UNIT

_STEPS, _GUIDANCE, _SAMPLER, _NAME, _NUMBER, _HASH, _SIZE = (1 << bit for bit in range(7))
_FLAGS: Final = 2 * _SIZE - 1  # all that are known
_BY_HASH = re.compile(r"sha256:([0-9a-f]{10})")


@dataclass(frozen=True, slots=True)
class Settings:
    """Generation settings; None is "not known".

    `steps`: 1..255. `guidance`: 0..63.75 in quarters (classifier-free guidance scale). `sampler`:
    one of `SAMPLERS`. `model`: a name of 1..64 bytes of UTF-8, or "sha256:" and the first 10 hex digits
    of the model file's. `size`: width, height that it was generated at, each 8..2048 pixels, a multiple
    of 8. Raises `InvalidLayer` for anything else.
    """

    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    model: str | None = None
    size: tuple[int, int] | None = None

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
        if self.size is not None:
            object.__setattr__(self, "size", _size(self.size))

    def to_bytes(self) -> bytes:
        """Return the chunk's payload; empty if nothing is known."""
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
        field, model = _model(self.model)
        size = b"" if self.size is None else bytes(side // SIZE_UNIT - 1 for side in self.size)
        fields |= field | (_SIZE if size else 0)
        out += size + model
        return bytes([fields]) + out if fields else b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Settings:
        """The settings of a chunk. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        try:
            fields, rest = payload[0], list(payload[1:])
            if fields & ~_FLAGS:
                raise Corrupt("the generation settings have fields that this reader does not know")
            settings = cls(
                steps=rest.pop(0) if fields & _STEPS else None,
                guidance=rest.pop(0) / 4 if fields & _GUIDANCE else None,
                sampler=SAMPLERS[rest.pop(0)] if fields & _SAMPLER else None,
                size=_sides(rest.pop(0), rest.pop(0)) if fields & _SIZE else None,
                model=_name(fields, bytes(rest)),
            )
            if settings.to_bytes() == payload:
                return settings
        except (IndexError, UnicodeDecodeError, InvalidLayer):
            raise Corrupt("the generation settings are damaged") from None
        raise Corrupt("the generation settings are not in their one form")

    def summary(self) -> str:
        """Such as "dreamshaper_8, 512 x 768, 30 steps, guidance 7.5, euler a"; a file's text, never HTML."""
        known = [self.model] if self.model else []
        if self.size:
            known.append(f"{self.size[0]} x {self.size[1]}")
        if self.steps is not None:
            known.append(f"{self.steps} step{'s' if self.steps > 1 else ''}")
        if self.guidance is not None:
            known.append(f"guidance {self.guidance:g}")
        if self.sampler:
            known.append(self.sampler.replace("_", " "))
        return ", ".join(known)


def _size(size: tuple[int, int]) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, tuple | list) else ()
    fits = all(
        type(side) is int and SIZE_UNIT <= side <= MAX_GENERATION_SIDE and side % SIZE_UNIT == 0 for side in sides
    )
    if len(sides) != 2 or not fits:
        raise InvalidLayer(
            f"the size of generation is two multiples of {SIZE_UNIT} from {SIZE_UNIT} to {MAX_GENERATION_SIDE}"
        )
    return sides[0], sides[1]


def _sides(wide: int, high: int) -> tuple[int, int]:
    return (wide + 1) * SIZE_UNIT, (high + 1) * SIZE_UNIT


def _model(model: str | None) -> tuple[int, bytes]:
    """-> which field says it, and its bytes."""
    if model is None:
        return 0, b""
    if model in numbers():
        return _NUMBER, bytes([numbers()[model]])
    if found := _BY_HASH.fullmatch(model):
        return _HASH, bytes.fromhex(found[1])
    return _NAME, model.encode()


def _name(fields: int, rest: bytes) -> str | None:
    """The model that the last bytes say; what is not its one form is found by writing it again."""
    if fields & _NUMBER:
        return CHECKPOINTS[rest[0]]
    if fields & _HASH:
        return f"sha256:{rest.hex()}"
    return rest.decode() if fields & _NAME else None
