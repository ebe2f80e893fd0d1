"""Find the files of a folder to process, ignoring files that operating systems and programs create there."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PICTURE_SUFFIXES: Final = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"),
    *(".webp", ".avif", ".avifs"),
)
_KNOWN_SUFFIXES: Final = {*PICTURE_SUFFIXES, ".tril"}
_OWN_FILES: Final = {"captions.tsv", "manifest.csv"}
# In lower case. Names that begin with a dot need no entry, since they are skipped on every system.
_SYSTEM_NAMES: Final = {
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "$recycle.bin"),
    *("system volume information", "lost+found", "__macosx", "__pycache__", "@eadir", "@tmp", "@recycle"),
    *("#recycle", "#snapshot", "@recently-snapshot", "@__thumb", "network trash folder", "temporary items"),
}
_OFFICE_LOCK: Final = "~$"
_WINDOWS_HIDDEN: Final = stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM


def find_files(folder: Path, suffixes: tuple[str, ...], unknown: Counter[str] | None = None) -> Iterator[Path]:
    """Yield every file below `folder` with one of the suffixes, folder by folder, each sorted by name.

    Hidden files, files of the system and links to folders are skipped. unknown: receives the counts of other files by
    lowercase suffix, except suffixes that this program reads or writes.
    """
    folders = [folder]
    while folders:
        current = folders.pop()
        names: list[str] = []
        subfolders: list[str] = []
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    if _is_hidden(entry):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        subfolders.append(entry.name)
                    elif entry.is_file():
                        names.append(entry.name)
        except PermissionError:
            if unknown is not None:
                unknown["unreadable folder"] += 1
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if suffix in suffixes:
                yield current / name
            elif unknown is not None and suffix not in _KNOWN_SUFFIXES and name not in _OWN_FILES:
                unknown[suffix] += 1
        folders += [current / name for name in sorted(subfolders, reverse=True)]


def format_unknown(unknown: Counter[str]) -> str:
    """Return one line that names the suffixes of skipped files; "" if there are none."""
    if not unknown:
        return ""
    names = [f"{count} {suffix or 'without ending'}" for suffix, count in unknown.most_common(8)]
    more = sum(unknown.values()) - sum(count for _, count in unknown.most_common(8))
    return f"skipped, not a supported file: {', '.join(names)}{f', {more} more' if more else ''}"


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    """Return whether a file or folder is hidden or belongs to a system: macOS, Windows, a NAS, an office program."""
    name = entry.name.lower()
    if name.startswith((".", _OFFICE_LOCK)) or name in _SYSTEM_NAMES:
        return True
    if os.name == "posix" and not hasattr(os, "chflags"):  # Linux has no attribute for hidden files
        return False
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    attributes, flags = getattr(status, "st_file_attributes", 0), getattr(status, "st_flags", 0)
    return bool(attributes & _WINDOWS_HIDDEN or flags & stat.UF_HIDDEN)
