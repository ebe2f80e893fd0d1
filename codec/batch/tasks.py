"""The tasks of a run: encode or decode each file of a source."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from codec.batch import archive
from codec.batch.entries import Entry
from codec.batch.find_files import PICTURE_SUFFIXES
from codec.batch.manifest import Row, escape_surrogates
from codec.batch.outputs import digest, write_output
from codec.batch.storage import StorageError, check_full
from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions
from codec.errors import CodecError
from codec.images.io import encode_png
from codec.layers import Layers

if TYPE_CHECKING:
    import pyarrow as pa

    from codec.decoders import Decoder
    from codec.decoders.diffusion.base_options import DiffusionOptions


@dataclass(frozen=True)
class WrittenOutput:
    """The result of an earlier run for a file, from the manifest."""

    name: str  # of the output; "" if none was written
    sha256: str  # of the source
    options: str  # digest of the options and the caption; "" after an error
    output_sha256: str  # "" if the output must not be replaced


@dataclass(frozen=True)
class WorkItem:
    """One entry to encode or decode to a file. Hashes are the first 16 hex digits."""

    entry: Entry
    target: Path
    second_name: str  # for the output if another program's file is at `target`
    written: WrittenOutput | None = None

    @property
    def name(self) -> str:
        """The name in the manifest."""
        return escape_surrogates(self.entry.name)


@dataclass(frozen=True)
class EncodeTask:
    """Encode a picture to a `.tril` file, with its caption as the prompt unless `options` has one."""

    options: EncodeOptions = DEFAULT_OPTIONS
    input_suffixes: tuple[str, ...] = PICTURE_SUFFIXES
    output_suffix: str = ".tril"

    @property
    def uses_large_models(self) -> bool:
        """Whether a captioning model of several gigabytes may be loaded."""
        from codec.encoder.prompt.caption import best

        prompt, captioner = self.options.prompt, self.options.captioner
        return prompt is None and captioner not in ("none", "subject") and (captioner != "auto" or best() is not None)

    def options_for(self, caption: str | None) -> EncodeOptions:
        """Return the options for a picture with this caption."""
        return self.options if self.options.prompt is not None else replace(self.options, prompt=caption)

    def encode(self, data: bytes, options: EncodeOptions) -> Layers:
        """Return the layers of a picture file. Raises the errors of `extract`."""
        from codec.encoder.extract import extract

        return extract(data, options).layers

    def digest(self, caption: str | None) -> str:
        """Return the digest of the options for a picture."""
        return _options_digest(asdict(self.options_for(caption)))

    def columns(self) -> pa.Schema:
        """Return the columns of an archive."""
        return archive.schema()

    def describe(self, data: bytes, entry: Entry) -> Row:
        """Encode a picture and return its columns in an archive. Raises the errors of `extract`."""
        return archive.describe(self.encode(data, self.options_for(entry.caption)))

    def __call__(self, item: WorkItem) -> Row | None:
        """Encode one file and return its row of the manifest, None if an earlier run has done it."""
        options = self.options_for(item.entry.caption)
        digest = self.digest(item.entry.caption)
        return _process_item(item, digest, lambda data: self.encode(data, options), Layers.to_bytes)


@dataclass(frozen=True)
class DecodeTask:
    """Decode a `.tril` file to a PNG. `layers`: which of 1, 2, 3 to use; `seed` None: the seed in the file."""

    decoder: str = "painter"
    options: DiffusionOptions | None = None
    layers: tuple[int, ...] = (1, 2, 3)
    seed: int | None = None
    input_suffixes: tuple[str, ...] = (".tril",)
    output_suffix: str = ".png"

    @property
    def uses_large_models(self) -> bool:
        """Whether models of several gigabytes are loaded."""
        return self.decoder in ("sd15", "sdxl")

    def digest(self, caption: str | None) -> str:
        """Return the digest of the options, which are the same for all files."""
        return _options_digest(asdict(self))

    def columns(self) -> pa.Schema:
        """Return the columns of an archive."""
        return archive.picture_schema()

    def decode(self, layers: Layers) -> bytes:
        """Return the picture as a PNG. Raises the errors of the decoder."""
        decoder = _get_decoder(self.decoder, self.options)
        return encode_png(decoder.decode(layers.only(self.layers), seed=self.seed))

    def describe(self, data: bytes, entry: Entry) -> Row:
        """Decode a file and return its columns in an archive. Raises the errors of `decode` and `Layers.from_bytes`."""
        layers = Layers.from_bytes(data)
        image = {"bytes": self.decode(layers), "path": f"{entry.name}{self.output_suffix}"}
        return {"width": layers.width, "height": layers.height, "image": image}

    def __call__(self, item: WorkItem) -> Row | None:
        """Decode one file and return its row of the manifest, None if an earlier run has done it."""
        return _process_item(item, self.digest(None), Layers.from_bytes, self.decode)


@cache
def _get_decoder(name: str, options: DiffusionOptions | None) -> Decoder:
    """Return the decoder; it is created once per process, so its networks stay loaded."""
    from codec.decoders import get

    return get(name, options)


def _process_item(
    item: WorkItem, options_digest: str, read: Callable[[bytes], Layers], convert: Callable[[Layers], bytes]
) -> Row | None:
    """Read an item's layers, convert them, write the output file, and return the row of the manifest.

    Returns {"fatal": message} instead if every further item would fail too.
    """
    written = item.written
    row: Row = {"file": item.name, "options": options_digest, "error": ""}
    if written:
        row |= {"output": written.name, "output_sha256": written.output_sha256}
    start = time.perf_counter()
    try:
        data = item.entry.read()
        row["sha256"] = digest(data)
        if written and (written.sha256, written.options) == (row["sha256"], options_digest) and item.target.is_file():
            return None
        layers = read(data)
        output = convert(layers)
        target = _write(item, output)
        sizes = layers.sizes()
        row |= {"output": target.name, "output_sha256": digest(output)}
        row |= {"width": layers.width, "height": layers.height, "bytes": sizes.total, **sizes._asdict()}
    except StorageError as error:
        return {"fatal": str(error)}
    except (CodecError, MemoryError, OSError) as error:
        row["error"] = describe_error(error)
    row["seconds"] = round(time.perf_counter() - start, 3)
    return row


def _write(item: WorkItem, data: bytes) -> Path:
    """Write the output and return its path. Raises `StorageError` if the disk is full, else `OSError`."""
    try:
        return write_output(item.target, item.second_name, data, item.written.output_sha256 if item.written else "")
    except OSError as error:
        check_full(error)
        raise


def _options_digest(options: Row) -> str:
    return digest(json.dumps(options, default=str).encode())[:12]


def describe_error(error: CodecError | MemoryError | OSError) -> str:
    """Return the text for the error column; never empty."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this picture"
    if isinstance(error, OSError):
        return error.strerror or str(error) or "the file cannot be read"
    return str(error) or type(error).__name__
