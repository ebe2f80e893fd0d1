"""Reading the weights of a network: safetensors only, and only the very bytes that we know.

Each network pins its files by SHA-256 next to its code (see decode/upscaler.py). A file is
read once, hashed and parsed from the same bytes, so what was checked is what is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.errors import ModelMissing

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "weights"


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
    remedy = "restore it from the project's assets/weights folder, or make it with convert.py there"
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelMissing(f"weights {path} cannot be read ({reason}): {remedy}") from None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ModelMissing(f"weights {path} are damaged or not the right version: {remedy}")
    from safetensors import SafetensorError
    from safetensors.numpy import load as parse

    try:
        return parse(data)
    except (SafetensorError, ValueError, KeyError) as error:  # pinned, but not such a file
        raise ModelMissing(f"weights {path} are not safetensors ({error}): {remedy}") from None
