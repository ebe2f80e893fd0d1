"""An archive in a single Parquet file. While a run writes to it, its parts are in a folder beside it.

The file is replaced at the end of a run, completely or not at all. A run that was stopped left its folder of parts,
from which the next one goes on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from codec.atomic_write import replacement
from codec.batch import archive, storage
from codec.batch.parquet_rows import load_pyarrow, open_parquet, parquet_errors
from codec.batch.storage import Place

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP_ROWS: Final = 1 << 14  # of a row group, unless they are large
_GROUP_BYTES: Final = 1 << 25
_READ_ROWS: Final = 64


def parts_folder(file: Path) -> Path:
    """Return the folder of parts of an archive that is a single file."""
    return file.with_name(f"{file.name}.parts")


def open_parts(file: Path) -> Path:
    """Return the folder of parts, with what the file holds as the oldest one. Raises `OSError`."""
    folder = parts_folder(file)
    folder.mkdir(parents=True, exist_ok=True)
    oldest = folder / archive.part_name(0, 0)
    if file.exists() and not oldest.exists():
        with replacement(oldest) as temporary:
            try:
                os.link(file, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(file, temporary)
    return folder


def close_parts(file: Path, columns: pa.Schema, stale: Mapping[Place, np.ndarray]) -> None:
    """Write all parts but their stale rows into the file, and remove the folder.

    stale: which rows of a part, (N,) bool. Raises `OSError` and `FormatError`.
    """
    from pyarrow import parquet

    folder = parts_folder(file)
    parts = archive.part_files(folder)
    with replacement(file) as temporary:
        with parquet.ParquetWriter(temporary, columns, compression="zstd") as writer:
            for group in _row_groups(parts, columns, stale):
                writer.write_table(group)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
    for part in reversed(parts):  # the oldest, which the next run would write anew, last
        storage.remove(part)
    with suppress(OSError):  # files of others
        folder.rmdir()


def _row_groups(parts: Sequence[Place], columns: pa.Schema, stale: Mapping[Place, np.ndarray]) -> Iterator[pa.Table]:
    """Yield tables for row groups of limited size."""
    pa = load_pyarrow()
    batches: list[Any] = []  # record batches
    rows = size = 0
    for part in parts:
        position = 0
        with parquet_errors(part.name), open_parquet(part) as table:
            for batch in table.iter_batches(_READ_ROWS, use_threads=False):
                if part in stale:
                    position += len(batch)
                    batch = batch.filter(pa.array(~stale[part][position - len(batch) : position]))
                batches.append(batch)
                rows, size = rows + len(batch), size + batch.nbytes
                if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
                    yield pa.Table.from_batches(batches, columns)
                    batches, rows, size = [], 0, 0
    if batches:
        yield pa.Table.from_batches(batches, columns)
