"""Lint, format and type checks, so that the command for the tests includes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = (
    ("ruff", "check", "--no-cache", "."),
    ("ruff", "format", "--no-cache", "--check", "."),
    ("mypy",),
)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: "-".join(tool[:2]))
def test_code_is_clean(tool: tuple[str, ...]) -> None:
    ran = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
