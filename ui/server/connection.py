"""A connection as uvicorn has it, that must come to the point: who sends no whole request in time is hung up on.

uvicorn waits for ever for the first lines of a request, so that a few thousand silent connections would take all
that the system allows. What comes after those lines is `guard`'s.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD: Final = 20.0  # s from the first byte, or from the connection, to the end of a request's head


class Connection(H11Protocol):
    """Put it in place of uvicorn's own with `Config.http_protocol_class`."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._served()

    def connection_lost(self, exc: Exception | None) -> None:
        self._served()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD, self.transport.abort)

    def _served(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
