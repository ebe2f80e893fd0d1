"""Weights in files other than the catalog's: another precision, or several shards with an index.

    diffusion_pytorch_model.safetensors                      as in the catalog
    diffusion_pytorch_model.fp16.safetensors                 a variant
    diffusion_pytorch_model.safetensors.index.json           names the shards
    diffusion_pytorch_model.safetensors.index.fp16.json      names the shards of a variant

The names are those that diffusers and transformers write with `save_pretrained`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_VARIANTS: Final = ("", "fp32", "fp16", "bf16")  # by preference
_MAX_INDEX_BYTES: Final = 16 << 20
_MAX_SHARDS: Final = 1000


@dataclass(frozen=True)
class Variant:
    """A set of weight files.

    name: of the variant in diffusers, such as "fp16", or ""; paths: the file or its shards.
    """

    name: str
    paths: tuple[Path, ...]


def find(path: Path) -> Variant | None:
    """Return the files with the weights of `path`, a .safetensors file that need not exist; None if absent."""
    for name in _VARIANTS:
        single = path.with_name(f"{path.stem}.{name}{path.suffix}") if name else path
        if single.is_file():
            return Variant(name, (single,))
        index = path.with_name(f"{path.name}.index.{name}.json" if name else f"{path.name}.index.json")
        if shards := _read_index(index):
            return Variant(name, shards)
    return None


def _read_index(index: Path) -> tuple[Path, ...]:
    """Return the shards listed in an index; empty if the index is absent or damaged, or if a shard is absent."""
    try:
        if index.stat().st_size > _MAX_INDEX_BYTES:
            return ()
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ()
    if len(names) > _MAX_SHARDS or not all(isinstance(name, str) and Path(name).name == name for name in names):
        return ()
    shards = tuple(index.with_name(name) for name in sorted(names))
    return shards if all(shard.suffix == ".safetensors" and shard.is_file() for shard in shards) else ()
