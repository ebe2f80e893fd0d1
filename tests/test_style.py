"""Lint and types, so that the one command that runs the tests runs these too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("tool", [("ruff", "check", "--no-cache", "codec", "ui", "tests", "app.py"), ("mypy",)])
def test_the_code_is_clean(tool):
    ran = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
