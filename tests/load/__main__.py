"""Sends many people to the page at once, and says whether it kept its promises.

    python -m tests.load [--people 50] [--minutes 10] [--think 5 20] [--edits 3]

Starts the page in a process of its own, on this machine only. Each person opens a tab, drops a picture of a size and
color that nobody else has, and edits, looks at the preview and decodes, with pauses. Kept must be: no error, nobody
is shown anything of anybody else's, the memory grows by less than 1 % a minute after the third, and no file is left
when the server has ended. Being told to come back later is no error, but counted. The exit code is 1 where one is
broken.
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

from tests.load.server import Sample, served, slope
from tests.load.tab import Counts, Page
from tests.load.visitor import Visitor, identities

WARM: Final = 180.0  # s until the memory must stay as it is
MOST_SLOPE: Final = 1.0  # % a minute
TIMEOUT: Final = 120.0  # s that one answer may take


@dataclass(frozen=True)
class Found:
    """What a run has shown.

    times: the seconds of each thing done; files, kept: how many files there were, and their MiB, once all tabs were
    closed; left: how many after the server had ended with `code`.
    """

    counts: Counts
    times: dict[str, list[float]]
    samples: list[Sample]
    files: int
    kept: float
    left: int
    code: int

    @property
    def slope(self) -> float | None:
        """Of the memory, in % a minute after the third; None where the run was too short to tell."""
        return slope(self.samples, WARM)

    def broken(self) -> list[str]:
        """The promises that were not kept, a line each."""
        lines = [f"{len(self.counts.faults)} errors, such as: {self.counts.faults[0]}"] if self.counts.faults else []
        lines += [f"nobody has seen a {what}" for what in ("preview", "decode") if not self.times.get(what)]
        if self.slope is not None and self.slope >= MOST_SLOPE:
            lines.append(f"the memory grows by {self.slope:.2f} % a minute")
        if self.left:
            lines.append(f"{self.left} files are left after the end")
        if self.code:
            lines.append(f"the server ended with code {self.code}")
        return lines


def run(people: int, seconds: float, think: tuple[float, float], edits: int) -> Found:
    """So many people, for about so long; each decodes after so many edits, with pauses of `think` s before each."""
    counts = Counts()
    with served() as server:
        visitors = asyncio.run(_visit(server.address, people, seconds, think, edits, counts))
        files, kept = server.files()
        code = server.stop()
        left, _ = server.files()
        samples = server.samples
    times: dict[str, list[float]] = {}
    for visitor in visitors:
        for what, taken in visitor.times.items():
            times.setdefault(what, []).extend(taken)
    return Found(counts, times, samples, files, kept, left, code)


async def _visit(
    address: str, people: int, seconds: float, think: tuple[float, float], edits: int, counts: Counts
) -> list[Visitor]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=TIMEOUT, limits=limits, trust_env=False) as client:
        page = await Page.read(client)
        everyone = identities(people)
        visitors = [Visitor(number, everyone, page, counts, think) for number in range(people)]
        until = time.monotonic() + seconds
        await asyncio.gather(*(visitor.work(client, until, edits) for visitor in visitors))
    return visitors


def report(found: Found) -> str:
    """Markdown."""
    counts = found.counts
    rows = [f"{counts.requests} requests, {len(counts.faults)} errors, {counts.refused} told to come back later", ""]
    rows += ["| seconds | times | median | p95 | most |", "|---|---|---|---|---|"]
    for what, taken in found.times.items():
        middle, p95 = np.percentile(taken, (50, 95))
        rows.append(f"| {what} | {len(taken)} | {middle:.2f} | {p95:.2f} | {max(taken):.2f} |")
    memory = ", ".join(f"{size:.0f} at {at:.0f}" for at, size in _some(found.samples))
    rows += ["", f"memory, MiB at s: {memory}"]
    grown = "too short a run to tell" if found.slope is None else f"{found.slope:+.2f} % a minute"
    rows.append(f"growth after minute {WARM / 60:.0f}: {grown}")
    rows.append(f"files: {found.files} ({found.kept:.1f} MiB) with all tabs closed, {found.left} after the end")
    rows += [f"BROKEN: {line}" for line in found.broken()]
    rows += [f"  {times} times {fault}" for fault, times in Counter(counts.faults).most_common(20)]
    return "\n".join(rows)


def _some(samples: list[Sample], most: int = 24) -> list[Sample]:
    return samples[:: max(1, -(-len(samples) // most))]


def main(arguments: list[str] | None = None) -> int:
    """-> the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=50, help="at once, 1 to 100 (default 50)")
    parser.add_argument("--minutes", type=float, default=10, help="to work (default 10)")
    parser.add_argument("--think", type=float, nargs=2, default=(5, 20), help="s between two edits (default 5 to 20)")
    parser.add_argument("--edits", type=int, default=3, help="before each decode (default 3)")
    given = parser.parse_args(arguments)
    if not 1 <= given.people <= 100 or not 0 < given.minutes <= 60:
        parser.error("1 to 100 people, for up to an hour")
    if not Path("/proc/self/status").exists():
        parser.error("the memory is read from /proc, which only Linux has")
    found = run(given.people, 60 * given.minutes, tuple(given.think), given.edits)
    print(f"{given.people} people, {given.minutes:g} min, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(report(found))
    return 1 if found.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
