"""The same bytes on any Python; `python -m tests.determinism` asks another one."""

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


def test_the_hash_over_all_golden_files_with_numpy_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "['codec', 'numpy', 'tests']"
