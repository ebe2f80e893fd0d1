"""`python3 -m tests`: which tests belong to a path, and what happens without root."""

from __future__ import annotations

import pytest

from tests import __main__ as runner


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("codec/texture", "tests/texture"),
        ("codec/texture/", "tests/texture"),
        ("codec/texture/colormap.py", "tests/texture/test_colormap.py"),
        ("codec/texture/dct.py", "tests/texture"),
        ("codec/layers.py", "tests/test_layers.py"),
        ("codec/errors.py", "tests"),
        ("codec", "tests"),
        ("ui", "tests/ui"),
        ("ui/server/guard.py", "tests/ui/server/test_guard.py"),
        ("ui/static/canvas/pose.js", "tests/ui"),
        ("tests/test_layers.py", "tests/test_layers.py"),
        ("-x", "-x"),
        ("--durations=10", "--durations=10"),
    ],
)
def test_a_path_of_the_code_selects_its_tests(argument: str, expected: str) -> None:
    assert runner.tests_of(argument) == expected


def test_without_root_and_without_consent_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(runner.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(runner, "agrees", lambda question: False)
    monkeypatch.setattr(runner.subprocess, "run", lambda *args, **options: pytest.fail("nothing may be installed"))
    with pytest.raises(OSError, match="apt-get install chromium"):
        runner.apt_install("chromium")


@pytest.mark.parametrize("answer", ["y", "no", ""])
def test_sudo_is_asked_for_on_a_terminal_only(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda question: answer)
    for terminal in (True, False):
        monkeypatch.setattr(
            runner.sys, "stdin", type("Stdin", (), {"isatty": lambda self, terminal=terminal: terminal})()
        )
        assert runner.agrees("Install?") is (terminal and answer == "y")
