"""Find names that come twice among any number of them."""

from __future__ import annotations

import sqlite3
from typing import Final

_CACHE_KIB: Final = 16_384  # of memory: about a million names; more go to a temporary file


class UniqueNames:
    """A set of names to which names are only added. It keeps hashes of 64 bits, in bounded memory."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._table.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            self._table.execute(f"PRAGMA {setting}")
        self._table.execute("CREATE TABLE names (hash INTEGER PRIMARY KEY)")
        self._table.execute("BEGIN")

    def add(self, name: str) -> bool:
        """Add a name and return whether it is new."""
        return self._table.execute("INSERT OR IGNORE INTO names VALUES (?)", (hash(name),)).rowcount == 1
