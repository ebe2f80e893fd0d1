"""torchvision beside a torch that it was not built for: helped if need be, never touched otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# as torchvision/_meta_registrations.py does, which is where its import ends beside a CPU torch
UNFIT = """
import torch
from torchvision import part

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, threshold):
    return dets
"""


def ensured(folder: Path, package: dict[str, str], then: str = "") -> list[str]:
    """What two calls return in a fresh Python that finds this torchvision, and what `then` prints."""
    for name, source in package.items():
        path = folder / "torchvision" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
    code = f"""
import sys
sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]
from codec.errors import ModelMissing
from codec.models.torchvision_compat import ensure_torchvision
try:
    print(ensure_torchvision())
    print(ensure_torchvision())
except ModelMissing as error:
    print(error)
{then}
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_one_that_works_is_not_touched(tmp_path: Path) -> None:
    found = ensured(tmp_path, {"__init__.py": ""}, "print('torch' in sys.modules)")
    assert found == ["native", "native", "False"]


def test_one_that_misses_its_operators_is_helped(tmp_path: Path) -> None:
    """And what its first import left behind is gone: the whole package is there afterwards."""
    pytest.importorskip("torch")
    package = {"__init__.py": UNFIT + "whole = True", "part.py": "print('part')"}
    then = "import torch, torchvision; print(torchvision.whole, torch.ops.torchvision.nms is not None)"
    assert ensured(tmp_path, package, then) == ["part", "part", "shimmed", "shimmed", "True True"]


def test_none_is_no_error(tmp_path: Path) -> None:
    package = {"__init__.py": "raise ModuleNotFoundError('no', name='torchvision')"}
    assert ensured(tmp_path, package) == ["absent", "absent"]


@pytest.mark.parametrize(
    "trouble", ["OSError('libcudart.so: no such file')", "ImportError('half of it')", "RuntimeError('another ABI')"]
)
def test_other_troubles_are_named(tmp_path: Path, trouble: str) -> None:
    (line,) = ensured(tmp_path, {"__init__.py": f"raise {trouble}"})
    reason = trouble.split("'")[1]
    assert line == f"torchvision cannot be imported ({reason}): install the build that matches your torch"
