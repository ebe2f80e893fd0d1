"""What a Hugging Face Space needs of this repository."""

from __future__ import annotations

import importlib
import re
import sys
import types
from pathlib import Path

import pytest

from codec.errors import Cancelled
from ui.server import guard, serve
from ui.services import hf_space
from ui.services.jobs import Job

ROOT = Path(__file__).resolve().parents[3]


def test_the_readme_says_how_to_start():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    front = re.match(r"---\n(.*?)\n---\n\n# Trilayer\n", text, re.S)[1]
    said = dict(line.split(": ", 1) for line in front.splitlines())
    assert said["sdk"] == "gradio" and (ROOT / said["app_file"]).is_file()
    assert {"title", "emoji", "colorFrom", "colorTo"} <= set(said) and "license" not in said
    low, high = re.search(r"gradio>=(\d+)\.(\d+)", (ROOT / "requirements.txt").read_text()).groups()
    major, minor, _ = said["sdk_version"].split(".")
    assert major == low and int(minor) >= int(high)


def test_a_space_is_open_and_framed_by_its_hub_alone(monkeypatch):
    assert "hf.space" not in str(guard.HEADERS)
    monkeypatch.setenv("SPACE_ID", "someone/trilayer")
    monkeypatch.delenv("TRILAYER_LOGIN", raising=False)
    assert serve.Door("0.0.0.0", 7860).auth() is None
    assert serve.Door("0.0.0.0", 7860, "me:secret").auth() == ("me", "secret")
    try:
        headers = str(importlib.reload(guard).HEADERS)
        assert f"frame-ancestors 'self' {hf_space.FRAMES}" in headers and "x-frame-options" not in headers
    finally:
        monkeypatch.undo()
        importlib.reload(guard)


def counting(most):
    def work(on_step):
        for n in range(most):
            if not on_step(n):
                raise Cancelled("stopped")
        return "done"

    return work


@pytest.fixture
def lent(monkeypatch):
    """A `spaces` that notes what it lends."""
    calls = []

    def gpu(duration):
        def lend(work):
            def run(*given):
                calls.append((duration, given))
                yield from work(*given)

            return run

        return lend

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    monkeypatch.setattr(hf_space, "_lent", None)
    hf_space.prepare()
    return calls


def test_a_decode_borrows_the_gpu_and_gives_steps(lent):
    job = Job(hf_space.on_gpu(counting, 3))
    assert list(job)[-1] == 2 and job.result == "done"
    assert lent == [(hf_space.SECONDS, (counting, 3))]


def test_stop_gives_the_gpu_back(lent):
    with pytest.raises(Cancelled):
        hf_space.on_gpu(counting, 3)(lambda step: False)


def test_without_spaces_nothing_is_between(monkeypatch):
    monkeypatch.setattr(hf_space, "_lent", None)
    monkeypatch.setitem(sys.modules, "spaces", None)
    hf_space.prepare()
    assert hf_space.on_gpu(counting, 2)(lambda step: True) == "done"
