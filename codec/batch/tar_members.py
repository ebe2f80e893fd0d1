"""List pictures in a tar, with captions as in WebDataset: a.jpg, a.txt and a.json belong together."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Final, NamedTuple

from codec.errors import FormatError

_MAX_TEXT_BYTES: Final = 1 << 16
_MAX_GROUP: Final = 100  # pictures with the same key
_CAPTION_KEYS: Final = ("prompt", "caption", "text")


class Member(NamedTuple):
    """A file in a tar and the position of its bytes."""

    name: str
    start: int
    size: int
    caption: str | None


def list_members(file: IO[bytes], suffixes: tuple[str, ...], tar_name: str) -> Iterator[Member]:
    """Yield the members with one of the suffixes, in order; only headers and short texts are read.

    The caption comes from a .txt, or from "prompt", "caption" or "text" in a .json, with the same key as the picture
    (folder, and name up to the first dot) and directly before or after it. Raises `FormatError` for a damaged tar.
    """
    group: list[Member] = []
    key: str | None = None
    caption: str | None = None
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # otherwise all of them are kept
                if not member.isfile():
                    continue
                if key != (key := _key(member.name)):
                    yield from (one._replace(caption=caption) for one in group)
                    group, caption = [], None
                suffix = PurePosixPath(member.name).suffix.lower()
                if suffix in suffixes and not PurePosixPath(member.name).name.startswith("."):
                    if len(group) == _MAX_GROUP:  # not a WebDataset, but another tar
                        yield group.pop(0)
                    group.append(Member(member.name, member.offset_data, member.size, None))
                elif suffix in (".txt", ".json") and member.size <= _MAX_TEXT_BYTES:
                    text = tar.extractfile(member)
                    caption = caption or _read_caption(text.read() if text else b"", suffix)
            yield from (one._replace(caption=caption) for one in group)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise FormatError(f"{tar_name} is not a tar that can be read: {str(error)[:100]}") from None


def _key(name: str) -> str:
    path = PurePosixPath(name)
    return f"{path.parent}/{path.name.partition('.')[0]}"


def _read_caption(data: bytes, suffix: str) -> str | None:
    """Return the caption in a .txt or .json; None if it is missing or unreadable."""
    text = data.decode("utf-8-sig", "replace").strip()
    if suffix == ".txt":
        return text or None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    found = (values.get(name) for name in _CAPTION_KEYS)
    return next((value for value in found if isinstance(value, str) and value), None)
