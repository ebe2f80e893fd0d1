"""The server's directory for temporary files, and the removal of directories that killed servers left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

PREFIX: Final = "trilayer-page-"
_MIN_AGE: Final = 60.0  # s; an unlocked directory that is younger may belong to a server that is just starting
_locks: dict[Path, int] = {}  # directory -> descriptor that holds its lock while this process lives


def create() -> Path:
    """Create a directory that is locked until it is removed or this process ends; remove abandoned ones first."""
    remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    if (lock := _lock(folder)) is not None:
        _locks[folder] = lock
    return folder


def remove(folder: Path) -> None:
    """Remove the directory and its contents as far as possible, and release its lock."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists() and folder in _locks:
        os.close(_locks.pop(folder))


def remove_abandoned() -> None:
    """Remove the directories that no running server has locked."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            is_new = time.time() - folder.lstat().st_mtime < _MIN_AGE
            if is_new or folder.is_symlink() or not folder.is_dir():
                continue
            if (lock := _lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _lock(folder: Path) -> int | None:
    """Return a descriptor that locks the directory; None if another process holds the lock or locks are unsupported."""
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
