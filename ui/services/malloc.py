"""The memory that is free inside the process goes back to the system.

The C library keeps what each thread has freed for that thread. A server's many threads, each of which has decoded
once, would keep more than a gigabyte so.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any, Final

_M_ARENA_MAX: Final = -8  # of malloc.h
_ARENAS: Final = 2


@cache
def _glibc() -> Any:
    """The C library where it is GNU's, else None."""
    try:
        library = ctypes.CDLL("libc.so.6") if sys.platform == "linux" else None
    except OSError:
        return None
    return library if hasattr(library, "malloc_trim") else None


def share() -> None:
    """Lets all threads use the same few heaps. Call before there are any."""
    if library := _glibc():
        library.mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Gives back what is free now; takes some milliseconds."""
    if library := _glibc():
        library.malloc_trim(0)
