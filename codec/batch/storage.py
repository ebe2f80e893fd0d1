"""Files and folders on this machine or at a remote address: s3://, gs://, hf://, https:// and others of fsspec.

fsspec is installed with torch. Some protocols need another package, which the error message names. If the packages for
S3 and Google Cloud are missing, pyarrow accesses them.
"""

from __future__ import annotations

import errno
import io
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, TypeAlias, TypeVar

from codec.atomic_write import write_file, write_new_file
from codec.errors import CodecError, ModelMissing
from codec.models import credentials
from codec.models.deadline import call_with_timeout

TIMEOUT: Final = 60.0  # seconds for one request
_BUFFER_BYTES: Final = 1 << 18  # requested at a time from an open file
PAUSES: Final = (1.0, 4.0)  # seconds before the second and the third try
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://([^/?#]*)([^?#]*)", re.IGNORECASE)  # scheme, host, path
_LOGIN = re.compile(r"://[^/?#\s]*@")
_ESCAPE = re.compile(rb"%([0-9a-fA-F]{2})")
_DENIED = re.compile(r"\b40[13]\b|denied|forbidden|credential", re.IGNORECASE)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_LISTED_WITHOUT_CONTENT: Final = ("http", "https")  # web servers have no folders
Result = TypeVar("Result")


class StorageError(CodecError):
    """A remote address denies access or does not answer, or a disk is full: every further file would fail too."""


@dataclass(frozen=True)
class Remote:
    """A remote file or folder, with some attributes of `Path`.

    As text it is the address without user and password.
    """

    address: str = field(repr=False)

    @property
    def name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(_split(self.address)[2]).name or str(self)

    @property
    def suffix(self) -> str:
        """The extension of the name, with its dot."""
        return PurePosixPath(self.name).suffix

    def __truediv__(self, name: str) -> Remote:
        return Remote(f"{self.address.rstrip('/')}/{name}")

    def __str__(self) -> str:
        return without_login(self.address)


Place: TypeAlias = Path | Remote


def place(address: str) -> Place:
    """Return a `Path` for a local address, including file://, and a `Remote` for any other."""
    if not _ADDRESS.match(address):
        return Path(address)
    scheme, _, path = _split(address)
    if scheme != "file":
        return Remote(address)
    return Path(os.fsdecode(_ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), os.fsencode(path))))


def without_login(text: str) -> str:
    """Return an address, or a text with addresses in it, without their users and passwords."""
    return _LOGIN.sub("://", text)


def _split(address: str) -> tuple[str, str, str]:
    """Return scheme, host and path of an address."""
    match = _ADDRESS.match(address)
    assert match is not None
    return match[1].lower(), match[2], match[3]


def is_folder(where: Place) -> bool:
    """Return whether the address is an existing folder. Raises `StorageError`."""
    if isinstance(where, Path):
        return where.is_dir()
    if _split(where.address)[0] in _LISTED_WITHOUT_CONTENT:
        return False
    return bool(attempt(where, lambda fs, path: fs.isdir(path)))


def exists(where: Place) -> bool:
    """Return whether the file or folder exists. Raises `StorageError`."""
    return where.exists() if isinstance(where, Path) else bool(attempt(where, lambda fs, path: fs.exists(path)))


def list_folder(folder: Place) -> list[tuple[str, bool]]:
    """Return (name, is a folder) for each item in a folder, sorted; empty if the folder does not exist."""
    if isinstance(folder, Path):
        return sorted((path.name, path.is_dir()) for path in folder.iterdir()) if folder.is_dir() else []
    try:
        found = attempt(folder, lambda fs, path: fs.ls(path, detail=True, refresh=True))
    except FileNotFoundError:
        return []
    names = ((str(one["name"]).rstrip("/").rpartition("/")[2], one["type"] == "directory") for one in found)
    return sorted(pair for pair in names if pair[0] and pair[0] != folder.name)


def glob(pattern: Remote) -> Iterator[Remote]:
    """Yield the remote files that match a pattern, sorted. Raises `StorageError`."""
    start = pattern.address.partition("://")[0]
    for path in sorted(attempt(pattern, lambda fs, path: fs.glob(path))):
        yield Remote(path if _ADDRESS.match(path) else f"{start}://{str(path).lstrip('/')}")


def read(where: Place, start: int = 0, size: int = -1) -> bytes:
    """Return the bytes of a file from `start`: at most `size` bytes, or all of them if `size` is negative.

    Raises `OSError` for a local file, `FileNotFoundError` and `StorageError` for a remote one.
    """
    if isinstance(where, Path):
        with where.open("rb") as file:
            if start:  # a pipe cannot seek
                file.seek(start)
            return file.read(size)
    end = None if size < 0 else start + size
    return attempt(where, lambda fs, path: bytes(fs.cat_file(path, start=start, end=end)))


