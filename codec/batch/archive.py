"""A Parquet archive: many `.tril` files as rows of one table, in a single file or in a folder of parts.

pandas, DuckDB and Hugging Face datasets read it as it is. pyarrow is optional and imported on first use.
"""

from __future__ import annotations

import io
import json
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from codec.atomic_write import write_file, write_new_file
from codec.batch.manifest import escape_surrogates
from codec.errors import CodecError, FormatError, ModelMissing
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
    pa = _pyarrow()
    text, count = pa.string(), pa.int32()
    columns = [
        *[("path", text), ("sha256", text), ("options", text), ("width", count), ("height", count)],
        *[("prompt", text), ("negative", text), ("seed", pa.uint64()), ("settings", text)],
        *[("tril", pa.binary()), ("bytes", count), *((name, count) for name in LAYER_COLUMNS)],
        *[("seconds", pa.float32()), ("error", text)],
    ]
    return pa.schema(columns)


def describe(layers: Layers) -> Row:
    """Return the columns that follow from the layers."""
    sizes = layers.sizes()
    return {
        "width": layers.width,
        "height": layers.height,
        "prompt": layers.semantic.text if layers.semantic else None,
        "negative": layers.semantic.negative if layers.semantic else None,
        "seed": layers.seed,
        "settings": json.dumps(asdict(layers.settings)) if layers.settings else None,
        "tril": layers.to_bytes(),
        "bytes": sizes.total,
        **sizes._asdict(),
    }


def is_archive(path: Path) -> bool:
    """Return whether a path is named like an archive and exists."""
    return path.suffix.lower() == SUFFIX and path.exists()


def write_part(archive: Path, rows: Sequence[Row]) -> None:
    """Add a part to an archive that is a folder; it is there completely or not at all. Raises `OSError`."""
    name = f"part-{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"  # the later of two names is the later part
    write_new_file(archive / name, _to_bytes(_pyarrow().Table.from_pylist(list(rows), schema())))


def part_files(archive: Path) -> list[Path]:
    """Return the files of an archive, the oldest part first."""
    return sorted(archive.glob(f"[!.]*{SUFFIX}")) if archive.is_dir() else [archive]


def scan(archive: Path, columns: Sequence[str], condition: dataset.Expression | None = None) -> Iterator[Row]:
    """Yield the rows that fulfill a condition. Few are in memory at a time.

    Raises `FormatError` if a file is not Parquet, and for missing columns.
    """
    for part in part_files(archive):
        yield from scan_part(part, columns, condition)


def scan_part(part: Path, columns: Sequence[str], condition: dataset.Expression | None = None) -> Iterator[Row]:
    """Yield the rows of one file, as `scan` does."""
    _pyarrow()
    from pyarrow import dataset

    with _format_errors(part):
        source = dataset.dataset(part, format="parquet")
        batches = source.to_batches(
            columns=list(columns), filter=condition, batch_size=_BATCH_ROWS, batch_readahead=1, fragment_readahead=1
        )
    while True:
        with _format_errors(part):
            batch = next(batches, None)
        if batch is None:
            return
        yield from batch.to_pylist()


def read_entry(archive: Path, path: str) -> bytes:
    """Return the `.tril` file of one row. Raises `FormatError` if there is none."""
    pc = _compute()
    rows = list(scan(archive, ["tril", "error"], pc.field("path") == path))
    if not rows:
        raise FormatError(f"{archive.name} has no entry {path}")
    data = rows[-1]["tril"]  # a row of a later part replaces one of an earlier part
    if not isinstance(data, bytes):
        raise FormatError(f"{path} in {archive.name} was not encoded: {rows[-1]['error']}")
    return data


def split_address(address: str) -> tuple[Path, str] | None:
    """Return archive and path of an address `archive.parquet#path`, None if it is none or a file has that name."""
    name, mark, path = address.partition(f"{SUFFIX}#")
    if not mark or Path(address).exists():
        return None
    return Path(name + SUFFIX), escape_surrogates(path)


def remove_rows(part: Path, paths: Sequence[str]) -> None:
    """Rewrite a part without the rows of these paths; a part without rows is removed. Raises `OSError`."""
    pa, pc = _pyarrow(), _compute()
    from pyarrow import parquet

    with _format_errors(part):
        table = parquet.read_table(part, schema=schema())
        kept = table.filter(pc.invert(pc.is_in(table["path"], pa.array(paths, pa.string()))))
    if len(kept):
        write_file(part, _to_bytes(kept))
    else:
        part.unlink()


def _to_bytes(table: pa.Table) -> bytes:
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


@contextmanager
def _format_errors(part: Path) -> Iterator[None]:
    pa = _pyarrow()
    try:
        yield
    except (pa.ArrowException, KeyError) as error:
        line = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise FormatError(f"{part.name} is not an archive of this program: {line}") from None


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise ModelMissing("Parquet archives need pyarrow: pip install pyarrow") from None
    return pyarrow


def _compute() -> Any:
    _pyarrow()
    from pyarrow import compute

    return compute


def check_target(archive: Path) -> None:
    """Raise `CodecError` unless parts can be added to an archive: a folder without foreign Parquet files."""
    columns = schema().names
    if archive.exists() and not archive.is_dir():
        raise CodecError(f"{archive.name} is a file: archives are written as folders of parts, so name another one")
    for part in part_files(archive)[:1] if archive.is_dir() else []:
        from pyarrow import parquet

        with _format_errors(part):
            if parquet.read_schema(part).names != columns:
                raise FormatError(f"{archive.name} is not an archive of this program: name another one")
