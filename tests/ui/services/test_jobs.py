"""Jobs: their steps, their end, and one job for each tab."""

from __future__ import annotations

import threading

import pytest

from codec.errors import Cancelled
from ui.services.jobs import Job, SessionJobs


def test_a_job_yields_steps_and_has_a_result():
    def work(on_step):
        return [on_step(n) for n in range(2)]

    job = Job(work)
    assert list(job)[-1] == 1
    assert job.result == [True, True]


def test_a_slow_reader_gets_only_the_newest_steps():
    done = threading.Event()

    def work(on_step):
        for n in range(100):
            on_step(n)
        done.set()

    job = Job(work)
    steps = iter(job)
    first = next(steps)
    done.wait(10)
    rest = list(steps)
    assert first <= 99 and len(rest) <= 2 and (not rest or rest[-1] == 99)


def test_stop_ends_the_reader_at_once_and_the_work_at_its_next_step():
    go, ended, answers = threading.Event(), threading.Event(), []

    def work(on_step):
        on_step(0)
        go.wait(10)
        answers.append(on_step(1))
        ended.set()
        raise Cancelled("stopped")

    job = Job(work)
    steps = iter(job)
    assert next(steps) == 0
    job.stop()  # while the work waits
    with pytest.raises(Cancelled):
        next(steps)
    go.set()
    assert ended.wait(10)
    assert answers == [False]


def test_a_reader_that_leaves_stops_the_work():
    job = Job(lambda on_step: on_step(0))
    steps = iter(job)
    next(steps)
    steps.close()
    assert job.stopped


def test_errors_of_the_work_reach_the_reader():
    def work(on_step):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        list(Job(work))


def test_jobs_with_one_lock_run_one_after_the_other_and_can_be_stopped_while_waiting():
    lock, go = threading.Lock(), threading.Event()
    first = iter(Job(lambda on_step: on_step("first") and go.wait(10), lock))
    assert next(first) == "first"
    second, third = Job(lambda on_step: on_step("second"), lock, "wait"), Job(pytest.fail, lock, "wait")
    steps, others = iter(second), iter(third)
    assert next(steps) == next(others) == "wait"
    third.stop()
    with pytest.raises(Cancelled):
        next(others)
    go.set()
    assert next(steps) == "second" and list(steps) == [] and second.result


def test_a_tab_has_one_job():
    jobs, first, second = SessionJobs(), Job(lambda on_step: None), Job(lambda on_step: None)
    jobs.start("tab", first)
    jobs.start("tab", second)
    assert first.stopped and not second.stopped and jobs.is_running("tab") and not jobs.is_running("other")
    assert jobs.uses_slider("tab") and not jobs.uses_slider("other")
    jobs.end("tab", first)
    assert jobs.stop("tab") and second.stopped
    jobs.end("tab", second)
    assert not jobs.is_running("tab") and not jobs.stop("tab")
    jobs.start("tab", first, in_slider=False)
    assert jobs.is_running("tab") and not jobs.uses_slider("tab")
