"""Measure the cost of picture bombs: `python -m tests.bombs` prints a table, and exits with 1 if a limit is exceeded.

Each file is loaded three times in a separate process. Time is the CPU time of the fastest load; growth is the peak
resident memory of the first load minus the memory in use before it, including the file. Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from codec.errors import ImageError
from codec.images.io import load
from tests.bombs.files import OPENED, REFUSED, saved

ROOT = Path(__file__).resolve().parent.parent.parent
MAX_MS, MAX_MB = 50, 5


class Cost(NamedTuple):
    """The cost of loading one file."""

    size: int  # bytes
    ms: float
    mb: float  # growth in memory
    outcome: str  # the error message, or the size of the picture


def memory_mb(field: str) -> float:
    """Return VmRSS (resident memory) or VmHWM (its peak) of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def measure(data: bytes) -> Cost:
    """Load a file three times in this process."""
    Path("/proc/self/clear_refs").write_text("5")  # reset VmHWM
    resident_mb = memory_mb("VmRSS")
    times, growth, outcome = [], 0.0, ""
    for attempt in range(3):
        start = time.thread_time()
        try:
            height, width, _ = load(data).pixels.shape
            outcome = f"{width} x {height}"
        except ImageError as error:
            outcome = str(error)
        times.append(1000 * (time.thread_time() - start))
        if not attempt:
            growth = memory_mb("VmHWM") - resident_mb
    return Cost(len(data), min(times), growth, outcome)


def measure_in_child(paths: list[Path]) -> list[Cost]:
    """Measure files one after another in one new process."""
    command = [sys.executable, "-m", "tests.bombs", *map(str, paths)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Cost(*values) for values in json.loads(ran.stdout)]


def run_child(paths: list[str]) -> None:
    """Print the costs of files as JSON, after loading a picture of each format to import its decoder."""
    for kind in ("PNG", "JPEG", "WEBP", "AVIF"):
        load(saved(16, kind))
    print(json.dumps([measure(Path(path).read_bytes()) for path in paths]))


def main() -> int:
    """Print a table of all bombs; return 1 if one is over the limits."""
    exceeded = False
    print("| file | bytes | ms | MB | outcome |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in [*REFUSED.items(), *OPENED.items()]:
            path = Path(folder, "bomb")
            path.write_bytes(make())
            cost = measure_in_child([path])[0]
            passed = cost.ms < MAX_MS and cost.mb < MAX_MB and (cost.outcome == "16 x 16") == (name in OPENED)
            exceeded |= not passed
            mark = "" if passed else " **over**"
            print(f"| {name} | {cost.size:,} | {cost.ms:.1f} | {cost.mb:.1f}{mark} | {cost.outcome} |", flush=True)
    return int(exceeded)


if __name__ == "__main__":
    if sys.argv[1:]:
        run_child(sys.argv[1:])
    else:
        sys.exit(main())
