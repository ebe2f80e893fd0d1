"""Loaded networks, shared by all decodes."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any, Final

import torch


class ModelCache:
    """Holds one loaded network, or a tuple of them, per slot; loading another into a slot drops the previous one.

    Running decodes keep the networks that they use; the memory is free when the last of them ends. Any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._entries: dict[str, tuple[object, Any]] = {}

    def get_or_load(self, slot: str, key: object, load: Callable[[], Any]) -> Any:
        """Return the network of `slot` if it was loaded with the same key, else what `load` returns."""
        with self._lock:
            entry = self._entries.get(slot)
            if entry is None or entry[0] != key:
                if entry is not None:  # drop it before loading: memory may not suffice for both
                    del self._entries[slot], entry
                    free_memory()
                entry = self._entries[slot] = (key, load())
            return entry[1]

    def clear(self) -> None:
        """Drop all networks."""
        with self._lock:
            self._entries.clear()
        free_memory()

    def bytes_on(self, device: str) -> int:
        """Return the memory of the networks that are on a device now."""
        with self._lock:
            entries = [entry if isinstance(entry, tuple) else (entry,) for _, entry in self._entries.values()]
        loaded = [network for entry in entries for network in entry if isinstance(network, torch.nn.Module)]
        weights = (weight for network in loaded for weight in network.parameters())
        return sum(weight.numel() * weight.element_size() for weight in weights if weight.device.type == device)

    def slots(self) -> tuple[str, ...]:
        """Return the slots that hold a network."""
        return tuple(self._entries)


def free_memory() -> None:
    """Return unused memory to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


MODEL_CACHE: Final = ModelCache()
