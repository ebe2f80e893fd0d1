"""What is done with each file of a folder: encode it or decode it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from codec.batch.find_files import PICTURE_SUFFIXES
from codec.batch.manifest import Row
from codec.batch.outputs import digest, digest_file, write_output
from codec.encoder.encode_options import DEFAULT_OPTIONS, EncodeOptions
from codec.errors import CodecError
from codec.images.io import encode_png
from codec.layers import Layers

if TYPE_CHECKING:
    from codec.decoders import Decoder
    from codec.decoders.sd15.options import Options


@dataclass(frozen=True)
class WrittenOutput:
    """What the manifest says of a file that an earlier run has processed."""

    name: str  # of the output; "" if there never was one
    sha256: str  # of the source
    options: str  # digest of the options and the caption; "" after an error
    output_sha256: str  # "" if the output must not be replaced


@dataclass(frozen=True)
class WorkItem:
    """One file to encode or decode. Hashes are the first 16 hex digits."""

    source: Path
    name: str  # relative to the folder, as it appears in the manifest
    caption: str | None  # from captions.tsv
    target: Path
    second_name: str  # for the output if a foreign file is at `target`
    written: WrittenOutput | None = None
    data: bytes | None = None  # the content, if `source` is an archive


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
        return prompt is None and captioner != "none" and (captioner != "auto" or best() is not None)

    def options_for(self, caption: str | None) -> EncodeOptions:
        """Return the options for a picture with this caption."""
        return self.options if self.options.prompt is not None else replace(self.options, prompt=caption)

    def encode(self, source: Path, options: EncodeOptions) -> Layers:
        """Return the layers of a picture. Raises what `extract` raises."""
        from codec.encoder.extract import extract

        return extract(source, options).layers

    def __call__(self, item: WorkItem) -> Row | None:
        """Encode one file and return its row of the manifest, None if an earlier run has done it."""
        options = self.options_for(item.caption)
        return _process_item(item, asdict(options), lambda: self.encode(item.source, options), Layers.to_bytes)


@dataclass(frozen=True)
class DecodeTask:
    """Decode a `.tril` file to a PNG. `layers`: which of 1, 2, 3 to use; `seed` None: the seed in the file."""

    decoder: str = "painter"
    options: Options | None = None
    layers: tuple[int, ...] = (1, 2, 3)
    seed: int | None = None
    input_suffixes: tuple[str, ...] = (".tril",)
    output_suffix: str = ".png"

    @property
    def uses_large_models(self) -> bool:
        """Whether models of several gigabytes are loaded."""
        return self.decoder == "sd15"

    def __call__(self, item: WorkItem) -> Row | None:
        """Decode one file and return its row of the manifest, None if an earlier run has done it."""

        def read() -> Layers:
            return Layers.from_bytes(item.source.read_bytes() if item.data is None else item.data)

        def decode(layers: Layers) -> bytes:
            decoder = _get_decoder(self.decoder, self.options)
            return encode_png(decoder.decode(layers.only(self.layers), seed=self.seed))

        return _process_item(item, asdict(self), read, decode)


@cache
def _get_decoder(name: str, options: Options | None) -> Decoder:
    """Return the decoder; it is created once per process, so its networks stay loaded."""
    from codec.decoders import get

    return get(name, options)


def _process_item(
    item: WorkItem, options: Row, read: Callable[[], Layers], convert: Callable[[Layers], bytes]
) -> Row | None:
    """Read an item's layers, convert them, write the output file, and return the row of the manifest."""
    options_digest = digest(json.dumps(options, default=str).encode())[:12]
    written = item.written
    row: Row = {"file": item.name, "options": options_digest, "error": ""}
    if written:
        row |= {"output": written.name, "output_sha256": written.output_sha256}
    start = time.perf_counter()
    try:
        row["sha256"] = digest_file(item.source) if item.data is None else digest(item.data)
        if written and (written.sha256, written.options) == (row["sha256"], options_digest) and item.target.is_file():
            return None
        layers = read()
        data = convert(layers)
        target = write_output(item.target, item.second_name, data, written.output_sha256 if written else "")
        sizes = layers.sizes()
        row |= {"output": target.name, "output_sha256": digest(data)}
        row |= {"width": layers.width, "height": layers.height, "bytes": sizes.total, **sizes._asdict()}
    except (CodecError, MemoryError, OSError) as error:
        row["error"] = describe_error(error)
    row["seconds"] = round(time.perf_counter() - start, 3)
    return row


def describe_error(error: CodecError | MemoryError | OSError) -> str:
    """Return the text for the error column; never empty."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this picture"
    if isinstance(error, OSError):
        return error.strerror or str(error) or "the file cannot be read"
    return str(error) or type(error).__name__
