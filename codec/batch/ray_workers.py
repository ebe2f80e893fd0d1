"""Apply a function to many tasks on a Ray cluster, with Ray Data.

One Ray task on the driver's machine lists the tasks; a pool of actors, which grows and shrinks, executes them. Ray
slows the listing down to the speed of the actors, and repeats the tasks of a lost machine on others.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import numpy as np

from codec.batch.thread_limit import limit_to_one_thread
from codec.errors import CodecError, ModelMissing
from codec.models.deadline import call_with_timeout

_LISTING_CPUS: Final = 0  # actors may hold all cores of the driver's machine before the listing begins
_FIRST_SECONDS: Final = 900.0  # until the first result: a cluster may have to start machines
_SILENT_SECONDS: Final = 3600.0  # between two results, which are of up to 64 pictures
Task = TypeVar("Task")


class RayWorker:
    """A Ray actor. Its models stay loaded between tasks."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        limit_to_one_thread()
        self.function = function

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the tasks of a batch and their results as JSON."""
        return {"task": batch["task"], "result": [json.dumps(self.function(task)) for task in batch["task"]]}


class Listing:
    """Yields the tasks in blocks of one."""

    def __init__(self, tasks: Iterable[Any]) -> None:
        self.tasks = tasks

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield each task as a batch; ignores its argument."""
        for task in self.tasks:
            column = np.empty(1, object)
            column[0] = task
            yield {"task": column}


def run_on_ray(
    function: Callable[[Task], Any], tasks: Iterable[Task], jobs: int, address: str, gpus: float | None
) -> Iterator[tuple[Task, Any]]:
    """Yield each task with its result; see `run_tasks`.

    Raises `CodecError` if no cluster answers, if it stops or if it gives no result for too long, and `ModelMissing`.
    """
    try:
        import ray
        import ray.data
        from ray.exceptions import RayError
    except ImportError:
        raise ModelMissing('Ray is not installed: pip install "ray[data]"') from None
    with _connect(ray, jobs, address), _small_blocks(ray):
        if gpus is None:
            gpus = 1.0 if ray.cluster_resources().get("GPU", 0) else 0.0
        listed = ray.data.from_items([0]).map_batches(
            Listing(tasks).__call__, num_cpus=_LISTING_CPUS, **_on_this_machine(ray)
        )
        results = listed.map_batches(
            RayWorker,
            fn_constructor_args=(function,),
            batch_size=1,
            num_gpus=gpus,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=jobs),
        )
        try:
            for row in _within_time(iter(results.iter_rows())):
                yield row["task"], json.loads(row["result"])
        except RayError as error:
            line = str(error).strip().splitlines()[-1]
            raise CodecError(f"Ray stopped: {line}; finished files are kept, run again to continue") from None


def _within_time(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows. Raises `CodecError` if one takes too long, such as where no machine has room for an actor."""
    seconds = _FIRST_SECONDS
    while True:
        try:
            row = call_with_timeout(lambda: next(rows, None), seconds)
        except TimeoutError:
            raise CodecError(
                f"Ray gave no result for {seconds / 60:g} minutes: see its dashboard for cores, GPUs and memory; "
                "finished files are kept, run again to continue"
            ) from None
        if row is None:
            return
        yield row
        seconds = _SILENT_SECONDS


def _on_this_machine(ray: Any) -> dict[str, Any]:
    """Return arguments of `map_batches` for a task that runs on the machine of the driver."""
    node = ray.get_runtime_context().get_node_id()
    if "label_selector" in inspect.signature(ray.data.Dataset.map_batches).parameters:
        return {"label_selector": {"ray.io/node-id": node}}
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


@contextmanager
def _connect(ray: Any, jobs: int, address: str) -> Iterator[None]:
    """Connect to a cluster, or start a local one, unless this process is connected already."""
    if ray.is_initialized():
        yield
        return
    local_options = {"num_cpus": jobs, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, logging_level="error", log_to_driver=False, **local_options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise CodecError(f"no Ray cluster answers at {address}: {str(error).splitlines()[0]}") from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _small_blocks(ray: Any) -> Iterator[None]:
    """Make Ray pass on each task immediately instead of collecting 128 MiB of tasks."""
    context = ray.data.DataContext.get_current()
    before = context.target_max_block_size, context.target_min_block_size, context.enable_progress_bars
    context.target_max_block_size, context.target_min_block_size, context.enable_progress_bars = 1, 1, False
    try:
        yield
    finally:
        context.target_max_block_size, context.target_min_block_size, context.enable_progress_bars = before
