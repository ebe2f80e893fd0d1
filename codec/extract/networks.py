"""What the extractors' networks share: the device, one place in memory, clear errors."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from codec.errors import ModelMissing, OutOfMemory

Network = TypeVar("Network")
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


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
    except MemoryError:
        short = True
    except ImportError as error:
        package = error.name or " ".join(str(error).split())[:200]
        raise ModelMissing(f"{what} needs the package {package}: pip install -r requirements.txt") from None
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        short = any(sign in reason.lower() for sign in _SIGNS)
        if not short:
            raise ModelMissing(f"{what} cannot be used ({reason[:200]}): fetch its files again") from None
    else:
        return
    # here the exception is gone, and with it the frames that held on to the memory
    tidy()
    raise OutOfMemory(f"{what} does not fit into memory: {remedy}")
