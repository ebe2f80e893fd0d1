"""How throughput grows with processes: `python -m tests.batch_bench DIR [--jobs N]`.

Encodes and decodes the pictures of DIR with one process and with N in turn, each with one thread, and
prints pictures a minute and their ratio. Starting the processes counts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from codec.batch.folders import Decode, Encode, run
from codec.batch.workers import one_thread


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    given = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        run(Encode(), given.folder, out / "warm")  # tables and networks are in the system's cache from here on
        for what, work, source in (("encode", Encode(), given.folder), ("decode", Decode(), out / "warm")):
            speeds = []
            for jobs in (1, given.jobs):
                start = time.perf_counter()
                written, _ = run(work, source, out / f"{what}-{jobs}", jobs)
                speeds.append(60 * written / (time.perf_counter() - start))
                print(f"{what}, {jobs} process{'es' * (jobs > 1)}: {speeds[-1]:.0f} pictures a minute")
            print(f"{what}: {speeds[1] / speeds[0]:.2f} times as many with {given.jobs} processes")


if __name__ == "__main__":
    main()
