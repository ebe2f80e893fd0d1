"""Finding the files of pretrained models on this machine; asking for them when they are not here.

    explicit folder or .safetensors  >  folder in TRILAYER_MODELS  >  the hub's cache

Nothing here reaches the network but `fetch`. Models that the hub has as pickles are converted to
safetensors when they are first located, in a cache of our own (TRILAYER_CACHE, else
~/.cache/trilayer), and their SHA-256 is checked each time they are located again.
"""

from __future__ import annotations

import hashlib
import json
import os
from builtins import all as every
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codec.atomic_write import write_file
from codec.errors import ModelMissing
from codec.models import convert_pickle, download, weights
from codec.models.catalogue import File, Model, all, find
from codec.models.download import OnProgress, Progress

if TYPE_CHECKING:
    import numpy as np

__all__ = ["File", "Model", "OnProgress", "Progress", "Status", "all", "cache", "fetch", "find", "locate", "status"]

_RECORD = "converted.json"


@dataclass(frozen=True)
class Status:
    """Whether a model can be used now. state: "present" or "missing".

    path: where it is, or None; detail: what is missing and how to get it, one line, "" if present
    """

    state: str
    path: Path | None
    detail: str


@dataclass(frozen=True)
class _Place:
    """Where the files of a model lie. pinned: they came from the hub, so they have to be the list's."""

    path: Path
    pinned: bool


