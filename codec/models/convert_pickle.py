"""Pickled weights -> safetensors, once: the only place of the program that opens a pickle.

A pickle is a program. PyTorch's weights-only reader runs no more of it than what rebuilds tensors
and refuses the rest; sizes are looked at before it starts and again before anything is copied.
Whatever goes wrong in there is one ModelMissing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec.atomic_write import replacement
from codec.errors import ModelMissing
from codec.models.weights import sha256

if TYPE_CHECKING:
    import torch

MAX_BYTES = 4 << 30


def convert(source: Path, target: Path, limit: int = MAX_BYTES) -> str:
    """Write the tensors of the pickle `source` to `target` as safetensors -> its SHA-256 in hex.

    A state that lies under "state_dict" is taken from there, and the "module." that training on
    several devices puts before every name is taken off. `target` appears whole or not at all.
    Raises ModelMissing if `source` is too large, damaged, or holds anything but weights, and
    OSError if `target` cannot be written.
    """
    _look_over(source, limit)
    state = _state(_read(source), source, limit)
    from safetensors.torch import save_file

    with replacement(target) as part:
        save_file(state, part, metadata={"format": "pt"})
        digest = sha256(part)
    return digest


def _look_over(source: Path, limit: int) -> None:
    """Refuses what would grow beyond `limit` bytes while it is read."""
    try:
        size = source.stat().st_size
        if size > limit:
            raise ModelMissing(f"{source} has {size} bytes, more than the {limit} allowed")
        with source.open("rb") as file:
            if file.read(8) == b"version ":  # "version https://git-lfs..."
                raise ModelMissing(
                    f"{source} is a Git LFS pointer, not the weights: get the file itself (git lfs pull)"
                )
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                entries = archive.infolist()
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            if packed or sum(entry.file_size for entry in entries) > size:
                raise ModelMissing(f"{source} is refused: PyTorch's files are not compressed")
    except OSError as error:
        raise ModelMissing(f"{source} cannot be read ({error.strerror or type(error).__name__})") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise ModelMissing(f"{source} is damaged: fetch or copy it again") from None


def _read(source: Path) -> Any:
    import torch

    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile file provokes
        reason = type(error).__name__
        raise ModelMissing(f"{source} is refused: it is damaged or holds more than weights ({reason})") from None


def _state(loaded: Any, source: Path, limit: int) -> dict[str, torch.Tensor]:
    """-> the tensors by name, each with memory of its own."""
    import torch

    while isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping):
        raise ModelMissing(f"{source} is refused: it holds no weights by name")
    found = {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    dense = all(isinstance(name, str) and _dense(value) for name, value in found.items())
    if not found or not dense:
        raise ModelMissing(f"{source} is refused: it holds no plain weights by name")
    if sum(value.numel() * value.element_size() for value in found.values()) > limit:
        raise ModelMissing(f"{source} is refused: its weights would take more than {limit} bytes")
    prefix = "module."
    if all(name.startswith(prefix) for name in found):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in found.items()}


def _dense(value: torch.Tensor) -> bool:
    import torch

    return value.layout == torch.strided and value.device.type == "cpu" and not (value.is_quantized or value.is_nested)
