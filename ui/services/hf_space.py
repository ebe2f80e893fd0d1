"""On a Hugging Face Space: who may enter and frame the page, and a GPU that is lent for each decode."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from codec.errors import Cancelled
from ui.services.jobs import Job

FRAMES = "https://huggingface.co https://*.hf.space"  # where a Space's page is shown
PROXIES = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10"  # where its hub's proxies may stand
SECONDS = 120  # that a decode may have the GPU


def here() -> bool:
    """True on a Space: its owner has put the page before everyone, on purpose."""
    return bool(os.environ.get("SPACE_ID"))


def _steps(factory: Callable[..., Any], *given: Any) -> Iterator[tuple[bool, Any]]:
    """The work that `factory(*given)` makes -> (False, step)... and (True, result). It may run in another process."""
    job: Job[Any, Any] = Job(factory(*given))
    for step in job:
        yield False, step
    yield True, job.result


_lent: Callable[..., Iterator[tuple[bool, Any]]] | None = None


def prepare() -> None:
    """Asks for GPUs where `spaces` is installed; before torch is imported, as it wants it."""
    global _lent
    try:
        spaces = importlib.import_module("spaces")
    except ImportError:
        return
    _lent = spaces.GPU(duration=SECONDS)(_steps)


def on_gpu(factory: Callable[..., Any], *given: Any) -> Callable[[Callable[[Any], bool]], Any]:
    """`factory(*given)`, which is work for a `Job`; on a lent GPU where there are such."""
    if _lent is None:
        return factory(*given)
    lent = _lent

    def work(on_step: Callable[[Any], bool]) -> Any:
        for finished, what in lent(factory, *given):
            if finished:
                return what
            if not on_step(what):
                break
        raise Cancelled("stopped")

    return work
