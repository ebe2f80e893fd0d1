"""Simulate many simultaneous users of the page and report whether it keeps its promises.

    python -m tests.load [--people 50] [--minutes 10] [--pause 5 20] [--edits 3]

The page runs in a separate process. Each person opens a tab, drops a picture with a unique size and color, edits, looks
at the preview and decodes, with pauses. The promises: there are no errors; nobody sees anything that belongs to another
person; after the third minute, memory grows by less than 1 % per minute; the server leaves no files behind. Refusals
that ask to retry later are counted, but are not errors. The exit code is 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from tests.load.server import Sample, growth, start_server
from tests.load.tab import Counts, Page
from tests.load.visitor import Visitor, identities

WARM_UP: Final = 180.0  # s until the memory must not grow
MAX_GROWTH: Final = 1.0  # % a minute
TIMEOUT: Final = 120.0  # s for a response
MAX_REPORTED_FAULTS: Final = 20
MAX_REPORTED_SAMPLES: Final = 24


@dataclass(frozen=True)
class LoadResult:
    """The measurements of a run.

    times: seconds of each kind of action; samples: of the server's memory; files, mebibytes: number and size of its
    files when all tabs were closed; files_left: after its end; exit_code: of the server
    """

    counts: Counts
    times: dict[str, list[float]]
    samples: list[Sample]
    files: int
    mebibytes: float
    files_left: int
    exit_code: int

    @property
    def growth(self) -> float | None:
        """Growth of the memory after the warm-up in % a minute; None if the run was too short."""
        return growth(self.samples, WARM_UP)

    def broken_promises(self) -> list[str]:
        """Return one line for each broken promise."""
        faults = self.counts.faults
        lines = [f"{len(faults)} errors, such as: {faults[0]}"] if faults else []
        lines += [f"nobody has seen a {action}" for action in ("preview", "decode") if not self.times.get(action)]
        if self.growth is not None and self.growth >= MAX_GROWTH:
            lines.append(f"memory grows by {self.growth:.2f} % a minute")
        if self.files_left:
            lines.append(f"{self.files_left} files left after the end")
        if self.exit_code:
            lines.append(f"exit code {self.exit_code} of the server")
        return lines


def run(people: int, seconds: float, pause: tuple[float, float], edits: int) -> LoadResult:
    """Run that many people for about that time, with pauses of `pause` s before each edit and `edits` a decode."""
    counts = Counts()
    with start_server() as server:
        visitors = asyncio.run(_visit(server.address, people, seconds, pause, edits, counts))
        files, mebibytes = server.files()
        exit_code = server.stop()
        files_left, _ = server.files()
        samples = server.samples
    times: dict[str, list[float]] = {}
    for visitor in visitors:
        for action, seconds_taken in visitor.times.items():
            times.setdefault(action, []).extend(seconds_taken)
    return LoadResult(counts, times, samples, files, mebibytes, files_left, exit_code)


async def _visit(
    address: str, people: int, seconds: float, pause: tuple[float, float], edits: int, counts: Counts
) -> list[Visitor]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=TIMEOUT, limits=limits, trust_env=False) as client:
        page = await Page.read(client)
        everyone = identities(people)
        visitors = [Visitor(number, everyone, page, counts, pause) for number in range(people)]
        until = time.monotonic() + seconds
        await asyncio.gather(*(visitor.work(client, until, edits) for visitor in visitors))
    return visitors


def report(result: LoadResult) -> str:
    """Return the result as Markdown."""
    counts = result.counts
    rows = [f"{counts.requests} requests, {len(counts.faults)} errors, {counts.refused} asked to come back later", ""]
    rows += ["| seconds | count | median | p95 | max |", "|---|---|---|---|---|"]
    for action, seconds in result.times.items():
        median, p95 = np.percentile(seconds, (50, 95))
        rows.append(f"| {action} | {len(seconds)} | {median:.2f} | {p95:.2f} | {max(seconds):.2f} |")
    step = max(1, -(-len(result.samples) // MAX_REPORTED_SAMPLES))
    memory = ", ".join(f"{sample.mebibytes:.0f} at {sample.seconds:.0f}" for sample in result.samples[::step])
    rate = "too short to tell" if result.growth is None else f"{result.growth:+.2f} % a minute"
    rows += ["", f"memory, MiB at s: {memory}", f"growth after minute {WARM_UP / 60:.0f}: {rate}"]
    rows.append(f"files: {result.files} ({result.mebibytes:.1f} MiB) with all tabs closed, {result.files_left} left")
    rows += [f"BROKEN: {line}" for line in result.broken_promises()]
    rows += [f"  {count} times {fault}" for fault, count in Counter(counts.faults).most_common(MAX_REPORTED_FAULTS)]
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=50, help="at once, 1 to 100 (default 50)")
    parser.add_argument("--minutes", type=float, default=10, help="duration (default 10)")
    parser.add_argument("--pause", type=float, nargs=2, default=(5, 20), help="s before an edit (default 5 to 20)")
    parser.add_argument("--edits", type=int, default=3, help="before each decode (default 3)")
    options = parser.parse_args(arguments)
    if not 1 <= options.people <= 100 or not 0 < options.minutes <= 60:
        parser.error("--people must be 1 to 100 and --minutes at most 60")
    if not Path("/proc/self/status").exists():
        parser.error("the memory is read from /proc, which only Linux has")
    result = run(options.people, 60 * options.minutes, tuple(options.pause), options.edits)
    load = os.getloadavg()[0]
    print(f"{options.people} people, {options.minutes:g} min, {os.cpu_count()} cores, load {load:.1f}\n")
    print(report(result))
    return 1 if result.broken_promises() else 0


if __name__ == "__main__":
    sys.exit(main())
