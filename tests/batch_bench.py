"""Measure how throughput grows with processes: `python -m tests.batch_bench DIR [--jobs N]`.

Encodes and decodes the pictures of DIR with one process and then with N, one thread each, and prints pictures per
minute and their ratio. The time to start the processes is included.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from codec.batch.folders import process_folder
from codec.batch.tasks import DecodeTask, EncodeTask
from codec.batch.thread_limit import limit_to_one_thread


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    args = parser.parse_args()
    limit_to_one_thread()
    with tempfile.TemporaryDirectory() as name:
        output = Path(name)
        # afterwards, tables and networks are in the disk cache
        process_folder(EncodeTask(), args.folder, output / "warm-up")
        for label, task, source in (
            ("encode", EncodeTask(), args.folder),
            ("decode", DecodeTask(), output / "warm-up"),
        ):
            speeds = []
            for jobs in (1, args.jobs):
                start = time.perf_counter()
                written, _ = process_folder(task, source, output / f"{label}-{jobs}", jobs)
                speeds.append(60 * written / (time.perf_counter() - start))
                print(f"{label}, {jobs} process{'es' * (jobs > 1)}: {speeds[-1]:.0f} pictures per minute")
            print(f"{label}: {speeds[1] / speeds[0]:.2f} times as many with {args.jobs} processes")


if __name__ == "__main__":
    main()
