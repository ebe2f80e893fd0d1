"""The device that networks run on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from codec.errors import CodecError


@dataclass(frozen=True)
class Device:
    """A torch device by name, and the dtype of networks on it."""

    name: str
    dtype: torch.dtype

    @classmethod
    def select(cls, name: str | None = None) -> Device:
        """Return the device called `name`, or the best available one. Raises CodecError if it is not available."""
        available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        name = name or next(candidate for candidate, is_available in available.items() if is_available)
        if not available[name]:
            raise CodecError(f"there is no {name} device here; leave the device out to use the best available one")
        return cls(name, torch.float16 if name == "cuda" else torch.float32)
