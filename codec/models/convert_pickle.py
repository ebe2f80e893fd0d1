"""Convert pickled PyTorch weights to safetensors. The only module that opens a pickle.

Unpickling can run arbitrary code. PyTorch's weights-only reader accepts only the operations that rebuild tensors.
Sizes are checked before reading and again before tensors are copied. Every failure raises ModelMissing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from codec import atomic_write
from codec.errors import ModelMissing
from codec.models.weights import LFS_POINTER_START, sha256

if TYPE_CHECKING:
    import torch

MAX_BYTES: Final = 4 << 30


def convert(source: Path, target: Path, max_bytes: int = MAX_BYTES) -> str:
    """Write the tensors of the pickle `source` to `target` as safetensors; return the SHA-256 in hex.

    A state dict nested under "state_dict" is unwrapped, and the "module." prefix of multi-device
    training is removed. `target` is replaced atomically.

    Raises ModelMissing if `source` is too large, damaged, or holds anything but weights, and OSError
    if `target` cannot be written.
    """
    _check_file(source, max_bytes)
    state = _extract_state(_unpickle(source), source, max_bytes)
    from safetensors.torch import save_file

    with atomic_write.replacement(target) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
        digest = sha256(temporary)
    return digest


def _check_file(source: Path, max_bytes: int) -> None:
    """Raise ModelMissing for files that could expand beyond `max_bytes` when read."""
    try:
        size = source.stat().st_size
        if size > max_bytes:
            raise ModelMissing(f"{source} has {size} bytes, more than the {max_bytes} allowed")
        with source.open("rb") as file:
            if file.read(8) == LFS_POINTER_START:
                raise ModelMissing(
                    f"{source} is a Git LFS pointer, not the weights: get the file itself (git lfs pull)"
                )
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                entries = archive.infolist()
            is_compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            if is_compressed or sum(entry.file_size for entry in entries) > size:
                raise ModelMissing(f"{source} is refused: PyTorch's files are not compressed")
    except OSError as error:
        raise ModelMissing(f"{source} cannot be read ({error.strerror or type(error).__name__})") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise ModelMissing(f"{source} is damaged: download or copy it again") from None


def _unpickle(source: Path) -> Any:
    import torch

    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file can provoke any exception
        reason = type(error).__name__
        raise ModelMissing(f"{source} is refused: it is damaged or holds more than weights ({reason})") from None


def _extract_state(loaded: Any, source: Path, max_bytes: int) -> dict[str, torch.Tensor]:
    """Return the tensors by name, each a contiguous copy with its own memory."""
    import torch

    while isinstance(loaded, Mapping) and isinstance(loaded.get("state_dict"), Mapping):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, Mapping):
        raise ModelMissing(f"{source} is refused: it does not contain a state dict (named weights)")
    tensors = {name: value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    is_plain = all(isinstance(name, str) and _is_dense_cpu_tensor(value) for name, value in tensors.items())
    if not tensors or not is_plain:
        raise ModelMissing(f"{source} is refused: its state dict must hold dense CPU tensors by name")
    if sum(value.numel() * value.element_size() for value in tensors.values()) > max_bytes:
        raise ModelMissing(f"{source} is refused: its weights would take more than {max_bytes} bytes")
    prefix = "module."
    if all(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}


def _is_dense_cpu_tensor(value: torch.Tensor) -> bool:
    import torch

    return value.layout == torch.strided and value.device.type == "cpu" and not (value.is_quantized or value.is_nested)
