"""Running tasks in processes: results, defaults, and processes that are killed or interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from codec.batch import ray_workers, workers
from codec.batch.workers import default_job_count, run_tasks
from codec.errors import CodecError


def light_init() -> None:
    """Initialize a process as `_init_worker` does, but without importing torch."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def process_id(task: str) -> tuple[str, int]:
    return task, os.getpid()


def die(task: int) -> None:
    """Die like a process that the system kills for lack of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt(task: int) -> None:
    """Die of Ctrl-C, like a process that receives it before the parent does."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def light_workers(monkeypatch):
    monkeypatch.setattr(workers, "_init_worker", light_init)


def test_tasks_run_in_other_processes(light_workers):
    results = dict(run_tasks(process_id, ["a", "b", "c"], jobs=2))
    assert {task: name for task, (name, _) in results.items()} == {"a": "a", "b": "b", "c": "c"}
    assert os.getpid() not in {pid for _, pid in results.values()}


def test_one_task_runs_in_this_process():
    assert list(run_tasks(process_id, ["a"], jobs=8)) == [("a", ("a", os.getpid()))]


def test_ctrl_c_in_a_worker_stops_everything(light_workers):
    with pytest.raises(KeyboardInterrupt):
        list(run_tasks(interrupt, [1, 2], jobs=2))


def test_killed_process_is_one_clear_error(light_workers):
    with pytest.raises(CodecError, match="killed, probably for lack of memory: use fewer --jobs"):
        list(run_tasks(die, [1, 2], jobs=2))


def test_processes_have_one_thread_without_importing_torch():
    code = (
        "import sys; from codec.batch.workers import _init_worker; _init_worker(); assert 'torch' not in sys.modules;"
        "import cv2, torch; print(cv2.getNumThreads(), torch.get_num_threads())"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, env=environment, text=True).stdout == "1 1\n"


def test_a_silent_cluster_is_given_up(monkeypatch):
    """The first result is there, the second one never comes."""
    never = threading.Event()

    def rows():
        yield {"task": 1}
        never.wait()

    monkeypatch.setattr(ray_workers, "_SILENT_SECONDS", 0.01)
    found = ray_workers._within_time(rows())
    assert next(found) == {"task": 1}
    with pytest.raises(CodecError, match=r"Ray gave no result for .* minutes: .*run again to continue"):
        next(found)
    never.set()
    assert list(ray_workers._within_time(iter([{"task": 1}]))) == [{"task": 1}]


def test_default_job_count_depends_on_cores_and_memory(monkeypatch):
    monkeypatch.setattr(workers, "_free_memory", lambda: 100 << 30)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert default_job_count() == 6
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))
    assert default_job_count() == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert default_job_count() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for memory, jobs in ((100 << 30, 4), (3 << 30, 3), ((2 << 30) - 1, 1), (0, 1)):
        monkeypatch.setattr(workers, "_free_memory", lambda memory=memory: memory)
        assert default_job_count() == jobs


def test_free_memory_is_the_minimum_of_machine_and_container(tmp_path):
    assert workers._free_memory(tmp_path) == 8 << 30  # not Linux: no limit known
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable:    4000000 kB\nBuffers: 1 kB\n")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    for text, memory in (("max\n", 4_096_000_000), ("2000000000\n", 2_000_000_000), ("9000000000\n", 4_096_000_000)):
        (tmp_path / "sys/fs/cgroup/memory.max").write_text(text)
        assert workers._free_memory(tmp_path) == memory
