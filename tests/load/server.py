"""Start the page in a separate process, and record its memory and files."""

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
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
SHUTDOWN_TIMEOUT = 60  # s


class Sample(NamedTuple):
    """The memory of the server at a time."""

    seconds: float  # since the start
    mebibytes: float


class Server:
    """A running page.

    address: its URL; folder: that holds all its temporary files; log_file: its standard error; samples: its memory,
    every `interval` seconds
    """

    def __init__(self, process: subprocess.Popen[str], address: str, folder: Path, interval: float) -> None:
        self.process = process
        self.address = address
        self.folder = folder
        self.log_file = folder.parent / "log"
        self.samples: list[Sample] = []
        self._interval = interval
        self._stopped = threading.Event()
        threading.Thread(target=self._record, daemon=True).start()

    def memory(self) -> float:
        """Return the resident memory of the process in MiB. Raises OSError once it has ended."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        resident = re.search(r"VmRSS:\s*(\d+) kB", status)
        if resident is None:
            raise ProcessLookupError("the page has ended")
        return int(resident[1]) / 1024

    def files(self) -> tuple[int, float]:
        """Return the number of its files, and their size in MiB."""
        sizes = []
        for path in self.folder.rglob("*"):
            try:
                if path.is_file():
                    sizes.append(path.stat().st_size)
            except FileNotFoundError:
                continue  # removed in the meantime
        return len(sizes), sum(sizes) / 2**20

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, as a service manager does, and return the exit code."""
        self._stopped.set()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(SHUTDOWN_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _record(self) -> None:
        start = time.monotonic()
        while not self._stopped.wait(self._interval):
            try:
                self.samples.append(Sample(time.monotonic() - start, self.memory()))
            except OSError:
                return


@contextmanager
def start_server(*arguments: str, interval: float = 5.0, **variables: str) -> Iterator[Server]:
    """Start app.py with arguments and environment variables on a free port, and stop it at the end.

    Raises SystemExit with the end of its output if it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="load-") as parent:
        folder, log_file = Path(parent, "server"), Path(parent, "log")
        folder.mkdir()
        with log_file.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "app.py", *arguments], cwd=ROOT, env=os.environ | {"TMPDIR": str(folder)} | variables,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert process.stdout is not None
        address = re.search(r"http://\S+", process.stdout.readline())
        server = Server(process, address[0] if address else "", folder, interval)
        try:
            if address is None:
                raise SystemExit(f"the page did not start: {log_file.read_text().strip()[-300:]}")
            yield server
        finally:
            server.stop()
            process.stdout.close()


def growth(samples: list[Sample], warm_up: float) -> float | None:
    """Return the growth of the memory in % a minute, relative to its size after `warm_up` seconds.

    It is the slope of a line fitted to the samples after that; None if they span less than a minute.
    """
    late = [sample for sample in samples if sample.seconds >= warm_up]
    if len(late) < 3 or late[-1].seconds - late[0].seconds < 60:
        return None
    seconds, sizes = np.array(late).T
    slope, initial = np.polyfit((seconds - seconds[0]) / 60, sizes, 1)
    return float(100 * slope / initial)
