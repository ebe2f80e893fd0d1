"""The catalog of pretrained models: where each comes from, its files, sizes, digests and license.

The entries are in catalog.toml. To add a model, add an entry there: the command line lists it and
`locate` finds it without further code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from codec.errors import UnknownName

_PATH: Final = Path(__file__).with_name("catalog.toml")
_PICKLE_SUFFIXES: Final = (".bin", ".pth", ".pt", ".ckpt")


@dataclass(frozen=True)
class ModelFile:
    """One file of a model's repository.

    path: in the repository, with "/" between folders
    size: in bytes; 0 if unknown, which only small files may have
    sha256: hex digest, or None if it is not known in advance
    approximate: whether `size` is a rounded figure
    optional: whether the model works without the file
    alternative: path of a file that can be used instead; "" if there is none
    fp16: the file with the same weights in half precision, downloaded by default; None if there is none
    """

    path: str
    size: int = 0
    sha256: str | None = None
    approximate: bool = False
    optional: bool = False
    alternative: str = ""
    fp16: ModelFile | None = None

    @property
    def is_pickle(self) -> bool:
        """Whether the file is a pickle, which must be converted before it is read."""
        return self.path.endswith(_PICKLE_SUFFIXES)

    @property
    def safetensors_path(self) -> str:
        """The path of the file after conversion; the same path if it is not a pickle.

        The converted file has the name that transformers and diffusers look for.
        """
        if not self.is_pickle:
            return self.path
        path = PurePosixPath(self.path)
        if path.name == "pytorch_model.bin":
            return str(path.with_name("model.safetensors"))
        return str(path.with_suffix(".safetensors"))


@dataclass(frozen=True)
class Model:
    """One pretrained model.

    name: its name in this program; purpose: what it is used for, a short phrase
    repo: owner/name on the Hugging Face Hub; revision: commit, 40 hex digits; files: the files that are used
    license: as the repository states it; note: further remarks for users
    checkpoint: a single file of the repository that holds all the weights, usable in place of `files`
    aliases: other repositories with the same weights, such as the repository's earlier names
    """

    name: str
    purpose: str
    repo: str
    revision: str
    files: tuple[ModelFile, ...]
    license: str
    note: str = ""
    checkpoint: ModelFile | None = None
    aliases: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """The size of the default download in bytes; approximate where sizes are rounded or unknown."""
        return self.download_bytes()

    def download_bytes(self, full_precision: bool = False) -> int:
        """Return the size of the download in bytes, in half precision where available unless `full_precision`."""
        return sum((file if full_precision else file.fp16 or file).size for file in self.files)

    @property
    def has_pickles(self) -> bool:
        """Whether any file must be converted before use."""
        return any(file.is_pickle for file in self.files)

    @property
    def weights_path(self) -> str:
        """The path of the largest weights file, as safetensors, in the folder that `locate` returns."""
        return max(self.files, key=lambda file: file.size).safetensors_path


def list_models() -> tuple[Model, ...]:
    """Return all models, most important first."""
    return _MODELS


def get_model(name: str) -> Model:
    """Return the model called `name`. Raises UnknownName, whose message lists the names."""
    for model in _MODELS:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in _MODELS)
    raise UnknownName(f"there is no model {name!r}: choose one of {names}")


def _parse_model(entry: dict[str, Any]) -> Model:
    files = tuple(_parse_file(file) for file in entry.pop("files"))
    checkpoint = entry.pop("checkpoint", None)
    aliases = tuple(entry.pop("aliases", ()))
    return Model(files=files, checkpoint=_parse_file(checkpoint) if checkpoint else None, aliases=aliases, **entry)


def _parse_file(entry: dict[str, Any]) -> ModelFile:
    fp16 = entry.pop("fp16", None)
    return ModelFile(fp16=ModelFile(**fp16) if fp16 else None, **entry)


def _read_catalog(path: Path) -> tuple[Model, ...]:
    return tuple(_parse_model(entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["model"])


_MODELS: Final = _read_catalog(_PATH)
