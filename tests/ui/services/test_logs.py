"""The log: JSON lines without the content of requests."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import traceback
import warnings
from collections.abc import Callable

import pytest

from codec.errors import Cancelled, FormatError
from ui.services import logs


@pytest.fixture
def logged(monkeypatch, capsys) -> Callable[..., list[dict]]:
    """-> logged(level, work) -> the lines of the log while `work()` runs."""
    root, own = logging.getLogger(), logging.getLogger("trilayer")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(logging, "raiseExceptions", True)
    levels = root.level, own.level

    def run(level: str, work: Callable[[], None]) -> list[dict]:
        with logs.log_to_stderr(level):
            work()
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield run
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def fail(message: str) -> None:
    raise ValueError(message)


def write_messages() -> None:
    """Log, print and warn with a secret in every message."""
    for message in ("secret", "two\nsecret"):
        try:
            fail(message)
        except ValueError:
            logging.getLogger("trilayer").exception("%s failed", "secret")
            traceback.print_exc()
    logging.getLogger("httpx").warning("secret")
    warnings.warn("secret", stacklevel=1)
    print("secret", file=sys.stderr)


def test_errors_are_logged_by_type_and_location(logged):
    lines = logged("info", write_messages)
    assert "secret" not in str(lines)
    assert [line["event"] for line in lines] == ["message", "printed"] * 2 + ["message"] * 2
    for line in lines[:4]:
        assert line["error"] == "ValueError" and re.fullmatch(r"test_logs\.py:\d+ fail", line["trace"][-1])
    assert lines[4]["logger"] == "httpx" and re.fullmatch(r"test_logs\.py:\d+", lines[4]["where"])


def test_messages_are_logged_at_debug_level(logged):
    assert str(logged("debug", write_messages)).count("secret") > 6


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "done"), (Cancelled, "stopped"), (FormatError, "refused"), (KeyError, "failed")]
)
def test_outcome_of_a_decode_is_logged(logged, error, outcome):
    def work() -> None:
        with contextlib.suppress(error or ()), logs.log_decode("painter"):
            if error is not None:
                raise error("x")

    (line,) = logged("info", work)
    assert (line["event"], line["decoder"], line["outcome"]) == ("decode", "painter", outcome)


def test_unknown_level_is_rejected():
    with pytest.raises(ValueError, match="one of debug, info"), logs.log_to_stderr("loud"):
        pass
