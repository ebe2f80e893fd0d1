"""Running out of memory, which has many names, told in one sentence."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator

from codec.errors import OutOfMemory

_SIGNS = (
    "out of memory", "can't allocate memory", "not enough memory", "alloc_failed",  # torch, on its devices
    "insufficient memory", "failed to allocate", "could not create a memory object",  # OpenCV, oneDNN
)  # fmt: skip


def is_short(error: BaseException) -> bool:
    """Whether an error of any library means that there was too little memory."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in _SIGNS)


@contextlib.contextmanager
def guarded(said: str, tidy: Callable[[], None] | None = None) -> Iterator[None]:
    """Turn running out of memory into `OutOfMemory(said)`, after `tidy`; other errors pass."""
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:
        if not is_short(error):
            raise
        traceback.clear_frames(error.__traceback__)  # they hold the arrays, as long as anybody holds the error
    else:
        return
    if tidy is not None:
        tidy()
    raise OutOfMemory(said)
