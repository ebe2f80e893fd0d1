"""A small model, its files, and its folders."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from codec.models import hub
from codec.models.catalog import Model, ModelFile

REVISION = "0123456789abcdef0123456789abcdef01234567"


def make_model(*files: ModelFile, checkpoint: ModelFile | None = None) -> Model:
    files = files or (
        ModelFile("config.json"),
        ModelFile("diffusion_pytorch_model.safetensors", 1 << 20, approximate=True),
    )
    return Model("net", "draws", "owner/some-net", REVISION, files, "MIT", checkpoint=checkpoint)


def make_pickled_model(sha256: str | None = None) -> Model:
    return make_model(
        ModelFile("config.json"), ModelFile("diffusion_pytorch_model.bin", 1 << 20, sha256, approximate=True)
    )


def write_files(folder: Path, pickled: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"channels": [8]}')
    state = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}
    if pickled:
        torch.save(state, folder / "diffusion_pytorch_model.bin")
    else:
        save_file(state, folder / "diffusion_pytorch_model.safetensors")
    return folder


def snapshot(model: Model, revision: str = REVISION) -> Path:
    return hub.repository_dir(model) / "snapshots" / revision
