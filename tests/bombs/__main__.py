"""What bombs cost: `python -m tests.bombs` prints a table; the exit code is 1 if one is over the limits.

Each is loaded three times in a process of its own. Time is the processor's, of the fastest; growth is the highest
resident memory of the first above what there was before it, the file's own bytes being there already. Linux only.
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
MOST_MS, MOST_MB = 50, 5


class Cost(NamedTuple):
    """What became of a file: bytes, milliseconds, growth in MB, the error's line or the size that it opened at."""

    size: int
    ms: float
    mb: float
    outcome: str


def resident(field: str) -> float:
    """VmRSS, or VmHWM, which is its highest value so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6


def cost(data: bytes) -> Cost:
    """Load it three times."""
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    before = resident("VmRSS")
    times, grown, outcome = [], 0.0, ""
    for turn in range(3):
        start = time.thread_time()
        try:
            height, width, _ = load(data).pixels.shape
            outcome = f"{width} x {height}"
        except ImageError as error:
            outcome = str(error)
        times.append(1000 * (time.thread_time() - start))
        if not turn:
            grown = resident("VmHWM") - before
    return Cost(len(data), min(times), grown, outcome)


def child(paths: list[str]) -> None:
    """The costs of these files, as JSON. The libraries are loaded before anything is measured."""
    for kind in ("PNG", "JPEG", "WEBP", "AVIF"):
        load(saved(16, kind))
    print(json.dumps([cost(Path(path).read_bytes()) for path in paths]))


def costs(paths: list[Path]) -> list[Cost]:
    """The costs of these files, one after the other in one fresh process."""
    command = [sys.executable, "-m", "tests.bombs", *map(str, paths)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Cost(*values) for values in json.loads(ran.stdout)]


def main() -> int:
    """See the module's text."""
    over = 0
    print("| file | bytes | ms | MB | outcome |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in [*REFUSED.items(), *OPENED.items()]:
            path = Path(folder, "bomb")
            path.write_bytes(make())
            found = costs([path])[0]
            fine = found.ms < MOST_MS and found.mb < MOST_MB and (found.outcome == "16 x 16") == (name in OPENED)
            over += not fine
            mark = "" if fine else " **over**"
            print(f"| {name} | {found.size:,} | {found.ms:.1f} | {found.mb:.1f}{mark} | {found.outcome} |", flush=True)
    return 1 if over else 0


if __name__ == "__main__":
    if sys.argv[1:]:
        child(sys.argv[1:])
    else:
        sys.exit(main())
