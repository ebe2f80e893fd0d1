"""Tests of the page's JavaScript, run by Node and checked by eslint.

Only the standard library is imported here: `python3 -m tests` calls `install_eslint` before anything is installed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE / "node_modules"
TIMEOUT = 300  # s for npm


def install_eslint() -> bool:
    """Install the eslint version that package-lock.json pins; return whether it is there.

    Without npm, or where npm fails, one line says so and the lint test skips.
    """
    stamp = NODE_MODULES / ".lock.sha256"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    npm = shutil.which("npm")
    if npm is None:
        print("tests: npm is not installed, so eslint is skipped", file=sys.stderr)
        return False
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(HERE)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", None) or str(error)
        print(f"tests: npm could not install eslint, so it is skipped: {last_line(output)}", file=sys.stderr)
        return False
    stamp.write_text(wanted)
    return True


def find_eslint() -> str | None:
    """Return the path of eslint: the one that `install_eslint` installed, else one on the PATH, else None."""
    own = NODE_MODULES / ".bin" / "eslint"
    return str(own) if own.exists() else shutil.which("eslint")


def last_line(output: str | bytes) -> str:
    """Return the last line of a command's output that is not empty."""
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
