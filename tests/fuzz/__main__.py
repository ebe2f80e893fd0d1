"""Fuzz the reader with mutated and random files.

    python -m tests.fuzz --containers 20000000 --layers 1000000 --jobs 2

Prints the number of accepted files, the slowest read and the rate. Files that fail are saved in tests/crashes/,
which the test suite runs again; the exit code is then 1. For coverage-guided fuzzing see guided.py.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.mutator import READS, TARGETS, Read, mutated_file, mutated_payloads, random_payloads

ROOT = Path(__file__).parent.parent
CRASHES = ROOT / "crashes"
CHUNK_SIZES = {"containers": 20_000, "layers": 1_000}  # cases between two progress reports
MAX_SOURCE = 700  # bytes of a golden file that is mutated


class ChunkResult(NamedTuple):
    """The outcome of a number of cases."""

    cases: int
    accepted: int
    slowest_seconds: float
    slowest_hex: str  # the file that took longest to read
    failures: tuple[str, ...]  # names of the saved files


def sources() -> list[bytes]:
    """Return all small golden files."""
    return [data for path in sorted(ROOT.glob("golden/*/*.tril")) if len(data := path.read_bytes()) < MAX_SOURCE]


def make_case(target: str, rng: random.Random, files: list[bytes]) -> bytes:
    """Return one mutated or random file for a target."""
    source = rng.choice(files)
    kind = rng.random()
    if target == "containers":
        return mutated_file(rng, source) if kind < 0.8 else rng.randbytes(rng.randrange(60))
    if kind < 0.6:
        return mutated_payloads(rng, source)
    return mutated_file(rng, source) if kind < 0.8 else random_payloads(rng)


@functools.cache
def warmed_up_sources(target: str) -> list[bytes]:
    """Return the sources after reading each once, so that loading the tables is not timed."""
    files = sources()
    for data in files:
        READS[target](data)
    return files


class TimedReader:
    """Reads files and remembers the slowest, by thread time, which other processes do not affect."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.slowest_seconds, self.slowest_data = 0.0, b""

    def __call__(self, data: bytes) -> Any:
        start = time.thread_time()
        try:
            return self._read(data)
        finally:
            slowest = (self.slowest_seconds, self.slowest_data)
            self.slowest_seconds, self.slowest_data = max(slowest, (time.thread_time() - start, data))


def run_chunk(target: str, seed: int, count: int) -> ChunkResult:
    """Run `count` cases."""
    rng, files, check = random.Random(f"{target} {seed}"), warmed_up_sources(target), TARGETS[target]
    reader, accepted = TimedReader(READS[target]), 0
    failures: list[str] = []
    for _ in range(count):
        data = make_case(target, rng, files)
        try:
            accepted += check(data, reader)
        except Exception:
            failures.append(save_failure(target, data))
            traceback.print_exc()
    return ChunkResult(count, accepted, reader.slowest_seconds, reader.slowest_data.hex(), tuple(failures))


def save_failure(target: str, data: bytes) -> str:
    """Save a file that failed, and return its name."""
    CRASHES.mkdir(exist_ok=True)
    path = CRASHES / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path.name


def run(target: str, count: int, seed: int, jobs: int) -> bool:
    """Run all cases of a target, print the progress, and return whether none failed."""
    chunk_size = CHUNK_SIZES[target]
    counts = [min(chunk_size, count - start) for start in range(0, count, chunk_size)]
    cases = accepted = 0
    slowest, failures, start = (0.0, ""), [], time.perf_counter()
    with ProcessPoolExecutor(jobs) as pool:
        for result in pool.map(run_chunk, [target] * len(counts), range(seed, seed + len(counts)), counts):
            cases, accepted = cases + result.cases, accepted + result.accepted
            slowest = max(slowest, (result.slowest_seconds, result.slowest_hex))
            failures += result.failures
            rate = cases / (time.perf_counter() - start)
            progress = f"{target}: {cases:,} of {count:,}, {accepted:,} accepted, slowest {1000 * slowest[0]:.1f} ms"
            print(f"{progress}, {rate:,.0f} a second, {len(failures)} failed", flush=True)
    print(f"slowest file: {slowest[1]}")
    for name in failures:
        print(f"saved tests/crashes/{name}")
    return not failures


def main() -> int:
    """Fuzz all targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--containers", type=int, default=1_000_000, metavar="N", help="files without their layers")
    parser.add_argument("--layers", type=int, default=100_000, metavar="N", help="files with their layers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    counts = {target: getattr(options, target) for target in TARGETS}
    passed = [run(target, count, options.seed, options.jobs) for target, count in counts.items() if count]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
