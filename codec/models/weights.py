"""Reading the weights of a network: safetensors only, and only the very bytes that we know.

Each network pins its files by SHA-256 next to its code (see decode/upscaler.py). A file is
read once, hashed and parsed from the same bytes, so what was checked is what is used. Files too
large for that, which other libraries open, are looked over by `check` before.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import ModelMissing

if TYPE_CHECKING:
    import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "weights"
MAX_BYTES = 16 << 30
_MAX_HEADER = 100_000_000  # the limit of the format's own library


@dataclass(frozen=True)
class WeightFile:
    """One .safetensors file that the program knows: its name in FOLDER and its SHA-256 in hex."""

    name: str
    sha256: str


def load(file: WeightFile, folder: Path | None = None) -> dict[str, np.ndarray]:
    """Return the tensors of `file` by name, in the dtypes they are stored in.

    `folder` defaults to assets/weights. Raises ModelMissing, with the file and the remedy in
    its message, if the file is absent, unreadable, damaged or not the one that is pinned.
    """
    path = (FOLDER if folder is None else folder) / file.name
    shown = path if folder is not None else f"assets/weights/{file.name}"  # the page's visitors need not know more
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
        return parse(data)
    except (SafetensorError, ValueError, KeyError) as error:  # pinned, but not such a file
        raise ModelMissing(f"weights {shown} are not safetensors ({error}): {remedy}") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file of any size, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, limit: int = MAX_BYTES) -> None:
    """See whether `path` is a whole safetensors file of at most `limit` bytes; reads its header only.

    Raises ModelMissing, with the file and what is wrong with it in its message. What passes may
    still hold other tensors than a network wants, but no missing bytes and no surprises in size.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if start == b"version ":  # "version https://git-lfs..."
                raise ModelMissing(f"{path} is a Git LFS pointer, not the weights: get the file itself (git lfs pull)")
            if size > limit:
                raise ModelMissing(f"{path} has {size} bytes, more than the {limit} allowed")
            if len(start) < 8 or not 2 <= length <= min(_MAX_HEADER, size - 8):
                raise ModelMissing(f"{path} is not safetensors, or cut short: fetch or copy it again")
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        whole = size == 8 + length + max(ends, default=0)
    except OSError as error:
        raise ModelMissing(f"{path} cannot be read ({error.strerror or type(error).__name__})") from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise ModelMissing(f"{path} is not safetensors: fetch or copy it again") from None
    if not whole:
        raise ModelMissing(f"{path} is damaged or cut short ({size} bytes): fetch or copy it again")
