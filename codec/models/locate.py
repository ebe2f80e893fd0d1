"""Find the files of pretrained models on this machine, and download them on request.

    explicit folder or .safetensors  >  folder in TRILAYER_MODELS  >  the Hub's cache

Only `fetch` uses the network. A model whose files are pickles is converted to safetensors when it is
first located (see conversion_cache.py).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codec.errors import ModelMissing
from codec.models import conversion_cache, download, hub, variants, weights
from codec.models.catalog import Model, ModelFile, get_model, list_models
from codec.models.conversion_cache import SourceFolder, cache_dir
from codec.models.download import DownloadProgress, OnProgress

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "DownloadProgress",
    "Model",
    "ModelFile",
    "OnProgress",
    "Status",
    "cache_dir",
    "fetch",
    "format_size",
    "get_model",
    "list_models",
    "load_tensors",
    "locate",
    "status",
]


@dataclass(frozen=True)
class Status:
    """Whether a model is on this machine. state: "present" or "missing".

    path: its folder or checkpoint file, or None; detail: what is missing and how to get it, one line; "" if present
    """

    state: str
    path: Path | None
    detail: str


def locate(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the local folder that holds the model in the Hub's layout, without pickles.

    `folder`: the model's own folder; a folder that contains it under the name of the model, of its repository or of the
    Hub's cache; or, for models that allow it, one .safetensors checkpoint. Returns the path of the checkpoint if it is
    given, or if nothing else is found. Does not use the network.

    Raises UnknownName, and ModelMissing if the model is absent, damaged or of another version; its one-line message
    names file, repository and remedy.
    """
    model = get_model(name)
    source = _find_source(model, folder)
    if source is None:
        if (converted := conversion_cache.find_converted(model)) is not None:
            return converted
        raise ModelMissing(_missing_message(model, folder))
    if source.path.is_file():
        weights.validate(source.path)
        return source.path
    if not all(variants.find(source.path / file.safetensors_path) for file in model.files if file.is_pickle):
        return conversion_cache.get_or_convert(model, source)
    for file in model.files:
        if file.safetensors_path.endswith(".safetensors"):
            variant = variants.find(source.path / file.safetensors_path)
            for path in variant.paths if variant else ():
                weights.validate(path)
    return source.path


def status(name: str, folder: str | os.PathLike[str] | None = None) -> Status:
    """Return whether the model is on this machine; reads no weights, converts nothing. Raises UnknownName."""
    model = get_model(name)
    try:
        source = _find_source(model, folder)
    except ModelMissing as error:
        return Status("missing", None, str(error))
    if source is not None:
        return Status("present", source.path, "")
    converted = conversion_cache.target_dir(model)
    if (converted / conversion_cache.RECORD_NAME).is_file():
        return Status("present", converted, "")
    return Status("missing", None, _missing_message(model, folder))


def fetch(name: str, on_progress: OnProgress | None = None, full_precision: bool = False) -> Path:
    """Download the missing files of the model from the Hub; return what `locate` returns.

    Half-precision weights are preferred, unless `full_precision`.

    Raises UnknownName, ModelMissing (within a minute if the Hub does not answer) and Cancelled, if
    `on_progress` returned False. The next fetch resumes a cancelled or interrupted one.
    """
    model = get_model(name)
    if model.has_pickles:
        with suppress(ModelMissing):
            if (converted := conversion_cache.find_converted(model)) is not None:
                return converted
    snapshot = hub.snapshot_dir(model)
    lacks_precision = full_precision and any(file.fp16 and not (snapshot / file.path).is_file() for file in model.files)
    if lacks_precision or _missing_files(model, snapshot, is_pinned=True):
        other = None if full_precision else _find_snapshot(model, hub.cache_dir())
        if other is not None and other.path.is_dir():  # the same weights under another revision or name
            return locate(name)
        _delete_damaged_files(model, snapshot)
        download.download(model, on_progress, full_precision=full_precision)
    if model.has_pickles:
        return conversion_cache.get_or_convert(model, SourceFolder(snapshot, is_pinned=True))
    return snapshot


