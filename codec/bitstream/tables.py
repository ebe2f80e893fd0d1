"""The trained tables that are part of the format, verified by their hashes.

FORMAT.md lists the same hashes. With different tables, existing files would decode to different layers, and other
installations could not read new files.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Final

import numpy as np

from codec.errors import ModelMissing

_FOLDER: Final = Path(__file__).parent.parent
SHA256: Final = {
    "texture/color_net.npy": "57b5edd44d070632849154c1bd0fbfa0006d8fc34ba6e0b09f72d1c43bebff1f",
    "texture/detail_net.safetensors": "c7df141a67be81d2d763dc986663b60e432d6755b39de2a832955e6a069b08cc",
    "structure/pose_joints.npy": "9131640e904e27573756cdc5e7490db035f562abeb02951752762fb28bb0dc44",
    "structure/stroke_starts.npy": "8938a2671dd5a91d7cc8a3680239c1968a702c7171bad32d17ba94a9da5e7d45",
    "structure/stroke_leaves.npy": "9e6a30c06a50b0a1af9c2baa5f41481cff07f116edfdb443d8b22f5dc892aa1c",
    "structure/stroke_tree.npy": "2e4f692bc9b58ca9d167ceede25df39fa81fef9820288c0dc2f9611168fa4858",
    "semantic/words.xz": "7bbc48bfc3530d64acb83e8881aaf37bdd1fc714ac1dbef86edd3162a180e260",
}

_DTYPES: Final = {"I8": "<i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "I64": "<i8"}  # of safetensors


def read(name: str) -> bytes:
    """Return the bytes of a table. Raises `ModelMissing` if the file is absent or has another hash.

    `name`: a key of `SHA256`, the file's path within the package.
    """
    try:
        data = (_FOLDER / name).read_bytes()
    except OSError:
        data = b""
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise ModelMissing(f"codec/{name} is absent or damaged: restore it from the project's files")
    return data


def load_array(name: str) -> np.ndarray:
    """Return a table of integers in the shape and dtype of its file. Raises the errors of `read`."""
    array: np.ndarray = np.load(io.BytesIO(read(name)), allow_pickle=False)
    return array


def load_tensors(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of integers in a safetensors file, by name. Raises the errors of `read`.

    The format: the length of the header (8 bytes, little-endian), the header (JSON), then the little-endian data.
    Parsing it here keeps decoding independent of the package `safetensors`.
    """
    data = read(name)
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for key, entry in json.loads(data[8:start]).items():
        if key != "__metadata__":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(data[start + begin : start + end], _DTYPES[entry["dtype"]])
            tensors[key] = values.reshape(entry["shape"])
    return tensors


def load_priors(name: str) -> list[tuple[int, int]]:
    """Return the initial state of adaptive bits, a (p, count) pair for each; see `BitModel`."""
    return [(int(p), int(count)) for p, count in load_array(name)]
