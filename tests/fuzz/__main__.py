"""The long form of the fuzzer.

    python -m tests.fuzz --containers 20000000 --layers 1000000 --jobs 2

Prints how many were accepted, how long the slowest took to read, and how many a second. What fails is kept in
tests/crashes/, which the suite runs again every time; the exit code is then 1. guided.py is fuzzing by coverage.
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
CHUNKS = {"containers": 20_000, "layers": 1_000}  # cases between two reports


class Found(NamedTuple):
    """Of a chunk: cases, accepted ones, the slowest to read in seconds and in hexadecimal, files that failed."""

    cases: int
    accepted: int
    slowest: float
    slow: str
    failed: tuple[str, ...]


def sources() -> list[bytes]:
    """Every golden file that is not large."""
    return [data for path in sorted(ROOT.glob("golden/*/*.tril")) if len(data := path.read_bytes()) < 700]


def case(target: str, rng: random.Random, files: list[bytes]) -> bytes:
    """One case for a target."""
    source = rng.choice(files)
    kind = rng.random()
    if target == "containers":
        return mutated_file(rng, source) if kind < 0.8 else rng.randbytes(rng.randrange(60))
    if kind < 0.6:
        return mutated_payloads(rng, source)
    return mutated_file(rng, source) if kind < 0.8 else random_payloads(rng)


@functools.cache
def warmed(target: str) -> list[bytes]:
    """The sources, all read once: that loads the tables, whose time is no file's."""
    files = sources()
    for data in files:
        READS[target](data)
    return files


class Timed:
    """Reads, and keeps what took longest: its own work, since on a busy machine the clock tells of others."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.slowest, self.slow = 0.0, b""

    def __call__(self, data: bytes) -> Any:
        start = time.thread_time()
        try:
            return self._read(data)
        finally:
            self.slowest, self.slow = max((self.slowest, self.slow), (time.thread_time() - start, data))


def chunk(target: str, seed: int, count: int) -> Found:
    """Run `count` cases."""
    rng, files, work = random.Random(f"{target} {seed}"), warmed(target), TARGETS[target]
    timed, accepted = Timed(READS[target]), 0
    failed: list[str] = []
    for _ in range(count):
        data = case(target, rng, files)
        try:
            accepted += work(data, timed)
        except Exception:
            failed.append(keep(target, data))
            traceback.print_exc()
    return Found(count, accepted, timed.slowest, timed.slow.hex(), tuple(failed))


def keep(target: str, data: bytes) -> str:
    """Keep what failed -> its name."""
    CRASHES.mkdir(exist_ok=True)
    path = CRASHES / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path.name


def run(target: str, count: int, seed: int, jobs: int) -> bool:
    """All cases of a target; says how it went. True if none failed."""
    size = CHUNKS[target]
    parts = [min(size, count - at) for at in range(0, count, size)]
    cases = accepted = 0
    slowest, slow, failed, began = 0.0, "", [], time.perf_counter()
    with ProcessPoolExecutor(jobs) as pool:
        seeds = range(seed, seed + len(parts))
        for found in pool.map(chunk, [target] * len(parts), seeds, parts):
            cases, accepted = cases + found.cases, accepted + found.accepted
            slowest, slow = max((slowest, slow), (found.slowest, found.slow))
            failed += found.failed
            rate = cases / (time.perf_counter() - began)
            shown = f"{target}: {cases:,} of {count:,}, {accepted:,} accepted, slowest {1000 * slowest:.1f} ms"
            print(f"{shown}, {rate:,.0f} a second, {len(failed)} failed", flush=True)
    print(f"the slowest: {slow}")
    for name in failed:
        print(f"kept tests/crashes/{name}")
    return not failed


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--containers", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--layers", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    fine = [run(target, getattr(given, target), given.seed, given.jobs) for target in TARGETS if getattr(given, target)]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
