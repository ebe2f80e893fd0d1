"""The long form of the fuzzer.

    python -m tests.fuzz --containers 20000000 --layers 1000000 --jobs 2
    python -m tests.fuzz --atheris layers              coverage-guided, until stopped; after pip install atheris

Prints how many were accepted, the slowest one and how many a second. What fails is kept in tests/crashes/, which
the suite runs again every time; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.mutator import TARGETS, mutated_file, mutated_payloads, random_payloads

ROOT = Path(__file__).parent.parent
CRASHES = ROOT / "crashes"
CHUNKS = {"containers": 20_000, "layers": 1_000}  # cases between two reports


class Found(NamedTuple):
    """Of a chunk: cases, accepted ones, the slowest in seconds and in hexadecimal, files that failed."""

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


def chunk(target: str, seed: int, count: int) -> Found:
    """Run `count` cases."""
    rng, files, work = random.Random(f"{target} {seed}"), sources(), TARGETS[target]
    accepted, slowest, slow, failed = 0, 0.0, b"", []
    for _ in range(count):
        data = case(target, rng, files)
        start = time.thread_time()  # its own work: on a busy machine the clock tells of others
        try:
            accepted += work(data)
        except Exception:
            failed.append(keep(target, data))
            traceback.print_exc()
        taken = time.thread_time() - start
        if taken > slowest:
            slowest, slow = taken, data
    return Found(count, accepted, slowest, slow.hex(), tuple(failed))


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


def guided(target: str) -> None:
    """Let atheris look for new paths, until it is stopped or finds something."""
    try:
        import atheris
    except ImportError:
        raise SystemExit("atheris is not installed: pip install atheris") from None
    atheris.instrument_all()
    work = TARGETS[target]

    def one(data: bytes) -> None:
        try:
            work(data)
        except Exception:
            keep(target, data)
            raise

    atheris.Setup([sys.argv[0]], one)
    atheris.Fuzz()


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--containers", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--layers", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--atheris", choices=TARGETS)
    given = parser.parse_args()
    if given.atheris:
        guided(given.atheris)
        return 0
    fine = [run(target, getattr(given, target), given.seed, given.jobs) for target in TARGETS if getattr(given, target)]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
