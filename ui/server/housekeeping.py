"""What the server throws away while it runs: old files, the oldest where there are too many, answers that nobody took.

Gradio's own `delete_cache` dies at the first upload that comes while it looks, and looks at ages only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger("trilayer")
MAX_AGE: Final = 12 * 3600  # s that an upload or a decoded picture is kept
MAX_BYTES: Final = 2 << 30  # of all files
MAX_FILES: Final = 20_000
MAX_ANSWERS: Final = 20_000  # that wait for whoever asked, some KB each
EVERY: Final = 20.0  # s
Seen = dict[tuple[Path, int], float]  # file and its time in ns -> when it was first seen so, by time.monotonic


def sweep(
    folder: Path, max_age: float, keep: frozenset[Path] = frozenset(), most: tuple[int, int] = (MAX_BYTES, MAX_FILES),
    seen: Seen | None = None,
) -> None:  # fmt: skip
    """Removes files older than `max_age` seconds, then the oldest until `most` (bytes, files) are left; but for `keep`.

    Folders that this empties go, too. With `seen`, which it brings up to date, a file must also have been seen as it
    is for so long, by a clock that never jumps: else setting the machine's clock would make fresh files old.
    """
    oldest, now, before = time.time() - max_age, time.monotonic(), {} if seen is None else dict(seen)
    if seen is not None:
        seen.clear()
    left: list[tuple[float, int, Path]] = []
    for parent, _, names in os.walk(folder, topdown=False):
        for path in (Path(parent, name) for name in names):
            try:
                found = path.stat()
                since = before.get((path, found.st_mtime_ns), now)
                if seen is not None:
                    seen[path, found.st_mtime_ns] = since
                fresh = seen is not None and now - since < max_age
                if path in keep or fresh or found.st_mtime >= oldest:
                    left.append((found.st_mtime, found.st_size, path))
                else:
                    path.unlink()
            except OSError:
                continue  # another thread was faster
        _drop(Path(parent), folder)
    bytes_left, files_left = sum(size for _, size, _ in left), len(left)
    for _, size, path in sorted(left):
        if bytes_left <= most[0] and files_left <= most[1]:
            return
        if path not in keep:
            path.unlink(missing_ok=True)
            _drop(path.parent, folder)
            bytes_left, files_left = bytes_left - size, files_left - 1


def _drop(emptied: Path, folder: Path) -> None:
    try:
        if emptied != folder:
            emptied.rmdir()
    except OSError:
        return  # not empty


def hold(folder: Path, keep: frozenset[Path]) -> None:
    """Makes the folder and these files new, so that a system that clears old temporary files leaves them alone."""
    for path in (folder, *keep):
        with contextlib.suppress(OSError):
            os.utime(path)


def forget(page: Any, most: int = MAX_ANSWERS) -> None:
    """Of Gradio's memory: the names of files that are gone; the oldest sessions' answers where more than `most` wait.

    It keeps these until they are fetched, and the names for ever.
    """
    for names in list(page.temp_file_sets):
        names.difference_update([path for path in list(names) if not os.path.exists(path)])
    waiting, asked = page._queue.pending_messages_per_session, page._queue.pending_event_ids_session
    sizes = {session: answers.qsize() for session, answers in list(waiting.items())}
    total = sum(sizes.values())
    for session, size in sizes.items():
        if total <= most:
            break
        waiting.pop(session, None)
        total -= size
    for session in [session for session in list(asked) if session not in waiting]:
        asked.pop(session, None)


class Keeper:
    """A thread that does all of this, again and again, until it is ended; whatever goes wrong once, it goes on."""

    def __init__(self, page: Any, folder: Path, keep: frozenset[Path], every: float = EVERY) -> None:
        self._given = page, folder, keep
        self._every = every
        self._seen: Seen = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ends it; returns when it is."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        page, folder, keep = self._given
        while not self._ended.wait(self._every):
            try:
                hold(folder, keep)
                sweep(folder, MAX_AGE, keep, (MAX_BYTES, MAX_FILES), self._seen)
                forget(page)
            except Exception:
                _log.exception("upkeep failed")
