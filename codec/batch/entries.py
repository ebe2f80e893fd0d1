"""One picture or `.tril` file of a source: its name and where its bytes are."""

from __future__ import annotations

from dataclasses import dataclass

from codec.batch import storage
from codec.batch.parquet_rows import RowReader
from codec.batch.storage import Place
from codec.errors import ImageError
from codec.images.io import MAX_BYTES


@dataclass(frozen=True)
class Entry:
    """A whole file, a range of a tar, or a row of a Parquet file."""

    name: str  # relative to the source; identifies the entry in manifests and archives
    file: Place
    caption: str | None = None
    start: int = 0  # offset of its bytes in a tar, or row number in a Parquet file
    size: int | None = None  # number of bytes in a tar
    column: str = ""  # the column of a Parquet file that holds the bytes

    @property
    def is_file(self) -> bool:
        """Whether it is a whole file."""
        return self.size is None and not self.column

    def read(self) -> bytes:
        """Return the content. Raises `ImageError` if it is empty or over 64 MiB, and the errors of `storage.read`."""
        if self.size is not None and self.size > MAX_BYTES:
            raise ImageError(f"the file has more than {MAX_BYTES >> 20} MiB")
        if self.column:
            data = _open_rows(self.file, self.column).read(self.start)
        else:
            data = storage.read(self.file, self.start, MAX_BYTES + 1 if self.size is None else self.size)
        if data is None or (self.size is not None and len(data) < self.size):
            raise ImageError("the file is not in its tar or table")
        if len(data) > MAX_BYTES:
            raise ImageError(f"the file has more than {MAX_BYTES >> 20} MiB")
        return data


_OPEN: dict[tuple[Place, str], RowReader] = {}  # at most one, since a process reads many rows of the same file


def _open_rows(file: Place, column: str) -> RowReader:
    if (file, column) not in _OPEN:
        close_files()
        _OPEN[file, column] = RowReader(file, column)
    return _OPEN[file, column]


def close_files() -> None:
    """Close the open file: it may change before the next run."""
    while _OPEN:
        _OPEN.popitem()[1].close()
