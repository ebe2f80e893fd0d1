"""Replace files atomically: readers see either the old or the new content, even after a crash."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def write_file(path: str | os.PathLike[str], data: bytes, *, durable: bool = True) -> None:
    """Replace the content of one file, or write directly to a path that is not a plain file (a pipe, /dev/null).

    Symbolic links are followed, and the permissions of an existing file are kept. `durable=False` does not wait for the
    disk: use it for temporary files. Raises `OSError`; the old file is then unchanged.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_bytes(data)
    else:
        write_files({Path(path): data}, durable=durable)


def write_files(files: Mapping[Path, bytes], *, durable: bool = True) -> None:
    """Replace the content of plain files once all new contents are on the disk. Raises `OSError`."""
    targets: dict[Path, Path] = {}  # by temporary file
    try:
        for path, data in files.items():
            target = Path(os.path.realpath(path))
            temporary = _temporary_path(target)
            targets[temporary] = target
            _create(temporary, data, durable=durable)
            if target.exists():
                temporary.chmod(target.stat().st_mode & 0o777)
        for temporary, target in targets.items():
            temporary.replace(target)
    finally:
        for temporary in targets:
            temporary.unlink(missing_ok=True)


def write_new_file(path: Path, data: bytes) -> None:
    """Create a file atomically, without replacing an existing file or link.

    Raises `FileExistsError` if the name exists, also if another process creates it at the same time, and `OSError`.
    """
    temporary = _temporary_path(path)
    try:
        _create(temporary, data, durable=True)
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _create(path: Path, data: bytes, *, durable: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # reduced by the umask
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(handle)  # otherwise a power failure could leave an empty file


@contextmanager
def replacement(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which replaces `path` if the block ends without an exception.

    For libraries that write to a path themselves. Raises `OSError`.
    """
    temporary = _temporary_path(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary_path(target: Path) -> Path:
    return target.with_name(f".{target.name[:40]}.{secrets.token_hex(6)}.part")
