"""What the server throws away."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx

from ui.server import housekeeping


def files(folder: Path, count: int, size: int = 10) -> list[Path]:
    """Each in a folder of its own, as Gradio puts them; the oldest first."""
    made = []
    for n in range(count):
        path = folder / f"folder-{n}" / "file"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))
        os.utime(path, (time.time() - 1000 + n, time.time() - 1000 + n))
        made.append(path)
    return made


def left(made: list[Path]) -> list[int]:
    assert all(path.parent.exists() == path.exists() for path in made)
    return [n for n, path in enumerate(made) if path.exists()]


def test_the_sweep_takes_old_files_but_the_examples(tmp_path):
    made = files(tmp_path, 3)
    os.utime(made[1])
    housekeeping.sweep(tmp_path, 50, frozenset(made[2:]))
    assert left(made) == [1, 2] and tmp_path.exists()


def test_the_sweep_takes_the_oldest_where_there_are_too_many_bytes_or_files(tmp_path):
    made = files(tmp_path / "bytes", 5)
    housekeeping.sweep(tmp_path / "bytes", 5000, frozenset(made[:1]), most=(30, 100))
    assert left(made) == [0, 3, 4]
    made = files(tmp_path / "files", 5)
    housekeeping.sweep(tmp_path / "files", 5000, most=(1000, 2))
    assert left(made) == [3, 4]
    housekeeping.sweep(tmp_path / "files", 5000, frozenset(made), most=(0, 0))
    assert left(made) == [3, 4]


def test_a_clock_that_is_set_takes_no_fresh_file(tmp_path, monkeypatch):
    now, seen = [0.0], {}
    monkeypatch.setattr(housekeeping, "time", SimpleNamespace(time=time.time, monotonic=lambda: now[0]))
    made = files(tmp_path, 3)  # all look old: they are of before the clock was set
    housekeeping.sweep(tmp_path, 50, seen=seen)
    now[0] = 49
    os.utime(made[1], (1000, 1000))  # needed again
    housekeeping.sweep(tmp_path, 50, seen=seen)
    assert left(made) == [0, 1, 2] and len(seen) == 3
    now[0] = 51
    housekeeping.sweep(tmp_path, 50, seen=seen)
    assert left(made) == [1]


def test_what_is_kept_never_looks_old(tmp_path, monkeypatch):
    """systemd clears /tmp of what nobody has touched for ten days."""
    made, again = files(tmp_path, 2), threading.Event()
    os.utime(tmp_path, (1000, 1000))
    monkeypatch.setattr(housekeeping, "forget", lambda _: again.set())
    keeper = housekeeping.Keeper(None, tmp_path, frozenset([*made[1:], tmp_path / "gone"]), every=0.001)
    assert again.wait(20)
    keeper.end()
    ages = [time.time() - path.stat().st_mtime for path in (*made, tmp_path)]
    assert ages[0] > 900 > 60 > max(ages[1:])


def test_upkeep_goes_on_after_whatever_went_wrong(tmp_path, monkeypatch):
    rounds, third = [], threading.Event()

    def broken(*_):
        rounds.append(1)
        if len(rounds) == 3:
            third.set()
        raise RuntimeError("Set changed size during iteration")

    monkeypatch.setattr(housekeeping, "sweep", broken)
    keeper = housekeeping.Keeper(None, tmp_path, frozenset(), every=0.001)
    assert third.wait(20)
    keeper.end()
    assert not keeper._thread.is_alive()


def test_answers_that_nobody_takes_and_names_of_files_that_are_gone_are_forgotten(served, tmp_path):
    page, address = served
    waiting, asked = page._queue.pending_messages_per_session, page._queue.pending_event_ids_session
    inspect = next(number for number, fn in page.fns.items() if fn.api_name == "inspect")
    for n in range(3):
        body = {"session_hash": f"unread-{n}", "fn_index": inspect, "data": [None]}
        assert httpx.post(f"{address}gradio_api/queue/join", json=body).status_code == 200
    ends = time.monotonic() + 20
    while any(waiting[f"unread-{n}"].qsize() < 2 for n in range(3)) and time.monotonic() < ends:
        httpx.get(f"{address}gradio_api/queue/status")
    ours = [session for session in waiting if session.startswith("unread-")]
    assert ours == ["unread-0", "unread-1", "unread-2"]
    housekeeping.forget(page, most=sum(answers.qsize() for answers in waiting.values()))
    assert [session for session in waiting if session.startswith("unread-")] == ours
    housekeeping.forget(page, most=waiting["unread-2"].qsize())
    assert [session for session in waiting if session.startswith("unread-")] == ["unread-2"]
    assert "unread-0" not in asked and "unread-2" in asked
    gone, there = str(tmp_path / "gone"), str(tmp_path)
    page.upload_file_set |= {gone, there}
    housekeeping.forget(page)
    assert gone not in page.upload_file_set and there in page.upload_file_set
    page.upload_file_set.discard(there)
