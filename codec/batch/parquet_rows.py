"""Read pictures from a column of a Parquet file: bytes, or structs {bytes, path} as in Hugging Face datasets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from codec.batch import storage
from codec.batch.storage import Place
from codec.errors import FormatError, ModelMissing

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

PICTURE_COLUMNS: Final = ("image", "img", "picture", "jpg", "jpeg", "png", "webp", "bytes", "content", "data")
TRIL_COLUMNS: Final = ("tril",)
_NAME_COLUMNS: Final = ("path", "file_name", "filename", "file", "key", "__key__")
_CAPTION_COLUMNS: Final = ("prompt", "caption", "text", "captions", "description")
_ROWS_AT_A_TIME: Final = 8  # of pictures, which can be large
_NAMES_AT_A_TIME: Final = 1024


class Row(NamedTuple):
    """A listed row. number: its index in the file; name: empty if no column holds names."""

    number: int
    name: str
    caption: str | None


class RowReader:
    """Reads single values of a column.

    Reading in ascending order is fast. Going back reads the row group again from its start.
    """

    def __init__(self, file: Place, column: str) -> None:
        self._resources = ExitStack()
        self._file = self._resources.enter_context(open_parquet(file))
        self._column = column
        metadata = self._file.metadata
        self._ends = np.cumsum([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)])
        self._rows: Iterator[Any] = iter(())
        self._next, self._end = 0, 0

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def read(self, number: int) -> bytes | None:
        """Return the bytes in a row; None if the row is null or does not exist. Raises `FormatError`."""
        if not self._next <= number < self._end:
            group = int(np.searchsorted(self._ends, number, side="right"))
            if group == len(self._ends):
                return None
            self._end = int(self._ends[group])
            self._next = int(self._ends[group - 1]) if group else 0
            self._rows = self._iterate(group)
        value = None
        with parquet_errors(self._column):
            while self._next <= number:
                self._next += 1
                value = next(self._rows)
        return value if value is None else bytes(value.as_py())

    def _iterate(self, group: int) -> Iterator[Any]:
        for batch in self._file.iter_batches(
            _ROWS_AT_A_TIME, row_groups=[group], columns=[self._column], use_threads=False
        ):
            values = batch.column(0)
            for index in range(len(values)):
                value = values[index]
                if "." in self._column and value.is_valid:
                    value = value["bytes"]
                yield value if value.is_valid else None


@contextmanager
def open_parquet(file: Place) -> Iterator[parquet.ParquetFile]:
    """Open a Parquet file. Raises `FormatError`, `ModelMissing` without pyarrow, and the errors of `storage`."""
    load_pyarrow()
    from pyarrow import parquet

    with storage.open_file(file) as opened:
        with parquet_errors(file.name):
            table = parquet.ParquetFile(opened, buffer_size=1 << 20, pre_buffer=False)
        yield table


def find_column(table: parquet.ParquetFile, names: tuple[str, ...], file: str) -> str:
    """Return the path of the column that holds the bytes, such as `image` or, for a struct, `image.bytes`.

    names: preferred column names, in order; pictures may also be in any other column. Raises `FormatError` if there is
    no such column.
    """
    pa = load_pyarrow()
    found = {field.name: path for field in table.schema_arrow if (path := _bytes_path(pa, field))}
    for name in (*names, *(found if names != TRIL_COLUMNS else ())):
        if name in found:
            return found[name]
    kind = "tril" if names == TRIL_COLUMNS else "picture"
    raise FormatError(f"{file} has no {kind} column: bytes, or a struct of bytes and path")


def list_rows(table: parquet.ParquetFile, column: str) -> Iterator[Row]:
    """Yield the rows lazily, without those that have a text in the column `error`."""
    pa = load_pyarrow()
    texts = {field.name for field in table.schema_arrow if pa.types.is_string(field.type)}
    name_column = next((name for name in _NAME_COLUMNS if name in texts), None)
    if name_column is None and column.endswith(".bytes"):
        name_column = f"{column.removesuffix('.bytes')}.path"
    caption_column = next((name for name in _CAPTION_COLUMNS if name in texts and name != name_column), None)
    wanted = [name for name in (name_column, caption_column, "error" if "error" in texts else None) if name]
    if not wanted:
        yield from (Row(number, "", None) for number in range(table.metadata.num_rows))
        return
    number = 0
    with parquet_errors("a column of names"):
        for batch in table.iter_batches(_NAMES_AT_A_TIME, columns=wanted, use_threads=False):
            for values in batch.to_pylist():
                name = values.get(name_column) if name_column in values else _path_in(values, column)
                if not values.get("error"):
                    yield Row(number, name or "", values.get(caption_column) or None)
                number += 1


def load_pyarrow() -> Any:
    """Return pyarrow. Raises `ModelMissing` if it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise ModelMissing("Parquet archives need pyarrow: pip install pyarrow") from None
    return pyarrow


@contextmanager
def parquet_errors(name: str) -> Iterator[None]:
    """Map pyarrow's errors to `FormatError`."""
    pa = load_pyarrow()
    try:
        yield
    except (pa.ArrowException, KeyError, StopIteration, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # of the disk, not of pyarrow
            raise
        line = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise FormatError(f"{name} is not an archive of this program or another Parquet file: {line}") from None


def _path_in(values: dict[str, Any], column: str) -> str | None:
    inner = values.get(column.partition(".")[0])
    return inner.get("path") if isinstance(inner, dict) else None


def _bytes_path(pa: Any, field: pa.Field) -> str:
    """Return the path of the bytes in a column; "" if the column has another type."""
    if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
        return str(field.name)
    if pa.types.is_struct(field.type):
        for inner in field.type:
            if inner.name == "bytes" and (pa.types.is_binary(inner.type) or pa.types.is_large_binary(inner.type)):
                return f"{field.name}.bytes"
    return ""
