"""The painter when memory runs out: one sentence with a remedy, and the next decode works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from codec import Layers, Prompt
from codec.decoders import get
from codec.decoders.painter import color_diffusion
from codec.errors import OutOfMemory
from codec.texture import rdoq

ROOT = Path(__file__).resolve().parents[3]
CELLS = np.random.default_rng(1).integers(0, 256, (4, 4, 3)).astype(np.uint8)
SCRIPT = """
import re, resource, sys
from pathlib import Path
from codec import Layers
from codec.cli.main import main
from codec.decoders import get

def limit_memory(max_bytes):
    resource.setrlimit(resource.RLIMIT_AS, (max_bytes, resource.RLIM_INFINITY))

file, output = sys.argv[1:]
get("painter").decode(Layers.from_bytes(Path(file).read_bytes()).only((1,)))
used = 1024 * int(re.search(r"VmSize:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
limit_memory(used + (24 << 20))  # less than a single array of the picture
assert main(["decode", file, "-o", output]) == 1
limit_memory(resource.RLIM_INFINITY)
assert not Path(output).exists()
assert main(["decode", file, "-o", output]) == 0
"""


def test_out_of_memory_names_the_size_and_the_next_decode_works(monkeypatch):
    layers = Layers(64, 48, None, None, rdoq.quantize(CELLS))

    def fail(*_arguments):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(color_diffusion, "diffuse", fail)
        with pytest.raises(OutOfMemory, match="not enough memory to paint 64 x 48 pixels: close what else uses it"):
            get("painter-preview").decode(layers)
    assert get("painter-preview").decode(layers).shape == (48, 64, 3)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a system that limits the memory of a process")
def test_decode_command_under_a_memory_limit(tmp_path):
    layers = Layers(4096, 4096, Prompt("x"), None, rdoq.quantize(CELLS))
    (tmp_path / "big.tril").write_bytes(layers.to_bytes())
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "big.tril"), str(tmp_path / "out.png")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stderr.startswith("trilayer: there is not enough memory to paint 4096 x 4096 pixels: close what else")
    assert result.stderr.count("\n") == 1
