"""Our own cache of converted models: pickled weights as safetensors, verified each time they are used.

    TRILAYER_CACHE/NAME-KEY/...         the model's files in the Hub's layout, without pickles
    TRILAYER_CACHE/NAME-KEY/converted.json

converted.json records the size and modification time of each source file, to detect changed sources, and the
SHA-256 of each file in the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codec import atomic_write
from codec.errors import ModelMissing
from codec.models import convert_pickle, weights
from codec.models.catalog import Model

RECORD_NAME: Final = "converted.json"
_MAX_SMALL_FILE_BYTES: Final = 64 << 20  # of a file that is not a pickle, such as a configuration


@dataclass(frozen=True)
class SourceFolder:
    """A folder with the files of a model, or a checkpoint file.

    is_pinned: whether it is a snapshot of the pinned revision, so that its files must match the catalog.
    """

    path: Path
    is_pinned: bool


def cache_dir() -> Path:
    """Return this program's cache folder, TRILAYER_CACHE or ~/.cache/trilayer; it may not exist."""
    if os.environ.get("TRILAYER_CACHE"):
        return Path(os.environ["TRILAYER_CACHE"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "trilayer"


def target_dir(model: Model, source: SourceFolder | None = None) -> Path:
    """Return the folder for the model converted from `source`, or from the Hub's files if None."""
    key = model.revision if source is None or source.is_pinned else str(source.path.resolve())
    return cache_dir() / f"{model.name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def recorded_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder of this cache; empty for other folders."""
    record = _read_record(folder)
    return record["files"] if record is not None else {}


def find_converted(model: Model) -> Path | None:
    """Return the folder of the model as converted earlier from the Hub's files, or None.

    The pickles themselves may have been deleted since. Raises ModelMissing if a converted file is damaged.
    """
    target = target_dir(model)
    record = _read_record(target)
    if record is None:
        return None
    if not _is_intact(target, record):
        raise ModelMissing(
            f"{model.name}: a file in {target} is damaged; delete that folder, "
            f"then python -m codec models fetch {model.name}"
        )
    return target


def get_or_convert(model: Model, source: SourceFolder) -> Path:
    """Return the folder with the converted model of `source`; convert it if that is missing or outdated.

    Raises ModelMissing if a pickle is rejected or is not the pinned one, or if the cache cannot be written.
    """
    target = target_dir(model, source)
    stamps = _file_stamps(model, source.path)
    record = _read_record(target)
    if record is not None and record["sources"] == stamps and _is_intact(target, record):
        return target
    try:
        _convert(model, source, target, stamps)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelMissing(
            f"{model.name} cannot be converted into {target} ({reason}); "
            "set TRILAYER_CACHE to a writable folder with enough space"
        ) from None
    return target


def _convert(model: Model, source: SourceFolder, target: Path, stamps: dict[str, list[int]]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    (target / RECORD_NAME).unlink(missing_ok=True)
    digests = {}
    for file in sorted(model.files, key=lambda file: not file.is_pickle):  # pickles first: they may be rejected
        if file.path not in stamps:
            continue
        original, converted = source.path / file.path, target / file.safetensors_path
        converted.parent.mkdir(parents=True, exist_ok=True)
        if file.is_pickle:
            if source.is_pinned and file.sha256 is not None and weights.sha256(original) != file.sha256:
                raise ModelMissing(
                    f"{original} is not the pinned {file.path} of {model.repo}: delete it, "
                    f"then python -m codec models fetch {model.name}"
                )
            digests[file.safetensors_path] = convert_pickle.convert(original, converted)
        else:
            atomic_write.write_file(converted, original.read_bytes(), durable=False)
            digests[file.safetensors_path] = weights.sha256(converted)
    record = {"model": model.name, "revision": model.revision, "sources": stamps, "files": digests}
    # written last: its presence marks the conversion as complete
    atomic_write.write_file(target / RECORD_NAME, json.dumps(record, indent=1).encode())


def _file_stamps(model: Model, folder: Path) -> dict[str, list[int]]:
    """Return size and modification time (ns) of each file present. Raises ModelMissing if a small file is large."""
    stamps = {}
    for file in model.files:
        path = folder / file.path
        if path.is_file():
            stat = path.stat()
            if not file.is_pickle and stat.st_size > _MAX_SMALL_FILE_BYTES:
                raise ModelMissing(f"{path} has {stat.st_size} bytes, more than the {_MAX_SMALL_FILE_BYTES} allowed")
            stamps[file.path] = [stat.st_size, stat.st_mtime_ns]
    return stamps


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        return record if isinstance(record["files"], dict) and isinstance(record["sources"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_intact(folder: Path, record: dict[str, Any]) -> bool:
    try:
        return all(weights.sha256(folder / name) == digest for name, digest in record["files"].items())
    except OSError:
        return False
