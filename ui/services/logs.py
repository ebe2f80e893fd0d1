"""The server's log: a JSON object per line on standard error, about requests and decodes, but never their content.

Prompts, file names, addresses and queries (which may contain the image) are not logged. Neither are the messages of
exceptions and of libraries, which may quote them, but only their types and locations. Level "debug" logs the messages,
too.
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
_MAX_FRAMES: Final = 12  # of a traceback, the innermost
_MAX_PARTIAL_LINE: Final = 10_000  # characters
_log = logging.getLogger("trilayer")


def log_event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event. The fields must be numbers and names that the program itself chose."""
    _log.log(level, name, extra={"fields": fields})


@contextlib.contextmanager
def log_decode(decoder: str) -> Iterator[None]:
    """Log how long a decode took and how it ended."""
    start, outcome = time.monotonic(), "failed"
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
        log_event("decode", decoder=decoder, seconds=round(time.monotonic() - start, 3), outcome=outcome)


class JsonFormatter(logging.Formatter):
    """Format a record as one line of JSON. `messages`: include messages of libraries."""

    def __init__(self, *, messages: bool) -> None:
        super().__init__()
        self._messages = messages

    def format(self, record: logging.LogRecord) -> str:
        time_stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        is_event = hasattr(record, "fields")
        line: dict[str, Any] = {"time": time_stamp, "level": record.levelname.lower()}
        line["event"] = record.msg if is_event else "message"
        line |= getattr(record, "fields", None) or {"logger": record.name, "where": _location(record)}
        if record.exc_info and record.exc_info[0] is not None:
            line |= _exception_fields(record.exc_info[0], record.exc_info[2])
        if self._messages and not is_event:
            line["text"] = super().format(record)
        return json.dumps(line, ensure_ascii=True, default=str)


def _location(record: logging.LogRecord) -> str:
    return f"{Path(record.pathname).name}:{record.lineno}"


def _exception_fields(kind: type[BaseException], trace: TracebackType | None) -> dict[str, Any]:
    frames = traceback.extract_tb(trace)[-_MAX_FRAMES:]
    return {"error": kind.__name__, "trace": [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]}


class StderrToLog(io.TextIOBase):
    """Replaces standard error, where libraries print: a printed traceback is logged as its type and locations."""

    def __init__(self) -> None:
        self._partial_line = ""
        self._trace: list[str] | None = None  # of the traceback that is being printed

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._partial_line = (self._partial_line + text).split("\n")
        self._partial_line = self._partial_line[-_MAX_PARTIAL_LINE:]
        for line in lines:
            self._handle_line(line)
        return len(text)

    def _handle_line(self, line: str) -> None:
        if line.strip():
            _log.debug("%s", line)
        if line.startswith("Traceback ("):
            self._trace = []
        elif self._trace is not None and line.startswith("  File "):
            self._trace = [*self._trace, _frame(line)][-_MAX_FRAMES:]
        elif self._trace is not None and line and not line.startswith(" "):
            kind = line.partition(":")[0].rpartition(".")[2]
            error = kind if kind.isidentifier() else "Exception"
            log_event("printed", logging.ERROR, error=error, trace=self._trace)
            self._trace = None


def _frame(line: str) -> str:
    """Return `File "a/b.py", line 3, in f` as "b.py:3 f"."""
    file, number, function = [*line.strip().split(", "), "", ""][:3]
    return f"{Path(file.partition(' ')[2].strip(chr(34))).name}:{number[5:]} {function[3:]}"


@contextlib.contextmanager
def log_to_stderr(level: str) -> Iterator[None]:
    """Write the log of this process to standard error. Raises `ValueError` for a level that is not in `LEVELS`."""
    if level not in LEVELS:
        raise ValueError(f"the log level must be one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(real_stderr := sys.stderr)
    handler.setFormatter(JsonFormatter(messages=level == "debug"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _log.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):  # replace uvicorn's own handlers
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # errors of logging itself cannot be logged
    sys.stderr = StderrToLog()
    try:
        yield
    finally:
        sys.stderr = real_stderr
        logging.captureWarnings(False)