def load_tensors(name: str, folder: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
    """Return the tensors of the model's largest weights file by name, verified; for small networks.

    Raises the errors of `locate`.
    """
    model = get_model(name)
    path = locate(name, folder)
    digests = conversion_cache.recorded_digests(path)
    digest = digests.get(model.weights_path) or weights.sha256(path / model.weights_path)
    return weights.load(weights.WeightFile(model.weights_path, digest), path)


def format_size(count: int) -> str:
    """Return a number of bytes as text: "309 MB", "4.27 GB"."""
    return f"{count / 1e9:.2f} GB" if count >= 999_500_000 else f"{max(count, 0) / 1e6:.3g} MB"


# --- search -------------------------------------------------------------------------------------------


def _find_source(model: Model, folder: str | os.PathLike[str] | None) -> SourceFolder | None:
    """Return the first place that has the complete model: `folder`, TRILAYER_MODELS or the Hub's cache."""
    if folder is not None:
        _check_given_path(model, Path(folder).expanduser())
    for root in _given_roots(folder):
        if source := _find_below(model, root):
            return source
    return _find_snapshot(model, hub.cache_dir())


def _given_roots(folder: str | os.PathLike[str] | None) -> list[Path]:
    """Return the folders that the user named: `folder` and TRILAYER_MODELS."""
    names = (folder, os.environ.get("TRILAYER_MODELS") or None)
    return [Path(name).expanduser() for name in names if name is not None]


def _model_folders(model: Model, root: Path) -> tuple[Path, ...]:
    """Return the folders in `root` that may be the model's own folder."""
    return root, root / model.name, root / model.repo, root / model.repo.split("/")[1]


def _check_given_path(model: Model, path: Path) -> None:
    if not path.exists():
        raise ModelMissing(f"{model.name}: there is no {path}; give the folder or .safetensors of {model.repo}")
    if path.is_file() and not _is_checkpoint(model, path):
        accepted = "a folder" if model.checkpoint is None else "a folder or a .safetensors file"
        raise ModelMissing(f"{model.name}: {path} is not accepted; give {accepted} of {model.repo}")


def _is_checkpoint(model: Model, path: Path) -> bool:
    return model.checkpoint is not None and path.suffix == ".safetensors" and path.is_file()


def _find_below(model: Model, root: Path) -> SourceFolder | None:
    """Return the path of the model in `root`: its own folder, a snapshot or a checkpoint file; None if absent."""
    if _is_checkpoint(model, root):
        return SourceFolder(root, is_pinned=False)
    folders = _model_folders(model, root)
    for path in folders:
        if not _missing_files(model, path, is_pinned=False):
            return SourceFolder(path, is_pinned=False)
    if source := _find_snapshot(model, root):
        return source
    if model.checkpoint is not None:
        for path in folders:
            for name in (model.checkpoint.path, f"{model.name}.safetensors"):
                if (path / name).is_file():
                    return SourceFolder(path / name, is_pinned=False)
    return None


def _find_snapshot(model: Model, root: Path) -> SourceFolder | None:
    """Return the model's snapshot in a Hub cache: the pinned one, or one with the same weights, by their hashes.

    The latter may be of another revision, or of a repository under another name.
    """
    pinned = hub.snapshot_dir(model, root)
    if not _missing_files(model, pinned, is_pinned=True):
        return SourceFolder(pinned, is_pinned=True)
    for repository in (pinned.parent.parent, *hub.alias_dirs(model, root)):
        for path in _subfolders(repository / "snapshots"):
            is_complete = path != pinned and not _missing_files(model, path, is_pinned=False)
            if is_complete and _has_pinned_weights(model, path):
                return SourceFolder(path, is_pinned=True)
    if model.checkpoint is not None and (pinned / model.checkpoint.path).is_file():
        return SourceFolder(pinned / model.checkpoint.path, is_pinned=True)
    return None


def _has_pinned_weights(model: Model, snapshot: Path) -> bool:
    """Return whether all weights in a snapshot have the hashes in the catalog."""
    for file in model.files:
        if file.safetensors_path.endswith(".safetensors"):
            choices = (file, file.fp16) if file.fp16 else (file,)
            if not any(_is_pinned_file(choice, snapshot / choice.path) for choice in choices):
                return False
    return True


def _is_pinned_file(file: ModelFile, path: Path) -> bool:
    """Return whether `path` has the size and hash of `file`; the Hub's cache names each blob by its hash."""
    if file.sha256 is None or not path.is_file():
        return False
    stat = path.stat()
    if file.size and not file.approximate and stat.st_size != file.size:
        return False
    is_link = path.is_symlink()
    return file.sha256 == (path.resolve().name if is_link else _cached_sha256(path, stat.st_size, stat.st_mtime_ns))


@functools.lru_cache(maxsize=64)
def _cached_sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Return the SHA-256 of a file, cached until its size or modification time changes."""
    return weights.sha256(path)


def _missing_files(model: Model, folder: Path, is_pinned: bool) -> list[str]:
    """Return the paths of required files that are absent or, in a pinned snapshot, have the wrong size."""
    return [file.path for file in model.files if not (file.optional or _has_file(file, folder, is_pinned))]


def _has_file(file: ModelFile, folder: Path, is_pinned: bool) -> bool:
    """Return whether a folder has a file of a model: under its own name, converted, as a variant or an alternative."""
    path = folder / file.path
    if path.is_file():
        has_exact_size = is_pinned and file.size and not file.approximate
        return not has_exact_size or path.stat().st_size == file.size
    if file.alternative and (folder / file.alternative).is_file():
        return True
    if is_pinned:
        return file.fp16 is not None and _has_file(file.fp16, folder, is_pinned)
    if file.safetensors_path.endswith(".safetensors"):
        return variants.find(folder / file.safetensors_path) is not None
    return False


def _delete_damaged_files(model: Model, snapshot: Path) -> None:
    """Delete files of the wrong size from the Hub's cache, so that they are downloaded again."""
    for name in _missing_files(model, snapshot, is_pinned=True):
        path = snapshot / name
        if path.is_file():
            path.resolve().unlink()
            path.unlink(missing_ok=True)


def _subfolders(path: Path) -> Iterator[Path]:
    try:
        yield from sorted(entry for entry in path.iterdir() if entry.is_dir())
    except OSError:
        return


def _missing_message(model: Model, folder: str | os.PathLike[str] | None) -> str:
    """Return one line that says what is missing of the model and how to get it."""
    place, missing = _most_complete_folder(model, folder)
    largest = max((file for file in model.files if file.path in missing), key=lambda file: file.size)
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    checkpoint = ", or give one .safetensors checkpoint" if model.checkpoint else ""
    searched = f" (also looked in {folder})" if folder is not None else ""
    where = f"of {model.repo}, {format_size(model.total_bytes)}" if place is None else f"in {place}"
    return (
        f"{model.name} is missing: {largest.path}{others} {where}{searched}; "
        f"python -m codec models fetch {model.name}, or put its files in DIR/{model.name} "
        f"and set TRILAYER_MODELS=DIR, or HF_HOME to a Hub cache that has them{checkpoint}"
    )


def _most_complete_folder(model: Model, folder: str | os.PathLike[str] | None) -> tuple[Path | None, list[str]]:
    """Return the folder with the fewest missing files, and these files; None if no folder has any file."""
    required = sum(not file.optional for file in model.files)
    pinned = hub.snapshot_dir(model)
    best: tuple[Path | None, list[str]] = (None, _missing_files(model, pinned, is_pinned=True))
    fewest = required
    for root in _given_roots(folder):
        for path in _model_folders(model, root):
            missing = _missing_files(model, path, is_pinned=False)
            if missing and len(missing) < fewest:
                best, fewest = (path, missing), len(missing)
    return best
