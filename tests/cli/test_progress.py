"""The progress of many files: rate, time left, and few lines if the output is not a terminal."""

from __future__ import annotations

import pytest

from codec.cli.terminal import FileProgress, format_duration


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00:00"), (61, "0:01:01"), (86399, "23:59:59"), (90000, "1 d 1 h"), (4e6, "46 d 7 h")]
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text


def test_rate_and_time_left_follow_the_last_files(capsys):
    times = iter([0.0, 2.0, 4.0, 6.0])
    progress = FileProgress(lambda: next(times))
    for done in (4, 8, 12):
        progress(done, 100, f"{done}.png")
    assert capsys.readouterr().err.splitlines()[-1].endswith("12 of 100, 2.0/s, 0:00:44 left, 12.png")


def test_a_long_run_prints_a_line_every_ten_seconds(capsys):
    now = [0.0]
    progress = FileProgress(lambda: now[0])
    for done in range(1, 1001):
        now[0] += 0.05
        progress(done, 1000 if done > 500 else None, "a\x1b.png")
    lines = capsys.readouterr().err.splitlines()
    assert 5 <= len(lines) <= 8 and lines[0].startswith("[1 done]") and "1000 of 1000" in lines[-1]
    assert all("\x1b" not in line for line in lines)
