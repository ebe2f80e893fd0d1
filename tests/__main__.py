"""`python3 -m tests [pytest arguments]`: installs all that the tests need and runs them.

Only the standard library is used here, because on a fresh machine nothing else exists yet. Steps
that are done are skipped: a .venv of the project's own, the two requirements files in
it, and Debian's Chromium, which the tests of the page drive.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt")
CHROMIUM = Path("/usr/bin/chromium")


def main(arguments: list[str]) -> int:
    """-> the exit code: pytest's own, or 1 with one line on what is missing."""
    try:
        make_venv()
        install_requirements()
        install_chromium()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"tests: {error}", file=sys.stderr)
        return 1
    return subprocess.run([str(PYTHON), "-m", "pytest", *arguments], cwd=ROOT).returncode


def make_venv() -> None:
    """Creates .venv unless a working one is there."""
    if PYTHON.exists() and subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    say("making .venv")
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise OSError("python3 cannot make a .venv; on Debian: apt-get install python3-venv")


def install_requirements() -> None:
    """Installs both requirements files, unless these very files were installed before."""
    stamp = VENV / "tests-requirements.sha256"
    wanted = hashlib.sha256(b"\0".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing requirements.txt and tests/requirements.txt (minutes, the first time)")
    files = [argument for path in REQUIREMENTS for argument in ("-r", str(path))]
    subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", *files], check=True)
    stamp.write_text(wanted)


def install_chromium() -> None:
    """Installs Debian's chromium where there is none."""
    if CHROMIUM.exists():
        return
    apt = shutil.which("apt-get")
    sudo = [] if os.geteuid() == 0 else [shutil.which("sudo") or ""]
    if apt is None or sudo == [""]:
        raise OSError(f"the tests of the page need {CHROMIUM}; as root: apt-get install chromium")
    say("installing chromium")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "chromium"]):
        subprocess.run([*sudo, apt, "-qq", *command], check=True, env=quiet, stdout=sys.stderr)


def say(what: str) -> None:
    print(f"tests: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
