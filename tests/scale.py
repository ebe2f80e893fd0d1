"""Measure runs of many pictures: `python -m tests.scale [--tasks N] [--pictures DIR] [--ray] [-o FILE.json]`.

* N synthetic entries with a codec that does nothing: tasks per second, memory of the first process over time, time to
the first result, and time to resume a finished run
* the pictures of DIR with one process and with two
* with --ray, a local Ray cluster of two nodes, of which one is killed while it runs (needs ray[data])
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from codec.batch import archive
from codec.batch.archive_run import fill_archive
from codec.batch.entries import Entry
from codec.batch.find_files import PICTURE_SUFFIXES
from codec.batch.tasks import EncodeTask
from tests import samples

_ROWS = 10_000  # of a row group of the synthetic source
_REPORT_SECONDS = 20
_ROW = archive.describe(samples.example())


@dataclass(frozen=True)
class EmptyTask(EncodeTask):
    """Returns the row of a sample for any entry."""

    input_suffixes: tuple[str, ...] = PICTURE_SUFFIXES
    seconds: float = 0.0  # per entry

    def describe(self, data: bytes, entry: Entry) -> dict[str, Any]:
        """Return the same columns for every entry."""
        if self.seconds:
            time.sleep(self.seconds)
        return _ROW

    def digest(self, caption: str | None) -> str:
        """Return the same digest for every entry."""
        return "empty"


def write_synthetic_source(file: Path, count: int) -> None:
    """Write a Parquet file of `count` rows with a name and four bytes."""
    columns = pa.schema([("path", pa.string()), ("image", pa.binary())])
    with parquet.ParquetWriter(file, columns) as writer:
        for start in range(0, count, _ROWS):
            numbers = range(start, min(start + _ROWS, count))
            names = [f"{number // 1000:06d}/{number:09d}.png" for number in numbers]
            contents = [number.to_bytes(4, "big") for number in numbers]
            writer.write_table(pa.table([names, contents], schema=columns))


@contextmanager
def memory_samples(interval: float = 1.0) -> Iterator[list[tuple[float, float]]]:
    """Yield a list that grows by (seconds since the start, MB of this process) while the block runs."""
    found: list[tuple[float, float]] = []
    is_done = threading.Event()
    start = time.perf_counter()

    def sample() -> None:
        while not is_done.wait(interval):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            found.append((time.perf_counter() - start, pages * os.sysconf("SC_PAGE_SIZE") / 1e6))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield found
    finally:
        is_done.set()
        thread.join()


def run_once(task: EncodeTask, source: Path, target: Path, jobs: int, ray: str | None = None) -> dict[str, Any]:
    """Fill an archive and return what was measured; seconds and MB."""
    first: list[float] = []
    reported: list[float] = []
    start, before = time.perf_counter(), os.times()

    with memory_samples() as memory:

        def note(done: int, total: int | None, name: str) -> None:
            seconds = time.perf_counter() - start
            if not first:
                first.append(seconds)
            if not reported or seconds - reported[-1] > _REPORT_SECONDS:
                reported.append(seconds)
                print(
                    f"{seconds:.0f} s: {done} done, {memory[-1][1] if memory else 0:.0f} MB",
                    file=sys.stderr,
                    flush=True,
                )

        good, failed = fill_archive(task, source, target, jobs, ray, note)
    seconds, after = time.perf_counter() - start, os.times()
    driver_cpu = after.user + after.system - before.user - before.system
    worker_cpu = after.children_user + after.children_system - before.children_user - before.children_system
    tenths = [memory[index * (len(memory) - 1) // 9][1] for index in range(10)] if memory else []
    return {
        "good": good, "failed": failed, "jobs": jobs, "seconds": round(seconds, 2),
        "per second": round(good / seconds, 2), "first result": round(first[0], 2) if first else None,
        "CPU seconds": {"driver": round(driver_cpu, 2), "workers": round(worker_cpu, 2)},
        "peak MB": round(max((size for _, size in memory), default=0)), "MB by tenths": [round(mb) for mb in tenths],
    }  # fmt: skip


def measure_synthetic(count: int, jobs: int, folder: Path) -> dict[str, Any]:
    """Measure a run over `count` synthetic entries and another one that finds them done."""
    source, target = folder / "synthetic.parquet", folder / "out.parquet"
    write_synthetic_source(source, count)
    result: dict[str, Any] = {
        "run": run_once(EmptyTask(), source, target, jobs),
        "resume": run_once(EmptyTask(), source, target, jobs),
    }
    result["bytes"] = sum(part.stat().st_size for part in target.iterdir())
    return result


def measure_pictures(pictures: Path, folder: Path) -> list[dict[str, Any]]:
    """Measure the real encoder with one process and with two."""
    return [run_once(EncodeTask(), pictures, folder / f"real-{jobs}.parquet", jobs) for jobs in (1, 2)]


def _free_ports() -> dict[str, int]:
    """Return ports for the agents of a node; it waits only seconds for an agent that has to find its own."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with ExitStack() as sockets:
        free = [sockets.enter_context(socket.socket()) for _ in names]
        for one in free:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, free, strict=True)}


def measure_lost_node(count: int, folder: Path) -> dict[str, Any]:
    """Run on a local Ray cluster of two nodes and kill the second one when a tenth is done; count the rows."""
    import ray
    from ray.cluster_utils import Cluster

    source, target = folder / "ray.parquet", folder / "ray-out.parquet"
    write_synthetic_source(source, count)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **_free_ports()})
    second = cluster.add_node(num_cpus=1, **_free_ports())
    ray.init(cluster.address, logging_level="error", log_to_driver=False)
    killed: list[int] = []
    start = time.perf_counter()

    def kill(done: int, total: int | None, name: str) -> None:
        if not killed and done >= count // 10:
            cluster.remove_node(second, allow_graceful=False)
            killed.append(done)

    try:
        good, failed = fill_archive(EmptyTask(seconds=0.01), source, target, 2, cluster.address, kill)
    finally:
        ray.shutdown()
        cluster.shutdown()
    paths = [row["path"] for row in archive.scan(target, ["path"])]
    return {
        "good": good, "failed": failed, "killed after": killed[0] if killed else None, "rows": len(paths),
        "different": len(set(paths)), "seconds": round(time.perf_counter() - start, 1),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1_000_000, metavar="N", help="synthetic entries, 0 for none")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes for the synthetic entries")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="real pictures")
    parser.add_argument("--ray", action="store_true", help="kill a node of a local Ray cluster")
    parser.add_argument("--ray-tasks", type=int, default=5_000, metavar="N", help="synthetic entries on it")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.json")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.tasks:
            results["synthetic"] = measure_synthetic(args.tasks, args.jobs, folder)
            print(json.dumps(results["synthetic"]), flush=True)
        if args.pictures:
            results["pictures"] = measure_pictures(args.pictures, folder)
            print(json.dumps(results["pictures"]), flush=True)
        if args.ray:
            results["lost node"] = measure_lost_node(args.ray_tasks, folder)
            print(json.dumps(results["lost node"]), flush=True)
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
