"""The codec's bytes are the same on any Python; `python -m tests.determinism` checks another one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCRIPT = """
import sys
from tests.determinism import HASH, digest
assert digest() == HASH, digest()
roots = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(name for name in roots if not name.startswith("_")))
"""


def test_hash_of_all_golden_files_needs_only_numpy() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "['codec', 'numpy', 'tests']"
