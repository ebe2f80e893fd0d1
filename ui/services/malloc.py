"""Return free memory to the operating system.

The C library does not return the memory that a thread frees, but reserves it for that thread. In a server with many
threads, each of which has decoded once, more than a gigabyte would be reserved.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any, Final

_M_ARENA_MAX: Final = -8  # from malloc.h
_MAX_ARENAS: Final = 2


@cache
def _glibc() -> Any:
    """Return the C library if it is glibc, else None."""
    try:
        library = ctypes.CDLL("libc.so.6") if sys.platform == "linux" else None
    except OSError:
        return None
    return library if hasattr(library, "malloc_trim") else None


def limit_arenas() -> None:
    """Make all threads share a few heaps. Call before any thread has started."""
    if library := _glibc():
        library.mallopt(_M_ARENA_MAX, _MAX_ARENAS)


def trim() -> None:
    """Return unused memory to the operating system; takes a few milliseconds."""
    if library := _glibc():
        library.malloc_trim(0)
