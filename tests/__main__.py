"""`python3 -m tests [pytest arguments]`: installs all that the tests need and runs them.

Only the standard library is used here, because on a fresh machine nothing else exists yet. Steps
that are done are skipped: a .venv of the project's own, the two requirements files in it, and
Debian's Chromium, which the tests of the page drive.
"""

from __future__ import annotations

import hashlib
import importlib.util
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
    return subprocess.run([PYTHON, "-m", "pytest", *arguments], cwd=ROOT).returncode


def make_venv() -> None:
    """Creates .venv unless a working one is there; Debian keeps the venv module in a package."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    say("making .venv")
    if importlib.util.find_spec("ensurepip") is None:
        apt_install("python3-venv")
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True, stdout=sys.stderr)


def install_requirements() -> None:
    """Installs both requirements files, unless these very files were installed before."""
    stamp = VENV / "tests-requirements.sha256"
    wanted = hashlib.sha256(b"\0".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing requirements.txt and tests/requirements.txt (minutes, the first time)")
    files = [argument for path in REQUIREMENTS for argument in ("-r", path)]
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *files], check=True)
    stamp.write_text(wanted)


def install_chromium() -> None:
    """Installs Debian's chromium where there is none."""
    if not CHROMIUM.exists():
        apt_install("chromium")


def apt_install(package: str) -> None:
    """Installs a Debian package, as root or through sudo; OSError says so where neither goes."""
    apt, sudo = shutil.which("apt-get"), shutil.which("sudo")
    if apt is None or (os.geteuid() != 0 and sudo is None):
        raise OSError(f"the tests need {package}; as root: apt-get install {package}")
    say(f"installing {package}")
    command = [apt, "-qq"] if os.geteuid() == 0 else [str(sudo), apt, "-qq"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*command, "update"], check=True, env=quiet, stdout=sys.stderr)
    subprocess.run([*command, "install", "-y", package], check=True, env=quiet, stdout=sys.stderr)


def say(what: str) -> None:
    print(f"tests: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
