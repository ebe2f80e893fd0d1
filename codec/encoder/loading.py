"""Load the encoder's optional networks: choose the device, keep one network in memory, and translate errors."""

from __future__ import annotations

import contextlib
import gc
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from codec.errors import ModelMissing, OutOfMemory
from codec.models.oom import is_out_of_memory

Network = TypeVar("Network")


class ModelSlot(Generic[Network]):
    """Holds one loaded network, for one thread at a time. Loading another network releases the first one."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._loaded: tuple[object, Network] | None = None

    @contextlib.contextmanager
    def use(self, key: object, load: Callable[[], Network]) -> Iterator[Network]:
        """Yield the network with this key; calls `load` unless it is already loaded."""
        with self._lock:
            if self._loaded is None or self._loaded[0] != key:
                self.release()  # before loading, since both networks may not fit into memory
                self._loaded = key, load()
            yield self._loaded[1]

    def release(self) -> None:
        """Free the memory of the network."""
        with self._lock:
            if self._loaded is not None:
                self._loaded = None
                free_memory()


def best_device() -> str:
    """Return the best device of this machine: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def free_memory() -> None:
    """Free the memory of unreachable objects, including GPU memory."""
    gc.collect()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def translate_errors(model: str, remedy: str) -> Iterator[None]:
    """Convert errors of libraries to codec errors.

    Out-of-memory errors become OutOfMemory with the remedy; errors about unusable files and missing packages become
    ModelMissing. model: name of the network, for the message.
    """
    try:
        yield
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)
    except ImportError as error:
        package = error.name or " ".join(str(error).split())[:200]
        raise ModelMissing(f"{model} needs the package {package}: pip install -r requirements.txt") from None
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        if not is_out_of_memory(error):
            raise ModelMissing(f"{model} cannot be used ({reason[:200]}): fetch its files again") from None
        traceback.clear_frames(error.__traceback__)  # its frames reference the arrays as long as the error exists
    else:
        return
    free_memory()
    raise OutOfMemory(f"{model} does not fit into memory: {remedy}")
