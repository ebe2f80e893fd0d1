"""Support for Hugging Face Spaces: who may frame the page, and a GPU (ZeroGPU) for each decode."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any, Final

from codec.errors import Cancelled
from ui.services.jobs import Job

FRAME_ANCESTORS: Final = "https://huggingface.co https://*.hf.space"  # pages that show a Space in a frame
PROXY_NETWORKS: Final = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10"  # of the Hub's proxies
GPU_SECONDS: Final = 120  # for a decode


def is_space() -> bool:
    """Return whether this process runs on a Space, where the page is public."""
    return bool(os.environ.get("SPACE_ID"))


def _run_steps(make_work: Callable[..., Any], *arguments: Any) -> Iterator[tuple[bool, Any]]:
    """Yield (False, step) for each step of the work, then (True, result). It may run in another process."""
    job: Job[Any, Any] = Job(make_work(*arguments))
    for step in job:
        yield False, step
    yield True, job.result


_run_on_gpu: Callable[..., Iterator[tuple[bool, Any]]] | None = None


def prepare() -> None:
    """Register for GPUs if the package `spaces` is installed. Must be called before torch is imported."""
    global _run_on_gpu
    try:
        spaces = importlib.import_module("spaces")
    except ImportError:
        return
    _run_on_gpu = spaces.GPU(duration=GPU_SECONDS)(_run_steps)


def on_gpu(make_work: Callable[..., Any], *arguments: Any) -> Callable[[Callable[[Any], Any]], Any]:
    """Return `make_work(*arguments)`, the work of a `Job`, wrapped to run on a GPU where `prepare` registered."""
    if _run_on_gpu is None:
        work: Callable[[Callable[[Any], Any]], Any] = make_work(*arguments)
        return work
    run_on_gpu = _run_on_gpu

    def gpu_work(on_step: Callable[[Any], Any]) -> Any:
        for is_result, value in run_on_gpu(make_work, *arguments):
            if is_result:
                return value
            if not on_step(value):
                break
        raise Cancelled("stopped")

    return gpu_work
