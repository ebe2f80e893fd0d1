"""Streams, views and the server's housekeeping."""

from __future__ import annotations

import os
import threading

import httpx
import pytest

from codec import CodecError, Layers, Prompt
from codec.bitstream.settings import Settings
from codec.errors import Cancelled
from ui.page import html
from ui.services.import_layers import uploaded
from ui.services.jobs import Job, Jobs

HOSTILE = "<b>&\"'${x}{{y}}"


def test_a_job_gives_steps_and_a_result():
    def work(on_step):
        return [on_step(n) for n in range(2)]

    job = Job(work)
    assert list(job)[-1] == 1
    assert job.result == [True, True]


def test_only_the_newest_steps_wait_for_a_slow_reader():
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
    go, ended, told = threading.Event(), threading.Event(), []

    def work(on_step):
        on_step(0)
        go.wait(10)
        told.append(on_step(1))
        ended.set()
        raise Cancelled("stopped")

    job = Job(work)
    steps = iter(job)
    assert next(steps) == 0
    job.stop()  # the work is still waiting
    with pytest.raises(Cancelled):
        next(steps)
    go.set()
    assert ended.wait(10)
    assert told == [False]


def test_a_reader_that_leaves_stops_the_work():
    job = Job(lambda on_step: on_step(0))
    steps = iter(job)
    next(steps)
    steps.close()
    assert job.stopped


def test_what_the_work_raises_reaches_the_reader():
    def work(on_step):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        list(Job(work))


def test_jobs_take_turns_and_one_that_waits_can_be_stopped():
    turn, go = threading.Lock(), threading.Event()
    first = iter(Job(lambda on_step: on_step("first") and go.wait(10), turn))
    assert next(first) == "first"
    second, third = Job(lambda on_step: on_step("second"), turn, "wait"), Job(pytest.fail, turn, "wait")
    steps, others = iter(second), iter(third)
    assert next(steps) == next(others) == "wait"
    third.stop()
    with pytest.raises(Cancelled):
        next(others)
    go.set()
    assert next(steps) == "second" and list(steps) == [] and second.result


def test_a_tab_has_one_job():
    jobs, first, second = Jobs(), Job(lambda on_step: None), Job(lambda on_step: None)
    jobs.start("tab", first)
    jobs.start("tab", second)
    assert first.stopped and not second.stopped and jobs.running("tab") and not jobs.running("other")
    assert jobs.shows("tab") and not jobs.shows("other")
    jobs.end("tab", first)
    assert jobs.stop("tab") and second.stopped
    jobs.end("tab", second)
    assert not jobs.running("tab") and not jobs.stop("tab")
    jobs.start("tab", first, beside=True)
    assert jobs.running("tab") and not jobs.shows("tab")


VIEWS = [html.status(HOSTILE, "bad"), html.origin(HOSTILE), html.origin("", Settings(model=HOSTILE))]


@pytest.mark.parametrize("view", VIEWS)
def test_text_is_escaped(view):
    assert "<b>" not in view and "&lt;b&gt;&amp;" in view


def test_the_line_on_the_prompt_tells_how_the_picture_was_made():
    assert "" == html.origin("") == html.origin("", None)
    assert html.origin("from here") == '<p class="tl-note">Prompt from here</p>'
    known = Settings(30, 7.5, "euler_a", "dreamshaper_8", (512, 768))
    told = "Prompt from here. Made with dreamshaper_8, 512 x 768, 30 steps, guidance 7.5, euler a."
    assert html.origin("from here", known) == f'<p class="tl-note">{told}</p>'


def test_the_readout_adds_up():
    layers = Layers(512, 512, Prompt("a cat on a mat"), seed=5)
    size = len(layers.to_bytes())
    view = html.readout(layers, 600)
    assert f"<strong>{size}</strong>" in view and f"{600 - size} of 600 bytes left" in view
    assert f"{size - 10} bytes over the budget of 10" in html.readout(layers, 10)
    assert "Extras" in view and "Extras" not in html.readout(Layers(512, 512, Prompt("x")), None)


def test_no_file_but_an_upload_is_read(address, tmp_path):
    from gradio.utils import get_upload_folder

    inside = os.path.join(get_upload_folder(), "a", "x.png")
    assert uploaded({"path": inside}) == inside
    assert uploaded(None) is uploaded({"path": ["x"]}) is uploaded("x") is None
    for path in ("/etc/passwd", f"{get_upload_folder()}/../x", str(tmp_path / "x")):
        with pytest.raises(CodecError, match="no upload"):
            uploaded({"path": path})


def test_no_file_but_its_own_is_served(address):
    for path in ("/etc/passwd", "app.py", "../app.py", "/proc/self/environ"):
        assert httpx.get(f"{address}gradio_api/file={path}").status_code in (403, 404)