def cache() -> Path:
    """Return the folder of our own cache: TRILAYER_CACHE, else ~/.cache/trilayer; it need not exist."""
    if os.environ.get("TRILAYER_CACHE"):
        return Path(os.environ["TRILAYER_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "trilayer"


def locate(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Return the local folder that holds the model, in the hub's layout and without pickles.

    `folder` is the model's own folder, a folder of such folders (named as the model, as its
    repository, or as in the hub's cache), or, for models that allow it, one .safetensors checkpoint:
    then, and where only such a checkpoint is found, the path of that file is returned. Never
    touches the network. Raises UnknownName, and ModelMissing, whose one line names file,
    repository and remedy, if the model is not here, damaged or not what it must be.
    """
    model = find(name)
    place = _find(model, folder)
    if place is None:
        if (converted := _converted(model, None)) is not None:  # the pickle may be gone since
            return converted
        raise ModelMissing(_remedy(model, folder))
    if place.path.is_file():
        weights.check(place.path)
        return place.path
    if not every((place.path / file.converted).is_file() for file in model.files if file.pickled):
        found = _converted(model, place)
        assert found is not None
        return found
    for file in model.files:
        if file.converted.endswith(".safetensors") and (place.path / file.converted).is_file():
            weights.check(place.path / file.converted)
    return place.path


def status(name: str, folder: str | os.PathLike[str] | None = None) -> Status:
    """Return whether the model is here; reads no weights and converts nothing. Raises UnknownName."""
    model = find(name)
    try:
        place = _find(model, folder)
    except ModelMissing as error:
        return Status("missing", None, str(error))
    if place is not None:
        return Status("present", place.path, "")
    target = _target(model, None)
    if (target / _RECORD).is_file():
        return Status("present", target, "")
    return Status("missing", None, _remedy(model, folder))


def fetch(name: str, on_progress: OnProgress | None = None) -> Path:
    """Download the model from the hub, or the rest of it, and return what `locate` returns.

    Raises UnknownName, ModelMissing (within 3 s if the hub does not answer) and Cancelled, if
    `on_progress` returned False; then, and after a broken connection, the next fetch goes on.
    """
    model = find(name)
    if model.pickled:
        with suppress(ModelMissing):
            if (converted := _converted(model, None)) is not None:
                return converted
    snapshot = download.repository(model) / "snapshots" / model.revision
    if _lacking(model, snapshot, pinned=True):
        _drop_damaged(model, snapshot)
        download.download(model, on_progress)
    if model.pickled:
        found = _converted(model, _Place(snapshot, pinned=True))
        assert found is not None
        return found
    return snapshot


def tensors(name: str, folder: str | os.PathLike[str] | None = None) -> dict[str, np.ndarray]:
    """Return the model's largest weights by name, from bytes that were checked: for small networks.

    Raises what `locate` raises.
    """
    model = find(name)
    path = locate(name, folder)
    digest = _digests(path).get(model.weights) or weights.sha256(path / model.weights)
    return weights.load(weights.WeightFile(model.weights, digest), path)


# where a model may be


def _find(model: Model, folder: str | os.PathLike[str] | None) -> _Place | None:
    """-> the first place that has the whole model."""
    given = [Path(folder).expanduser()] if folder is not None else []
    if given and not given[0].exists():
        raise ModelMissing(f"{model.name}: there is no {given[0]}; give the folder or .safetensors of {model.repo}")
    if given and given[0].is_file():
        if model.single is None or given[0].suffix != ".safetensors":
            kind = "a folder" if model.single is None else "a folder or a .safetensors file"
            raise ModelMissing(f"{model.name}: {given[0]} will not do; give {kind} of {model.repo}")
        return _Place(given[0], pinned=False)
    if os.environ.get("TRILAYER_MODELS"):
        given.append(Path(os.environ["TRILAYER_MODELS"]).expanduser())
    for root in given:
        if root.is_file() and model.single is not None and root.suffix == ".safetensors":
            return _Place(root, pinned=False)
        own = (root, root / model.name, root / model.repo, root / model.repo.split("/")[1])
        for path in own:
            if not _lacking(model, path, pinned=False):
                return _Place(path, pinned=False)
        if (place := _cached(model, root)) or (place := _checkpoint(model, own)):
            return place
    return _cached(model, download.cache())


def _cached(model: Model, root: Path) -> _Place | None:
    """-> the snapshot in a folder of the hub's layout: the pinned one, or one that has the same weights."""
    snapshots = download.repository(model, root) / "snapshots"
    pinned = snapshots / model.revision
    if not _lacking(model, pinned, pinned=True):
        return _Place(pinned, pinned=True)
    for path in _folders(snapshots):
        if path != pinned and not _lacking(model, path, pinned=True) and _same(model, path):
            return _Place(path, pinned=True)
    if model.single is not None and (pinned / model.single.path).is_file():
        return _Place(pinned / model.single.path, pinned=True)
    return None


def _same(model: Model, snapshot: Path) -> bool:
    """Whether all weights are known and the pinned ones: the hub's cache names each file by its hash."""
    large = [file for file in model.files if file.converted.endswith(".safetensors")]
    return every(file.sha256 is not None and (snapshot / file.path).resolve().name == file.sha256 for file in large)


def _checkpoint(model: Model, folders: tuple[Path, ...]) -> _Place | None:
    """-> a checkpoint in one file that lies in one of the folders, under its own name or the model's."""
    if model.single is not None:
        for folder in folders:
            for name in (model.single.path, f"{model.name}.safetensors"):
                if (folder / name).is_file():
                    return _Place(folder / name, pinned=False)
    return None


def _lacking(model: Model, folder: Path, pinned: bool) -> list[str]:
    """-> what is missing of the model in this folder; a file of another size than the pinned one counts."""
    missing = []
    for file in model.files:
        if file.optional:
            continue
        path = folder / file.path
        if path.is_file():
            if pinned and file.size and not file.rounded and path.stat().st_size != file.size:
                missing.append(file.path)
        elif pinned or not (folder / file.converted).is_file():
            missing.append(file.path)
    return missing


def _drop_damaged(model: Model, snapshot: Path) -> None:
    """Removes files of a wrong size from the hub's cache, so that they are fetched again."""
    for name in _lacking(model, snapshot, pinned=True):
        path = snapshot / name
        if path.is_file():
            path.resolve().unlink()
            path.unlink(missing_ok=True)


def _folders(path: Path) -> Iterator[Path]:
    try:
        yield from sorted(entry for entry in path.iterdir() if entry.is_dir())
    except OSError:
        return


def _remedy(model: Model, folder: str | os.PathLike[str] | None) -> str:
    """-> the one line for a model that is not here."""
    snapshot = download.repository(model) / "snapshots" / model.revision
    missing = _lacking(model, snapshot, pinned=True)
    largest = max((file for file in model.files if file.path in missing), key=lambda file: file.size)
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    single = ", or give one .safetensors checkpoint" if model.single else ""
    looked = f" (looked in {folder} too)" if folder is not None else ""
    return (
        f"{model.name} is missing: {largest.path}{others} of {model.repo}, {size_text(model.bytes)}{looked}; "
        f"python -m codec models fetch {model.name}, or put its files in DIR/{model.name} "
        f"and set TRILAYER_MODELS=DIR, or HF_HOME to a hub cache that has them{single}"
    )


def size_text(count: int) -> str:
    """Return bytes for a person: "309 MB", "4.27 GB"."""
    return f"{count / 1e9:.2f} GB" if count >= 999_500_000 else f"{max(count, 0) / 1e6:.3g} MB"


# pickles, converted


def _converted(model: Model, place: _Place | None) -> Path | None:
    """-> the folder of our cache that has the model without pickles, made if need be.

    Without a place: what was made from the hub's pinned files before, or None.
    """
    target = _target(model, place)
    sources = _sources(model, place.path) if place is not None else None
    record = _record(target)
    if record is not None and (sources is None or record["sources"] == sources):
        if every(_intact(target / name, digest) for name, digest in record["files"].items()):
            return target
        if place is None:
            raise ModelMissing(
                f"{model.name}: a file in {target} is damaged; delete that folder, "
                f"then python -m codec models fetch {model.name}"
            )
    if place is None:
        return None
    try:
        return _convert(model, place, target, sources or {})
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelMissing(
            f"{model.name} cannot be converted into {target} ({reason}); set TRILAYER_CACHE to a folder with room"
        ) from None


def _convert(model: Model, place: _Place, target: Path, sources: dict[str, list[int]]) -> Path:
    target.mkdir(parents=True, exist_ok=True)
    (target / _RECORD).unlink(missing_ok=True)
    digests = {}
    for file in sorted(model.files, key=lambda file: not file.pickled):  # what may be refused comes first
        source, made = place.path / file.path, target / file.converted
        if file.path not in sources:
            continue
        made.parent.mkdir(parents=True, exist_ok=True)
        if file.pickled:
            if place.pinned and file.sha256 is not None and weights.sha256(source) != file.sha256:
                raise ModelMissing(
                    f"{source} is not the {file.path} of {model.repo} that this program knows: delete it, "
                    f"then python -m codec models fetch {model.name}"
                )
            digests[file.converted] = convert_pickle.convert(source, made)
        else:
            write_file(made, source.read_bytes())
            digests[file.converted] = weights.sha256(made)
    record = {"model": model.name, "revision": model.revision, "sources": sources, "files": digests}
    write_file(target / _RECORD, json.dumps(record, indent=1).encode())  # last: what has no record is not used
    return target


def _target(model: Model, place: _Place | None) -> Path:
    """-> the folder for what is made from these files: one for the hub's, one for each other place."""
    source = model.revision if place is None or place.pinned else str(place.path.resolve())
    return cache() / f"{model.name}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"


def _sources(model: Model, folder: Path) -> dict[str, list[int]]:
    """-> size and time of change (ns) of each file; small files have to be small."""
    found = {}
    for file in model.files:
        path = folder / file.path
        if path.is_file():
            facts = path.stat()
            if not file.pickled and facts.st_size > 64 << 20:
                raise ModelMissing(f"{path} has {facts.st_size} bytes, more than such a file can have")
            found[file.path] = [facts.st_size, facts.st_mtime_ns]
    return found


def _record(target: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((target / _RECORD).read_text(encoding="utf-8"))
        return record if isinstance(record["files"], dict) and isinstance(record["sources"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digests(folder: Path) -> dict[str, str]:
    record = _record(folder)
    return record["files"] if record is not None else {}


def _intact(path: Path, digest: str) -> bool:
    try:
        return weights.sha256(path) == digest
    except OSError:
        return False
