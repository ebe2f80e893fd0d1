"""A decode under the control of the tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from codec.decoders import Step
from codec.errors import Cancelled
from ui.services import actions
from ui.services.actions import DecodeResult

WAIT = 20  # s for a busy machine


class HeldDecode:
    """A decode that waits until it is released or stopped; events report its progress."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.released = threading.Event()
        self.stopped = threading.Event()

    def work(self, on_step: Callable[[Step], bool]) -> DecodeResult:
        self.started.set()
        while on_step(Step(1, 2, "held")):
            if self.released.wait(0.01):
                return DecodeResult(np.zeros((8, 8, 3), np.uint8))
        self.stopped.set()
        raise Cancelled("stopped")


@pytest.fixture
def held_decode(monkeypatch) -> Iterator[HeldDecode]:
    """Every decode of the page is this one."""
    decode = HeldDecode()
    monkeypatch.setattr(actions, "decode_task", lambda *_: decode.work)
    yield decode
    decode.released.set()
