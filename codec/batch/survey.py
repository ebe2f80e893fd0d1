"""Survey a source before and during processing: the number of files, and notices about skipped ones."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from codec.batch.captions import CAPTIONS, Captions
from codec.batch.find_files import format_unknown
from codec.batch.sources import Source
from codec.errors import CodecError

OnNotice = Callable[[str], None]  # one line
_MAX_FILES: Final = 5_000  # listed before the first file is processed
_MAX_SECONDS: Final = 5.0


class Survey:
    """The number of files of a source, and notices about them. A large source is counted while it is processed.

    total: the number of files; None while it is unknown.
    """

    def __init__(self, source: Source, notify: OnNotice) -> None:
        """List the source if it is small. Raises `CodecError` if it has no files or no caption belongs to a file."""
        self.total: int | None = None
        self._source, self._notify = source, notify
        self._notices: list[str] = []
        self._unknown: Counter[str] = Counter()
        self._captions = source.read_captions()
        count, start = 0, time.monotonic()
        for _ in source.entries(self._captions, self._unknown):
            count += 1
            if count == _MAX_FILES or time.monotonic() - start > _MAX_SECONDS:
                if not source.is_remote:  # listing a remote source twice would take long
                    threading.Thread(target=self._count, daemon=True).start()
                return
        self.total = count
        self._check()

    def _check(self) -> None:
        skipped = format_unknown(self._unknown)
        if not self.total:
            endings = ", ".join(self._source.suffixes)
            raise CodecError(f"there is no {endings} file in {self._source.name}{f'; {skipped}' if skipped else ''}")
        if skipped:
            self._notify(skipped)
        self._captions.check_bare_names()
        if notice := check_captions(self._captions, self._source.name):
            self._notify(notice)

    def _count(self) -> None:
        captions, unknown = self._source.read_captions(), Counter[str]()
        count = 0
        try:
            for _ in self._source.entries(captions, unknown):
                count += 1
            captions.check_bare_names()
            found = [format_unknown(unknown), check_captions(captions, self._source.name)]
        except (CodecError, OSError) as error:
            found = [str(error)]
        else:
            self.total = count
        self._notices = [notice for notice in found if notice]

    def finish(self) -> None:
        """Send the notices that are known only after processing."""
        for notice in self._notices:
            self._notify(notice)


def check_captions(captions: Captions, folder: str) -> str:
    """Return a notice about captions without a file, or "". Raises `CodecError` if no caption has a file."""
    count, names = captions.unused_names(4)
    some = ", ".join(names[:3]) + (" ..." if count > 3 else "")
    if count and count == len(captions):
        raise CodecError(f"{CAPTIONS} names no file of {folder}: {some}")
    return f"{CAPTIONS}: {count} of {len(captions)} names are no files here: {some}" if count else ""
