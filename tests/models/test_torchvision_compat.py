"""torchvision next to a torch that it was not built for: shimmed if necessary, else untouched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# like torchvision/_meta_registrations.py, where its import fails next to a CPU build of torch
MISSING_OPERATORS = """
import torch
from torchvision import part

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, threshold):
    return dets
"""


def run_ensure(folder: Path, package: dict[str, str], then: str = "") -> list[str]:
    """Return what two calls return in a new process with this torchvision, and what `then` prints."""
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
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_working_torchvision_is_not_touched(tmp_path: Path) -> None:
    output = run_ensure(tmp_path, {"__init__.py": ""}, "print('torch' in sys.modules)")
    assert output == ["native", "native", "False"]


def test_missing_operators_are_declared(tmp_path: Path) -> None:
    """The remains of the failed import are removed: the whole package is imported afterwards."""
    pytest.importorskip("torch")
    package = {"__init__.py": MISSING_OPERATORS + "whole = True", "part.py": "print('part')"}
    then = "import torch, torchvision; print(torchvision.whole, torch.ops.torchvision.nms is not None)"
    assert run_ensure(tmp_path, package, then) == ["part", "part", "shimmed", "shimmed", "True True"]


def test_absent_torchvision_is_no_error(tmp_path: Path) -> None:
    package = {"__init__.py": "raise ModuleNotFoundError('no', name='torchvision')"}
    assert run_ensure(tmp_path, package) == ["absent", "absent"]


@pytest.mark.parametrize(
    "error", ["OSError('libcudart.so: no such file')", "ImportError('half of it')", "RuntimeError('another ABI')"]
)
def test_other_import_errors_are_named(tmp_path: Path, error: str) -> None:
    (line,) = run_ensure(tmp_path, {"__init__.py": f"raise {error}"})
    reason = error.split("'")[1]
    assert line == f"torchvision cannot be imported ({reason}): install the build that matches your torch"
