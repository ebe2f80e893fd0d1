"""The server's own folder of files, and those that killed servers have left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

PREFIX: Final = "trilayer-page-"
_SETTLED: Final = 60.0  # s after which a folder without a lock is nobody's, and not one that is just being made
_locks: dict[Path, int] = {}  # descriptors, open for as long as the process lives


def make() -> Path:
    """A new folder, locked until it is removed or this process is gone, however it ends."""
    sweep_left()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    if (lock := _lock(folder)) is not None:
        _locks[folder] = lock
    return folder


def remove(folder: Path) -> None:
    """The folder and all that is in it, as far as that can be removed."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists() and folder in _locks:
        os.close(_locks.pop(folder))


def sweep_left() -> None:
    """Removes the folders of servers that were killed: those that nobody has locked."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if time.time() - found.st_mtime < _SETTLED or folder.is_symlink() or not folder.is_dir():
                continue
            if (lock := _lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _lock(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None where another process does, or the system knows no such locks."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
