"""Find a checkpoint on this machine by its hash or its name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from codec.atomic_write import write_file
from codec.errors import ModelMissing
from codec.models import hub, locate
from codec.models.conversion_cache import cache_dir
from codec.models.weights import sha256

_SUFFIX: Final = ".safetensors"
_MIN_BYTES: Final = 1 << 20  # smaller files are not checkpoints
_MAX_FILES: Final = 500  # examined at most
_MAX_DEPTH: Final = 6  # folders inside folders
_LEGACY_START, _LEGACY_BYTES = 0x100000, 0x10000  # the bytes that the web UI's older hash covers
# models of the catalog with the same weights as well-known checkpoints, by hash or name
_CATALOG: Final = {
    **dict.fromkeys(("sha256:6ce0161689", "sha256:cc6cb27103", "webui:81761151"), "sd15"),
    **dict.fromkeys(("v1-5-pruned-emaonly", "v1-5-pruned-emaonly-fp16", "stable-diffusion-v1-5"), "sd15"),
    **dict.fromkeys(("sha256:fe4efff1e1", "webui:7460a6fa", "sd-v1-4", "stable-diffusion-v1-4"), "sd14"),
}


def find_checkpoint(
    digest: str | None, name: str | None, folder: str | os.PathLike[str] | None = None, *, is_given: bool = False
) -> Path:
    """Return the .safetensors file of a checkpoint, or the folder of a model in the catalog with the same weights.

    digest: "sha256:" and 10 hex digits, or "webui:" and 8 hex digits of AUTOMATIC1111's older hash; None: unknown
    name: of its file, without extension; used only if there is no digest
    folder: a folder to search, or a file, before TRILAYER_MODELS and the Hub's cache
    is_given: whether `folder` must be the checkpoint itself

    Digests of files are cached. Raises ModelMissing; its message says what was searched for and where.
    """
    if digest is not None or name is not None:
        roots = [Path(root).expanduser() for root in (folder, os.environ.get("TRILAYER_MODELS")) if root]
        files = list(_list_files(roots[:1] if is_given else [*roots, hub.cache_dir()]))
        files.sort(key=lambda path: path.stem.lower() != (name or "").lower())
        for path in files:
            if _matches(path, digest, name):
                return path
        for key in (digest, name if digest is None else None):
            if key in _CATALOG and not is_given:
                with suppress(ModelMissing):
                    return locate.locate(_CATALOG[key], folder)
    raise ModelMissing(_missing_message(digest, name, folder, is_given))


def _list_files(roots: list[Path]) -> Iterator[Path]:
    """Yield the files that may be checkpoints: each root that is a file, and the files below each folder."""
    count = 0
    for root in roots:
        if root.is_file():
            yield root
            continue
        for folder, names, files in os.walk(root):
            if len(Path(folder).relative_to(root).parts) >= _MAX_DEPTH:
                names.clear()
            names.sort()
            for file in sorted(files):
                path = Path(folder, file)
                if path.suffix == _SUFFIX and path.is_file() and path.stat().st_size >= _MIN_BYTES:
                    yield path
                    count += 1
                    if count >= _MAX_FILES:
                        return


def _matches(path: Path, digest: str | None, name: str | None) -> bool:
    if digest is None:
        return name is not None and path.stem.lower() == name.lower()
    kind, _, digits = digest.partition(":")
    try:
        found = _legacy_hash(path) if kind == "webui" else _remembered_sha256(path)
    except OSError:
        return False
    return found.startswith(digits)


def _legacy_hash(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(_LEGACY_START)
        return hashlib.sha256(file.read(_LEGACY_BYTES)).hexdigest()[:8]


def _remembered_sha256(path: Path) -> str:
    """Return the SHA-256 of a file: its name in the Hub's cache, otherwise computed and cached."""
    resolved = path.resolve()
    if path.is_symlink() and len(resolved.name) == 64:
        return resolved.name
    stat = path.stat()
    key = f"{resolved}|{stat.st_size}|{stat.st_mtime_ns}"
    record = cache_dir() / "checkpoint_digests.json"
    digests: dict[str, str] = {}
    with suppress(OSError, ValueError):
        content = json.loads(record.read_text(encoding="utf-8"))
        digests = content if isinstance(content, dict) else {}
    if not isinstance(digests.get(key), str):
        digests[key] = sha256(path)
        with suppress(OSError):
            record.parent.mkdir(parents=True, exist_ok=True)
            write_file(record, json.dumps(digests).encode())
    return digests[key]


def _missing_message(
    digest: str | None, name: str | None, folder: str | os.PathLike[str] | None, is_given: bool
) -> str:
    wanted = "".join(f" {part}" for part in (name, f"({digest})" if digest else None) if part)
    if is_given:
        return f"{folder} is not the checkpoint of the recipe,{wanted}; name that file, or add --preset quality"
    place = f"{folder}, " if folder is not None else ""
    fetch = _CATALOG.get(digest or name or "")
    fetching = f"python -m codec models fetch {fetch}, or " if fetch else ""
    return (
        f"the recipe's checkpoint{wanted} is not here: searched for its .safetensors in {place}TRILAYER_MODELS and "
        f"the Hub's cache; {fetching}give the file with --checkpoint FILE or its folder with --models DIR, or decode "
        "from the layers with --preset quality"
    )
