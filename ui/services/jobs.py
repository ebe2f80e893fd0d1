"""A decode that runs in a thread while the page shows its steps, and that can be stopped at once."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from codec.errors import Cancelled
from ui.services import malloc

Step = TypeVar("Step")
Result = TypeVar("Result")

WORKER = "decode"  # the name of a job's thread
_LOOK = 5.0  # s between two looks whether a silent thread lives

_working: set[Job] = set()  # those whose thread has not ended
_change = threading.Condition()
_turns: dict[str, threading.Lock] = {}


def turn(decoder: str) -> threading.Lock:
    """What a decode holds, so that those of one decoder take turns, whoever asked for them."""
    return _turns.setdefault(decoder, threading.Lock())


def stop_all(grace: float) -> bool:
    """Stops every job, of any page; -> True once all threads have ended, False if `grace` seconds were not enough."""
    end = time.monotonic() + grace
    with _change:
        while _working and (left := end - time.monotonic()) > 0:
            for job in _working:
                job.stop()
            _change.wait(min(left, 0.2))  # one may start meanwhile
        return not _working


class Job(Generic[Step, Result]):
    """`work(on_step)` in a daemon thread.

    Iterating gives its steps, the older ones left out where the reader is slower than the work;
    `result` is there afterwards. Leaving the iteration, in any way, stops the work:
    `on_step` then returns False, which a decoder answers with `Cancelled`. `turn` is held while it
    works; the reader gets the step `waiting` where another job holds it.
    """

    def __init__(
        self,
        work: Callable[[Callable[[Step], bool]], Result],
        turn: threading.Lock | None = None,
        waiting: Step | None = None,
    ) -> None:
        self._work = work
        self._turn = turn or threading.Lock()
        self._waiting = waiting
        self._news: queue.Queue[Step | None] = queue.Queue(maxsize=2)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self.result: Result | None = None

    @property
    def stopped(self) -> bool:
        """True once nobody waits for the result."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ends the iteration now and the work at its next step."""
        self._stopped.set()
        self._tell(None)

    def __iter__(self) -> Iterator[Step]:
        """The steps. Raises `Cancelled` after `stop()`, and whatever the work raised."""
        with _change:
            _working.add(self)
        worker = threading.Thread(target=self._run, name=WORKER, daemon=True)
        worker.start()
        try:
            while (step := self._next(worker)) is not None:
                yield step
            if self.stopped:
                raise Cancelled("stopped")
            if self._error is not None and not isinstance(self._error, Exception):
                raise RuntimeError("the work's thread was ended") from self._error  # itself, it would end the server
            if self._error is not None:
                raise self._error
        finally:
            self._stopped.set()

    def _next(self, worker: threading.Thread) -> Step | None:
        """The next step, None after the last."""
        while True:
            try:
                return self._news.get(timeout=_LOOK)
            except queue.Empty:
                if not worker.is_alive() and self._news.empty():  # it could not even say that it ends
                    self._error = self._error or SystemExit()
                    return None

    def _run(self) -> None:
        try:
            self._wait()
            try:
                self.result = self._work(self._on_step)
            finally:
                self._turn.release()
        except BaseException as error:  # handed to the reader, whatever it is
            self._error = error
        finally:
            with _change:
                _working.discard(self)
                _change.notify_all()
        self._tell(None)
        malloc.trim()

    def _wait(self) -> None:
        """Takes the turn. Raises `Cancelled` if that was in vain."""
        if self._turn.acquire(blocking=False):
            return
        if self._waiting is not None:
            self._tell(self._waiting)
        while not self._turn.acquire(timeout=0.1):
            if self.stopped:
                raise Cancelled("stopped")

    def _on_step(self, step: Step) -> bool:
        if not self.stopped:
            self._tell(step)
        return not self.stopped

    def _tell(self, news: Step | None) -> None:
        """Puts it in, in place of the oldest unread step if need be."""
        while True:
            try:
                return self._news.put_nowait(news)
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._news.get_nowait()


class Jobs:
    """The one job of each session (browser tab)."""

    def __init__(self) -> None:
        self._jobs: dict[str | None, Job] = {}
        self._beside: set[str | None] = set()  # sessions whose job shows elsewhere than in the slider
        self._lock = threading.Lock()

    def start(self, session: str | None, job: Job, *, beside: bool = False) -> None:
        """Makes it the session's job; one still running is stopped. `beside`: the slider stays free for previews."""
        with self._lock:
            before = self._jobs.get(session)
            self._jobs[session] = job
            (self._beside.add if beside else self._beside.discard)(session)
        if before is not None:
            before.stop()

    def end(self, session: str | None, job: Job) -> None:
        """Forgets it."""
        with self._lock:
            if self._jobs.get(session) is job:
                del self._jobs[session]
                self._beside.discard(session)

    def running(self, session: str | None) -> bool:
        """True while the session decodes."""
        return session in self._jobs

    def shows(self, session: str | None) -> bool:
        """True while its decode shows in the slider."""
        with self._lock:
            return session in self._jobs and session not in self._beside

    def stop(self, session: str | None) -> bool:
        """Stops the session's job; False if there is none."""
        with self._lock:
            job = self._jobs.get(session)
        if job is None:
            return False
        job.stop()
        return True