def open_file(where: Place) -> IO[bytes]:
    """Open a file for random access. Opening and reading raise the errors of `read`."""
    return where.open("rb") if isinstance(where, Path) else io.BufferedReader(_RemoteFile(where), _BUFFER_BYTES)


class _RemoteFile(io.RawIOBase):
    """A remote file for random access. It uses `read`, so each request has a time limit and is tried again."""

    def __init__(self, where: Remote) -> None:
        self._where, self._position = where, 0
        self._size = int(attempt(where, lambda fs, path: fs.info(path))["size"] or 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = (0, self._position, self._size)[whence] + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self._size - self._position)
        data = read(self._where, self._position, size) if size > 0 else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def write_new(where: Place, data: bytes) -> None:
    """Create a file atomically. Raises `FileExistsError`, `OSError` and `StorageError`."""
    if isinstance(where, Path):
        write_new_file(where, data)
        return
    if exists(where):
        raise FileExistsError(errno.EEXIST, "the file exists", str(where))
    attempt(where, lambda fs, path: fs.pipe_file(path, data))


def remove(where: Place) -> None:
    """Remove a file if it exists."""
    if isinstance(where, Path):
        where.unlink(missing_ok=True)
    elif exists(where):
        attempt(where, lambda fs, path: fs.rm_file(path))


def make_folder(where: Place) -> None:
    """Create a local folder and its parents. Remote folders need no creation: writing a file creates them."""
    if isinstance(where, Path):
        where.mkdir(parents=True, exist_ok=True)


def check_full(error: OSError) -> None:
    """Raise `StorageError` if an error means that the disk is full or read-only."""
    if error.errno in _FULL:
        raise StorageError(f"{error.strerror}: finished files are kept; make room and run again to go on") from None


def attempt(where: Remote, action: Callable[[Any, str], Result]) -> Result:
    """Return `action(file system, path)`. It is tried up to three times, each time for at most `TIMEOUT` seconds.

    Raises `FileNotFoundError` and `FileExistsError` at once, `StorageError` if access is denied or nothing answers, and
    `ModelMissing` if a package is missing.
    """
    for number, pause in enumerate((*PAUSES, 0.0), 1):
        try:
            return call_with_timeout(lambda: action(*_file_system(where.address)), TIMEOUT)
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(where)) from None
        except (FileExistsError, CodecError):
            raise
        except Exception as error:  # each file system raises its own types
            message = _message(error)
            if isinstance(error, PermissionError) or _DENIED.search(message):
                raise StorageError(f"{where}: access denied: {message}") from None
            if number > len(PAUSES):
                raise StorageError(f"{where}: no answer after {number} tries: {message}; run again to go on") from None
        time.sleep(pause)
    raise AssertionError("unreachable: the last try returns or raises")


def _message(error: Exception) -> str:
    text = without_login(credentials.redact(str(error).strip()))
    return text.splitlines()[0][:200] if text else type(error).__name__


def _file_system(address: str) -> tuple[Any, str]:
    """Return the fsspec file system of an address and the path in it."""
    scheme, host, _ = _split(address)
    fs = _make_file_system(scheme, host if scheme in ("s3", "gs", "gcs") else "")
    return fs, address if scheme in _LISTED_WITHOUT_CONTENT else str(fs._strip_protocol(address))


@cache
def _make_file_system(scheme: str, bucket: str) -> Any:
    import fsspec

    try:
        return fsspec.filesystem(scheme)
    except ValueError:
        raise CodecError(f"{scheme}:// is no kind of address that fsspec knows") from None
    except ImportError as error:
        if bucket:
            return _arrow_file_system(scheme, bucket, _message(error))
        raise ModelMissing(f"{scheme}:// needs another package: {_message(error)}") from None


def _arrow_file_system(scheme: str, bucket: str, reason: str) -> Any:
    try:
        from pyarrow import fs as arrow
    except ImportError:
        raise ModelMissing(f"{scheme}:// needs another package: {reason}") from None
    from fsspec.implementations.arrow import ArrowFSWrapper

    class ArrowFileSystem(ArrowFSWrapper):  # type: ignore[misc]
        """Reads ranges; `ArrowFSWrapper` opens a stream for them, which cannot seek."""

        def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
            with self.fs.open_input_file(self._strip_protocol(path)) as file:
                file.seek(start or 0)
                return bytes(file.read(None if end is None else end - (start or 0)))

    inner, _ = arrow.FileSystem.from_uri(f"{'gs' if scheme == 'gcs' else scheme}://{bucket}")
    return ArrowFileSystem(inner)


def replace(where: Place, data: bytes) -> None:
    """Replace the content of a file. Raises `OSError` and `StorageError`."""
    if isinstance(where, Path):
        write_file(where, data)
    else:
        attempt(where, lambda fs, path: fs.pipe_file(path, data))


def arrow_arguments(where: Place) -> tuple[str, Any]:
    """Return the path and the file system (None if local) for pyarrow."""
    if isinstance(where, Path):
        return str(where), None
    fs, path = _file_system(where.address)
    return path, fs
