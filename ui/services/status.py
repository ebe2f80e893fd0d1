"""The message in the page's status box."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class StatusKind(StrEnum):
    """How a status is shown."""

    IDLE = "idle"
    BUSY = "busy"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class StatusCode(StrEnum):
    """The subject of a status, for events that depend on the status that is shown."""

    OTHER = ""
    INVALID_INPUT = "invalid-input"
    STOPPED = "stopped"

    @classmethod
    def parse(cls, value: Any) -> StatusCode:
        """Return the code in the status box's value, as sent by the browser."""
        code = value.get("code") if isinstance(value, dict) else None
        return cls(code) if isinstance(code, str) and code in list(cls) else cls.OTHER


@dataclass(frozen=True)
class Status:
    """A status: plain text and how it is shown.

    progress: 0..1 shows a progress bar
    details: more lines, in which commands of the program are set apart
    """

    text: str
    kind: StatusKind = StatusKind.IDLE
    progress: float | None = None
    details: tuple[str, ...] = ()
    code: StatusCode = StatusCode.OTHER

    @classmethod
    def busy(cls, text: str, progress: float | None = None) -> Status:
        """Return the status of work that is under way."""
        return cls(text, StatusKind.BUSY, progress)

    @classmethod
    def good(cls, text: str) -> Status:
        """Return the status of finished work."""
        return cls(text, StatusKind.GOOD)

    @classmethod
    def warn(cls, text: str) -> Status:
        """Return a warning."""
        return cls(text, StatusKind.WARN)

    @classmethod
    def bad(cls, text: str) -> Status:
        """Return the status of work that failed."""
        return cls(text, StatusKind.BAD)

    @classmethod
    def invalid_input(cls, text: str) -> Status:
        """Return the status of an edit that no file can hold; the next valid edit clears it."""
        return cls(text, StatusKind.BAD, code=StatusCode.INVALID_INPUT)


STOPPED = Status("Stopped.", code=StatusCode.STOPPED)
