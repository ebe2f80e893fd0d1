"""The free memory of a device."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

_MEMINFO: Final = Path("/proc/meminfo")


def free_bytes(device: str) -> int | None:
    """Return the free memory of "cuda", "mps" or "cpu" in bytes; None if it is unknown."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    if device == "mps":
        import torch

        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    with contextlib.suppress(OSError):
        if match := re.search(r"^MemAvailable:\s+(\d+) kB", _MEMINFO.read_text(), re.MULTILINE):
            return int(match[1]) * 1024
    with contextlib.suppress(AttributeError, OSError, ValueError):  # not a POSIX system
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
