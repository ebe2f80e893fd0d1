"""Periodic cleanup in the running server: old files, files beyond the limits, unread answers in Gradio's memory.

Gradio's own `delete_cache` considers only the age of files, and aborts if a file is uploaded while it runs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

_log = logging.getLogger("trilayer")
MAX_AGE: Final = 12 * 3600  # s for which an upload or a decoded picture is kept
MAX_BYTES: Final = 2 << 30  # of all files
MAX_FILES: Final = 20_000
MAX_UNREAD_ANSWERS: Final = 20_000  # of a few KB each
INTERVAL: Final = 20.0  # s between two cleanups

# (file, mtime in ns) -> time.monotonic() when the file was first seen with that mtime
FirstSeen = dict[tuple[Path, int], float]


class _File(NamedTuple):
    mtime_ns: int
    size: int
    path: Path


def remove_old_files(
    folder: Path, max_age: float, keep: frozenset[Path] = frozenset(), *, max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES, first_seen: FirstSeen | None = None,
) -> None:  # fmt: skip
    """Remove files older than `max_age` seconds, then the oldest ones beyond the limits, and folders left empty.

    Files in `keep` stay. With `first_seen`, which is updated, a file counts as old only if it has also been unchanged
    for `max_age` by the monotonic clock, so that setting the system clock does not make new files look old.
    """
    files = _list_files(folder)
    old = {file for file in files if time.time() - file.mtime_ns / 1e9 > max_age and file.path not in keep}
    if first_seen is not None:
        old -= _recently_seen(files, max_age, first_seen)
    remaining = sorted(set(files) - old)
    total_bytes, total_files = sum(file.size for file in remaining), len(remaining)
    for file in remaining:
        if total_bytes <= max_bytes and total_files <= max_files:
            break
        if file.path not in keep:
            old.add(file)
            total_bytes, total_files = total_bytes - file.size, total_files - 1
    for file in old:
        _remove_file(file.path, folder)


def _list_files(folder: Path) -> list[_File]:
    """Return the files below a folder, except those that another thread removes meanwhile."""
    files = []
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append(_File(status.st_mtime_ns, status.st_size, path))
    return files


def _recently_seen(files: list[_File], max_age: float, first_seen: FirstSeen) -> set[_File]:
    """Update `first_seen` and return the files that were first seen less than `max_age` seconds ago."""
    now = time.monotonic()
    times = {(file.path, file.mtime_ns): now for file in files}
    times |= {key: since for key, since in first_seen.items() if key in times}
    first_seen.clear()
    first_seen.update(times)
    return {file for file in files if now - times[file.path, file.mtime_ns] < max_age}


def _remove_file(path: Path, root: Path) -> None:
    """Remove a file and the folders below `root` that this empties, as far as possible."""
    with contextlib.suppress(OSError):
        path.unlink()
        for parent in path.parents:
            if parent == root:
                return
            parent.rmdir()


def touch(folder: Path, files: frozenset[Path]) -> None:
    """Set the mtime of a folder and files in it to now, since systems delete temporary files after days without use."""
    for path in (folder, *files):
        with contextlib.suppress(OSError):
            os.utime(path)


def drop_stale_state(page: Any, max_answers: int = MAX_UNREAD_ANSWERS) -> None:
    """Remove from a `gr.Blocks` the names of deleted files, and the oldest sessions' answers beyond `max_answers`.

    Gradio keeps answers until the client reads them, and file names forever.
    """
    for names in list(page.temp_file_sets):
        names.difference_update([path for path in list(names) if not os.path.exists(path)])
    answers, events = page._queue.pending_messages_per_session, page._queue.pending_event_ids_session
    sizes = {session: queue.qsize() for session, queue in list(answers.items())}
    total = sum(sizes.values())
    for session, size in sizes.items():
        if total <= max_answers:
            break
        answers.pop(session, None)
        total -= size
    for session in [session for session in list(events) if session not in answers]:
        events.pop(session, None)


class CleanupThread:
    """A daemon thread that cleans up every `interval` seconds until it is stopped; errors are logged.

    page: the running `gr.Blocks`; folder: where it writes its files; keep: files in it that are never removed.
    """

    def __init__(self, page: Any, folder: Path, keep: frozenset[Path], interval: float = INTERVAL) -> None:
        self._page = page
        self._folder = folder
        self._keep = keep
        self._interval = interval
        self._first_seen: FirstSeen = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cleanup", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            try:
                touch(self._folder, self._keep)
                remove_old_files(self._folder, MAX_AGE, self._keep, first_seen=self._first_seen)
                drop_stale_state(self._page)
            except Exception:
                _log.exception("cleanup failed")
