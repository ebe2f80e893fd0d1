"""The directory for temporary files, and those of killed servers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.server import temp_dir

ROOT = Path(__file__).resolve().parents[3]
CREATE = "from ui.server import temp_dir; print(temp_dir.create(), flush=True); input()"


@pytest.fixture
def start(tmp_path, monkeypatch) -> Iterator:
    """-> start() -> a process that has created its directory in tmp_path, and that directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    processes = []

    def start() -> tuple[subprocess.Popen, Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", CREATE], cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def make_old(*folders: Path) -> None:
    for folder in folders:
        os.utime(folder, (time.time() - 3600,) * 2)


def test_directory_of_a_killed_server_is_removed_and_that_of_a_running_one_stays(start):
    (killed, abandoned), (_, used) = start(), start()
    (abandoned / "upload.png").write_bytes(b"x")
    make_old(abandoned, used)
    killed.kill()
    killed.wait()
    own = temp_dir.create()
    assert not abandoned.exists() and used.exists() and own.exists()
    temp_dir.remove(own)
    assert not own.exists() and own not in temp_dir._locks


def test_new_directories_links_and_other_files_stay(start, tmp_path):
    killed, new = start()
    killed.kill()
    killed.wait()
    folder, other = tmp_path / "folder", tmp_path / "unrelated"
    folder.mkdir()
    other.mkdir()
    (tmp_path / f"{temp_dir.PREFIX}link").symlink_to(folder)
    (tmp_path / f"{temp_dir.PREFIX}file").write_bytes(b"")
    make_old(folder, other, tmp_path / f"{temp_dir.PREFIX}file")
    temp_dir.remove_abandoned()
    assert new.exists() and folder.exists() and other.exists()
    assert (tmp_path / f"{temp_dir.PREFIX}file").exists()
