"""Install everything the tests need, then run them: `python3 -m tests [--all] [PATH ...] [pytest arguments]`.

    python3 -m tests                   the default lane
    python3 -m tests --all             all lanes (slow, bench, fuzz, load), with branch coverage
    python3 -m tests codec/texture     the tests that belong to a folder or file
    python3 -m tests -k erase -x       pytest's own arguments
    python3 -m tests --setup           install only

Only the standard library is imported here, because on a fresh machine nothing else exists yet. Setup
steps that are already done are skipped: the project's own .venv, the requirements files in it,
Debian's Chromium, which drives the page, and eslint where npm is available.
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
# A process for each core, whole files to a process, the longest files first (tests/conftest.py).
PARALLEL = ("-n", str(min(os.cpu_count() or 1, 8)), "--dist", "loadscope", "--no-loadscope-reorder")
COVERAGE = ("--cov", "--cov-config", str(ROOT / ".coveragerc"), "--cov-report", "")


def main(arguments: list[str]) -> int:
    """Return the exit code: pytest's own, or 1 after one line that says what is missing."""
    try:
        make_venv()
        install_requirements()
        install_chromium()
        install_eslint()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"tests: {error}", file=sys.stderr)
        return 1
    if "--setup" in arguments:
        return 0
    if "--all" in arguments:
        return run_all([tests_of(argument) for argument in arguments if argument != "--all"])
    return run_pytest([*PARALLEL, *map(tests_of, arguments)])


def run_all(arguments: list[str]) -> int:
    """Run every lane and print the coverage; the load lane comes last and alone, since it measures waiting times."""
    together = run_pytest([*PARALLEL, *COVERAGE, "-m", "not load", *arguments])
    alone = run_pytest([*COVERAGE, "--cov-append", "-m", "load", *arguments])
    subprocess.run([PYTHON, "-m", "coverage", "report", "--rcfile", ROOT / ".coveragerc"], cwd=ROOT)
    nothing_selected = 5
    return together or (0 if alone == nothing_selected else alone)


def run_pytest(arguments: list[str]) -> int:
    """Run pytest, which compiles all tests again in each process where Python may write no bytecode."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([PYTHON, "-m", "pytest", *arguments], cwd=ROOT, env=environment).returncode


def tests_of(argument: str) -> str:
    """Map a path of the code to its tests: codec/texture/dct.py -> tests/texture. Return other arguments unchanged."""
    path = Path(argument)
    if argument.startswith("-") or path.parts[:1] not in (("codec",), ("ui",)):
        return argument
    parts = path.parts[1:] if path.parts[0] == "codec" else path.parts
    if parts and parts[-1].endswith(".py"):
        own = Path("tests", *parts[:-1], f"test_{parts[-1]}")
        if (ROOT / own).exists():
            return str(own)
        parts = parts[:-1]
    while parts and not (ROOT / "tests" / Path(*parts)).exists():
        parts = parts[:-1]
    return str(Path("tests", *parts))


def make_venv() -> None:
    """Create .venv unless a working one is there; Debian keeps the venv module in a package."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return
    log("creating .venv")
    if importlib.util.find_spec("ensurepip") is None:
        apt_install("python3-venv")
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True, stdout=sys.stderr)


def install_requirements() -> None:
    """Install both requirements files, unless exactly these files were installed before."""
    stamp = VENV / "tests-requirements.sha256"
    wanted = hashlib.sha256(b"\0".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    log("installing requirements.txt and tests/requirements.txt (minutes, the first time)")
    files = [argument for path in REQUIREMENTS for argument in ("-r", path)]
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *files], check=True)
    stamp.write_text(wanted)


def install_chromium() -> None:
    """Install Debian's Chromium where there is none."""
    if not CHROMIUM.exists():
        apt_install("chromium")


def install_eslint() -> None:
    """Install eslint where npm is available; the JavaScript tests skip it elsewhere."""
    from tests import javascript

    javascript.install_eslint()


def apt_install(package: str) -> None:
    """Install a Debian package as root, or with sudo if the user agrees.

    Raises OSError that names the package where neither is possible.
    """
    apt, sudo = shutil.which("apt-get"), shutil.which("sudo")
    remedy = f"the tests need the Debian package {package}: run `apt-get install {package}` as root"
    if apt is None:
        raise OSError(remedy)
    command = [apt, "-qq"]
    if os.geteuid() != 0:
        if sudo is None or not agrees(f"The tests need the Debian package {package}. Install it with sudo? [y/N] "):
            raise OSError(remedy)
        command = [sudo, *command]
    log(f"installing {package}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*command, "update"], check=True, env=quiet, stdout=sys.stderr)
    subprocess.run([*command, "install", "-y", package], check=True, env=quiet, stdout=sys.stderr)


def agrees(question: str) -> bool:
    """Ask on the terminal; False where there is none."""
    return sys.stdin is not None and sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")


def log(message: str) -> None:
    print(f"tests: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
