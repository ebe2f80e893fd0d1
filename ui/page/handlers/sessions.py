"""The state of the open tabs that the server keeps."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from ui.services.jobs import SessionJobs
from ui.services.sd15_options import ActiveTabs, DecodeCache

MAX_TABS: Final = 1000  # tabs whose newest request is stored


class NewestRequests:
    """The newest request of each tab, so that a late answer to an older one can be dropped. Thread-safe."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[str | None, int] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def register(self, session: str | None) -> int:
        """Return the number of a request that has just arrived."""
        with self._lock:
            self._count += 1
            self._numbers[session] = self._count
            self._numbers.move_to_end(session)
            while len(self._numbers) > MAX_TABS:
                self._numbers.popitem(last=False)
            return self._count

    def newest(self, session: str | None) -> int:
        """Return the number of the tab's newest request, 0 if none is known."""
        return self._numbers.get(session, 0)

    def is_newest(self, session: str | None, number: int) -> bool:
        """Return whether no other request of the tab has arrived since, as far as it is known."""
        return self._numbers.get(session, number) == number


@dataclass(frozen=True)
class Sessions:
    """The running job of each tab, its last decode, its newest edit, its newest decode (begun or restored), and the
    tabs with Stable Diffusion chosen.
    """

    jobs: SessionJobs = field(default_factory=SessionJobs)
    decodes: DecodeCache = field(default_factory=DecodeCache)
    edits: NewestRequests = field(default_factory=NewestRequests)
    new_decodes: NewestRequests = field(default_factory=NewestRequests)
    sd15_tabs: ActiveTabs = field(default_factory=ActiveTabs)
