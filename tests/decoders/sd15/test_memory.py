"""Too little memory: one sentence with what to do, and the next decode works."""

from __future__ import annotations

import subprocess
import sys
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from codec import Layers, Prompt
from codec.errors import OutOfMemory
from codec.models import oom

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import re, resource, sys
from pathlib import Path
from codec import Layers
from codec.cli.main import main
from codec.decoders import get

def room(most):
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

big, out = sys.argv[1:]
get("painter").decode(Layers.from_bytes(Path(big).read_bytes()).only((1,)))
now = 1024 * int(re.search(r"VmSize:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
room(now + (24 << 20))  # less than one array of the picture takes
assert main(["decode", big, "-o", out]) == 1
room(resource.RLIM_INFINITY)
assert not Path(out).exists()
assert main(["decode", big, "-o", out]) == 0
"""


@pytest.mark.skipif(sys.platform != "linux", reason="where the system limits the memory of a process")
def test_a_picture_that_does_not_fit(tmp_path):
    cells = np.random.default_rng(1).integers(0, 256, (4, 4, 3)).astype(np.uint8)
    big = Layers(4096, 4096, Prompt("x"), None, rdoq.quantize(cells))
    (tmp_path / "big.tril").write_bytes(big.to_bytes())
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "big.tril"), str(tmp_path / "out.png")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stderr.startswith("trilayer: there is not enough memory to paint 4096 x 4096 pixels: close what else")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        cv2.error("OpenCV(4.11.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
    ],
)
def test_its_many_names(error):
    held, left = [], []

    def work():
        array = np.zeros(10)
        held.append(weakref.ref(array))
        raise error

    with (
        pytest.raises(OutOfMemory, match="take less"),
        oom.raise_out_of_memory("take less", lambda: left.append(held[0]())),
    ):
        work()
    assert left == [None]  # the array is gone before anybody tidies up


def test_other_errors_pass():
    with pytest.raises(ValueError, match="mine"), oom.raise_out_of_memory("take less"):
        raise ValueError("mine")
