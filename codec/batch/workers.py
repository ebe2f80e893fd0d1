"""Many tasks at once: in this process, in several, or on a Ray cluster. The same function runs in each."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final, TypeVar

from codec.errors import CodecError, ModelMissing

MOST_JOBS: Final = 64
_BY_DEFAULT: Final = 8
_MEMORY: Final = 1 << 30  # bytes, about what a process takes with the networks that ship here
Task = TypeVar("Task")
Result = Any  # what JSON can hold, as Ray carries it between machines


def results(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int = 1, ray: str | None = None
) -> Iterator[tuple[Task, Result]]:
    """Each task with what `work` makes of it, as they come.

    work: a function or object that another process can import; it answers errors itself. jobs: how many
    processes, or actors, 1..64. ray: None for processes here, "local", or a cluster's address, whose machines
    see the same files. Raises `CodecError` if a process dies, `ModelMissing` where Ray is not installed.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise CodecError(f"--jobs is 1 to {MOST_JOBS}")
    if ray is not None:
        return _on_ray(work, tasks, jobs, ray)
    if jobs == 1 or len(tasks) < 2:
        return ((task, work(task)) for task in tasks)
    return _in_processes(work, tasks, min(jobs, len(tasks)))


def default_jobs() -> int:
    """How many processes suit this machine: one a core that this one may use, to 8, and as memory has room."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _BY_DEFAULT, _room() // _MEMORY))


def _room(root: Path = Path("/")) -> int:
    """Bytes of memory that are free, or that a container may use if that is less; without limit where Linux is not."""
    found = [_BY_DEFAULT * _MEMORY]
    for name in ("proc/meminfo", "sys/fs/cgroup/memory.max"):
        try:
            lines = (root / name).read_text("ascii").splitlines()
        except (OSError, ValueError):
            continue
        found += [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
        found += [int(line) for line in lines if line.isdecimal()]
    return min(found)


def _in_processes(work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, Result]]:
    with ProcessPoolExecutor(jobs, get_context("spawn"), _start) as pool:
        with _deaf():
            waiting: dict[Future[Result], Task] = {pool.submit(work, task): task for task in tasks}
        processes = active_children()
        try:
            while waiting:
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool:
            if any(process.exitcode == -signal.SIGINT for process in processes):
                raise KeyboardInterrupt from None  # they heard Ctrl-C before this one did
            raise CodecError(
                "a process was ended from outside, most likely for its memory: take fewer --jobs and run it again; "
                "what is done is kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """A process started in here does not hear Ctrl-C before `_start`: its imports would end in a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start() -> None:
    """In each new process. Ctrl-C ends it without a word: what is to be said the first process says."""
    one_thread()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def one_thread() -> None:
    """Make this process use one core: several of them are what makes use of the others."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


class Actor:
    """A worker of Ray's: it keeps its models from one task to the next."""

    def __init__(self, work: Callable[[Any], Result], tasks: Sequence[Any]) -> None:
        one_thread()
        self.work, self.tasks = work, tasks

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        found = [json.dumps(self.work(self.tasks[index])) for index in batch["index"].tolist()]
        return {"index": batch["index"], "result": found}


def _on_ray(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, address: str
) -> Iterator[tuple[Task, Result]]:
    try:
        import ray
        import ray.data
    except ImportError:
        raise ModelMissing('Ray is not installed: pip install "ray[data]"') from None
    ours = not ray.is_initialized()
    if ours:
        where = {"num_cpus": jobs, "include_dashboard": False} if address == "local" else {}
        try:
            ray.init(address=address, logging_level="error", log_to_driver=False, **where)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise CodecError(f"no Ray cluster answers at {address}: {str(error).splitlines()[0]}") from None
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        gpus = min(int(ray.cluster_resources().get("GPU", 0)), jobs)
        found = ray.data.from_items([{"index": index} for index in range(len(tasks))], override_num_blocks=len(tasks))
        found = found.map_batches(
            Actor,
            fn_constructor_args=(work, list(tasks)),
            batch_size=1,
            num_gpus=1 if gpus else 0,
            compute=ray.data.ActorPoolStrategy(size=min(gpus or jobs, len(tasks))),
        )
        for row in found.iter_rows():
            yield tasks[int(row["index"])], json.loads(row["result"])
    finally:
        if ours:
            ray.shutdown()
