"""A Parquet archive: many `.tril` files as rows of one table, in a single file or in a folder of parts.

pandas, DuckDB and Hugging Face datasets can read it. pyarrow is optional and imported on first use.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec.batch import storage
from codec.batch.manifest import escape_surrogates
from codec.batch.parquet_rows import load_pyarrow, open_parquet, parquet_errors
from codec.batch.storage import Place
from codec.errors import CodecError, FormatError
from codec.layers import Layers

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import dataset

SUFFIX: Final = ".parquet"
LAYER_COLUMNS: Final = ("semantic", "structure", "texture", "extensions", "overhead")
_BATCH_ROWS: Final = 1024
Row = dict[str, Any]  # by column


def schema() -> pa.Schema:
    """Return the columns. `path` is unique; `options` is a digest; `error` is empty where there is a `tril`.

    Raises `ModelMissing` if pyarrow is not installed.
    """
    pa = load_pyarrow()
    text, count = pa.string(), pa.int32()
    columns = [
        *[("path", text), ("sha256", text), ("options", text), ("width", count), ("height", count)],
        *[("prompt", text), ("negative", text), ("seed", pa.uint64()), ("settings", text)],
        *[("recipe", text)],
        *[("tril", pa.binary()), ("bytes", count), *((name, count) for name in LAYER_COLUMNS)],
        *[("seconds", pa.float32()), ("error", text)],
    ]
    return pa.schema(columns)


def describe(layers: Layers) -> Row:
    """Return the values of the columns that describe layers."""
    sizes = layers.sizes()
    return {
        "width": layers.width,
        "height": layers.height,
        "prompt": layers.semantic.text if layers.semantic else None,
        "negative": layers.semantic.negative if layers.semantic else None,
        "seed": layers.seed,
        "settings": json.dumps(asdict(layers.settings)) if layers.settings else None,
        "recipe": json.dumps(asdict(layers.recipe)) if layers.recipe else None,
        "tril": layers.to_bytes(),
        "bytes": sizes.total,
        **sizes._asdict(),
    }


def picture_schema() -> pa.Schema:
    """Return the columns of an archive of decoded pictures; `image` has the form of Hugging Face datasets."""
    pa = load_pyarrow()
    text, count = pa.string(), pa.int32()
    image = pa.struct([("bytes", pa.binary()), ("path", text)])
    columns = [("path", text), ("sha256", text), ("options", text), ("width", count), ("height", count)]
    return pa.schema([*columns, ("image", image), ("seconds", pa.float32()), ("error", text)])


def is_archive(address: str | Place) -> bool:
    """Return whether an address ends in .parquet and exists."""
    where = storage.place(address) if isinstance(address, str) else address
    return where.suffix.lower() == SUFFIX and "#" not in str(address) and storage.exists(where)


def part_name(stamp: int, key: int) -> str:
    """Return the name of a part.

    stamp: start of its run in nanoseconds, so that later parts sort after earlier ones.
    """
    return f"part-{stamp:020d}-{key:016x}{SUFFIX}"


def write_part(archive: Place, name: str, rows: Sequence[Row], columns: pa.Schema | None = None) -> None:
    """Add a part to an archive that is a folder, atomically.

    columns: None for the columns of `schema`. Raises `FileExistsError`, `OSError` and `StorageError`.
    """
    table = load_pyarrow().Table.from_pylist(list(rows), columns or schema())
    storage.write_new(archive / name, to_bytes(table))


def part_files(archive: Place) -> list[Place]:
    """Return the files of an archive, oldest part first."""
    if not storage.is_folder(archive):
        return [archive]
    names = (name for name, is_dir in storage.list_folder(archive) if not is_dir)
    return [archive / name for name in names if name.endswith(SUFFIX) and not name.startswith(".")]


def scan(archive: Place, columns: Sequence[str], condition: dataset.Expression | None = None) -> Iterator[Row]:
    """Yield the rows that satisfy a condition, reading the archive in small batches.

    Raises `FormatError` if a file is not Parquet, and for missing columns.
    """
    for part in part_files(archive):
        yield from scan_part(part, columns, condition)


def scan_part(part: Place, columns: Sequence[str], condition: dataset.Expression | None = None) -> Iterator[Row]:
    """Yield the rows of one file; see `scan`."""
    load_pyarrow()
    from pyarrow import dataset

    with parquet_errors(part.name):
        path, fs = storage.arrow_arguments(part)
        source = dataset.dataset(path, format="parquet", filesystem=fs)
        batches = source.to_batches(
            columns=list(columns), filter=condition, batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1
        )
    while True:
        with parquet_errors(part.name):
            batch = next(batches, None)
        if batch is None:
            return
        yield from batch.to_pylist()


def read_entry(archive: Place, path: str) -> bytes:
    """Return the `.tril` file of one row. Raises `FormatError` if there is none."""
    for part in reversed(part_files(archive)):  # rows of later parts replace rows of earlier parts
        rows = list(scan_part(part, ["tril", "error"], _compute().field("path") == path))
        if rows and isinstance(rows[-1]["tril"], bytes):
            return rows[-1]["tril"]
        if rows:
            raise FormatError(f"{path} in {archive.name} was not encoded: {rows[-1]['error']}")
    raise FormatError(f"{archive.name} has no entry {path}")


def read_address(address: str, max_bytes: int) -> bytes:
    """Return the content of a local or remote file, or of an entry `archive.parquet#path`, up to `max_bytes`.

    Raises what `read_entry` and `storage.read` raise.
    """
    if entry := split_address(address):
        return read_entry(*entry)
    return storage.read(storage.place(address), 0, max_bytes)


def split_address(address: str) -> tuple[Place, str] | None:
    """Return (archive, path) for `archive.parquet#path`; None for other addresses and for existing files."""
    name, mark, path = address.partition(f"{SUFFIX}#")
    if not mark or Path(address).exists():
        return None
    return storage.place(name + SUFFIX), escape_surrogates(path)


def remove_rows(part: Place, is_removed: np.ndarray) -> None:
    """Rewrite a part without some rows, (N,) bool; or delete it if no rows remain. Raises `OSError`."""
    kept = read_part(part).filter(load_pyarrow().array(~is_removed))
    if len(kept):
        storage.replace(part, to_bytes(kept))
    else:
        storage.remove(part)


def iterate_part(part: Place, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a part. Few are in memory at a time. Raises `FormatError`."""
    with parquet_errors(part.name), open_parquet(part) as table:
        for batch in table.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False):
            yield from batch.to_pylist()


def read_part(part: Place, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a part. Raises `FormatError`."""
    with parquet_errors(part.name), open_parquet(part) as table:
        return table.read(columns=columns, use_threads=False)


def to_bytes(table: pa.Table) -> bytes:
    """Return a table as a Parquet file."""
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def check_target(archive: Place, columns: pa.Schema, *, one_file: bool = False) -> None:
    """Raise `CodecError` unless rows can be added to an archive: it is new, or without foreign files."""
    if one_file and (not isinstance(archive, Path) or archive.is_dir()):
        kind = "a folder of parts" if isinstance(archive, Path) else "remote, and there archives are folders of parts"
        raise CodecError(f"{archive.name} is {kind}: leave out --one-file")
    if not storage.is_folder(archive) and not (isinstance(archive, Path) and archive.exists()):
        return
    for part in part_files(archive)[:1]:
        with open_parquet(part) as table:
            if table.schema_arrow.names != columns.names:
                raise FormatError(f"{archive.name} is not an archive of this program: name another one")


def _compute() -> Any:
    load_pyarrow()
    from pyarrow import compute

    return compute
