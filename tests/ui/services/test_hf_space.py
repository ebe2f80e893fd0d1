"""Running as a Hugging Face Space."""

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


def test_the_readme_has_the_settings_of_a_space():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    front = re.match(r"---\n(.*?)\n---\n\n# Trilayer\n", text, re.S)[1]
    settings = dict(line.split(": ", 1) for line in front.splitlines())
    assert settings["sdk"] == "gradio" and (ROOT / settings["app_file"]).is_file()
    assert {"title", "emoji", "colorFrom", "colorTo"} <= set(settings) and "license" not in settings
    low, high = re.search(r"gradio>=(\d+)\.(\d+)", (ROOT / "requirements.txt").read_text()).groups()
    major, minor, _ = settings["sdk_version"].split(".")
    assert major == low and int(minor) >= int(high)


def test_a_space_needs_no_login_and_can_be_framed_by_the_hub_only(monkeypatch):
    assert "hf.space" not in str(guard.HEADERS)
    monkeypatch.setenv("SPACE_ID", "someone/trilayer")
    monkeypatch.delenv("TRILAYER_LOGIN", raising=False)
    assert serve.ServerConfig("0.0.0.0", 7860).credentials() is None
    assert serve.ServerConfig("0.0.0.0", 7860, "me:secret").credentials() == ("me", "secret")
    try:
        headers = str(importlib.reload(guard).HEADERS)
        assert f"frame-ancestors 'self' {hf_space.FRAME_ANCESTORS}" in headers and "x-frame-options" not in headers
    finally:
        monkeypatch.undo()
        importlib.reload(guard)


def counting(steps):
    """Return work of so many steps."""

    def work(on_step):
        for n in range(steps):
            if not on_step(n):
                raise Cancelled("stopped")
        return "done"

    return work


@pytest.fixture
def gpu_calls(monkeypatch):
    """Replace the package `spaces` by one that records its calls; -> the calls."""
    calls = []

    def gpu(duration):
        def decorate(work):
            def run(*arguments):
                calls.append((duration, arguments))
                yield from work(*arguments)

            return run

        return decorate

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    monkeypatch.setattr(hf_space, "_run_on_gpu", None)
    hf_space.prepare()
    return calls


def test_a_decode_runs_on_the_gpu_and_yields_its_steps(gpu_calls):
    job = Job(hf_space.on_gpu(counting, 3))
    assert list(job)[-1] == 2 and job.result == "done"
    assert gpu_calls == [(hf_space.GPU_SECONDS, (counting, 3))]


def test_stop_ends_the_work_on_the_gpu(gpu_calls):
    with pytest.raises(Cancelled):
        hf_space.on_gpu(counting, 3)(lambda step: False)


def test_without_the_package_the_work_runs_directly(monkeypatch):
    monkeypatch.setattr(hf_space, "_run_on_gpu", None)
    monkeypatch.setitem(sys.modules, "spaces", None)
    hf_space.prepare()
    assert hf_space.on_gpu(counting, 2)(lambda step: True) == "done"
