"""The reader in the code blocks of FORMAT.md, executed."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from types import SimpleNamespace

CODEC = Path(__file__).parents[1] / "codec"
FORMAT = CODEC / "FORMAT.md"


@functools.cache
def format_reader() -> SimpleNamespace:
    """Return the names that the blocks define: `read_file`, `Reject`, `Decoder` and others."""
    text = FORMAT.read_text(encoding="utf-8")
    # blank lines in place of the prose, so that tracebacks name the lines of FORMAT.md
    parts = re.split(r"^(```python\n.*?\n```)$", text, flags=re.M | re.S)
    code = "".join(part[9:-3] if number % 2 else "\n" * part.count("\n") for number, part in enumerate(parts))
    names: dict[str, object] = {"CODEC": CODEC}
    exec(compile(code, str(FORMAT), "exec"), names)
    return SimpleNamespace(**names)
