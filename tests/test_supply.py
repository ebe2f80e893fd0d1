"""What others made and we rely on: every package pinned by hash, none with a known hole, every shipped file named."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.test_architecture import tracked

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
NOTICE = ROOT / "assets" / "NOTICE.md"
PYTHONS = ("3.11", "3.12", "3.13")

# the first release without a hole that a page like ours would have had
LEAST = {
    "gradio": "6.27",  # files read, requests forged, redirects
    "diffusers": "0.42",  # two ways around trust_remote_code=False
    "torch": "2.6",  # CVE-2025-32434: weights_only
    "pillow": "11.3",  # CVE-2025-48379
    "opencv-python-headless": "4.8.1.78",  # CVE-2023-4863: libwebp
    "transformers": "4.53",  # CVE-2025-2099 and others: patterns that take for ever
    "starlette": "0.49.1",  # CVE-2025-62727: Range headers
    "python-multipart": "0.0.18",  # CVE-2024-53981
    "h11": "0.16",  # CVE-2025-43859
    "jinja2": "3.1.6",  # CVE-2025-27516
    "requests": "2.32.4",  # CVE-2024-47081
    "urllib3": "2.6.3",  # CVE-2025-66418, CVE-2026-21441
    "brotli": "1.2.0",  # CVE-2025-6176
    "filelock": "3.20.3",  # CVE-2025-68146
    "setuptools": "78.1.1",  # CVE-2025-47273
    "orjson": "3.9.15",  # CVE-2024-27454
    "idna": "3.7",  # CVE-2024-3651
    "tqdm": "4.66.3",  # CVE-2024-34062
    "certifi": "2024.7.4",  # CVE-2024-39689
}
PIN = re.compile(r"([a-z0-9-]+)==(\S+)(?: ; (.+?))?((?: --hash=sha256:[0-9a-f]{64})+)")


def entries(text: str) -> list[str]:
    """The lines of a requirements file, each whole, without comments."""
    whole = re.sub(r"\\\n\s+", "", text)
    return [line for line in whole.splitlines() if line.strip() and not line.startswith("#")]


def wanted() -> list[Requirement]:
    return [Requirement(line) for line in entries((ROOT / "requirements.txt").read_text())]


def faults(lock: str) -> list[str]:
    """What is wrong with a lock."""
    found, pins = [], []
    for line in entries(lock):
        if pin := PIN.fullmatch(line):
            pins.append((pin[1], Version(pin[2]), Marker(pin[3]) if pin[3] else None))
        else:
            found.append(f"{line[:60]}: not name==version ; marker --hash=sha256:...")
    for name, version, _ in pins:
        if name in LEAST and version < Version(LEAST[name]):
            found.append(f"{name} {version} has a hole that {LEAST[name]} has not")
    for python in PYTHONS:
        here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
        here |= {"platform_machine": "x86_64"}
        held = [(name, version) for name, version, marker in pins if marker is None or marker.evaluate(here)]
        versions = dict(held)
        if len(versions) < len(held):
            found.append(f"a package has two versions on Python {python}")
        for need in wanted():
            version = versions.get(canonicalize_name(need.name))
            if version is None or version not in need.specifier:
                found.append(f"{need} is not met on Python {python}: {version}")
    return found


def test_the_lock_pins_all_that_is_wanted_by_hash() -> None:
    lock = LOCK.read_text()
    assert faults(lock) == []
    assert len(entries(lock)) > 60 and set(LEAST) <= {line.partition("==")[0] for line in entries(lock)}


def test_the_lock_names_no_index_and_no_folder() -> None:
    assert not re.search(r"://|file:|--(?:extra-)?index-url|--find-links|--trusted-host| @ |/", LOCK.read_text())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"(?m)^(h11==\S+) \\(?:\n    --hash=\S+(?: \\)?)+", r"\1"),  # no hash
        (r"(?m)^gradio==\S+", "gradio==6.26.0"),
        (r"(?m)^pillow==\S+", "pillow==10.0.0"),
        (r"(?m)^numpy==(\S+) ; python_full_version < '3.12'", r"numpy==\1"),
        (r"(?m)^safetensors==\S+", "safetensors==1.5.0"),
        (r"(?m)^accelerate==", "accelerated=="),
        (r"(?m)^torch==(\S+)", r"torch @ file:///torch-\1.whl"),
    ],
)
def test_the_audit_sees_each_fault(old: str, new: str) -> None:
    changed, count = re.subn(old, new, LOCK.read_text())
    assert count == 1 and faults(changed)


def test_the_ranges_let_nothing_in_that_has_a_known_hole() -> None:
    """Of what requirements.txt names; the rest follows from the lock."""
    for need in wanted():
        least = LEAST.get(canonicalize_name(need.name))
        lower = [Version(part.version) for part in need.specifier if part.operator in (">=", "==")]
        assert lower, f"{need} has no lower bound"
        assert least is None or min(lower) >= Version(least), need


def test_what_is_installed_is_within_the_ranges() -> None:
    for need in wanted():
        version = Version(metadata.version(need.name))
        assert version in need.specifier or Version(version.public) in need.specifier, f"{need}: {version}"
    for name, least in LEAST.items():
        try:
            version = Version(metadata.version(name))
        except metadata.PackageNotFoundError:
            continue  # comes with another platform or release
        assert version >= Version(least), f"{name} {version} has a hole that {least} has not"


def data_files() -> list[str]:
    """What ships and is neither code, text of ours nor a golden file."""
    code = (".py", ".md", ".js", ".mjs", ".css", ".html", ".toml", "requirements.txt")
    return [name for name in tracked() if name.startswith(("assets/", "codec/", "ui/")) and not name.endswith(code)]


def named() -> list[str]:
    """The rows' names and patterns, from the repository's root."""
    rows = [line.split("|")[1] for line in NOTICE.read_text().splitlines() if line.startswith("| ")]
    names = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    return [name.removeprefix("../") if name.startswith("../") else f"assets/{name}" for name in names]


def unnamed(files: list[str]) -> list[str]:
    return [file for file in files if not any(fnmatch(file, name) for name in named())]


def test_every_shipped_file_is_in_the_notices() -> None:
    assert len(data_files()) > 20 and unnamed(data_files()) == []
    for new in ("codec/novelty.npy", "assets/new.png", "ui/font.woff2"):
        assert unnamed([new]) == [new]


def test_the_notices_name_nothing_that_is_gone() -> None:
    files = tracked()
    assert [name for name in named() if not any(fnmatch(file, name) for file in files)] == []
