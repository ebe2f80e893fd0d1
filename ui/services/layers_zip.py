"""Layers as a ZIP of the files of `codec.folder_io`, which any editor opens."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from codec import Layers
from codec.errors import FormatError
from codec.folder_io import layer_files, read_layers

MAGIC: Final = b"PK\x03\x04"
SUFFIX: Final = "-layers"  # of the name of a ZIP
MAX_FILES: Final = 32
MAX_FILE_BYTES: Final = 4 << 20  # of a file in the ZIP


def pack(layers: Layers) -> bytes:
    """Return the files of the layers as a ZIP; equal layers give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in layer_files(layers).items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unpack(data: bytes) -> Layers:
    """Return the layers in a ZIP, whose files may lie in a folder.

    Raises `FormatError` for a damaged, encrypted or too large ZIP, and the errors of `read_layers`.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                files = [entry for entry in archive.infolist() if not entry.is_dir()]
                if len(files) > MAX_FILES:
                    raise FormatError(f"the ZIP has more than {MAX_FILES} files; choose a ZIP of layers")
                for entry in files:
                    _write(archive, entry, Path(folder))
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise FormatError(f"the ZIP cannot be read ({' '.join(str(error).split())[:80]})") from None
        if not any(Path(folder).iterdir()):
            raise FormatError("the ZIP is empty; choose a ZIP of layers")
        return read_layers(folder)


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    name = PurePosixPath(entry.filename).name
    if not name or "\\" in name or "\0" in name:
        return
    with archive.open(entry) as source:
        content = source.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise FormatError(f"a file in the ZIP is larger than {MAX_FILE_BYTES >> 20} MB; choose a ZIP of layers")
    try:
        (folder / name).write_bytes(content)
    except OSError:  # a name that the system does not allow is not a name of a layer file
        return
