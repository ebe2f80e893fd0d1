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


def test_all_runs_every_lane_and_the_load_lane_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    commands: list[list[object]] = []
    monkeypatch.setattr(runner, "run_pytest", lambda arguments: ran.append(arguments) or 0)
    monkeypatch.setattr(runner.subprocess, "run", lambda command, **options: commands.append(command))
    assert runner.run_all(["tests/texture"]) == 0
    together, alone = (" ".join(arguments) for arguments in ran)
    assert "-n " in together and "-m not load tests/texture" in together and "--cov " in together
    assert "-n " not in alone and "-m load tests/texture" in alone and "--cov-append" in alone
    assert [command[2:4] for command in commands] == [["coverage", "report"]]


@pytest.mark.parametrize(("together", "alone", "code"), [(0, 5, 0), (1, 0, 1), (0, 1, 1), (0, 0, 0)])
def test_all_fails_if_a_lane_fails(together: int, alone: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """5 is the code for no tests, as where a folder has no load tests."""
    codes = iter((together, alone))
    monkeypatch.setattr(runner, "run_pytest", lambda arguments: next(codes))
    monkeypatch.setattr(runner.subprocess, "run", lambda command, **options: None)
    assert runner.run_all([]) == code


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
