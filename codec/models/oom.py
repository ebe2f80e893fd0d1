"""Map the libraries' out-of-memory errors to OutOfMemory."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterator
from typing import Final

from codec.errors import OutOfMemory

_MESSAGES: Final = (
    "out of memory", "can't allocate memory", "not enough memory", "alloc_failed",  # torch and its backends
    "insufficient memory", "failed to allocate", "could not create a memory object",  # OpenCV, oneDNN
)  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error`, from any library, is an out-of-memory error."""
    return isinstance(error, MemoryError) or any(message in str(error).lower() for message in _MESSAGES)


@contextlib.contextmanager
def raise_out_of_memory(message: str, cleanup: Callable[[], None] | None = None) -> Iterator[None]:
    """Raise `OutOfMemory(message)` in place of any out-of-memory error, after calling `cleanup`.

    Other errors pass unchanged.
    """
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # free the arrays that the frames refer to
    else:
        return
    if cleanup is not None:
        cleanup()
    raise OutOfMemory(message)
