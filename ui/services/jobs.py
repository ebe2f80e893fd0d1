"""Run work in a thread, report its steps, and stop it on request."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from codec.errors import Cancelled
from ui.services import malloc

Step = TypeVar("Step")
Result = TypeVar("Result")

THREAD_NAME: Final = "decode"
_LIVENESS_CHECK_SECONDS: float = 5.0  # interval of the checks whether a silent thread is alive
_LOCK_CHECK_SECONDS: Final = 0.1  # interval of the checks whether a job that waits for its lock was stopped
_STOP_INTERVAL_SECONDS: Final = 0.2  # interval at which `stop_all` tries again, since new jobs may start

_running: set[Job[Any, Any]] = set()  # jobs whose thread has not ended
_running_changed = threading.Condition()
_decoder_locks: dict[str, threading.Lock] = {}


def decoder_lock(decoder: str) -> threading.Lock:
    """Return the lock that every decode with this decoder holds, so that only one runs at a time.

    Both versions of Stable Diffusion hold one lock, as they share the memory of their networks.
    """
    return _decoder_locks.setdefault("sd15" if decoder == "sdxl" else decoder, threading.Lock())


def stop_all(timeout: float) -> bool:
    """Stop every job of every page; return whether all threads ended within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    with _running_changed:
        while _running and (left := deadline - time.monotonic()) > 0:
            for job in _running:
                job.stop()
            _running_changed.wait(min(left, _STOP_INTERVAL_SECONDS))
        return not _running


class Job(Generic[Step, Result]):
    """Runs `work(on_step)` in a daemon thread.

    Iterating starts the work and yields its steps; if the reader is slower than the work, older steps are dropped.
    `result` is set afterwards. Leaving the iteration in any way stops the work: `on_step` then returns False, upon
    which a decoder raises `Cancelled`. The work holds `lock`; while another job holds it, the reader gets the step
    `waiting`.
    """

    def __init__(
        self,
        work: Callable[[Callable[[Step], bool]], Result],
        lock: threading.Lock | None = None,
        waiting: Step | None = None,
    ) -> None:
        self._work = work
        self._lock = lock or threading.Lock()
        self._waiting = waiting
        self._steps: queue.Queue[Step | None] = queue.Queue(maxsize=2)  # None: the work has ended
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self.result: Result | None = None

    @property
    def stopped(self) -> bool:
        """Whether the job was stopped or its reader has left the iteration."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End the iteration now, and the work at its next step."""
        self._stopped.set()
        self._publish(None)

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps. Raises `Cancelled` after `stop()`, and the errors of the work."""
        with _running_changed:
            _running.add(self)
        thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        thread.start()
        try:
            while (step := self._next_step(thread)) is not None:
                yield step
            if self.stopped:
                raise Cancelled("stopped")
            if self._error is not None and not isinstance(self._error, Exception):
                # a SystemExit would end the server
                raise RuntimeError("the thread of the work was ended") from self._error
            if self._error is not None:
                raise self._error
        finally:
            self._stopped.set()

    def _next_step(self, thread: threading.Thread) -> Step | None:
        """Wait for the next step and return it; None after the last one."""
        while True:
            try:
                return self._steps.get(timeout=_LIVENESS_CHECK_SECONDS)
            except queue.Empty:
                if not thread.is_alive() and self._steps.empty():  # the thread ended without publishing None
                    self._error = self._error or SystemExit()
                    return None

    def _run(self) -> None:
        try:
            self._acquire_lock()
            try:
                self.result = self._work(self._on_step)
            finally:
                self._lock.release()
        except BaseException as error:  # the reader raises it
            self._error = error
        finally:
            with _running_changed:
                _running.discard(self)
                _running_changed.notify_all()
        self._publish(None)
        malloc.trim()

    def _acquire_lock(self) -> None:
        """Wait for the lock. Raises `Cancelled` if the job is stopped before it gets it."""
        if self._lock.acquire(blocking=False):
            return
        if self._waiting is not None:
            self._publish(self._waiting)
        while not self._lock.acquire(timeout=_LOCK_CHECK_SECONDS):
            if self.stopped:
                raise Cancelled("stopped")

    def _on_step(self, step: Step) -> bool:
        if not self.stopped:
            self._publish(step)
        return not self.stopped

    def _publish(self, step: Step | None) -> None:
        """Put a step into the queue, dropping the oldest unread one if it is full."""
        while True:
            try:
                return self._steps.put_nowait(step)
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._steps.get_nowait()


class SessionJobs:
    """The running job of each session (browser tab), at most one each. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[str | None, Job[Any, Any]] = {}
        self._outside_slider: set[str | None] = set()  # sessions whose job shows its pictures in the layer strip
        self._lock = threading.Lock()

    def start(self, session: str | None, job: Job[Any, Any], *, in_slider: bool = True) -> None:
        """Register a session's job, and stop the one that is still running.

        `in_slider`: its pictures are shown in the compare slider, so previews of edits are not.
        """
        with self._lock:
            previous = self._jobs.get(session)
            self._jobs[session] = job
            (self._outside_slider.discard if in_slider else self._outside_slider.add)(session)
        if previous is not None:
            previous.stop()

    def end(self, session: str | None, job: Job[Any, Any]) -> None:
        """Unregister a session's job; a newer one stays."""
        with self._lock:
            if self._jobs.get(session) is job:
                del self._jobs[session]
                self._outside_slider.discard(session)

    def is_running(self, session: str | None) -> bool:
        """Return whether the session has a running job."""
        return session in self._jobs

    def uses_slider(self, session: str | None) -> bool:
        """Return whether the session has a running job that shows its pictures in the compare slider."""
        with self._lock:
            return session in self._jobs and session not in self._outside_slider

    def stop(self, session: str | None) -> bool:
        """Stop the session's job; return False if there is none."""
        with self._lock:
            job = self._jobs.get(session)
        if job is None:
            return False
        job.stop()
        return True
