"""Apply a function to many tasks in this process, in several processes, or on a Ray cluster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final, TypeVar

from codec.batch.thread_limit import limit_to_one_thread
from codec.errors import CodecError

MAX_JOBS: Final = 64
MAX_ACTORS: Final = 4096
_MAX_DEFAULT_JOBS: Final = 8
_QUEUED_PER_JOB: Final = 8  # tasks that are running or waiting
_BYTES_PER_JOB: Final = 1 << 30  # memory of a process with the built-in networks
Task = TypeVar("Task")
Result = Any  # a JSON value, so that it can be sent between machines


def run_tasks(
    function: Callable[[Task], Result], tasks: Iterable[Task], jobs: int = 1, ray: str | None = None,
    gpus: float | None = None,
) -> Iterator[tuple[Task, Result]]:  # fmt: skip
    """Yield each task with its result, in order of completion. Tasks are drawn from the iterable only as needed.

    function: must be picklable, and return errors as results instead of raising them.
    tasks: on Ray, an object that can be pickled and iterated in another process, such as a list.
    jobs: number of processes, 1..64, or the largest number of Ray actors, 1..4096.
    ray: None for local processes, "local" for a local Ray cluster, or the address of a cluster, whose machines must
    have access to the files of the tasks.
    gpus: of each actor, such as 0.25; None for one if the cluster has any.

    Raises `CodecError` if `jobs` is out of range, if a process dies or if no cluster answers, and `ModelMissing` if Ray
    is not installed.
    """
    limit = MAX_JOBS if ray is None else MAX_ACTORS
    if not 1 <= jobs <= limit:
        raise CodecError(f"--jobs must be 1 to {limit}")
    if ray is not None:
        from codec.batch.ray_workers import run_on_ray

        return run_on_ray(function, tasks, jobs, ray, gpus)
    iterator = iter(tasks)
    first = list(islice(iterator, jobs))
    if len(first) < 2:
        return ((task, function(task)) for task in chain(first, iterator))
    return _run_in_processes(function, first, iterator)


def default_job_count() -> int:
    """Return the number of usable cores, but at most 8, and at most the number of processes that fit into memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _MAX_DEFAULT_JOBS, _free_memory() // _BYTES_PER_JOB))


def _free_memory(root: Path = Path("/")) -> int:
    """Return the free memory of this machine or container in bytes; outside Linux, a value that allows 8 jobs."""
    limits = [_MAX_DEFAULT_JOBS * _BYTES_PER_JOB]
    for name in ("proc/meminfo", "sys/fs/cgroup/memory.max"):
        try:
            lines = (root / name).read_text("ascii").splitlines()
        except (OSError, ValueError):
            continue
        limits += [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
        limits += [int(line) for line in lines if line.isdecimal()]
    return min(limits)


# local processes


def _run_in_processes(
    function: Callable[[Task], Result], first: Sequence[Task], rest: Iterator[Task]
) -> Iterator[tuple[Task, Result]]:
    """Run the tasks of `first`, each in its own process, then those of `rest`; the queue stays short."""
    jobs = len(first)
    with ProcessPoolExecutor(jobs, get_context("spawn"), _init_worker) as pool:
        with _ignore_sigint():
            pending: dict[Future[Result], Task] = {pool.submit(function, task): task for task in first}
        processes = active_children()
        try:
            while True:
                for task in islice(rest, max(0, _QUEUED_PER_JOB * jobs - len(pending))):
                    pending[pool.submit(function, task)] = task
                if not pending:
                    break
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BrokenProcessPool:
            pool.shutdown(cancel_futures=True)  # waits for the processes, which sets their exit codes
            if any(process.exitcode == -signal.SIGINT for process in processes):
                raise KeyboardInterrupt from None  # Ctrl-C reached a worker first
            raise CodecError(
                "a process was killed, probably for lack of memory: use fewer --jobs and run again; "
                "finished files are kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _ignore_sigint() -> Iterator[None]:
    """Make processes that are started in this block ignore Ctrl-C until `_init_worker` runs.

    Otherwise Ctrl-C during their imports would print tracebacks.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _init_worker() -> None:
    """Set up a new process: one thread, and an exit without a traceback on Ctrl-C."""
    limit_to_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
