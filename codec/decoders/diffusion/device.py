"""The device that networks run on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from codec.errors import CodecError


@dataclass(frozen=True)
class Device:
    """A torch device by name, and the dtype of networks on it.

    offloads: whether networks are kept in main memory and moved to the device only while they are used
    streams: whether the largest networks even then stay in main memory, and only the layer that runs is on the device
    """

    name: str
    dtype: torch.dtype
    offloads: bool = False
    streams: bool = False

    @property
    def home(self) -> str:
        """The device that networks are loaded to."""
        return "cpu" if self.offloads else self.name

    def precisions(self) -> tuple[Device, ...]:
        """Return this device, and then with dtypes of a wider range, for networks that overflow in half precision."""
        dtypes = [self.dtype]
        if self.dtype == torch.float16:
            dtypes += [torch.bfloat16] if self.name == "cuda" and torch.cuda.is_bf16_supported() else []
            dtypes.append(torch.float32)
        return tuple(replace(self, dtype=dtype) for dtype in dtypes)

    @contextlib.contextmanager
    def use(self, *networks: Any) -> Iterator[None]:
        """Keep the networks on the device while the context is open."""
        if not self.offloads:
            yield
            return
        moved = [network for network in networks if not _is_streamed(network)]
        for network in moved:
            torch.nn.Module.to(network, self.name)
        try:
            yield
        finally:
            for network in moved:
                torch.nn.Module.to(network, self.home)

    @classmethod
    def select(cls, name: str | None = None) -> Device:
        """Return the device called `name`, or the best available one. Raises CodecError if it is not available."""
        available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        name = name or next(candidate for candidate, is_available in available.items() if is_available)
        if not available[name]:
            raise CodecError(f"there is no {name} device here; leave the device out to use the best available one")
        return cls(name, torch.float16 if name == "cuda" else torch.float32)


def _is_streamed(network: Any) -> bool:
    """Return whether a network moves its own layers, see network_files.prepare."""
    return bool(getattr(network, "is_streamed", False))
