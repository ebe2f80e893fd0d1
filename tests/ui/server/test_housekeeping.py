"""Cleanup of files and of Gradio's memory."""

from __future__ import annotations

import os
import queue
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from tests.ui.http_tab import Tab
from ui.server import housekeeping
from ui.server.housekeeping import CleanupThread, drop_stale_state, remove_old_files

WAIT = 20  # s for a busy machine


def write_files(folder: Path, count: int, size: int = 10) -> list[Path]:
    """Write files, oldest first, each in a folder of its own, as Gradio does."""
    paths = []
    for n in range(count):
        path = folder / f"folder-{n}" / "file"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - 1000 + n, time.time() - 1000 + n))
        paths.append(path)
    return paths


def remaining(paths: list[Path]) -> list[int]:
    """Return the indices of the files that are left; the folders of the others must be gone, too."""
    assert all(path.parent.exists() == path.exists() for path in paths)
    return [n for n, path in enumerate(paths) if path.exists()]


def test_old_files_are_removed_except_those_to_keep(tmp_path):
    paths = write_files(tmp_path, 3)
    os.utime(paths[1])
    remove_old_files(tmp_path, 50, frozenset(paths[2:]))
    assert remaining(paths) == [1, 2] and tmp_path.exists()


def test_oldest_files_are_removed_beyond_the_limits_of_bytes_and_files(tmp_path):
    paths = write_files(tmp_path / "bytes", 5)
    remove_old_files(tmp_path / "bytes", 5000, frozenset(paths[:1]), max_bytes=30, max_files=100)
    assert remaining(paths) == [0, 3, 4]
    paths = write_files(tmp_path / "files", 5)
    remove_old_files(tmp_path / "files", 5000, max_bytes=1000, max_files=2)
    assert remaining(paths) == [3, 4]
    remove_old_files(tmp_path / "files", 5000, frozenset(paths), max_bytes=0, max_files=0)
    assert remaining(paths) == [3, 4]


def test_nested_folders_are_removed_when_empty(tmp_path):
    path = write_files(tmp_path / "a" / "b", 1)[0]
    (tmp_path / "a" / "used").write_bytes(b"")
    remove_old_files(tmp_path, 50)
    assert not path.parent.parent.exists() and (tmp_path / "a" / "used").exists()


def test_setting_the_system_clock_does_not_remove_new_files(tmp_path, monkeypatch):
    now, first_seen = [0.0], {}
    monkeypatch.setattr(housekeeping, "time", SimpleNamespace(time=time.time, monotonic=lambda: now[0]))
    paths = write_files(tmp_path, 3)  # all of them look old, as they were written before the clock was set
    remove_old_files(tmp_path, 50, first_seen=first_seen)
    now[0] = 49
    os.utime(paths[1], (1000, 1000))  # used again
    remove_old_files(tmp_path, 50, first_seen=first_seen)
    assert remaining(paths) == [0, 1, 2] and len(first_seen) == 3
    now[0] = 51
    remove_old_files(tmp_path, 50, first_seen=first_seen)
    assert remaining(paths) == [1]


def test_cleanup_thread_refreshes_the_files_to_keep(tmp_path, monkeypatch):
    """systemd removes files from /tmp that nobody has used for ten days."""
    paths, cleaned = write_files(tmp_path, 2), threading.Event()
    os.utime(tmp_path, (1000, 1000))
    monkeypatch.setattr(housekeeping, "drop_stale_state", lambda _: cleaned.set())
    thread = CleanupThread(None, tmp_path, frozenset([*paths[1:], tmp_path / "missing"]), interval=0.001)
    assert cleaned.wait(WAIT)
    thread.stop()
    ages = [time.time() - path.stat().st_mtime for path in (*paths, tmp_path)]
    assert ages[0] > 900 and max(ages[1:]) < 60


def test_cleanup_thread_survives_errors(tmp_path, monkeypatch):
    calls, third_call = [], threading.Event()

    def fail(*_, **__):
        calls.append(1)
        if len(calls) == 3:
            third_call.set()
        raise RuntimeError("Set changed size during iteration")

    monkeypatch.setattr(housekeeping, "remove_old_files", fail)
    thread = CleanupThread(None, tmp_path, frozenset(), interval=0.001)
    assert third_call.wait(WAIT)
    thread.stop()
    assert not thread._thread.is_alive()


def fake_page(answers: dict[str, int]) -> SimpleNamespace:
    """Return what the cleanup uses of a page, with so many unread answers of each session."""
    queues = {}
    for session, count in answers.items():
        queues[session] = queue.Queue()
        for n in range(count):
            queues[session].put(n)
    events = {session: {"event"} for session in answers}
    pending = SimpleNamespace(pending_messages_per_session=queues, pending_event_ids_session=events)
    return SimpleNamespace(temp_file_sets=[set(), set()], _queue=pending)


def test_unread_answers_of_the_oldest_sessions_are_dropped():
    page = fake_page({"oldest": 2, "older": 2, "newest": 3})
    drop_stale_state(page, max_answers=7)
    assert list(page._queue.pending_messages_per_session) == ["oldest", "older", "newest"]
    drop_stale_state(page, max_answers=3)
    assert list(page._queue.pending_messages_per_session) == ["newest"]
    assert list(page._queue.pending_event_ids_session) == ["newest"]


def test_names_of_deleted_files_are_dropped(tmp_path):
    page = fake_page({})
    page.temp_file_sets[1] |= {str(tmp_path), str(tmp_path / "deleted")}
    drop_stale_state(page)
    assert page.temp_file_sets[1] == {str(tmp_path)}


def is_completed(messages: Any) -> bool:
    """Return whether the last answer to an event is in Gradio's queue of messages."""
    return any(message.msg == "process_completed" for message in list(messages._queue))


def test_gradio_keeps_answers_and_file_names_where_the_cleanup_looks(served, tmp_path):
    page, address = served
    tab = Tab(address, "unread")
    tab.ask("inspect")
    answers = page._queue.pending_messages_per_session
    deadline = time.monotonic() + WAIT
    # until the last one: Gradio prints a traceback if it cannot store an answer
    while not is_completed(answers["unread"]) and time.monotonic() < deadline:
        httpx.get(f"{address}gradio_api/queue/status")
    assert "unread" in page._queue.pending_event_ids_session
    page.upload_file_set.add(str(tmp_path / "deleted"))
    drop_stale_state(page, max_answers=0)
    assert "unread" not in answers and "unread" not in page._queue.pending_event_ids_session
    assert str(tmp_path / "deleted") not in page.upload_file_set
