"""The page in a process of its own, whose memory and files are watched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
Sample = tuple[float, float]  # seconds since the start, MiB


class Server:
    """A running page.

    address: where it listens; folder: where all of its temporary files are; samples: its memory, every few seconds.
    """

    def __init__(self, process: subprocess.Popen[str], address: str, folder: Path, every: float) -> None:
        self.process, self.address, self.folder, self.every = process, address, folder, every
        self.samples: list[Sample] = []
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def memory(self) -> float:
        """MiB of the process that lie in memory; raises OSError once it has ended."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s*(\d+) kB", status)
        if found is None:
            raise ProcessLookupError("the page has ended")
        return int(found[1]) / 1024

    def files(self) -> tuple[int, float]:
        """How many files it keeps now, and their MiB."""
        sizes = []
        for path in self.folder.rglob("*"):
            try:
                if path.is_file():
                    sizes.append(path.stat().st_size)
            except FileNotFoundError:
                continue  # it went in between
        return len(sizes), sum(sizes) / 2**20

    def stop(self) -> int:
        """Asks it to end, as a service manager does; -> its exit code."""
        self._ended.set()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(self.every):
            try:
                self.samples.append((time.monotonic() - began, self.memory()))
            except OSError:
                return


@contextmanager
def served(every: float = 5.0) -> Iterator[Server]:
    """A fresh page on a free port of this machine. Raises SystemExit with what it said if it does not start."""
    with tempfile.TemporaryDirectory(prefix="load-") as made:
        folder = Path(made, "server")
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=os.environ | {"TMPDIR": str(folder)},
            stdout=subprocess.PIPE, stderr=(Path(made) / "log").open("w"), text=True,
        )  # fmt: skip
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        server = Server(process, found[0] if found else "", folder, every)
        try:
            if found is None:
                raise SystemExit(f"load: the page did not start: {(Path(made) / 'log').read_text().strip()[-300:]}")
            yield server
        finally:
            server.stop()


def slope(samples: list[Sample], after: float) -> float | None:
    """How fast the memory grows, in % a minute of what it is at `after` s; None with less than a minute to see."""
    late = [(at / 60, size) for at, size in samples if at >= after]
    if len(late) < 3 or late[-1][0] - late[0][0] < 1:
        return None
    minutes, sizes = np.array(late).T
    rate, start = np.polyfit(minutes - minutes[0], sizes, 1)
    return float(100 * rate / start)
