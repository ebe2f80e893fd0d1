"""Read safetensors files: pinned files by their digest, other files after a check of their header.

Networks that ship with the program pin their file by SHA-256 next to their code (see
codec/decoders/painter/real_esrgan.py). `load` reads such a file once and parses the bytes that it
hashed. Larger files are opened by other libraries, after `validate` has checked them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from codec.errors import ModelMissing

if TYPE_CHECKING:
    import numpy as np

FOLDER: Final = Path(__file__).resolve().parents[2] / "assets" / "weights"
MAX_BYTES: Final = 16 << 30
LFS_POINTER_START: Final = b"version "  # a Git LFS pointer reads "version https://git-lfs.github.com/spec/v1 ..."
_MAX_HEADER_BYTES: Final = 100_000_000  # the limit of the safetensors library


@dataclass(frozen=True)
class WeightFile:
    """A .safetensors file that the program pins: its name and its SHA-256 in hex."""

    name: str
    sha256: str


def load(file: WeightFile, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Return the tensors of `file` by name, in their stored dtypes.

    `folder` defaults to assets/weights. Raises ModelMissing if the file is absent, unreadable,
    damaged or of another version; the message names the file and the remedy.
    """
    path = (FOLDER if folder is None else folder) / file.name
    shown = path if folder is not None else f"assets/weights/{file.name}"  # hide the server's paths from the page
    remedy = "restore it from the project's assets/weights folder, or make it with convert.py there"
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelMissing(f"weights {shown} cannot be read ({reason}): {remedy}") from None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ModelMissing(f"weights {shown} are damaged or not the right version: {remedy}")
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse

    try:
        tensors: dict[str, np.ndarray] = parse(data)
    except (SafetensorError, ValueError, KeyError) as error:  # the pinned bytes are not safetensors
        raise ModelMissing(f"weights {shown} are not safetensors ({error}): {remedy}") from None
    return tensors


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file of any size, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def validate(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Check that `path` is a complete safetensors file of at most `max_bytes`; reads the header only.

    Raises ModelMissing, whose message names the file and the defect. The tensors are not checked: they may still
    be those of another network.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            header_bytes = int.from_bytes(start, "little")
            if start == LFS_POINTER_START:
                raise ModelMissing(f"{path} is a Git LFS pointer, not the weights: get the file itself (git lfs pull)")
            if size > max_bytes:
                raise ModelMissing(f"{path} has {size} bytes, more than the {max_bytes} allowed")
            if len(start) < 8 or not 2 <= header_bytes <= min(_MAX_HEADER_BYTES, size - 8):
                raise ModelMissing(f"{path} is not safetensors, or is truncated: download or copy it again")
            header = json.loads(file.read(header_bytes))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        is_complete = size == 8 + header_bytes + max(ends, default=0)
    except OSError as error:
        raise ModelMissing(f"{path} cannot be read ({error.strerror or type(error).__name__})") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise ModelMissing(f"{path} is not safetensors: download or copy it again") from None
    if not is_complete:
        raise ModelMissing(f"{path} is damaged or truncated ({size} bytes): download or copy it again")
