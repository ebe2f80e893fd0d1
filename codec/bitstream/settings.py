"""Generation settings: the payload of an optional extension of the file.

A flag byte says which fields follow, so unknown settings take no space. Steps, guidance and sampler take one byte each,
the size two, a well-known model one, and a model's hash five.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from codec.bitstream import checkpoints
from codec.bitstream.checkpoints import CHECKPOINTS
from codec.errors import Corrupt, InvalidLayer

_BASE_SAMPLERS = (
    "ddim", "pndm", "euler", "euler_a", "heun", "lms", "dpm2", "dpm2_a", "dpmpp_2s_a", "dpmpp_2m",
    "dpmpp_2m_karras", "dpmpp_sde", "dpmpp_sde_karras", "dpmpp_3m_sde", "unipc", "lcm", "tcd",
)  # fmt: skip
_MORE_SAMPLERS = (
    "dpmpp_2m_sde", "dpmpp_2s", "dpmpp_3m", "dpm_fast", "dpm_adaptive", "ddpm", "deis", "ipndm", "heunpp2", "restart",
    "res_multistep", "er_sde", "euler_cfg_pp",
)  # fmt: skip
_METHODS = (*(name for name in _BASE_SAMPLERS if not name.endswith("_karras")), *_MORE_SAMPLERS)
SCHEDULES: Final = ("karras", "exponential", "sgm_uniform", "simple", "beta")
# part of the format, so the order is fixed
SAMPLERS: Final = (
    *_BASE_SAMPLERS,
    *_MORE_SAMPLERS,
    *(name for schedule in SCHEDULES for method in _METHODS if (name := f"{method}_{schedule}") not in _BASE_SAMPLERS),
)
MAX_MODEL: Final = 64  # bytes of UTF-8 in a model's name
SIZE_UNIT: Final = 8  # pixels; the latents of a latent diffusion model have 1/8 of the picture's width and height
MAX_GENERATION_SIDE: Final = 256 * SIZE_UNIT  # pixels

_STEPS, _GUIDANCE, _SAMPLER, _MODEL_NAME, _MODEL_INDEX, _MODEL_HASH, _SIZE = (1 << bit for bit in range(7))
_ALL_FLAGS: Final = 2 * _SIZE - 1
_HASH_NAME = re.compile(r"sha256:([0-9a-f]{10})")


@dataclass(frozen=True, slots=True)
class Settings:
    """Generation settings. A field that is None is unknown.

    `steps`: 1..255. `guidance`: the classifier-free guidance scale, 0..63.75 in steps of 0.25. `sampler`:
    one of `SAMPLERS`. `model`: a name of 1..64 bytes of UTF-8, or "sha256:" and the first 10 hex digits of the
    model file's SHA-256. `size`: width and height that the picture was generated at, each 8..2048 pixels and
    a multiple of 8. Raises `InvalidLayer` for other values.
    """

    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    model: str | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and not (type(self.steps) is int and 1 <= self.steps <= 255):
            raise InvalidLayer("the number of steps must be 1 to 255")
        if self.guidance is not None and not (0 <= self.guidance < 64 and self.guidance * 4 % 1 == 0):
            raise InvalidLayer("the guidance scale must be 0 to 63.75, a multiple of 0.25")
        if self.sampler is not None and self.sampler not in SAMPLERS:
            raise InvalidLayer(f"unknown sampler: choose one of {', '.join(SAMPLERS)}")
        if self.model is not None and not 1 <= len(self.model.encode(errors="surrogatepass")) <= MAX_MODEL:
            raise InvalidLayer(f"the model's name must have 1 to {MAX_MODEL} bytes")
        if self.model is not None and any("\ud800" <= letter <= "\udfff" for letter in self.model):
            raise InvalidLayer("the model's name contains a lone surrogate (half a character)")
        if self.size is not None:
            object.__setattr__(self, "size", _checked_size(self.size))

    def to_bytes(self) -> bytes:
        """Return the payload; empty if all fields are unknown."""
        flags = 0
        out = bytearray()
        if self.steps is not None:
            flags |= _STEPS
            out.append(self.steps)
        if self.guidance is not None:
            flags |= _GUIDANCE
            out.append(int(self.guidance * 4))
        if self.sampler is not None:
            flags |= _SAMPLER
            out.append(SAMPLERS.index(self.sampler))
        if self.size is not None:
            flags |= _SIZE
            out += bytes(side // SIZE_UNIT - 1 for side in self.size)
        if self.model is not None:
            flag, model = _encode_model(self.model)
            flags |= flag
            out += model
        return bytes([flags]) + out if flags else b""

    @classmethod
    def from_bytes(cls, payload: bytes) -> Settings:
        """Return the settings of a payload. Raises `Corrupt` for bytes that `to_bytes` would not write."""
        try:
            flags, rest = payload[0], list(payload[1:])
            if flags & ~_ALL_FLAGS:
                raise Corrupt("the generation settings have fields that this reader does not know")
            settings = cls(
                steps=rest.pop(0) if flags & _STEPS else None,
                guidance=rest.pop(0) / 4 if flags & _GUIDANCE else None,
                sampler=SAMPLERS[rest.pop(0)] if flags & _SAMPLER else None,
                size=_decode_size(rest.pop(0), rest.pop(0)) if flags & _SIZE else None,
                model=_decode_model(flags, bytes(rest)),
            )
        except (IndexError, UnicodeDecodeError, InvalidLayer):
            raise Corrupt("the generation settings are damaged") from None
        if settings.to_bytes() != payload:
            raise Corrupt("non-canonical encoding of the generation settings")
        return settings

    def summary(self) -> str:
        """Return one line such as "dreamshaper_8, 512 x 768, 30 steps, guidance 7.5, euler a".

        The model's name comes from the file: escape it before it goes into HTML.
        """
        parts = [self.model] if self.model else []
        if self.size:
            parts.append(f"{self.size[0]} x {self.size[1]}")
        if self.steps is not None:
            parts.append(f"{self.steps} step{'s' if self.steps > 1 else ''}")
        if self.guidance is not None:
            parts.append(f"guidance {self.guidance:g}")
        if self.sampler:
            parts.append(self.sampler.replace("_", " "))
        return ", ".join(parts)


def _checked_size(size: object) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, tuple | list) else ()
    in_range = all(
        type(side) is int and SIZE_UNIT <= side <= MAX_GENERATION_SIDE and side % SIZE_UNIT == 0 for side in sides
    )
    if len(sides) != 2 or not in_range:
        raise InvalidLayer(
            f"the generation size must be two multiples of {SIZE_UNIT} from {SIZE_UNIT} to {MAX_GENERATION_SIDE}"
        )
    return sides[0], sides[1]


def _decode_size(width: int, height: int) -> tuple[int, int]:
    return (width + 1) * SIZE_UNIT, (height + 1) * SIZE_UNIT


def _encode_model(model: str) -> tuple[int, bytes]:
    """Return the flag and the bytes of the shortest encoding of a model's name."""
    if model in checkpoints.index_by_name():
        return _MODEL_INDEX, bytes([checkpoints.index_by_name()[model]])
    if match := _HASH_NAME.fullmatch(model):
        return _MODEL_HASH, bytes.fromhex(match[1])
    return _MODEL_NAME, model.encode()


def _decode_model(flags: int, data: bytes) -> str | None:
    """Return the model that `data` encodes, if any. `Settings.from_bytes` checks that the encoding is the shortest."""
    if flags & _MODEL_INDEX:
        return CHECKPOINTS[data[0]]
    if flags & _MODEL_HASH:
        return f"sha256:{data.hex()}"
    return data.decode() if flags & _MODEL_NAME else None
