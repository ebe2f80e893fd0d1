"""What the extractors' networks share: the device, one place in memory, clear errors."""

from __future__ import annotations

import contextlib
import gc
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from codec.errors import ModelMissing, OutOfMemory
from codec.models.oom import is_short

Network = TypeVar("Network")


class Slot(Generic[Network]):
    """Room for one loaded network, for one thread at a time; another one puts the first away."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held: tuple[object, Network] | None = None

    @contextlib.contextmanager
    def use(self, key: object, load: Callable[[], Network]) -> Iterator[Network]:
        """The network of that key; `load` is called if it is not the one in memory."""
        with self._lock:
            if self._held is None or self._held[0] != key:
                self.release()  # before the next one comes: two may not fit
                self._held = key, load()
            yield self._held[1]

    def release(self) -> None:
        """Give the memory back."""
        with self._lock:
            held, self._held = self._held, None
            if held is not None:
                del held
                tidy()


def device() -> str:
    """The best device of this machine: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def tidy() -> None:
    """Hand back what nothing holds any more."""
    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def clear_errors(what: str, remedy: str) -> Iterator[None]:
    """Running out of memory, which has many names, becomes OutOfMemory with the remedy; a file that
    is not what it should be, or a package that is not installed, ModelMissing. `what`: the network."""
    try:
        yield
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)
    except ImportError as error:
        package = error.name or " ".join(str(error).split())[:200]
        raise ModelMissing(f"{what} needs the package {package}: pip install -r requirements.txt") from None
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        if not is_short(error):
            raise ModelMissing(f"{what} cannot be used ({reason[:200]}): fetch its files again") from None
        traceback.clear_frames(error.__traceback__)  # they hold the arrays, as long as anybody holds the error
    else:
        return
    tidy()
    raise OutOfMemory(f"{what} does not fit into memory: {remedy}")
