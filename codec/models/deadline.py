"""Calls with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def call_with_timeout(function: Callable[[], Result], seconds: float) -> Result:
    """Return what `function` returns, raise what it raises, or raise TimeoutError after `seconds`.

    It runs in a thread, because socket timeouts do not cover name resolution. After a timeout the thread keeps running.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return results[0]
