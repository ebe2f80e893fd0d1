"""The log: a JSON object a line on standard error, about requests and decodes, never about what is in them.

Prompts, names of files, addresses and queries (a link holds the picture) stay out. So do the messages of
exceptions and of libraries, which may quote them; their types and places stay in. Level "debug" shows the messages.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from codec import CodecError
from codec.errors import Cancelled

LEVELS: Final = ("debug", "info", "warning", "error")
_FRAMES: Final = 12  # of a traceback, the innermost
_log = logging.getLogger("trilayer")


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Writes what happened; the fields hold numbers and names that the program itself chose."""
    _log.log(level, name, extra={"fields": fields})


@contextlib.contextmanager
def decode(decoder: str) -> Iterator[None]:
    """Writes how long a decode took and how it ended."""
    began, outcome = time.monotonic(), "failed"
    try:
        yield
        outcome = "done"
    except Cancelled:
        outcome = "stopped"
        raise
    except CodecError:
        outcome = "refused"
        raise
    finally:
        event("decode", decoder=decoder, seconds=round(time.monotonic() - began, 3), outcome=outcome)


class Lines(logging.Formatter):
    """A record as a line."""

    def __init__(self, *, messages: bool) -> None:
        super().__init__()
        self._messages = messages

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        ours = hasattr(record, "fields")
        line: dict[str, Any] = {"time": when, "level": record.levelname.lower()}
        line["event"] = record.msg if ours else "message"
        line |= getattr(record, "fields", None) or {"logger": record.name, "where": _place(record)}
        if record.exc_info and record.exc_info[0] is not None:
            line |= _wrong(record.exc_info[0], record.exc_info[2])
        if self._messages and not ours:
            line["text"] = super().format(record)
        return json.dumps(line, ensure_ascii=True, default=str)


def _place(record: logging.LogRecord) -> str:
    return f"{Path(record.pathname).name}:{record.lineno}"


def _wrong(kind: type[BaseException], trace: TracebackType | None) -> dict[str, Any]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return {"error": kind.__name__, "trace": [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]}


class Stray(io.TextIOBase):
    """Stands for standard error, where libraries print: of tracebacks the type and the places become a line."""

    def __init__(self) -> None:
        self._rest = ""
        self._trace: list[str] | None = None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        self._rest = self._rest[-10_000:]
        for line in lines:
            self._take(line)
        return len(text)

    def _take(self, line: str) -> None:
        if line.strip():
            _log.debug("%s", line)
        if line.startswith("Traceback ("):
            self._trace = []
        elif self._trace is not None and line.startswith("  File "):
            self._trace = [*self._trace, _frame(line)][-_FRAMES:]
        elif self._trace is not None and line and not line.startswith(" "):
            kind = line.partition(":")[0].rpartition(".")[2]
            event("printed", logging.ERROR, error=kind if kind.isidentifier() else "Exception", trace=self._trace)
            self._trace = None


def _frame(line: str) -> str:
    """`File "a/b.py", line 3, in f` -> "b.py:3 f"."""
    file, number, function = [*line.strip().split(", "), "", ""][:3]
    return f"{Path(file.partition(' ')[2].strip(chr(34))).name}:{number[5:]} {function[3:]}"


@contextlib.contextmanager
def to_standard_error(level: str) -> Iterator[None]:
    """The log of this process, while in it. Raises `ValueError` for a level that is none of `LEVELS`."""
    if level not in LEVELS:
        raise ValueError(f"the level of the log must be one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(real := sys.stderr)
    handler.setFormatter(Lines(messages=level == "debug"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):  # uvicorn gave them handlers of its own
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # of a log that cannot be written there is nowhere to write
    sys.stderr = Stray()
    try:
        yield
    finally:
        sys.stderr = real
        logging.captureWarnings(False)
